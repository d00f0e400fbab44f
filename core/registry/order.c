/* The execution order: each plugin has a rank within its type, kept in the store, so
 * that it survives restarts, replacements and being off. Ranks leave gaps: a plugin
 * that is moved takes a number between its new neighbours. */
#include "core/registry/internal.h"

#include "core/wire.h"

#include <stdio.h>

enum { RANK_STEP = 1 << 20 };

struct order_key {
	uint8_t at[1 + PLUGIN_KEY_MAX];
	size_t len;
};

static struct order_key key_of(enum plugin_type type, struct bytes text)
{
	struct order_key k = {.at = {(uint8_t)type}, .len = 1};
	text = bytes_cut(text, PLUGIN_KEY_MAX);
	memcpy(k.at + 1, text.at, text.len);
	k.len += text.len;
	return k;
}

static struct bytes order_bytes(const struct order_key *k) { return bytes_of(k->at, k->len); }

uint64_t order_rank(struct store_txn *txn, enum plugin_type type, const char *key)
{
	struct order_key k = key_of(type, bytes_str(key));
	struct bytes value;
	return store_get(txn, STORE_ORDER, order_bytes(&k), &value) == 0 && value.len == 8
		       ? wire_from_be(value.at, 8)
		       : UINT64_MAX;
}

static void put_rank(struct store_txn *txn, enum plugin_type type, struct bytes key, uint64_t rank)
{
	struct order_key k = key_of(type, key);
	uint8_t value[8];
	wire_be64(value, rank);
	store_put(txn, STORE_ORDER, order_bytes(&k), bytes_of(value, 8));
}

static void drop_rank(struct store_txn *txn, const struct plugin *p)
{
	struct order_key k = key_of(p->type, bytes_str(p->key));
	store_del(txn, STORE_ORDER, order_bytes(&k));
}

typedef void (*rank_fn)(void *user, struct bytes key, uint64_t rank);

static int each_rank(struct store_txn *txn, enum plugin_type type, rank_fn each, void *user)
{
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	uint8_t first = (uint8_t)type;
	struct bytes key, val;
	int rc = store_cursor_open(txn, STORE_ORDER, &c);
	if (rc)
		return rc;
	for (rc = store_seek(c, bytes_of(&first, 1), &key, &val); rc == 0;
	     rc = store_next(c, &key, &val)) {
		if (!key.len || *(const uint8_t *)key.at != first)
			return 0;
		if (val.len == 8)
			each(user, bytes_of((const uint8_t *)key.at + 1, key.len - 1),
			     wire_from_be(val.at, 8));
	}
	return rc == SL_E_NOT_FOUND ? 0 : rc;
}

static void raise_last(void *user, struct bytes key SL_UNUSED, uint64_t rank)
{
	uint64_t *last = user;
	if (rank > *last)
		*last = rank;
}

static const struct plugin *plugin_in(const struct feature *f, const char *key)
{
	for (uint32_t i = 0; f && i < f->plugins; i++)
		if (strcmp(f->plugin[i].key, key) == 0)
			return &f->plugin[i];
	return NULL;
}

/* The greatest rank of the type. What is in force has them all in memory; the store is only
 * asked if there is one without. */
static int last_rank(const struct registry_write *w, struct store_txn *txn, enum plugin_type type,
		     uint64_t *ret)
{
	size_t n = w->present ? w->present->count[type] : 0;
	*ret = 0;
	if (!w->present)
		return each_rank(txn, type, raise_last, ret);
	if (!n)
		return 0;
	*ret = container_of(w->present, struct generation, pub)->ranked[type][n - 1].rank;
	if (*ret < UINT64_MAX - RANK_STEP * (uint64_t)FEATURE_PLUGINS_MAX)
		return 0;
	*ret = 0;
	return each_rank(txn, type, raise_last, ret);
}

/* Plugins that go lose their rank, new ones go last in their type, others stay. */
static int exchange(struct registry_write *w, struct store_txn *txn)
{
	const struct feature *gone = w->old_feature, *come = w->new_feature;
	uint64_t last[PLUGIN_TYPES] = {0};
	for (uint32_t i = 0; gone && i < gone->plugins; i++)
		if (!plugin_in(come, gone->plugin[i].key))
			drop_rank(txn, &gone->plugin[i]);
	for (uint32_t i = 0; come && i < come->plugins; i++) {
		const struct plugin *p = &come->plugin[i];
		int rc = 0;
		if (order_rank(txn, p->type, p->key) != UINT64_MAX)
			continue;
		if (!last[p->type])
			rc = last_rank(w, txn, p->type, &last[p->type]);
		if (rc)
			return rc;
		last[p->type] += RANK_STEP;
		put_rank(txn, p->type, bytes_str(p->key), last[p->type]);
	}
	return 0;
}

struct neighbours {
	uint64_t before, after; /* ranks of the two that are named */
	uint64_t prev;          /* the greatest rank below `after` that is not `before`'s */
	struct bytes before_key;
};

static void find_prev(void *user, struct bytes key, uint64_t rank)
{
	struct neighbours *n = user;
	if (rank < n->after && rank > n->prev && !bytes_eq(key, n->before_key))
		n->prev = rank;
}

/* All ranks of the type anew, with gaps between them. */
static void renumber(struct registry_write *w, struct store_txn *txn)
{
	for (size_t i = 0; i < w->present->count[w->type]; i++)
		put_rank(txn, w->type, bytes_str(w->present->ordered[w->type][i]->key),
			 (i + 1) * (uint64_t)RANK_STEP);
}

static int find_neighbours(struct registry_write *w, struct store_txn *txn, struct neighbours *n)
{
	char before[PLUGIN_KEY_MAX + 1], after[PLUGIN_KEY_MAX + 1];
	snprintf(before, sizeof(before), "%.*s", BYTES_FMT(w->before));
	snprintf(after, sizeof(after), "%.*s", BYTES_FMT(w->after));
	*n = (struct neighbours){.before = order_rank(txn, w->type, before),
				 .after = order_rank(txn, w->type, after),
				 .before_key = w->before};
	return each_rank(txn, w->type, find_prev, n);
}

static int move(struct registry_write *w, struct store_txn *txn)
{
	struct neighbours n;
	int rc = find_neighbours(w, txn, &n);
	if (rc || n.before < n.after)
		return rc;
	if (n.after - n.prev < 2) {
		renumber(w, txn);
		rc = find_neighbours(w, txn, &n);
	}
	if (!rc)
		put_rank(txn, w->type, w->before, n.prev + (n.after - n.prev) / 2);
	return rc;
}

int order_apply(struct registry_write *w, struct store_txn *txn)
{
	return w->before.len ? move(w, txn) : exchange(w, txn);
}
