#include "core/check/internal.h"

#include "core/ledger/docs.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { WORDS_MAX = 400, PROGRESS_EACH = 1024, SHOWN_MAX = 200 };

/* ---- telling ---- */

void check_wrong(struct checking *c, enum store_table table, struct bytes key, const char *fmt, ...)
{
	char words[WORDS_MAX];
	va_list args;
	va_start(args, fmt);
	vsnprintf(words, sizeof(words), fmt, args);
	va_end(args);
	struct check_fault fault = {table, key, words};
	c->sum->faults++;
	c->config->fault(c->config->user, &fault);
}

static const char *table_name(enum store_table table)
{
	static const char *const names[] = {
#define X(id, text) text,
		STORE_TABLE_MAP(X)
#undef X
	};
	return names[table];
}

/* Where the id of a job stands in a key of that table, or -1. */
static int id_at(enum store_table table, struct bytes key)
{
	const char *at = key.at;
	switch (table) {
	case STORE_DOCS:
		return key.len == DOCS_KEY_SIZE ? 1 : key.len >= 16 ? 0 : -1;
	case STORE_JOBS:
	case STORE_EVENTS:
	case STORE_REPLICAS:
		return key.len >= 16 ? 0 : -1;
	case STORE_INDEX:
	case STORE_TIMERS:
		return key.len >= 16 ? (int)key.len - 16 : -1;
	case STORE_OUTBOX:
		return key.len == 33 && at[0] == 'j' ? 1 : -1;
	default:
		return -1;
	}
}

static void add_plain(struct buf *to, struct bytes text)
{
	const uint8_t *at = text.at;
	for (size_t i = 0; i < text.len && i < SHOWN_MAX; i++)
		if (at[i] > 32 && at[i] < 127 && at[i] != '\\')
			buf_add_char(to, (char)at[i]);
		else
			buf_addf(to, "\\x%02x", at[i]);
}

void check_tell(const struct check_fault *fault, struct buf *to)
{
	struct bytes key = fault->key;
	const uint8_t *at = key.at;
	int id = id_at(fault->table, key);
	buf_add_str(to, table_name(fault->table));
	if (key.len)
		buf_add_char(to, ' ');
	if (id < 0) {
		add_plain(to, key);
	} else {
		struct uuid uuid;
		char text[UUID_TEXT_SIZE];
		size_t before = (size_t)id, behind = before + 16;
		memcpy(uuid.at, at + id, 16);
		add_plain(to, bytes_of(at, before));
		buf_addf(to, "%s%s", before ? " " : "", uuid_format(uuid, text));
		if (key.len > behind)
			buf_add_char(to, ' ');
		add_plain(to, bytes_of(at + behind, key.len - behind));
	}
	buf_addf(to, ": %s", fault->words);
}

/* ---- walking ---- */

/* What a store cannot read is damage; the rest of the check goes on. */
static int cannot_read(struct checking *c, enum store_table table, struct bytes key, int rc)
{
	if (rc != SL_E_CORRUPT && rc != SL_E_IO)
		return rc;
	check_wrong(c, table, key, "the pages behind this entry cannot be read");
	return 0;
}

static void step(struct checking *c)
{
	if (c->sum->entries++ % PROGRESS_EACH == 0 && c->config->progress)
		c->config->progress(c->config->user, c->sum->entries - 1, c->all);
}

/* Every entry of a table, in order. */
static int walk(struct checking *c, enum store_table table, check_each_fn *each)
{
	scoped(store_cursor_freep) struct store_cursor *cursor = NULL;
	uint8_t last[STORE_KEY_MAX] = {0};
	struct bytes key, val, before = bytes_of(last, 0);
	c->table = table;
	int rc = store_cursor_open(c->txn, table, &cursor);
	if (!rc)
		rc = store_seek(cursor, BYTES(""), &key, &val);
	while (!rc) {
		step(c);
		if (key.len == 0 || key.len > sizeof(last)) {
			wrong(c, before, "the key behind this one has an impossible length");
			return 0;
		}
		if (before.len && bytes_cmp(before, key) >= 0)
			wrong(c, key, "it stands out of order");
		memcpy(last, key.at, key.len);
		before.len = key.len;
		rc = each(c, key, val);
		c->table = table;
		if (!rc)
			rc = store_next(cursor, &key, &val);
	}
	return rc == SL_E_NOT_FOUND ? 0 : cannot_read(c, table, before, rc);
}

