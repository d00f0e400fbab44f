/* POST /v1/features/replay: what a candidate would have done to jobs that were. Each job is
 * a dry run from the first stage that the candidate has, on what that stage was given then;
 * what differs from what the store knows is told. Touches nothing.
 *
 * An answer holds as many jobs as fit into its time; `next` is what to send for the rest. */
#include "api/api.h"
#include "api/handlers/preview_show.h"
#include "core/json/diff.h"
#include "core/kept.h"
#include "core/preview.h"
#include "core/progress.h"

enum {
	LAST_DEFAULT = 20,
	JOBS_MAX = 1000,
	PAGE_MS = 20000,  /* after which no further job is begun */
	JOB_MS = 30000,   /* of one job */
	DIFFS_MAX = 50,   /* told of one job */
	VALUE_MAX = 2000, /* bytes of a value that is told */
	TEXT_MAX = 64 << 20,
	DEPTH_MAX = 80,
};

struct replay_body {
	json_at feature, jobs;
	struct bytes name, after;
	int64_t last;
};

#define AT(member) .at = offsetof(struct replay_body, member)

static const struct field fields[] = {
	{.name = "feature",
	 .kind = FIELD_OBJECT,
	 .flags = FIELD_FILLED,
	 AT(feature),
	 .help = "The candidate, as it would be registered; or:"},
	{.name = "name",
	 .kind = FIELD_TEXT,
	 .flags = FIELD_FILLED,
	 AT(name),
	 .help = "a registered feature, on or off."},
	{.name = "last",
	 .kind = FIELD_INT,
	 AT(last),
	 .min = 1,
	 .max = JOBS_MAX,
	 .help = "So many jobs, the newest first (20); or:"},
	{.name = "jobIDs",
	 .kind = FIELD_ARRAY,
	 .flags = FIELD_FILLED,
	 AT(jobs),
	 .max = JOBS_MAX,
	 .help = "these."},
	{.name = "after",
	 .kind = FIELD_TEXT,
	 .flags = FIELD_FILLED,
	 AT(after),
	 .help = "With last: behind this job."},
	{0},
};

enum outcome { OUT_SAME, OUT_CHANGED, OUT_FAILED, OUT_UNCONCERNED, OUT_LEFT, OUTCOMES };

static const char *const outcome_names[] = {"same", "changed", "failed", "notConcerned", "leftOut"};

struct replaying {
	struct api *api;
	struct request *req;
	struct replay_body body;
	const struct registry_ref *registry;
	const struct feature *feature;
	enum plugin_type stage;
	struct selector_scratch *scratch;
	struct uuid *job;
	size_t jobs;
	uint64_t count[OUTCOMES];
};

/** What was, copied out of the store. */
struct past {
	struct arena *arena;
	struct job job;
	struct bytes header, document, factors_given, submitted, taskset, factors;
	bool admitted, concerned;
	struct {
		struct bytes plugin, outcome;
		uint8_t stage;
	} call[256];
	size_t calls;
};

/* ---- what was ---- */

struct reading_past {
	const struct replaying *r;
	struct past *past;
};

static bool of_feature(const struct replaying *r, struct bytes key)
{
	const char *dot = key.len ? memchr(key.at, '.', key.len) : NULL;
	size_t n = strlen(r->feature->name), rest;
	if (!dot)
		return false;
	rest = key.len - (size_t)(dot + 1 - (const char *)key.at);
	return rest > n && memcmp(dot + 1, r->feature->name, n) == 0 && dot[1 + n] == '.';
}

static bool note_call(void *user, uint32_t number SL_UNUSED, const struct event *e)
{
	struct reading_past *q = user;
	struct past *p = q->past;
	size_t i = 0;
	if (e->type != EVENT_CALL || e->stage < q->r->stage || e->stage >= PLUGIN_STAGES)
		return true;
	while (i < p->calls && !bytes_eq(p->call[i].plugin, e->plugin))
		i++; /* the last one counts */
	if (i == countof(p->call) || arena_copy(p->arena, e->plugin, &p->call[i].plugin) ||
	    arena_copy(p->arena, e->outcome, &p->call[i].outcome))
		return true;
	p->call[i].stage = e->stage;
	p->calls += i == p->calls;
	p->concerned = p->concerned || of_feature(q->r, e->plugin);
	return true;
}

