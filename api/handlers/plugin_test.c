/* POST /v1/plugins/test: one signed sample call to a plugin, and the verdict on it. */
#include "api/api.h"
#include "api/handlers/schemas.h"
#include "core/ledger/feed.h"
#include "core/ledger/kept.h"
#include "core/policy/taskset.h"
#include "core/preview.h"
#include "core/trial.h"

enum { MOST_MS = 60000, TEXT_MAX = 16 << 20, DEPTH_MAX = 80 };

struct test_body {
	struct bytes key, authorization, signing_key, job_id;
	json_at plugin, header, job;
};

#define AT(member) .at = offsetof(struct test_body, member)

static const struct field fields[] = {
	{.name = "key",
	 .kind = FIELD_TEXT,
	 .flags = FIELD_FILLED,
	 AT(key),
	 .help = "A registered plugin, on or off; or:"},
	{.name = "plugin",
	 .kind = FIELD_OBJECT,
	 .flags = FIELD_FILLED,
	 AT(plugin),
	 .help = "a plugin as in a feature (its jobSelector is not needed).",
	 .of = &schema_plugin_input},
	{.name = "authorization",
	 .kind = FIELD_TEXT,
	 AT(authorization),
	 .help = "With plugin: sent as Authorization."},
	{.name = "signingKey",
	 .kind = FIELD_TEXT,
	 AT(signing_key),
	 .help = "With plugin: whsec_ and base64; without it a key that nobody knows signs."},
	{.name = "job",
	 .kind = FIELD_OBJECT,
	 .flags = FIELD_FILLED,
	 AT(job),
	 .help = "The document that the plugin is sent; by default a small TaskSet. A LifeHook "
		 "is sent a sample change of state.",
	 .of = &schema_job_document},
	{.name = "header",
	 .kind = FIELD_OBJECT,
	 AT(header),
	 .help = "Labels beside userID, jobName, jobKind and jobID."},
	{.name = "jobID",
	 .kind = FIELD_TEXT,
	 .flags = FIELD_FILLED,
	 AT(job_id),
	 .help = "Instead: what this job's stage was given."},
	{0},
};

/** What is sent, and to whom. */
struct testing {
	struct api *api;
	struct request *req;
	struct test_body body;
	const struct registry_ref *registry;
	const struct plugin *plugin;
	struct uuid job;
	struct buf sent; /* the request's body */
};

/* ---- whom ---- */

static int make_feature(struct testing *t, struct buf *to)
{
	scoped(jb_freep) struct json_object *f = jb_object();
	struct json_object *list = jb_array();
	jb_put_str(f, "name", "test");
	jb_put_str(f, "author", "test");
	jb_put_raw(f, "jobSelector", BYTES("{\"conditions\":[],\"expression\":\"*\"}"));
	jb_put_bytes(f, "authorization", t->body.authorization);
	if (t->body.signing_key.len)
		jb_put_bytes(f, "signingKey", t->body.signing_key);
	jb_add_raw(list, json_raw(&t->req->json, t->body.plugin));
	jb_put(f, "plugins", list);
	return jb_print(f, to);
}

static int take_unregistered(struct testing *t, struct sl_error *err)
{
	static const struct json_limits limits = {TEXT_MAX, DEPTH_MAX};
	struct feature_caller caller = {.may_write = true};
	scoped(buf_finip) struct buf text = {0};
	scoped(json_finip) struct json json = {0};
	buf_init(&text, TEXT_MAX);
	int rc = make_feature(t, &text);
	if (!rc)
		rc = json_parse(&json, buf_bytes(&text), &limits, err);
	if (!rc)
		rc = registry_alone(t->api->registry, &json, &caller, &t->registry, err);
	if (!rc)
		t->plugin = &t->registry->feature[0]->plugin[0];
	return rc;
}

