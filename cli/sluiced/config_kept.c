#include "cli/sluiced/config_kept.h"

#include "core/base/clock.h"
#include "core/json/index.h"

enum { TEXT_MAX = 1 << 20 };

static const char key[] = "config";
static const struct json_limits limits = {.bytes_max = TEXT_MAX, .depth_max = 4};

struct keeping {
	struct write write;
	struct bytes now;                /* what is kept */
	const struct audit_entry *entry; /* NULL: one is made if it differs */
};

/* The settings of `a` whose value in `b` is another one. What `b` does not know is of another
 * version, and is no change. */
static int difference(const struct json *a, const struct json *b, struct buf *to)
{
	scoped(buf_finip) struct buf word = {0};
	struct bytes name;
	int rc = 0;
	buf_init(&word, TEXT_MAX);
	buf_add_char(to, '{');
	for (json_at at = json_first(a, 0); !rc && at != JSON_NONE; at = json_next(a, 0, at)) {
		rc = json_string(a, at, &word, &name);
		json_at other = rc ? JSON_NONE : json_get(b, 0, name);
		if (other == JSON_NONE || json_equal(a, at + 1, b, other))
			continue;
		buf_add_str(to, to->len > 1 ? "," : "");
		buf_add_bytes(to, json_raw(a, at));
		buf_add_char(to, ':');
		buf_add_bytes(to, json_raw(a, at + 1));
	}
	buf_add_char(to, '}');
	return rc ? rc : to->rc;
}

static int tell_change(struct store_txn *txn, const struct json *old, const struct json *now)
{
	scoped(buf_finip) struct buf before = {0}, after = {0};
	buf_init(&before, TEXT_MAX);
	buf_init(&after, TEXT_MAX);
	int rc = difference(old, now, &before);
	if (!rc)
		rc = difference(now, old, &after);
	struct audit_entry e = {.by = {BYTES("sluiced"), BYTES("its start")},
				.time_ms = clock_wall_ms(&clock_system),
				.action = "config.changed",
				.before = buf_bytes(&before),
				.after = buf_bytes(&after)};
	if (!rc && before.len > 2)
		audit_append(txn, &e);
	return rc;
}

/* What is kept and cannot be read is replaced. */
static int compare(struct keeping *q, struct store_txn *txn)
{
	scoped(json_finip) struct json old = {0}, now = {0};
	struct bytes kept;
	int rc = store_get(txn, STORE_META, bytes_str(key), &kept);
	if (!rc)
		rc = json_parse(&old, kept, &limits, NULL);
	if (!rc && json_type(&old, 0) == JSON_OBJECT)
		rc = json_parse(&now, q->now, &limits, NULL);
	if (!rc && now.n)
		rc = tell_change(txn, &old, &now);
	return rc == SL_E_NOT_FOUND || rc == SL_E_INVALID ? 0 : rc;
}

static int apply(struct write *w, struct store_txn *txn)
{
	struct keeping *q = container_of(w, struct keeping, write);
	int rc = q->entry ? 0 : compare(q, txn);
	if (rc)
		return rc;
	if (q->entry)
		audit_append(txn, q->entry);
	store_put(txn, STORE_META, bytes_str(key), q->now);
	return 0;
}

static int keep(struct writer *writer, const struct config *config, const struct audit_entry *entry)
{
	scoped(buf_finip) struct buf now = {0};
	buf_init(&now, TEXT_MAX);
	config_difference(NULL, NULL, config, &now);
	if (now.rc)
		return now.rc;
	struct keeping q = {.write = {.apply = apply}, .now = buf_bytes(&now), .entry = entry};
	return writer_run(writer, &q.write);
}

int config_kept_start(struct writer *writer, const struct config *config)
{
	return keep(writer, config, NULL);
}

int config_kept_reload(struct writer *writer, const struct config *config,
		       const struct audit_entry *entry)
{
	return keep(writer, config, entry);
}