static int copy_doc(struct store_txn *txn, struct past *p, enum job_part part, struct bytes *ret)
{
	struct bytes doc;
	int rc = ledger_doc(txn, p->job.id, part, &doc);
	return rc == SL_E_NOT_FOUND ? 0 : rc ? rc : arena_copy(p->arena, doc, ret);
}

static int copy_kept(struct store_txn *txn, struct past *p, enum plugin_type stage,
		     struct sl_error *err)
{
	scoped(kept_finip) struct kept kept = {0};
	int rc = kept_read(txn, p->job.id, stage, &kept, err);
	if (!rc)
		rc = arena_copy(p->arena, kept.header, &p->header);
	if (!rc)
		rc = arena_copy(p->arena, kept.document, &p->document);
	return rc ? rc : arena_copy(p->arena, kept.factors, &p->factors_given);
}

static int copy_job(struct store_txn *txn, struct uuid id, struct past *p)
{
	scoped(buf_finip) struct buf keep = {0};
	struct bytes record;
	buf_init(&keep, TEXT_MAX);
	int rc = ledger_load(txn, id, &keep, &p->job);
	if (!rc)
		rc = arena_copy(p->arena, buf_bytes(&keep), &record);
	return rc ? rc : job_decode(record, &p->job);
}

static int load_past(struct replaying *r, struct uuid id, struct past *p, struct sl_error *err)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct reading_past q = {r, p};
	struct progress progress = {0};
	struct bytes doc;
	int rc = store_begin(r->api->store, STORE_READ, &txn);
	if (!rc)
		rc = copy_job(txn, id, p);
	if (rc)
		return rc == SL_E_NOT_FOUND ? sl_fail(err, rc, "there is no such job") : rc;
	rc = copy_kept(txn, p, r->stage, err);
	if (!rc)
		rc = copy_doc(txn, p, PART_JOB, &p->submitted);
	if (!rc)
		rc = copy_doc(txn, p, PART_TASKSET, &p->taskset);
	if (!rc)
		rc = copy_doc(txn, p, PART_FACTORS, &p->factors);
	if (!rc)
		rc = ledger_events(txn, id, 0, note_call, &q);
	p->admitted = ledger_doc(txn, id, PART_PROGRESS, &doc) == 0 &&
		      progress_decode(doc, &progress) == 0 && progress.stage == PLUGIN_STAGES;
	return rc;
}

/* Would the candidate be asked about it? */
static int look_for_match(struct replaying *r, struct past *p)
{
	static const struct json_limits limits = {TEXT_MAX, DEPTH_MAX};
	scoped(json_finip) struct json header = {0};
	int rc = json_parse(&header, p->header, &limits, NULL);
	for (uint32_t i = 0; !rc && i < r->feature->plugins && !p->concerned; i++)
		p->concerned = r->feature->plugin[i].type < PLUGIN_STAGES &&
			       selector_match(r->feature->plugin[i].selector, r->scratch, &header,
					      NULL) != VERDICT_FALSE;
	return rc;
}

/* ---- what differs ---- */

struct differences {
	struct json_object *list;
	const struct json *a, *b;
	const char *what;
	uint32_t n;
};

static struct json_object *add(struct differences *d, const char *what)
{
	struct json_object *to = NULL;
	if (d->n++ < DIFFS_MAX) {
		to = jb_object();
		jb_put_str(to, "what", what);
		jb_add(d->list, to);
	}
	return to;
}

static void put_value(struct json_object *to, const char *key, const struct json *j, json_at at)
{
	if (at == JSON_NONE)
		jb_put_null(to, key);
	else if (json_raw(j, at).len > VALUE_MAX)
		jb_put_loose(to, key, bytes_cut(json_raw(j, at), VALUE_MAX));
	else
		jb_put_raw(to, key, json_raw(j, at));
}

static bool add_path(void *user, struct bytes pointer, json_at a, json_at b)
{
	struct differences *d = user;
	struct json_object *to = add(d, d->what);
	if (to) {
		jb_put_bytes(to, "path", pointer);
		put_value(to, "old", d->a, a);
		put_value(to, "new", d->b, b);
	}
	return true;
}

static int compare_documents(struct differences *d, const char *what, struct bytes old,
			     struct bytes new)
{
	static const struct json_limits limits = {TEXT_MAX, DEPTH_MAX};
	scoped(json_finip) struct json a = {0}, b = {0};
	int rc = json_parse(&a, old.len ? old : BYTES("{}"), &limits, NULL);
	if (!rc)
		rc = json_parse(&b, new.len ? new : BYTES("{}"), &limits, NULL);
	d->a = &a;
	d->b = &b;
	d->what = what;
	return rc ? rc : json_diff(&a, &b, add_path, d);
}

