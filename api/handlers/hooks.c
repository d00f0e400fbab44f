/* /v1/hooks: what LifeHooks are still to be told, what they will not be, and sending that
 * again. */
#include "core/hooks.h"
#include "api/api.h"
#include "api/handlers/job_filter.h"
#include "api/handlers/schemas.h"
#include "core/base/crash.h"

#include <stdio.h>

enum { PAGE_DEFAULT = 100, PAGE_MAX = 1000, BATCH = 200, PLACE_SIZE = 48 };

/* ---- ids: "subscriber-number" ---- */

static const char *place_text(uint64_t subscriber, uint64_t number, char out[PLACE_SIZE])
{
	snprintf(out, PLACE_SIZE, "%llu-%llu", (unsigned long long)subscriber,
		 (unsigned long long)number);
	return out;
}

static bool read_number(const char **at, const char *end, uint64_t *ret)
{
	const char *from = *at;
	*ret = 0;
	for (; *at < end && **at >= '0' && **at <= '9' && *at - from < 18; (*at)++)
		*ret = *ret * 10 + (uint64_t)(**at - '0');
	return *at > from && *ret > 0;
}

static bool read_place(struct bytes text, struct outbox_place *ret)
{
	const char *at = text.at, *end = at + text.len;
	struct outbox_place place;
	if (!text.len || !read_number(&at, end, &place.subscriber) || at == end || *at++ != '-' ||
	    !read_number(&at, end, &place.number) || at != end)
		return false;
	*ret = place;
	return true;
}

/* ---- GET /v1/hooks/deliveries ---- */

static const struct route_query list_query[] = {
	{"state", "string", "pending, retrying, dead; with commas."},
	{"plugin", "string", "The key of a LifeHook."},
	{"jobID", "string", "One job."},
	{"pageSize", "integer", "1 to 1000; 100 by default."},
	{"cursor", "string", "X-Next-Cursor of the page before."},
	{NULL, NULL, NULL},
};

struct listing {
	struct store_txn *txn;
	const struct registry_ref *registry;
	struct json_object *list;
	int64_t size, n;
	struct outbox_place last;
	bool more, nothing;
};

/* Why a delivery that is due is not on its way, and who can change that. */
static const char *held_by(const struct listing *l, const struct subscriber *s)
{
	const struct plugin *p = registry_plugin(l->registry, s->key);
	if (!p || !p->feature->enabled)
		return "its feature is off: it is sent when the feature is turned on";
	if (s->gone_ms)
		return "the subscriber answered 410: it is sent when the feature is turned on "
		       "again";
	return NULL;
}

static const char *say(const struct listing *l, const struct subscriber *s,
		       const struct delivery *d)
{
	static const char *const dead[DEAD_WHYS] = {
		[DEAD_EXCEPTION] = "the subscriber refused it (EX); redeliver sends it again",
		[DEAD_GONE] = "the subscriber answered 410; turn its feature on again, then "
			      "redeliver",
		[DEAD_EXPIRED] = "nobody acknowledged it for lifehook.retry_for; redeliver sends "
				 "it again",
		[DEAD_OVERFLOW] = "too many were pending for this subscriber; redeliver sends it "
				  "again",
	};
	const char *held = d->dead ? dead[d->dead] : held_by(l, s);
	if (held)
		return held;
	return d->attempts ? "it is sent again by itself"
			   : "it waits for its turn, and for the job's change before it";
}

static void put_words(struct json_object *to, const char *key, struct bytes words)
{
	scoped(buf_finip) struct buf text = {0};
	buf_init(&text, 1 << 16);
	json_quote(&text, words); /* they come from outside: not always UTF-8 */
	if (words.len && !text.rc)
		jb_put_raw(to, key, buf_bytes(&text));
}

static struct json_object *show(const struct listing *l, const struct subscriber *s,
				const struct delivery *d)
{
	struct json_object *to = jb_object();
	char id[PLACE_SIZE], job[UUID_TEXT_SIZE];
	jb_put_bytes(to, "id", bytes_str(place_text(d->subscriber, d->number, id)));
	jb_put_bytes(to, "plugin", s->key);
	jb_put_bytes(to, "jobID", bytes_str(uuid_format(d->entry.job, job)));
	jb_put_str(to, "state", d->dead ? "dead" : d->attempts ? "retrying" : "pending");
	jb_put_str(to, "currentState", job_state_name(d->entry.state));
	jb_put_int(to, "sequence", d->entry.sequence);
	jb_put_time(to, "time", d->entry.time_ms);
	jb_put_int(to, "attempts", d->attempts);
	jb_put_time(to, "lastAttemptAt", d->tried_ms);
	if (d->status)
		jb_put_int(to, "lastStatus", d->status);
	put_words(to, "lastAnswer", d->words);
	jb_put_time(to, "nextAttemptAt", d->dead || held_by(l, s) ? 0 : d->due_ms);
	if (d->dead) {
		jb_put_time(to, "deadSince", d->dead_ms);
		jb_put_str(to, "cause", dead_why_name(d->dead));
	}
	jb_put_str(to, "reason", say(l, s, d));
	return to;
}

