#include "store/mem_table.h"
#include "store/ops.h"
#include "store/store_mem.h"

#include <pthread.h>
#include <stdlib.h>

/** Every table at one moment. */
struct snapshot {
	struct mem_table *at[STORE_TABLES];
	size_t bytes;
};

struct fault {
	unsigned left;
	int code; /* 0: none ordered */
};

struct mem_store {
	struct store base;
	pthread_mutex_t writing; /* held while a writing transaction is open */
	pthread_mutex_t lock;    /* guards what follows */
	struct snapshot now;
	size_t size_max;
	struct fault fault[STORE_MEM_CALLS];
};

struct lent {
	struct lent *next;
	char data[];
};

struct mem_txn {
	struct store_txn base;
	struct mem_store *store;
	struct snapshot view;
	size_t bytes_before;
	struct lent *lent;
};

struct mem_cursor {
	struct store_cursor base;
	enum store_table table;
	const struct mem_entry *at;
};

static struct mem_store *of_store(struct store *s)
{
	return container_of(s, struct mem_store, base);
}
static struct mem_txn *of_txn(struct store_txn *t) { return container_of(t, struct mem_txn, base); }

static void snapshot_copy(struct snapshot *to, const struct snapshot *from)
{
	to->bytes = from->bytes;
	for (size_t i = 0; i < STORE_TABLES; i++)
		to->at[i] = mem_table_ref(from->at[i]);
}

static void snapshot_drop(struct snapshot *s)
{
	for (size_t i = 0; i < STORE_TABLES; i++)
		s->at[i] = mem_table_unref(s->at[i]);
}

/* ---- faults ---- */

static int fault(struct mem_store *s, enum store_mem_call call)
{
	int rc = 0;
	pthread_mutex_lock(&s->lock);
	struct fault *f = &s->fault[call];
	if (f->code && f->left-- == 0) {
		rc = f->code;
		f->code = 0;
	}
	pthread_mutex_unlock(&s->lock);
	return rc;
}

void store_mem_fail(struct store *store, enum store_mem_call call, unsigned nth, int code)
{
	struct mem_store *s = of_store(store);
	pthread_mutex_lock(&s->lock);
	s->fault[call] = (struct fault){nth, code};
	pthread_mutex_unlock(&s->lock);
}

bool store_mem_fail_waits(struct store *store, enum store_mem_call call)
{
	struct mem_store *s = of_store(store);
	pthread_mutex_lock(&s->lock);
	bool waits = s->fault[call].code != 0;
	pthread_mutex_unlock(&s->lock);
	return waits;
}

void store_mem_limit(struct store *store, size_t size_max)
{
	struct mem_store *s = of_store(store);
	pthread_mutex_lock(&s->lock);
	s->size_max = size_max;
	pthread_mutex_unlock(&s->lock);
}

/* ---- transactions ---- */

static int begin(struct store *store, enum store_mode mode, struct store_txn **ret)
{
	struct mem_store *s = of_store(store);
	int rc = fault(s, STORE_MEM_BEGIN);
	if (rc)
		return rc;
	struct mem_txn *t = calloc(1, sizeof(*t));
	if (!t)
		return SL_E_NO_MEMORY;
	t->store = s;
	if (mode == STORE_WRITE)
		pthread_mutex_lock(&s->writing);
	pthread_mutex_lock(&s->lock);
	snapshot_copy(&t->view, &s->now);
	pthread_mutex_unlock(&s->lock);
	t->bytes_before = t->view.bytes;
	*ret = &t->base;
	return 0;
}

static void take_back(struct mem_txn *t)
{
	while (t->lent) {
		struct lent *l = t->lent;
		t->lent = l->next;
		free(l);
	}
}

static void end(struct store_txn *txn)
{
	struct mem_txn *t = of_txn(txn);
	take_back(t);
	snapshot_drop(&t->view);
	if (txn->mode == STORE_WRITE)
		pthread_mutex_unlock(&t->store->writing);
	free(t);
}

static int commit(struct store_txn *txn)
{
	struct mem_txn *t = of_txn(txn);
	struct mem_store *s = t->store;
	int rc = 0;
	if (txn->mode == STORE_WRITE) {
		rc = fault(s, STORE_MEM_COMMIT);
		pthread_mutex_lock(&s->lock);
		if (!rc && t->view.bytes > t->bytes_before && t->view.bytes > s->size_max)
			rc = SL_E_FULL;
		if (!rc) { /* the old state goes where end() drops it */
			struct snapshot old = s->now;
			s->now = t->view;
			t->view = old;
		}
		pthread_mutex_unlock(&s->lock);
	}
	end(txn);
	return rc;
}

/* ---- reading and writing ---- */

static struct bytes put_down(char **to, struct bytes b)
{
	char *at = *to;
	if (b.len)
		memcpy(at, b.at, b.len);
	*to = at + b.len;
	return bytes_of(at, b.len);
}

/** Hand out an entry: itself to a reader, a copy to a writer. */
static int lend(struct mem_txn *t, const struct mem_entry *e, struct bytes *key, struct bytes *val)
{
	*key = e->key;
	*val = e->val;
	if (t->base.mode == STORE_READ)
		return 0;
	struct lent *l = malloc(sizeof(*l) + e->key.len + e->val.len);
	if (!l)
		return SL_E_NO_MEMORY;
	l->next = t->lent;
	t->lent = l;
	char *to = l->data;
	*key = put_down(&to, e->key);
	*val = put_down(&to, e->val);
	return 0;
}