static bool was_skipped(const struct preview *now, struct bytes plugin)
{
	for (size_t i = 0; i < now->skips; i++)
		if (bytes_is(plugin, now->skipped[i].key))
			return true;
	return false;
}

static const struct event *call_now(const struct preview *now, struct bytes plugin)
{
	const struct event *found = NULL;
	for (size_t i = 0; i < now->events; i++)
		if (now->event[i].type == EVENT_CALL && bytes_eq(now->event[i].plugin, plugin))
			found = &now->event[i];
	return found;
}

static void put_text(struct json_object *to, const char *key, struct bytes text)
{
	if (text.len)
		jb_put_bytes(to, key, text);
	else
		jb_put_null(to, key);
}

static void compare_call(struct differences *d, const struct past *p, const struct preview *now,
			 const struct event *e)
{
	struct bytes old = {NULL, 0};
	for (size_t i = 0; i < p->calls; i++)
		if (bytes_eq(p->call[i].plugin, e->plugin))
			old = p->call[i].outcome;
	if (e->type != EVENT_CALL || call_now(now, e->plugin) != e || bytes_eq(old, e->outcome))
		return;
	struct json_object *to = add(d, e->stage == PLUGIN_GATE ? "decision" : "answer");
	if (!to)
		return;
	jb_put_bytes(to, "plugin", e->plugin);
	put_text(to, "old", old);
	put_text(to, "new", e->outcome);
	put_text(to, "reason", e->reason);
}

static void compare_calls(struct differences *d, const struct past *p, const struct preview *now)
{
	for (size_t i = 0; i < now->events; i++)
		compare_call(d, p, now, &now->event[i]);
	bool ran_through = now->complete && now->state == JOB_WAITING;
	for (size_t i = 0; i < p->calls && ran_through; i++) {
		struct bytes plugin = p->call[i].plugin;
		struct json_object *to;
		if (call_now(now, plugin) || was_skipped(now, plugin) ||
		    !(to = add(d, p->call[i].stage == PLUGIN_GATE ? "decision" : "answer")))
			continue;
		jb_put_bytes(to, "plugin", plugin);
		put_text(to, "old", p->call[i].outcome);
		jb_put_null(to, "new");
	}
}

static void compare_ends(struct differences *d, const struct past *p, const struct preview *now,
			 struct json_object *result)
{
	bool admitted = now->complete && now->state == JOB_WAITING;
	const char *old = p->admitted ? "admitted" : job_state_name(p->job.state);
	const char *new = admitted ? "admitted" : job_state_name(now->state);
	jb_put_str(result, "was", old);
	jb_put_str(result, "wouldBe", now->complete ? new : "unknown");
	if (!now->complete || strcmp(old, new) == 0)
		return;
	if (!p->admitted && was_skipped(now, p->job.plugin)) {
		jb_put_bytes(result, "decidedBy", p->job.plugin); /* which was not asked now */
		return;
	}
	struct json_object *to = add(d, "state");
	if (!to)
		return;
	jb_put_str(to, "old", old);
	jb_put_str(to, "new", new);
	jb_put_bytes(to, "reason", now->reason);
}

static int compare(struct replaying *r, const struct past *p, const struct preview *now,
		   struct json_object *result)
{
	struct differences d = {.list = jb_array()};
	bool both = p->admitted && now->complete && now->state == JOB_WAITING;
	int rc = 0;
	compare_ends(&d, p, now, result);
	compare_calls(&d, p, now);
	if (r->stage <= PLUGIN_FACTOR && now->events)
		rc = compare_documents(&d, "factors", p->factors, now->factors);
	if (!rc && both)
		rc = compare_documents(&d, "taskset", p->taskset, now->taskset);
	bool fails = now->state == JOB_FAILED && now->complete &&
		     (p->admitted || p->job.state != JOB_FAILED);
	enum outcome outcome = fails ? OUT_FAILED : d.n ? OUT_CHANGED : OUT_SAME;
	r->count[outcome]++;
	jb_put_str(result, "outcome", outcome_names[outcome]);
	if (fails || !now->complete)
		jb_put_bytes(result, "reason", now->complete ? now->reason : bytes_str(now->cut));
	jb_put(result, "changes", d.list);
	if (d.n > DIFFS_MAX)
		jb_put_int(result, "moreChanges", d.n - DIFFS_MAX);
	struct json_object *skipped = jb_array();
	for (size_t i = 0; i < now->skips; i++)
		jb_add_bytes(skipped, bytes_str(now->skipped[i].key));
	jb_put(result, "skipped", skipped);
	return rc;
}