static bool add(void *user, const struct delivery *d)
{
	struct listing *l = user;
	struct subscriber s;
	if (l->n == l->size) {
		l->more = true;
		return false;
	}
	l->n++;
	l->last = (struct outbox_place){d->subscriber, d->number};
	if (outbox_get(l->txn, d->subscriber, &s) == 0)
		jb_add(l->list, show(l, &s, d));
	return true;
}

static int read_states(struct request *req, struct outbox_filter *f, struct sl_error *err)
{
	struct bytes list[JOB_FILTER_VALUES_MAX];
	size_t n = 0;
	int rc = job_filter_list(req, "state", list, &n, err);
	for (size_t i = 0; i < n && !rc; i++) {
		bool *at = bytes_is(list[i], "pending")    ? &f->pending
			   : bytes_is(list[i], "retrying") ? &f->retrying
			   : bytes_is(list[i], "dead")     ? &f->dead
							   : NULL;
		if (at)
			*at = true;
		else
			rc = sl_fail(err, SL_E_INVALID,
				     "state: \"%.*s\" is none of pending, retrying, dead",
				     BYTES_FMT(bytes_cut(list[i], 40)));
	}
	return rc;
}

static int find_plugin(struct store_txn *txn, struct bytes key, struct subscriber *ret,
		       struct sl_error *err)
{
	int rc = outbox_find(txn, key, ret);
	return rc == SL_E_NOT_FOUND ? sl_fail(err, rc,
					      "plugin: there is no LifeHook %.*s; GET "
					      "/v1/plugins/list/LifeHook has their keys",
					      BYTES_FMT(bytes_cut(key, 200)))
				    : rc;
}

struct list_texts {
	struct bytes plugin, job, cursor;
};

static int read_list(struct request *req, struct listing *l, struct outbox_filter *f,
		     struct list_texts *t, struct sl_error *err)
{
	l->size = PAGE_DEFAULT;
	int rc = request_query_only(req, "state,plugin,jobID,pageSize,cursor", err);
	if (!rc)
		rc = read_states(req, f, err);
	if (!rc)
		rc = job_filter_text(req, "plugin", &t->plugin, err);
	if (!rc)
		rc = job_filter_text(req, "jobID", &t->job, err);
	if (!rc)
		rc = request_query_int(req, "pageSize", 1, PAGE_MAX, &l->size, err);
	if (!rc)
		rc = job_filter_text(req, "cursor", &t->cursor, err);
	if (rc)
		return rc;
	if (t->job.len && uuid_parse(t->job, &f->job))
		return sl_fail(err, SL_E_INVALID, "jobID: is not the id of a job");
	if (t->cursor.len && !read_place(t->cursor, &l->last))
		return sl_fail(err, SL_E_INVALID, "cursor: must be the X-Next-Cursor of a page");
	return 0;
}

static int deliveries(struct api *api, struct request *req, struct reply *reply)
{
	scoped(registry_dropp) const struct registry_ref *now = registry_take(api->registry);
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct listing l = {.registry = now};
	struct outbox_filter f = {0};
	struct list_texts t = {0};
	struct subscriber s;
	char cursor[PLACE_SIZE];
	bool end = true;
	int rc = read_list(req, &l, &f, &t, &reply->err);
	if (!rc)
		rc = store_begin(api->store, STORE_READ, &txn);
	if (!rc && t.plugin.len)
		rc = find_plugin(txn, t.plugin, &s, &reply->err);
	if (rc)
		return rc;
	l.txn = txn;
	l.list = reply->payload = jb_array();
	if (t.plugin.len)
		f.subscriber = s.number;
	struct outbox_place at = l.last;
	rc = outbox_walk(txn, &f, &at, add, &l, &end);
	if (!rc && !end)
		reply_header(reply, "X-Next-Cursor", "%s",
			     l.more ? place_text(l.last.subscriber, l.last.number, cursor)
				    : place_text(at.subscriber, at.number, cursor));
	return rc;
}

