/* POST /v1/features/replay: what a candidate would have done to jobs that were. Each job is
 * a dry run from the first stage that the candidate has, on what that stage was given then;
 * what differs from what the store knows is told. Touches nothing.
 *
 * An answer holds as many jobs as fit into its time and size; `next` is what to send for the rest.
 */
#include "api/handlers/feature_replay.h"
#include "api/handlers/schemas.h"

enum {
	LAST_DEFAULT = 20,
	JOBS_MAX = 1000,
	PAGE_MS = 20000,      /* after which no further job is begun, */
	PAGE_BYTES = 8 << 20, /* likewise, of values that are told */
	JOB_MS = 30000,       /* of one job */
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
	 .help = "The candidate, as it would be registered; or:",
	 .of = &schema_feature_input},
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
	uint64_t count[REPLAY_OUTCOMES];
	size_t told; /* bytes of values */
};

/* Would the candidate be asked about it? */
static int look_for_match(struct replaying *r, struct replay_past *p)
{
	static const struct json_limits limits = {REPLAY_TEXT_MAX, REPLAY_DEPTH_MAX};
	scoped(json_finip) struct json header = {0};
	int rc = json_parse(&header, p->header, &limits, NULL);
	for (uint32_t i = 0; !rc && i < r->feature->plugins && !p->concerned; i++)
		p->concerned = r->feature->plugin[i].type < PLUGIN_STAGES &&
			       selector_match(r->feature->plugin[i].selector, r->scratch, &header,
					      NULL) != VERDICT_FALSE;
	return rc;
}

/* ---- one job ---- */

static int try_job(struct replaying *r, const struct replay_past *p, struct json_object *result,
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
	enum replay_outcome outcome;
	if (!rc)
		rc = replay_compare(r->stage, p, now, result, &outcome, &r->told);
	if (!rc)
		r->count[outcome]++;
	return rc;
}

static void leave_out(struct replaying *r, struct json_object *result, enum replay_outcome outcome,
		      const char *words)
{
	r->count[outcome]++;
	jb_put_str(result, "outcome", replay_outcome_name(outcome));
	if (words)
		jb_put_str(result, "reason", words);
}

static int replay_job(struct replaying *r, struct uuid id, struct json_object *list,
		      struct sl_error *err)
{
	scoped(arena_freep) struct arena *arena = NULL;
	char text[UUID_TEXT_SIZE];
	int rc = arena_create(REPLAY_TEXT_MAX * 4, &arena);
	struct replay_past *p = rc ? NULL : arena_alloc(arena, sizeof(*p));
	if (!p)
		return SL_E_NO_MEMORY;
	p->arena = arena;
	struct json_object *result = jb_object();
	jb_put_str(result, "jobID", uuid_format(id, text));
	jb_add(list, result);
	rc = replay_past_load(r->api->store, id, r->feature, r->stage, p, err);
	if (rc == SL_E_NOT_FOUND || rc == SL_E_GONE) {
		leave_out(r, result, REPLAY_LEFT, err->text);
		return 0;
	}
	if (!rc)
		rc = look_for_match(r, p);
	if (!rc && !p->concerned) {
		leave_out(r, result, REPLAY_UNCONCERNED, NULL);
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
	static const struct json_limits limits = {REPLAY_TEXT_MAX, REPLAY_DEPTH_MAX};
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
	while (!rc && done < r->jobs &&
	       (!done || (r->told < PAGE_BYTES && clock_mono_ms(&clock_system) < end_ms)))
		rc = replay_job(r, r->job[done++], results, err);
	for (int i = 0; i < REPLAY_OUTCOMES; i++)
		jb_put_int(sum, replay_outcome_name((enum replay_outcome)i), (int64_t)r->count[i]);
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

static const struct schema_member sum_members[] = {
	MEMBER("same", INT, 0, NULL),
	MEMBER("changed", INT, 0, NULL),
	MEMBER("failed", INT, 0, NULL),
	MEMBER("notConcerned", INT, 0, NULL),
	MEMBER("leftOut", INT, 0, NULL),
	MEMBER("jobs", INT, 0, "All together."),
	{0},
};
static const struct schema sum_schema = {.name = "ReplaySum", .member = sum_members};

static const struct schema_member next_members[] = {
	MEMBER("jobIDs", UUID, SHAPE_LIST | SHAPE_MAYBE, NULL),
	MEMBER("last", INT, SHAPE_MAYBE, NULL),
	MEMBER("after", UUID, SHAPE_MAYBE, NULL),
	{0},
};
static const struct schema next_schema = {.name = "ReplayNext", .member = next_members};

static const struct schema_member replay_members[] = {
	MEMBER("feature", TEXT, 0, NULL),
	MEMBER_OF("from", schema_plugin_type, 0, "The stage that it begins with."),
	MEMBER_OF("sum", sum_schema, 0, NULL),
	MEMBER_OF("results", schema_replay_result, SHAPE_LIST, NULL),
	MEMBER_OF("next", next_schema, SHAPE_MAYBE, "What to send for the rest, with the feature."),
	{0},
};
static const struct schema replay_schema = {.name = "Replay", .member = replay_members};

static const struct route routes[] = {
	{
		.method = "POST",
		.pattern = "/v1/features/replay",
		.needs = PRIV_WRITE_FEATURE,
		.flags = ROUTE_JSON,
		.handle = replay,
		.summary = "Run stored jobs through a candidate as dry runs; what would change",
		.fields = fields,
		.payload = PAYLOAD(ONE_OF(replay_schema)),
	},
};

const struct route_group group_feature_replay = {routes, countof(routes)};