static int take_registered(struct testing *t, struct sl_error *err)
{
	if (t->body.authorization.len || t->body.signing_key.len)
		return sl_fail(err, SL_E_INVALID,
			       "authorization, signingKey: a registered plugin has its feature's");
	t->registry = registry_take(t->api->registry);
	t->plugin = registry_plugin(t->registry, t->body.key);
	if (!t->plugin)
		return sl_fail(err, SL_E_NOT_FOUND, "key: there is no plugin %.*s",
			       BYTES_FMT(bytes_cut(t->body.key, 200)));
	/* The call is signed and authorised with that feature's secrets. */
	struct bytes author = t->req->caller->author;
	if (author.len && !bytes_is(author, t->plugin->feature->author))
		return sl_fail(err, SL_E_DENIED,
			       "key: this token calls plugins of features of %.*s only",
			       BYTES_FMT(author));
	if (t->plugin->feature->secrets_lost)
		return sl_fail(err, SL_E_CONFLICT,
			       "key: the secrets of its feature cannot be read with the key file "
			       "that is there now");
	return 0;
}

static int take_plugin(struct testing *t, struct sl_error *err)
{
	if ((t->body.plugin != JSON_NONE) == (t->body.key.len != 0))
		return sl_fail(err, t->body.key.len ? SL_E_INVALID : SL_E_LACK,
			       "key: send either key or plugin");
	int rc = t->body.key.len ? take_registered(t, err) : take_unregistered(t, err);
	bool given = t->body.job != JSON_NONE || t->body.header != JSON_NONE || t->body.job_id.len;
	if (!rc && t->plugin->type == PLUGIN_LIFEHOOK && given)
		return sl_fail(err, SL_E_INVALID,
			       "job: a LifeHook is sent a sample change of state and no job; "
			       "leave out job, header and jobID");
	return rc;
}

/* ---- what ---- */

static const char sample[] =
	"{\"apiVersion\":\"v1\",\"kind\":\"TaskSet\",\"metadata\":{\"name\":\"sample\"},\"spec\":{"
	"\"roles\":[{\"name\":\"main\",\"replicas\":1,\"template\":{\"spec\":{\"containers\":[{"
	"\"name\":\"main\",\"command\":[\"sh\",\"-c\",\"echo hello\"]}]}}}]}}";

static int make_stored(struct testing *t, struct sl_error *err)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	scoped(kept_finip) struct kept kept = {0};
	if (uuid_parse(t->body.job_id, &t->job))
		return sl_fail(err, SL_E_NOT_FOUND, "jobID: there is no such job");
	int rc = store_begin(t->api->store, STORE_READ, &txn);
	if (!rc)
		rc = kept_read(txn, t->job, t->plugin->type, &kept, err);
	if (rc)
		return sl_wrap(err, rc, "jobID: ");
	kept_body(kept.factors, kept.header, kept.document, &t->sent);
	return t->sent.rc;
}

static int make_document(struct testing *t, struct buf *to, struct bytes *ret_kind,
			 struct buf *kind_text, struct sl_error *err)
{
	static const struct json_limits limits = {TEXT_MAX, DEPTH_MAX};
	scoped(json_finip) struct json json = {0};
	struct bytes given =
		t->body.job != JSON_NONE ? json_raw(&t->req->json, t->body.job) : bytes_str(sample);
	int rc = json_parse(&json, given, &limits, err);
	if (rc)
		return rc;
	json_at kind = json_get(&json, 0, BYTES("kind"));
	if (kind == JSON_NONE || json_type(&json, kind) != JSON_STRING)
		return sl_fail(err, SL_E_LACK, "job.kind: is required");
	struct bytes text;
	rc = json_string(&json, kind, kind_text, &text);
	if (rc)
		return rc;
	*ret_kind = text; /* in the request, or in kind_text */
	if (t->plugin->type == PLUGIN_TRANSLATOR)
		buf_add_bytes(to, given);
	else if (!bytes_is(text, "TaskSet"))
		return sl_fail(err, SL_E_INVALID, "job.kind: a %s is sent a TaskSet",
			       plugin_type_name(t->plugin->type));
	else
		rc = taskset_fill(&json, 0, to, err);
	return rc ? rc : to->rc;
}