/* ---- POST /v1/hooks/redeliver ---- */

struct redeliver_body {
	struct bytes id, plugin, since;
};

#define REDELIVER_AT(member) .at = offsetof(struct redeliver_body, member)

static const struct field redeliver_fields[] = {
	{.name = "id",
	 .kind = FIELD_TEXT,
	 .flags = FIELD_FILLED,
	 REDELIVER_AT(id),
	 .help = "One dead delivery."},
	{.name = "plugin",
	 .kind = FIELD_TEXT,
	 .flags = FIELD_FILLED,
	 REDELIVER_AT(plugin),
	 .help = "Or all dead ones of this LifeHook."},
	{.name = "since",
	 .kind = FIELD_TEXT,
	 .flags = FIELD_FILLED,
	 REDELIVER_AT(since),
	 .help = "Of those the changes at this time or later (RFC 3339)."},
	{0},
};

struct redeliver {
	struct write write;
	int64_t now_ms, since_ms;
	struct outbox_place place; /* one, */
	bool all;                  /* or all of its subscriber from its number on */
	size_t n, found;
	uint64_t next; /* where the next step begins; 0: that was all */
	struct audit_entry audit;
	bool recorded; /* with the first step */
};

static void record(const struct redeliver *q, struct store_txn *txn)
{
	char time[TIME_TEXT_SIZE], after[80];
	struct audit_entry e = q->audit;
	if (q->recorded)
		return;
	if (q->since_ms) {
		snprintf(after, sizeof(after), "{\"since\":\"%s\"}",
			 time_format(q->since_ms, time));
		e.after = bytes_str(after);
	}
	audit_append(txn, &e);
}

static int apply(struct write *w, struct store_txn *txn)
{
	struct redeliver *q = container_of(w, struct redeliver, write);
	struct outbox_place place = q->place;
	int rc = q->all ? outbox_redeliver_since(txn, place.subscriber, q->since_ms, q->now_ms,
						 BATCH, &place.number, &q->found)
			: outbox_redeliver(txn, place.subscriber, place.number, q->now_ms);
	q->next = place.number;
	if (!rc)
		record(q, txn);
	return rc;
}

/* In small steps: the writer has others to serve. */
static int redeliver_all(struct api *api, struct redeliver *q)
{
	int rc;
	q->all = true;
	do {
		rc = writer_run(api->writer, &q->write);
		q->n += rc ? 0 : q->found;
		q->recorded |= rc == 0;
		q->place.number = q->next;
	} while (!rc && q->place.number);
	return rc;
}

static int may_change(struct api *api, const struct request *req, struct bytes key,
		      struct sl_error *err)
{
	scoped(registry_dropp) const struct registry_ref *now = registry_take(api->registry);
	const struct plugin *p = registry_plugin(now, key);
	struct bytes author = req->caller->author;
	return author.len && p && !bytes_is(author, p->feature->author)
		       ? sl_fail(err, SL_E_DENIED, "this token changes features of %.*s only",
				 BYTES_FMT(author))
		       : 0;
}

static int find_one(struct api *api, struct request *req, const struct redeliver_body *body,
		    struct redeliver *q, struct sl_error *err)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct subscriber s;
	struct delivery d;
	if (!read_place(body->id, &q->place))
		return sl_fail(err, SL_E_INVALID, "id: is not the id of a delivery");
	int rc = store_begin(api->store, STORE_READ, &txn);
	if (!rc)
		rc = outbox_get(txn, q->place.subscriber, &s);
	if (!rc)
		rc = may_change(api, req, s.key, err);
	if (!rc)
		rc = outbox_read(txn, q->place.subscriber, q->place.number, &d);
	if (rc == SL_E_NOT_FOUND)
		return sl_fail(err, rc,
			       "id: there is no such delivery; it was delivered, or was kept "
			       "long enough");
	return !rc && !d.dead
		       ? sl_fail(err, SL_E_CONFLICT, "id: it is not dead; it is sent by itself")
		       : rc;
}

