#include "api/handlers/log_source.h"

#include "core/policy/taskset.h"

#include <stdatomic.h>
#include <stdlib.h>

enum {
	LOOK_MS = 15000,   /* without any news: nothing is missed, this is for our peace */
	NOT_YET_MS = 1000, /* the engine cannot tell yet: its first log is to appear */
};

struct log_role {
	struct bytes name; /* in `names` */
	uint32_t replicas;
};

struct log_source {
	struct api *api;
	struct log_query query;
	struct log_reader reader;
	struct buf names, role; /* all roles' names; the one asked for */
	struct log_role *list;  /* NULL: the job has not been translated yet */
	uint32_t roles;
	struct log_place *place; /* of a follower */
	size_t places;
	bool final;
	/* waking */
	struct stream *stream;
	struct watch_ear ear;
	struct log_follower follower;
	bool listens, follows;
	atomic_bool moved;
};

struct log_source *log_source_free(struct log_source *s)
{
	if (!s)
		return NULL;
	if (s->follows)
		s->reader.engine->ops->unfollow_logs(s->reader.engine, &s->follower);
	if (s->listens)
		watch_unlisten(driver_watch(s->api->driver), &s->ear);
	log_reader_fini(&s->reader);
	buf_fini(&s->names);
	buf_fini(&s->role);
	free(s->list);
	free(s->place);
	free(s);
	return NULL;
}

/* ---- which logs there are ---- */

static bool wants_role(const struct log_source *s, struct bytes name)
{
	return !s->role.len || bytes_eq(buf_bytes(&s->role), name);
}

static bool wants(const struct log_source *s, const struct log_place *at)
{
	return wants_role(s, s->list[at->role].name) &&
	       (s->query.replica < 0 || s->query.replica == at->index) &&
	       (!s->query.stream || strcmp(s->query.stream, log_stream_name[at->stream]) == 0);
}

/* The next one that is wanted, from `at` on; false: there is none. */
static bool next_place(const struct log_source *s, struct log_place *at, bool first)
{
	for (bool step = !first;; step = true) {
		if (step && at->stream == 0) {
			at->stream = 1;
		} else if (step) {
			at->stream = 0;
			at->index++;
		}
		while (at->role < s->roles && at->index >= s->list[at->role].replicas) {
			at->role++;
			at->index = 0;
		}
		if (at->role >= s->roles)
			return false;
		if (wants(s, at))
			return true;
	}
}

static size_t count_places(const struct log_source *s)
{
	struct log_place at = {0};
	size_t n = 0;
	for (bool first = true; next_place(s, &at, first); first = false)
		n++;
	return n;
}

static int copy_roles(struct log_source *s, const struct taskset *set)
{
	s->list = calloc(set->roles ? set->roles : 1, sizeof(*s->list));
	if (!s->list)
		return SL_E_NO_MEMORY;
	s->roles = set->roles;
	for (uint32_t i = 0; i < set->roles; i++)
		buf_add_bytes(&s->names, set->role[i].name);
	if (s->names.rc)
		return s->names.rc;
	const char *at = s->names.at;
	for (uint32_t i = 0; i < set->roles; i++) {
		s->list[i] = (struct log_role){bytes_of(at, set->role[i].name.len),
					       set->role[i].replicas};
		at += set->role[i].name.len;
	}
	return 0;
}

static int check_role(const struct log_source *s, struct sl_error *err)
{
	for (uint32_t i = 0; i < s->roles; i++)
		if (wants_role(s, s->list[i].name))
			return 0;
	return s->role.len ? sl_fail(err, SL_E_NOT_FOUND, "role: the job has no role %.*s",
				     (int)s->role.len, s->role.at)
			   : 0;
}

static int list_places(struct log_source *s, struct sl_error *err)
{
	size_t n = count_places(s);
	s->reader.raw = n == 1;
	if (!s->query.follow)
		return 0;
	if (n > LOG_PLACES_MAX)
		return sl_fail(err, SL_E_INVALID,
			       "follow: the job has %zu logs, and %d can be followed at a time; "
			       "choose with role, replica or stream",
			       n, LOG_PLACES_MAX);
	s->place = calloc(n ? n : 1, sizeof(*s->place));
	if (!s->place)
		return SL_E_NO_MEMORY;
	struct log_place at = {0};
	for (bool first = true; next_place(s, &at, first); first = false)
		s->place[s->places++] = at;
	return 0;
}

