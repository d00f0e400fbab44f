/* GET /v1/events: state changes of jobs as they happen, as Server-Sent Events.
 *
 * A reader keeps nothing of ours but its place in the feed: what comes next is read from
 * the store when the socket has room. Behind is what matches its filter, is durable and has
 * not been handed to the kernel: the piece at hand and what the feed has behind it. That is
 * counted only while the socket has no room, so a reader that takes all costs nothing. */
#include "api/api.h"
#include "api/handlers/event_text.h"
#include "api/handlers/job_filter.h"
#include "core/ledger/feed.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	PIECE_MAX = 16 * 1024, /* bytes read at once, but for the last event of a piece */
	LOOK_MAX = 2000,       /* entries looked at in one reading transaction */
	PING_MS = 15 * 1000,
	EVENT_MAX = 64 * 1024, /* bytes of one, with room to spare */
};

struct source {
	struct news *news;
	struct store *store;
	const struct clock *clock;
	struct listener listener;
	struct arena *arena; /* holds the filter's texts */
	struct job_query q;
	struct uuid job;   /* or nil */
	uint64_t at;       /* the last entry that was looked at */
	bool from_oldest;  /* since=0: all that is kept */
	bool live;         /* it has been at the newest: now it may not fall far behind */
	size_t at_hand;    /* bytes of the piece that is being written */
	size_t ahead;      /* bytes behind it, as far as they are counted */
	uint64_t counted;  /* the last entry that is in `ahead` */
	int64_t oldest_ms; /* of the oldest event that waits, or 0 */
	int64_t level_ms;  /* nothing waited then */
	size_t behind_bytes;
	int64_t behind_ms;
};

static void source_free(void *user)
{
	struct source *src = user;
	if (!src)
		return;
	if (src->listener.stream)
		news_leave(src->news, &src->listener);
	arena_free(src->arena);
	free(src);
}

static void source_freep(struct source **p) { source_free(*p); }

/* ---- one piece ---- */

struct piece {
	struct source *src;
	struct buf *to;
	size_t looked;
	bool more;
};

static bool any_of(struct bytes text, const struct bytes *of, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (bytes_eq(text, of[i]))
			return true;
	return n == 0;
}

static bool matches(const struct source *src, const struct feed_entry *e)
{
	const struct job_filter *f = &src->q.f;
	return !src->q.nothing && (!f->states || f->states & 1u << e->state) &&
	       any_of(e->user, src->q.users, f->users) && any_of(e->kind, src->q.kinds, f->kinds) &&
	       (uuid_is_nil(src->job) || uuid_eq(src->job, e->job));
}

static size_t add_event(const struct feed_entry *e, struct buf *to)
{
	size_t before = to->len;
	event_text(e, to);
	return to->len - before;
}

static bool add(void *user, const struct feed_entry *e)
{
	struct piece *p = user;
	struct source *src = p->src;
	p->more = p->looked++ >= LOOK_MAX || p->to->len >= PIECE_MAX;
	if (p->more)
		return false;
	src->at = e->number;
	if (!matches(src, e))
		return true;
	if (!src->oldest_ms)
		src->oldest_ms = e->time_ms;
	size_t len = add_event(e, p->to);
	if (e->number <= src->counted)
		src->ahead -= len < src->ahead ? len : src->ahead;
	return true;
}

/* ---- behind ---- */

static bool too_late(const struct source *src)
{
	int64_t since = src->oldest_ms > src->level_ms ? src->oldest_ms : src->level_ms;
	return src->live &&
	       (src->at_hand + src->ahead > src->behind_bytes ||
		(src->oldest_ms && clock_wall_ms(src->clock) - since > src->behind_ms));
}

struct count {
	struct source *src;
	struct buf event;
	size_t looked;
};

static bool count(void *user, const struct feed_entry *e)
{
	struct count *c = user;
	struct source *src = c->src;
	if (c->looked++ >= LOOK_MAX || too_late(src))
		return false;
	src->counted = e->number;
	if (!matches(src, e))
		return true;
	if (!src->oldest_ms)
		src->oldest_ms = e->time_ms;
	buf_reset(&c->event);
	src->ahead += add_event(e, &c->event);
	return true;
}

/* The reader takes nothing. What has come since the last look is looked at once. */
static int held_up(void *user)
{
	struct source *src = user;
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct count c = {.src = src};
	if (!src->live)
		return 0;
	buf_init(&c.event, EVENT_MAX);
	int rc = store_begin(src->store, STORE_READ, &txn);
	if (!rc)
		rc = feed_read(txn, src->counted, count, &c);
	if (!rc)
		rc = c.event.rc;
	buf_fini(&c.event);
	return !rc && too_late(src) ? SL_E_CANCELED : rc;
}

/* ---- the next piece ---- */

/* 0, or why it is broken off: the feed goes on without it (SL_E_GONE), it is too late. */
static int read_piece(struct source *src, struct buf *to, bool *ret_more)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct piece p = {.src = src, .to = to};
	buf_reset(to);
	src->oldest_ms = 0;
	int rc = store_begin(src->store, STORE_READ, &txn);
	if (!rc)
		rc = feed_read(txn, src->at, add, &p);
	if (!rc)
		rc = to->rc;
	*ret_more = p.more;
	src->at_hand = to->len;
	if (src->counted < src->at)
		src->counted = src->at;
	if (!rc && too_late(src))
		rc = SL_E_CANCELED;
	if (!rc && !p.more && !src->live) {
		src->live = true;
		src->level_ms = clock_wall_ms(src->clock);
		buf_addf(to, ": all so far\nid: %llu\n\n", (unsigned long long)src->at);
	}
	return rc ? rc : to->rc;
}