int check_job(struct checking *c, struct uuid id, struct job *ret)
{
	int rc = ledger_get(c->txn, id, ret);
	return rc == SL_E_NOT_FOUND || rc == SL_E_CORRUPT ? 1 : rc;
}

/* ---- all of it ---- */

static int check_feature_table(struct checking *c)
{
	c->table = STORE_FEATURES;
	return check_features(c);
}

static int walk_jobs(struct checking *c)
{
	int rc = walk(c, STORE_FEED, check_feed);
	if (rc)
		return rc;
	check_feed_end(c);
	rc = walk(c, STORE_JOBS, check_job_entry);
	if (!rc)
		rc = walk(c, STORE_DOCS, check_doc);
	if (!rc)
		rc = walk(c, STORE_PIECES, check_piece);
	if (!rc)
		rc = walk(c, STORE_PASSING, check_piece);
	if (!rc)
		rc = walk(c, STORE_EVENTS, check_event);
	if (!rc)
		rc = walk(c, STORE_REPLICAS, check_replica);
	if (!rc)
		rc = walk(c, STORE_INDEX, check_index);
	if (!rc)
		rc = check_index_end(c);
	if (!rc)
		rc = walk(c, STORE_COUNTS, check_count);
	if (!rc)
		rc = check_groups(c);
	if (!rc)
		rc = walk(c, STORE_TIMERS, check_timer);
	return rc ? rc : walk(c, STORE_SEEN, check_seen);
}

static int walk_registered(struct checking *c)
{
	int rc = check_feature_table(c);
	if (!rc)
		rc = walk(c, STORE_ORDER, check_order);
	if (!rc)
		rc = walk(c, STORE_HASHES, check_hash);
	if (!rc)
		rc = walk(c, STORE_TOKENS, check_token);
	if (!rc)
		rc = walk(c, STORE_HOOKS, check_hook);
	if (!rc)
		rc = check_plugins(c);
	if (!rc)
		rc = walk(c, STORE_OUTBOX, check_outbox);
	return rc ? rc : walk(c, STORE_AUDIT, check_audit);
}

/* Every table has its walk: a new one does not compile without. */
static int check_all(struct checking *c)
{
	_Static_assert(STORE_TABLES == 19, "a table is not checked");
	int rc = ledger_newest(c->txn, &c->newest);
	rc = rc ? cannot_read(c, STORE_JOBS, BYTES(""), rc) : 0;
	struct bytes format;
	c->by_end_unknown = store_get(c->txn, STORE_META, BYTES("store.format"), &format) == 0 &&
			    bytes_is(format, "1");
	if (!rc)
		rc = walk(c, STORE_META, check_meta);
	if (!rc)
		rc = walk_jobs(c);
	return rc ? rc : walk_registered(c);
}

static int count_all(struct checking *c)
{
	for (int table = 0; table < STORE_TABLES; table++) {
		uint64_t n = 0;
		int rc = store_count(c->txn, (enum store_table)table, &n);
		if (rc)
			return cannot_read(c, (enum store_table)table, BYTES(""), rc);
		c->all += n;
	}
	return 0;
}

int check_store(struct store_txn *txn, const struct check_config *config, struct check_sum *ret)
{
	struct checking c = {.txn = txn, .config = config, .sum = ret};
	*ret = (struct check_sum){0};
	int rc = store_open_mem(&c.notes_store);
	if (!rc)
		rc = store_begin(c.notes_store, STORE_WRITE, &c.notes);
	if (!rc)
		rc = count_all(&c);
	if (!rc)
		rc = check_all(&c);
	if (!rc && c.notes)
		rc = store_failed(c.notes);
	store_abort(c.notes);
	store_close(c.notes_store);
	free(c.move);
	if (!rc && config->progress)
		config->progress(config->user, ret->entries, ret->entries);
	return rc;
}