static int get(struct store_txn *txn, enum store_table table, struct bytes key, struct bytes *ret)
{
	struct mem_txn *t = of_txn(txn);
	int rc = fault(t->store, STORE_MEM_READ);
	if (rc)
		return rc;
	const struct mem_entry *e = mem_table_find(t->view.at[table], MEM_AT, key);
	return e ? lend(t, e, &key, ret) : SL_E_NOT_FOUND;
}

static size_t weight(struct mem_txn *t, enum store_table table, struct bytes key)
{
	const struct mem_entry *e = mem_table_find(t->view.at[table], MEM_AT, key);
	return e ? e->key.len + e->val.len : 0;
}

static int put(struct store_txn *txn, enum store_table table, struct bytes key, struct bytes val,
	       bool last)
{
	struct mem_txn *t = of_txn(txn);
	take_back(t); /* first: what was lent must not be what is put */
	int rc = fault(t->store, STORE_MEM_WRITE);
	size_t before = weight(t, table, key);
	const struct mem_entry *end =
		last ? mem_table_find(t->view.at[table], MEM_LAST, key) : NULL;
	if (end && bytes_cmp(end->key, key) >= 0)
		return SL_E_INVALID;
	if (!rc)
		rc = mem_table_put(&t->view.at[table], key, val);
	if (!rc)
		t->view.bytes = t->view.bytes - before + key.len + val.len;
	return rc;
}

static int del(struct store_txn *txn, enum store_table table, struct bytes key)
{
	struct mem_txn *t = of_txn(txn);
	int rc = fault(t->store, STORE_MEM_WRITE);
	size_t before = weight(t, table, key);
	if (!rc)
		rc = mem_table_del(&t->view.at[table], key);
	if (!rc)
		t->view.bytes -= before;
	take_back(t); /* last: a key that a cursor lent may be deleted */
	return rc;
}

static int count_entries(struct store_txn *txn, enum store_table table, uint64_t *ret)
{
	*ret = mem_table_count(of_txn(txn)->view.at[table]);
	return 0;
}

/* ---- cursors ---- */

static int cursor_open(struct store_txn *txn, enum store_table table, struct store_cursor **ret)
{
	(void)txn;
	struct mem_cursor *c = calloc(1, sizeof(*c));
	if (!c)
		return SL_E_NO_MEMORY;
	c->table = table;
	*ret = &c->base;
	return 0;
}

static void cursor_free(struct store_cursor *cursor)
{
	free(container_of(cursor, struct mem_cursor, base));
}

static int move(struct store_cursor *cursor, enum store_move how, struct bytes from,
		struct bytes *key, struct bytes *val)
{
	static const enum mem_where where[] = {
		[MOVE_FIRST] = MEM_FIRST,
		[MOVE_LAST] = MEM_LAST,
		[MOVE_AT_OR_AFTER] = MEM_AT_OR_AFTER,
		[MOVE_NEXT] = MEM_AFTER,
		[MOVE_PREV] = MEM_BEFORE,
	};
	struct mem_cursor *c = container_of(cursor, struct mem_cursor, base);
	struct mem_txn *t = of_txn(cursor->txn);
	int rc = fault(t->store, STORE_MEM_READ);
	if (rc)
		return rc;
	if (how == MOVE_NEXT || how == MOVE_PREV)
		from = c->at->key;
	c->at = mem_table_find(t->view.at[c->table], where[how], from);
	return c->at ? lend(t, c->at, key, val) : SL_E_NOT_FOUND;
}

/* ---- the store ---- */

static int room(struct store *store, struct store_room *ret)
{
	struct mem_store *s = of_store(store);
	pthread_mutex_lock(&s->lock);
	*ret = (struct store_room){s->now.bytes, s->size_max, s->now.bytes};
	pthread_mutex_unlock(&s->lock);
	return 0;
}

static void mem_close(struct store *store)
{
	struct mem_store *s = of_store(store);
	snapshot_drop(&s->now);
	pthread_mutex_destroy(&s->lock);
	pthread_mutex_destroy(&s->writing);
	free(s);
}

static const struct store_ops ops = {
	.close = mem_close,
	.begin = begin,
	.commit = commit,
	.abort = end,
	.get = get,
	.count = count_entries,
	.put = put,
	.del = del,
	.cursor_open = cursor_open,
	.cursor_free = cursor_free,
	.move = move,
	.room = room,
};

int store_open_mem(struct store **ret)
{
	struct mem_store *s = calloc(1, sizeof(*s));
	if (!s)
		return SL_E_NO_MEMORY;
	s->base.ops = &ops;
	s->size_max = SIZE_MAX;
	pthread_mutex_init(&s->writing, NULL);
	pthread_mutex_init(&s->lock, NULL);
	*ret = &s->base;
	return 0;
}

int store_mem_reopen(struct store *old, struct store **ret)
{
	struct mem_store *from = of_store(old);
	struct store *fresh;
	int rc = store_open_mem(&fresh);
	if (rc)
		return rc;
	struct mem_store *to = of_store(fresh);
	pthread_mutex_lock(&from->lock);
	snapshot_copy(&to->now, &from->now);
	to->size_max = from->size_max;
	pthread_mutex_unlock(&from->lock);
	*ret = fresh;
	return 0;
}