static int make_sample(struct testing *t, struct sl_error *err)
{
	scoped(buf_finip) struct buf header = {0}, document = {0}, kind = {0};
	buf_init(&header, TEXT_MAX);
	buf_init(&document, TEXT_MAX);
	buf_init(&kind, TEXT_MAX);
	struct submission s = {.user = BYTES("sample"),
			       .name = BYTES("sample"),
			       .json = &t->req->json,
			       .header = t->body.header};
	int rc = make_document(t, &document, &s.kind, &kind, err);
	t->job = preview_id(t->api->driver);
	if (!rc)
		rc = submission_header(&s, t->job, &header);
	if (rc)
		return rc;
	kept_body(BYTES("{}"), buf_bytes(&header), buf_bytes(&document), &t->sent);
	return t->sent.rc;
}

/* A change to the first state that the LifeHook is told of, on the straight way there. */
static int make_change(struct testing *t)
{
	static const enum job_state before[JOB_STATES] = {
		[JOB_PREPARING] = JOB_PREPARING, [JOB_SUSPENDED] = JOB_PREPARING,
		[JOB_WAITING] = JOB_PREPARING,   [JOB_RUNNING] = JOB_WAITING,
		[JOB_SUCCEEDED] = JOB_RUNNING,   [JOB_FAILED] = JOB_RUNNING,
		[JOB_STOPPED] = JOB_RUNNING,
	};
	enum job_state state = JOB_RUNNING;
	uint32_t states = t->plugin->states;
	if (states && !(states >> state & 1))
		state = (enum job_state)__builtin_ctz(states);
	uint32_t sequence = 1;
	for (enum job_state s = state; s != JOB_PREPARING; s = before[s])
		sequence++;
	t->job = preview_id(t->api->driver);
	struct feed_entry entry = {.job = t->job,
				   .state = state,
				   .previous = before[state],
				   .sequence = sequence,
				   .time_ms = clock_wall_ms(&clock_system),
				   .user = BYTES("sample"),
				   .name = BYTES("sample"),
				   .kind = BYTES("TaskSet"),
				   .reason = BYTES("a sample change")};
	feed_body(&entry, &t->sent);
	return t->sent.rc;
}

/* ---- the answer ---- */

static void add_summary(const struct testing *t, const struct trial *trial, struct buf *to)
{
	const char *key = t->body.key.len ? t->plugin->key : t->plugin->address[0];
	double ms = (double)trial->took_us / 1000;
	switch (trial->verdict) {
	case TRIAL_UNREACHED:
		buf_addf(to, "%s cannot be asked: ", key);
		break;
	case TRIAL_ILLEGAL:
		buf_addf(to,
			 "%s answered after %.1f ms, but what it says is no legal answer of a %s: ",
			 key, ms, plugin_type_name(t->plugin->type));
		break;
	case TRIAL_LEGAL:
		buf_addf(to, "%s answered after %.1f ms as its type, %s, should: ", key, ms,
			 plugin_type_name(t->plugin->type));
		break;
	}
	buf_add_bytes(to, buf_bytes(&trial->words));
}