static int find_all(struct api *api, struct request *req, const struct redeliver_body *body,
		    struct redeliver *q, struct sl_error *err)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct subscriber s;
	if (body->since.len && time_parse(body->since, &q->since_ms))
		return sl_fail(err, SL_E_INVALID,
			       "since: must be a time as 2026-11-21T20:00:00Z (RFC 3339)");
	int rc = store_begin(api->store, STORE_READ, &txn);
	if (!rc)
		rc = find_plugin(txn, body->plugin, &s, err);
	if (!rc)
		rc = may_change(api, req, s.key, err);
	if (!rc)
		q->place = (struct outbox_place){s.number, 1};
	return rc;
}

static int check_body(const struct redeliver_body *body, struct sl_error *err)
{
	if (!body->id.len && !body->plugin.len)
		return sl_fail(err, SL_E_LACK, "id or plugin: one of them says what to send again");
	if (body->id.len && (body->plugin.len || body->since.len))
		return sl_fail(err, SL_E_INVALID,
			       "id: one delivery; leave out plugin and since, or take those");
	return 0;
}

static int redeliver(struct api *api, struct request *req, struct reply *reply)
{
	struct fields_in in = {&req->json, req->arena};
	struct redeliver_body body = {0};
	struct redeliver q = {.write = {.apply = apply}, .now_ms = clock_wall_ms(api->clock)};
	int rc = fields_read(&in, 0, redeliver_fields, &body, &reply->err);
	if (!rc)
		rc = check_body(&body, &reply->err);
	if (rc)
		return rc;
	rc = body.id.len ? find_one(api, req, &body, &q, &reply->err)
			 : find_all(api, req, &body, &q, &reply->err);
	if (rc)
		return rc;
	q.audit = (struct audit_entry){.by = request_by(req),
				       .time_ms = q.now_ms,
				       .action = "hooks.redeliver",
				       .target = body.id.len ? body.id : body.plugin};
	if (body.id.len)
		rc = writer_run(api->writer, &q.write);
	else
		rc = redeliver_all(api, &q);
	crash_at(CRASH_REDELIVER_WRITTEN);
	hooks_wake(api->hooks);
	if (rc)
		return rc;
	reply->payload = jb_object();
	jb_put_int(reply->payload, "redelivered", body.id.len ? 1 : (int64_t)q.n);
	return 0;
}

/* ---- what they look like ---- */

static const struct schema_member delivery_members[] = {
	MEMBER("id", TEXT, 0, "For redeliver."),
	MEMBER("plugin", TEXT, 0, "Key of the LifeHook."),
	MEMBER("jobID", UUID, 0, NULL),
	MEMBER_WORD("state", "pending retrying dead", 0, NULL),
	MEMBER_OF("currentState", schema_job_state, 0, "What it is to be told."),
	MEMBER("sequence", INT, 0, "Of the job's changes, from 1."),
	MEMBER("time", TIME, 0, "Of the change."),
	MEMBER("attempts", INT, 0, NULL),
	MEMBER("lastAttemptAt", TIME, SHAPE_NULL, NULL),
	MEMBER("lastStatus", INT, SHAPE_MAYBE, "Of the last answer."),
	MEMBER("lastAnswer", TEXT, SHAPE_MAYBE, "What it said, or why there was none."),
	MEMBER("nextAttemptAt", TIME, SHAPE_NULL, "null: not by itself."),
	MEMBER("deadSince", TIME, SHAPE_MAYBE, NULL),
	MEMBER_WORD("cause", "exception gone expired overflow", SHAPE_MAYBE, "Of its death."),
	MEMBER("reason", TEXT, 0, "Why it is where it is, in words."),
	{0},
};
static const struct schema delivery_schema = {.name = "Delivery", .member = delivery_members};

static const struct schema_member redelivered_members[] = {
	MEMBER("redelivered", INT, 0, "So many are sent again."),
	{0},
};
static const struct schema redelivered_schema = {.name = "Redelivered",
						 .member = redelivered_members};

static const struct route routes[] = {
	{
		.method = "GET",
		.pattern = "/v1/hooks/deliveries",
		.needs = PRIV_READ_FEATURE,
		.handle = deliveries,
		.summary = "What LifeHooks are still to be told, or refused",
		.query = list_query,
		.payload = PAYLOAD(LIST_OF(delivery_schema)),
	},
	{
		.method = "POST",
		.pattern = "/v1/hooks/redeliver",
		.needs = PRIV_WRITE_FEATURE,
		.flags = ROUTE_JSON,
		.handle = redeliver,
		.summary = "Send dead deliveries again",
		.fields = redeliver_fields,
		.payload = PAYLOAD(ONE_OF(redelivered_schema)),
	},
};

const struct route_group group_hooks = {routes, countof(routes)};