/* ---- one job ---- */

static int try_job(struct replaying *r, const struct past *p, struct json_object *result,
		   struct sl_error *err)
{
	scoped(preview_freep) struct preview *now = NULL;
	struct preview_options options = {.registry = r->registry,
					  .most_ms = JOB_MS,
					  .gone = r->req->hung_up,
					  .user = r->req->peer};
	bool first = r->stage == PLUGIN_TRANSLATOR;
	struct preview_from from = {.id = p->job.id,
				    .user = p->job.user,
				    .name = p->job.name,
				    .kind = p->job.kind,
				    .header = p->header,
				    .submitted = p->submitted,
				    .taskset = first ? bytes_of("", 0) : p->document,
				    .factors = r->stage > PLUGIN_FACTOR ? p->factors_given
									: bytes_of("", 0),
				    .stage = r->stage};
	int rc = driver_preview(r->api->driver, &from, &options, &now, err);
	return rc ? rc : compare(r, p, now, result);
}

static void leave_out(struct replaying *r, struct json_object *result, enum outcome outcome,
		      const char *words)
{
	r->count[outcome]++;
	jb_put_str(result, "outcome", outcome_names[outcome]);
	if (words)
		jb_put_str(result, "reason", words);
}

static int replay_job(struct replaying *r, struct uuid id, struct json_object *list,
		      struct sl_error *err)
{
	scoped(arena_freep) struct arena *arena = NULL;
	char text[UUID_TEXT_SIZE];
	int rc = arena_create(TEXT_MAX * 4, &arena);
	struct past *p = rc ? NULL : arena_alloc(arena, sizeof(*p));
	if (!p)
		return SL_E_NO_MEMORY;
	p->arena = arena;
	struct json_object *result = jb_object();
	jb_put_str(result, "jobID", uuid_format(id, text));
	jb_add(list, result);
	rc = load_past(r, id, p, err);
	if (rc == SL_E_NOT_FOUND || rc == SL_E_GONE) {
		leave_out(r, result, OUT_LEFT, err->text);
		return 0;
	}
	if (!rc)
		rc = look_for_match(r, p);
	if (!rc && !p->concerned) {
		leave_out(r, result, OUT_UNCONCERNED, NULL);
		return 0;
	}
	return rc ? rc : try_job(r, p, result, err);
}

/* ---- all of them ---- */

struct gathering {
	struct replaying *r;
	size_t most;
};

static bool gather(void *user, const struct job *job)
{
	struct gathering *g = user;
	g->r->job[g->r->jobs++] = job->id;
	return g->r->jobs < g->most;
}

static int gather_last(struct replaying *r, struct sl_error *err)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct job_filter all = {0};
	struct uuid after = {{0}};
	struct gathering g = {r, (size_t)r->body.last};
	if (r->body.after.len && uuid_parse(r->body.after, &after))
		return sl_fail(err, SL_E_INVALID, "after: is no job id");
	int rc = store_begin(r->api->store, STORE_READ, &txn);
	return rc ? rc : ledger_walk(txn, &all, true, after, gather, &g);
}

static int gather_named(struct replaying *r, struct sl_error *err)
{
	const struct json *j = &r->req->json;
	struct fields_in in = {j, r->req->arena};
	for (json_at e = json_first(j, r->body.jobs); e != JSON_NONE;
	     e = json_next(j, r->body.jobs, e)) {
		struct bytes text;
		if (json_type(j, e) != JSON_STRING || fields_text(&in, e, &text) ||
		    uuid_parse(text, &r->job[r->jobs]))
			return fields_fail(&in, e, err, SL_E_INVALID, "must be a job id");
		r->jobs++;
	}
	return 0;
}