static void show(const struct testing *t, const struct trial *trial, struct json_object *to)
{
	static const char *const names[] = {"unreached", "illegal", "legal"};
	scoped(buf_finip) struct buf summary = {0};
	bool compared = t->plugin->type == PLUGIN_DECORATOR || t->plugin->type == PLUGIN_BINDER;
	buf_init(&summary, TEXT_MAX);
	add_summary(t, trial, &summary);
	jb_put_loose(to, "summary", buf_bytes(&summary));
	jb_put_str(to, "verdict", names[trial->verdict]);
	jb_put_bool(to, "reached", trial->verdict != TRIAL_UNREACHED);
	if (trial->status)
		jb_put_int(to, "status", trial->status);
	jb_put_loose(to, trial->verdict == TRIAL_LEGAL ? "understood" : "wrong",
		     buf_bytes(&trial->words));
	if (compared && trial->verdict != TRIAL_UNREACHED)
		jb_put_bool(to, "incrementViolated", trial->violation);
	jb_put_int(to, "durationUs", (int64_t)trial->took_us);
	if (trial->answer.len)
		jb_put_loose(to, "answer", buf_bytes(&trial->answer));
	jb_put_raw(to, "sent", buf_bytes(&t->sent));
}

static int run(struct testing *t, struct reply *reply)
{
	struct trial trial = {0};
	struct trial_ask ask = {.plugin = t->plugin,
				.registry = t->registry,
				.job = t->job,
				.body = buf_bytes(&t->sent),
				.most_ms = MOST_MS,
				.gone = t->req->hung_up,
				.user = t->req->peer};
	int rc = driver_trial(t->api->driver, &ask, &trial, &reply->err);
	if (!rc) {
		reply->payload = jb_object();
		show(t, &trial, reply->payload);
	}
	trial_fini(&trial);
	return rc;
}

static int test(struct api *api, struct request *req, struct reply *reply)
{
	struct fields_in in = {&req->json, req->arena};
	struct testing t = {.api = api,
			    .req = req,
			    .body = {.plugin = JSON_NONE, .header = JSON_NONE, .job = JSON_NONE}};
	buf_init(&t.sent, TEXT_MAX);
	int rc = fields_read(&in, 0, fields, &t.body, &reply->err);
	if (!rc && t.body.job_id.len && (t.body.job != JSON_NONE || t.body.header != JSON_NONE))
		rc = sl_fail(&reply->err, SL_E_INVALID,
			     "jobID: send either jobID or job and header");
	if (!rc)
		rc = take_plugin(&t, &reply->err);
	if (!rc && t.plugin->type == PLUGIN_LIFEHOOK)
		rc = make_change(&t);
	else if (!rc)
		rc = t.body.job_id.len ? make_stored(&t, &reply->err)
				       : make_sample(&t, &reply->err);
	if (!rc)
		rc = run(&t, reply);
	buf_fini(&t.sent);
	registry_drop(t.registry);
	return rc;
}

static const struct schema_member verdict_members[] = {
	MEMBER("summary", TEXT, 0, NULL),
	MEMBER_WORD("verdict", "legal illegal unreached", 0, NULL),
	MEMBER("reached", BOOL, 0, "Did it answer?"),
	MEMBER("status", INT, SHAPE_MAYBE, "Of its answer."),
	MEMBER("understood", TEXT, SHAPE_MAYBE, "Of a legal answer."),
	MEMBER("wrong", TEXT, SHAPE_MAYBE, "What is wrong otherwise."),
	MEMBER("incrementViolated", BOOL, SHAPE_MAYBE, "It changed what it may not."),
	MEMBER("durationUs", INT, 0, "Microseconds."),
	MEMBER("answer", TEXT, SHAPE_MAYBE, "Its body."),
	MEMBER("sent", FREE, 0, "The body that it was sent."),
	{0},
};
static const struct schema verdict_schema = {.name = "PluginVerdict", .member = verdict_members};

static const struct route routes[] = {
	{
		.method = "POST",
		.pattern = "/v1/plugins/test",
		.needs = PRIV_WRITE_FEATURE,
		.flags = ROUTE_JSON,
		.handle = test,
		.summary = "One signed sample call to a plugin, registered or not; the verdict",
		.fields = fields,
		.payload = PAYLOAD(ONE_OF(verdict_schema)),
	},
};

const struct route_group group_plugin_test = {routes, countof(routes)};