static int take_taskset(struct log_source *s, struct bytes doc, struct sl_error *err)
{
	static const struct json_limits limits = {REPLY_MAX, 80};
	scoped(json_finip) struct json json = {0};
	struct taskset *set = NULL;
	int rc = json_parse(&json, doc, &limits, err);
	if (!rc)
		rc = taskset_read(&json, 0, &set, err);
	if (!rc)
		rc = copy_roles(s, set);
	taskset_free(set);
	if (!rc)
		rc = check_role(s, err);
	return rc ? rc : list_places(s, err);
}

/* How the job stands now. One that has gone is final. */
static int look(struct log_source *s, struct sl_error *err)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct bytes doc;
	struct job job;
	int rc = store_begin(s->api->store, STORE_READ, &txn);
	if (!rc)
		rc = ledger_get(txn, s->reader.job, &job);
	s->final = rc == SL_E_NOT_FOUND || (!rc && job_final(job.state));
	if (rc)
		return rc == SL_E_NOT_FOUND ? 0 : rc;
	if (!s->reader.engine && job.engine.len)
		s->reader.engine = driver_engine(s->api->driver, job.engine);
	if (s->list || !s->reader.engine || ledger_doc(txn, job.id, PART_TASKSET, &doc))
		return 0;
	return take_taskset(s, doc, err);
}

/* ---- waking ---- */

static void on_move(void *user)
{
	struct log_source *s = user;
	atomic_store(&s->moved, true);
	stream_wake(s->stream);
}

static void on_growth(void *user) { stream_wake(((struct log_source *)user)->stream); }

void log_source_bind(struct log_source *s, struct stream *stream)
{
	s->stream = stream;
	if (!s->query.follow)
		return;
	s->ear = (struct watch_ear){.job = s->reader.job, .heard = on_move, .user = s};
	watch_listen(driver_watch(s->api->driver), &s->ear);
	s->listens = true;
	atomic_store(&s->moved, true); /* it may have before */
}

static void follow_engine(struct log_source *s)
{
	struct engine *e = s->reader.engine;
	if (s->follows || !e || !e->ops->follow_logs)
		return;
	s->follower = (struct log_follower){.job = s->reader.job, .grown = on_growth, .user = s};
	s->follows = e->ops->follow_logs(e, &s->follower);
}

/* ---- running ---- */

static int read_once(struct log_source *s)
{
	struct log_place at = {0};
	int rc = 0;
	for (bool first = true; !rc && next_place(s, &at, first); first = false) {
		struct log_place one = {.role = at.role, .index = at.index, .stream = at.stream};
		rc = log_read(&s->reader, &one, s->list[at.role].name, s->query.tail, LOG_ENDS);
	}
	return rc;
}

static int read_news(struct log_source *s)
{
	int rc = 0;
	for (size_t i = 0; !rc && i < s->places; i++)
		rc = log_read(&s->reader, &s->place[i], s->list[s->place[i].role].name,
			      s->query.tail, s->final ? LOG_ENDS : LOG_GOES_ON);
	return rc;
}

static int follow(struct log_source *s)
{
	for (;;) {
		int rc = 0;
		if (atomic_exchange(&s->moved, false))
			rc = look(s, NULL);
		follow_engine(s);
		if (!rc)
			rc = read_news(s);
		if (rc || s->final)
			return rc;
		if (stream_ending(s->stream))
			return SL_E_CANCELED;
		rc = stream_wait(s->stream, s->follows ? LOOK_MS : NOT_YET_MS);
		if (rc == SL_E_CANCELED)
			return rc;
		if (rc == SL_E_TIMEOUT)
			atomic_store(&s->moved, true);
	}
}

static int run(void *user, struct stream *stream)
{
	struct log_source *s = user;
	s->reader.to = stream;
	if (s->query.follow)
		return follow(s);
	return s->list ? read_once(s) : 0;
}

static void let_go(void *user) { log_source_free(user); }

const struct stream_ops log_stream_ops = {.run = run, .free = let_go};

int log_source_create(struct api *api, struct uuid job, const struct log_query *query,
		      struct log_source **ret, struct sl_error *err)
{
	scoped(log_source_freep) struct log_source *s = calloc(1, sizeof(*s));
	if (!s)
		return SL_E_NO_MEMORY;
	s->api = api;
	s->query = *query;
	log_reader_init(&s->reader);
	s->reader.job = job;
	s->reader.json = query->json;
	buf_init(&s->names, REPLY_MAX);
	buf_init(&s->role, 4096);
	buf_add_bytes(&s->role, query->role);
	int rc = s->role.rc ? s->role.rc : look(s, err);
	if (!rc && !s->list && s->role.len && (s->final || !query->follow))
		rc = sl_fail(err, SL_E_NOT_FOUND, "role: the job has no roles%s",
			     s->final ? "" : " yet");
	if (!rc)
		*ret = take_ptr(&s);
	return rc;
}