/* An id without an event: a reader that comes back asks from here. */
static void add_place(const struct source *src, const char *with, struct buf *to)
{
	buf_reset(to);
	buf_addf(to, "%sid: %llu\n\n", with, (unsigned long long)src->at);
}

static int run(void *user, struct stream *s)
{
	struct source *src = user;
	scoped(buf_finip) struct buf buf = {0};
	buf_init(&buf, 4 * PIECE_MAX);
	add_place(src, "retry: 1000\n", &buf);
	int rc = stream_write(s, buf_bytes(&buf));
	for (bool more = false; !rc && !stream_ending(s);) {
		rc = read_piece(src, &buf, &more);
		if (!rc && buf.len)
			rc = stream_write(s, buf_bytes(&buf));
		if (rc || more)
			continue;
		rc = stream_wait(s, PING_MS);
		src->level_ms = clock_wall_ms(src->clock);
		if (rc != SL_E_TIMEOUT)
			continue;
		add_place(src, ": ping\n", &buf);
		rc = stream_write(s, buf_bytes(&buf));
	}
	return rc == SL_E_CANCELED && stream_ending(s) ? 0 : rc;
}

static const struct stream_ops stream_ops = {run, source_free, held_up};

/* ---- the request ---- */

static const struct route_query query[] = {
	{"since", "integer",
	 "Events behind the one of this id, 0: all that are kept; without it those from now on."},
	{"state", "string", "States, with commas."},
	{"userID", "string", "Users, with commas."},
	{"kind", "string", "Kinds, with commas."},
	{"jobID", "string", "One job."},
	{NULL, NULL, NULL},
};

/* Last-Event-ID is what a reader sends by itself when it comes back: it is the newer one. */
static int read_since(struct source *src, struct request *req, int64_t *ret, struct sl_error *err)
{
	struct bytes last = request_header(req, "Last-Event-ID");
	int rc = request_query_int(req, "since", 0, INT64_MAX, ret, err);
	src->from_oldest = !last.len && *ret == 0;
	return rc || !last.len ? rc : event_read_id(last, ret, err);
}

static int read_job(struct request *req, struct uuid *ret, struct sl_error *err)
{
	struct bytes text = {NULL, 0};
	int rc = job_filter_text(req, "jobID", &text, err);
	if (!rc && text.len && uuid_parse(text, ret))
		rc = sl_fail(err, SL_E_INVALID, "jobID: is not the id of a job");
	return rc;
}

/* Where it begins; what is no longer there is told now, while there is a status to tell it. */
static int find_place(struct source *src, int64_t since, struct sl_error *err)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	uint64_t oldest = 0, newest = 0;
	int rc = store_begin(src->store, STORE_READ, &txn);
	if (!rc)
		rc = feed_oldest(txn, &oldest);
	if (!rc)
		rc = feed_newest(txn, &newest);
	if (rc)
		return rc;
	src->at = since < 0 ? newest : (uint64_t)since;
	if (src->at > newest)
		return sl_fail(err, SL_E_GONE,
			       "since: there is no event %llu; the newest is %llu, the oldest "
			       "that is kept is %llu",
			       (unsigned long long)src->at, (unsigned long long)newest,
			       (unsigned long long)oldest);
	if (src->from_oldest && oldest)
		src->at = oldest - 1;
	if (oldest > src->at + 1)
		return sl_fail(err, SL_E_GONE,
			       "since: events are kept for a day; the oldest that is kept is "
			       "%llu: go on with since=%llu, and read the jobs' states once",
			       (unsigned long long)oldest, (unsigned long long)oldest - 1);
	return 0;
}

/* The request ends before the stream does. */
static int keep_texts(struct source *src, struct bytes *text, size_t n)
{
	int rc = 0;
	for (size_t i = 0; i < n && !rc; i++)
		rc = arena_copy(src->arena, text[i], &text[i]);
	return rc;
}

static int fill(struct source *src, struct api *api, struct request *req, struct sl_error *err)
{
	int64_t since = -1;
	src->news = api->news;
	src->store = api->store;
	src->clock = api->clock;
	src->behind_ms = api->stream_behind_ms;
	src->behind_bytes = api->stream_behind_bytes;
	int rc = request_query_only(req, "since,state,userID,kind,jobID", err);
	if (!rc)
		rc = read_since(src, req, &since, err);
	if (!rc)
		rc = job_filter_read(req, &src->q, err);
	if (!rc)
		rc = read_job(req, &src->job, err);
	if (!rc)
		rc = arena_create(1 << 20, &src->arena);
	if (!rc)
		rc = keep_texts(src, src->q.users, src->q.f.users);
	if (!rc)
		rc = keep_texts(src, src->q.kinds, src->q.f.kinds);
	return rc ? rc : find_place(src, since, err);
}

static int events(struct api *api, struct request *req, struct reply *reply)
{
	scoped(source_freep) struct source *src = calloc(1, sizeof(*src));
	int rc = src ? fill(src, api, req, &reply->err) : SL_E_NO_MEMORY;
	if (!rc)
		rc = stream_create(api->streams, req->caller, &stream_ops, src, &reply->stream,
				   &reply->err);
	if (rc)
		return rc;
	src->listener.stream = reply->stream;
	news_enter(api->news, &src->listener);
	src = NULL;
	reply->type = "text/event-stream";
	return 0;
}

static const struct route routes[] = {
	{
		.method = "GET",
		.pattern = "/v1/events",
		.needs = PRIV_READ_JOB,
		.handle = events,
		.summary = "State changes of jobs as they happen (Server-Sent Events)",
		.query = query,
		.produces = "text/event-stream",
	},
};

const struct route_group group_events = {routes, countof(routes)};
