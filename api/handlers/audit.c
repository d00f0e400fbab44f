/* GET /v1/audit: who changed what. */
#include "core/audit.h"
#include "api/api.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { SIZE_STANDARD = 100, SIZE_MAX_ASKED = 1000, LOOK_MAX = 50000, ACTION_MAX = 64 };

static const char names[] = "since,until,action,pageSize,cursor,order";

struct page {
	struct json_object *list;
	struct bytes action; /* empty: any */
	int64_t size, n, looked;
	uint64_t last;
	bool more;
};

/* A prefix up to a dot, or the whole: "job" is all of job.stop, job.resume, ... The first
 * place counts: an entry's action is in front of what it quotes, and in the texts before it
 * quotes are escaped. */
static bool fits(const struct page *page, struct bytes text)
{
	static const char name[] = ",\"action\":\"";
	const char *at = memmem(text.at, text.len, name, strlen(name));
	size_t len = page->action.len;
	if (!len || !at)
		return !len;
	at += strlen(name);
	return (size_t)((const char *)text.at + text.len - at) > len &&
	       memcmp(at, page->action.at, len) == 0 && (at[len] == '"' || at[len] == '.');
}

static bool add(void *user, const struct audit_shown *entry)
{
	struct page *page = user;
	if (page->n == page->size || page->looked == LOOK_MAX) {
		page->more = true;
		return false;
	}
	page->looked++;
	page->last = entry->number;
	if (fits(page, entry->text)) {
		page->n++;
		jb_add_raw(page->list, entry->text);
	}
	return true;
}

/* Unix seconds, or RFC 3339. */
static int read_time(struct request *req, const char *name, int64_t *ret, struct sl_error *err)
{
	struct bytes text;
	int64_t seconds = 0;
	int rc = request_query(req, name, &text, err);
	if (rc)
		return rc == SL_E_NOT_FOUND ? 0 : rc;
	const char *at = text.at;
	size_t i = 0;
	for (; i < text.len && i < 12 && at[i] >= '0' && at[i] <= '9'; i++)
		seconds = seconds * 10 + (at[i] - '0');
	if (text.len && i == text.len)
		*ret = seconds * 1000;
	else if (time_parse(text, ret))
		return sl_fail(err, SL_E_INVALID,
			       "%s: must be Unix seconds, or a time as 2026-11-21T20:00:00Z", name);
	return 0;
}

static int read_action(struct request *req, struct page *page, struct sl_error *err)
{
	struct bytes text;
	int rc = request_query(req, "action", &text, err);
	if (rc)
		return rc == SL_E_NOT_FOUND ? 0 : rc;
	const char *at = text.at;
	bool fine = text.len > 0 && text.len <= ACTION_MAX;
	for (size_t i = 0; i < text.len && fine; i++)
		fine = (at[i] >= 'a' && at[i] <= 'z') || at[i] == '.' || at[i] == '-';
	if (!fine)
		return sl_fail(err, SL_E_INVALID,
			       "action: must be one as entries show it (feature.register), or its "
			       "first word (feature)");
	page->action = text;
	return 0;
}

static int read_order(struct request *req, bool *ret_newest_first, struct sl_error *err)
{
	struct bytes text;
	int rc = request_query(req, "order", &text, err);
	*ret_newest_first = rc != 0 || bytes_is(text, "desc");
	if (rc == 0 && !bytes_is(text, "asc") && !bytes_is(text, "desc"))
		return sl_fail(err, SL_E_INVALID, "order: must be asc or desc");
	return rc == SL_E_NOT_FOUND ? 0 : rc;
}

static int read_query(struct request *req, struct audit_range *range, struct page *page,
		      struct sl_error *err)
{
	int64_t beyond = 0;
	int rc = request_query_only(req, names, err);
	if (!rc)
		rc = read_time(req, "since", &range->since_ms, err);
	if (!rc)
		rc = read_time(req, "until", &range->until_ms, err);
	if (!rc)
		rc = read_action(req, page, err);
	if (!rc)
		rc = request_query_int(req, "pageSize", 1, SIZE_MAX_ASKED, &page->size, err);
	if (!rc)
		rc = request_query_int(req, "cursor", 1, INT64_MAX, &beyond, err);
	range->beyond = (uint64_t)beyond;
	return rc ? rc : read_order(req, &range->newest_first, err);
}

static int audit(struct api *api, struct request *req, struct reply *reply)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	int64_t oldest = clock_wall_ms(api->clock) - AUDIT_KEEP_DAYS * INT64_C(86400000);
	struct audit_range range = {.until_ms = INT64_MAX};
	struct page page = {.size = SIZE_STANDARD};
	int rc = read_query(req, &range, &page, &reply->err);
	if (range.since_ms < oldest) /* what is over may lie there until the next change */
		range.since_ms = oldest;
	if (!rc)
		rc = store_begin(api->store, STORE_READ, &txn);
	if (rc)
		return rc;
	page.list = reply->payload = jb_array();
	rc = audit_read(txn, &range, add, &page);
	if (page.more)
		reply_header(reply, "X-Next-Cursor", "%" PRIu64, page.last);
	return rc;
}

static const struct route_query query[] = {
	{"since", "string", "From this time on: Unix seconds, or RFC 3339."},
	{"until", "string", "Before this time, likewise."},
	{"action", "string",
	 "Only this: feature.register, say, or feature for all that begin with it."},
	{"pageSize", "integer", "1 to 1000 (100)."},
	{"cursor", "string", "X-Next-Cursor of the page before."},
	{"order", "string", "desc (newest first, the default) or asc."},
	{NULL, NULL, NULL},
};

static const struct schema_member entry_members[] = {
	MEMBER("id", INT, 0, "Rises."),
	MEMBER("time", TIME, 0, NULL),
	MEMBER("token", TEXT, 0, "Id of the token, or a word for who it was."),
	MEMBER("address", TEXT, 0, "Where it came from."),
	MEMBER("action", TEXT, 0, "feature.register, say."),
	MEMBER("target", TEXT, SHAPE_MAYBE, "Which one."),
	MEMBER("reason", TEXT, SHAPE_MAYBE, NULL),
	MEMBER("before", ANY, SHAPE_MAYBE, "What it was, without secrets."),
	MEMBER("after", ANY, SHAPE_MAYBE, "What it became."),
	{0},
};
static const struct schema entry_schema = {.name = "AuditEntry", .member = entry_members};

static const struct route routes[] = {
	{
		.method = "GET",
		.pattern = "/v1/audit",
		.needs = PRIV_ADMIN,
		.handle = audit,
		.summary = "Who changed what, from where, and what it was before and after",
		.query = query,
		.payload = PAYLOAD(LIST_OF(entry_schema)),
	},
};

const struct route_group group_audit = {routes, countof(routes)};