static int take_candidate(struct replaying *r, struct sl_error *err)
{
	static const struct json_limits limits = {TEXT_MAX, DEPTH_MAX};
	struct feature_caller caller = {.may_write = true, .author = r->req->caller->author};
	struct selector_limits bounds = {r->api->regex_value_max, SELECTOR_STEPS_MAX};
	scoped(json_finip) struct json json = {0};
	bool given = r->body.feature != JSON_NONE;
	if (given == (r->body.name.len != 0))
		return sl_fail(err, given ? SL_E_INVALID : SL_E_LACK,
			       "feature: send either feature or name");
	int rc = given ? json_parse(&json, json_raw(&r->req->json, r->body.feature), &limits, err)
		       : 0;
	if (!rc)
		rc = registry_preview(r->api->registry, r->body.name, given ? &json : NULL, &caller,
				      &r->registry, &r->feature, err);
	if (rc)
		return sl_wrap(err, rc, given ? "feature: " : "name: ");
	r->stage = PLUGIN_STAGES;
	for (uint32_t i = 0; i < r->feature->plugins; i++)
		if (r->feature->plugin[i].type < r->stage)
			r->stage = r->feature->plugin[i].type;
	if (r->stage == PLUGIN_STAGES)
		return sl_fail(err, SL_E_INVALID,
			       "plugins: it has LifeHooks only, which decide nothing");
	return selector_scratch_create(&bounds, &r->scratch);
}

static void put_next(const struct replaying *r, size_t done, struct json_object *to)
{
	char text[UUID_TEXT_SIZE];
	struct json_object *next = jb_object(), *list;
	if (r->body.jobs != JSON_NONE) {
		list = jb_array();
		for (size_t i = done; i < r->jobs; i++)
			jb_add_bytes(list, bytes_str(uuid_format(r->job[i], text)));
		jb_put(next, "jobIDs", list);
	} else {
		jb_put_int(next, "last", r->body.last - (int64_t)done);
		jb_put_str(next, "after", uuid_format(r->job[done - 1], text));
	}
	jb_put(to, "next", next);
}

static int replay_all(struct replaying *r, struct json_object *to, struct sl_error *err)
{
	struct json_object *results = jb_array(), *sum = jb_object();
	int64_t end_ms = clock_mono_ms(&clock_system) + PAGE_MS;
	size_t done = 0;
	int rc = 0;
	while (!rc && done < r->jobs && (!done || clock_mono_ms(&clock_system) < end_ms))
		rc = replay_job(r, r->job[done++], results, err);
	for (int i = 0; i < OUTCOMES; i++)
		jb_put_int(sum, outcome_names[i], (int64_t)r->count[i]);
	jb_put_int(sum, "jobs", (int64_t)done);
	jb_put_str(to, "feature", r->feature->name);
	jb_put_str(to, "from", plugin_type_name(r->stage));
	jb_put(to, "sum", sum);
	jb_put(to, "results", results);
	if (!rc && done < r->jobs)
		put_next(r, done, to);
	return rc;
}

static int replay(struct api *api, struct request *req, struct reply *reply)
{
	struct fields_in in = {&req->json, req->arena};
	struct replaying r = {
		.api = api,
		.req = req,
		.body = {.feature = JSON_NONE, .jobs = JSON_NONE, .last = LAST_DEFAULT}};
	int rc = fields_read(&in, 0, fields, &r.body, &reply->err);
	if (!rc)
		rc = take_candidate(&r, &reply->err);
	if (!rc && !(r.job = arena_alloc(req->arena, JOBS_MAX * sizeof(*r.job))))
		rc = SL_E_NO_MEMORY;
	if (!rc)
		rc = r.body.jobs != JSON_NONE ? gather_named(&r, &reply->err)
					      : gather_last(&r, &reply->err);
	if (!rc) {
		reply->payload = jb_object();
		rc = replay_all(&r, reply->payload, &reply->err);
	}
	selector_scratch_free(r.scratch);
	registry_drop(r.registry);
	return rc;
}

static const struct route routes[] = {
	{
		.method = "POST",
		.pattern = "/v1/features/replay",
		.needs = PRIV_WRITE_FEATURE,
		.flags = ROUTE_JSON,
		.handle = replay,
		.summary = "Run stored jobs through a candidate as dry runs; what would change",
		.fields = fields,
		.payload = "{\"type\":\"object\",\"properties\":{\"sum\":{\"type\":\"object\"},"
			   "\"results\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}},"
			   "\"next\":{\"type\":\"object\"}}}",
	},
};

const struct route_group group_feature_replay = {routes, countof(routes)};
