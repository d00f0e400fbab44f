#include "core/ledger/line.h"

#include "core/wire.h"

enum { PLUGIN_KEY_MAX = 300, AT_SIZE = 8 + 16, KEY_MAX = 1 + PLUGIN_KEY_MAX + 1 + AT_SIZE };

struct line_key {
	uint8_t at[KEY_MAX];
	size_t len;
};

/* Which+plugin+`end`: with 0 what the keys of a line begin with, with 1 behind all of them. */
static struct line_key key_of(char which, struct bytes plugin, uint8_t end)
{
	struct line_key k = {.at = {(uint8_t)which}, .len = 1};
	plugin = bytes_cut(plugin, PLUGIN_KEY_MAX);
	memcpy(k.at + 1, plugin.at, plugin.len);
	k.len += plugin.len;
	k.at[k.len++] = end;
	return k;
}

static void add_place(struct line_key *k, int64_t since_ms, struct uuid id)
{
	wire_be64(k->at + k->len, (uint64_t)since_ms);
	memcpy(k->at + k->len + 8, id.at, sizeof(id.at));
	k->len += AT_SIZE;
}

static struct bytes key_bytes(const struct line_key *k) { return bytes_of(k->at, k->len); }

static bool same(const struct job_line *a, const struct job_line *b)
{
	return a->which == b->which && a->since_ms == b->since_ms && bytes_eq(a->plugin, b->plugin);
}

void ledger_line_up(struct store_txn *txn, struct job *job)
{
	struct job_line now = job_line_of(job);
	if (same(&job->line, &now))
		return;
	if (job->line.which && job->line.plugin.len) {
		struct line_key k = key_of(job->line.which, job->line.plugin, 0);
		add_place(&k, job->line.since_ms, job->id);
		store_del(txn, STORE_INDEX, key_bytes(&k));
	}
	if (now.which && now.plugin.len) {
		struct line_key k = key_of(now.which, now.plugin, 0);
		add_place(&k, now.since_ms, job->id);
		store_put(txn, STORE_INDEX, key_bytes(&k), BYTES(""));
	}
	job->line = now;
}

static bool is_in(struct bytes key, const struct line_key *line)
{
	return key.len == line->len + AT_SIZE && memcmp(key.at, line->at, line->len) == 0;
}

int ledger_line(struct store_txn *txn, enum line_kind kind, struct bytes plugin,
		const struct line_at *after, struct line_at *ret, size_t max, size_t *ret_n)
{
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	struct line_key line = key_of((char)kind, plugin, 0), from = line;
	struct bytes key, val;
	size_t n = 0;
	int rc = store_cursor_open(txn, STORE_INDEX, &c);
	if (rc)
		return rc;
	if (after)
		add_place(&from, after->since_ms, after->id);
	rc = store_seek(c, key_bytes(&from), &key, &val);
	if (!rc && after && bytes_eq(key, key_bytes(&from)))
		rc = store_next(c, &key, &val);
	for (; rc == 0 && n < max && is_in(key, &line); rc = store_next(c, &key, &val)) {
		const uint8_t *at = (const uint8_t *)key.at + line.len;
		ret[n].since_ms = (int64_t)wire_from_be(at, 8);
		memcpy(ret[n++].id.at, at + 8, sizeof(ret->id.at));
	}
	*ret_n = n;
	return rc == SL_E_NOT_FOUND ? 0 : rc;
}

int ledger_lines(struct store_txn *txn, enum line_kind kind, ledger_line_fn each, void *user)
{
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	struct line_key from = {.at = {(uint8_t)kind}, .len = 1};
	struct bytes key, val;
	int rc = store_cursor_open(txn, STORE_INDEX, &c);
	while (!rc && (rc = store_seek(c, key_bytes(&from), &key, &val)) == 0) {
		const uint8_t *at = key.at;
		const uint8_t *end = at[0] == kind ? memchr(at + 1, 0, key.len - 1) : NULL;
		if (!end)
			return 0;
		struct bytes plugin = bytes_of(at + 1, (size_t)(end - at) - 1);
		from = key_of((char)kind, plugin, 1);
		if (!each(user, plugin))
			return 0;
	}
	return rc == SL_E_NOT_FOUND ? 0 : rc;
}
