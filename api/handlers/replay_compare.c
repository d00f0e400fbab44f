/* What a candidate would have changed of a job: its end, decisions, factors, TaskSet. */
#include "api/handlers/feature_replay.h"
#include "api/handlers/schemas.h"
#include "core/diff.h"

enum {
	DIFFS_MAX = 50,   /* told of one job */
	VALUE_MAX = 2000, /* bytes of a value that is told */
};

static const struct schema_member change_members[] = {
	MEMBER_WORD("what", "state decision answer factors taskset", 0, NULL),
	MEMBER("path", TEXT, SHAPE_MAYBE, "A JSON pointer."),
	MEMBER("plugin", TEXT, SHAPE_MAYBE, NULL),
	MEMBER("old", ANY, 0, "null: nothing."),
	MEMBER("new", ANY, 0, NULL),
	MEMBER("reason", TEXT, SHAPE_MAYBE | SHAPE_NULL, NULL),
	{0},
};
static const struct schema change_schema = {.name = "ReplayChange", .member = change_members};

#define ENDS "preparing suspended waiting running succeeded failed stopped admitted"

static const struct schema_member result_members[] = {
	MEMBER("jobID", UUID, 0, NULL),
	MEMBER_WORD("outcome", "same changed failed notConcerned leftOut", 0, NULL),
	MEMBER("reason", TEXT, SHAPE_MAYBE, NULL),
	MEMBER_WORD("was", ENDS, SHAPE_MAYBE, "How admission ended."),
	MEMBER_WORD("wouldBe", ENDS " unknown", SHAPE_MAYBE, NULL),
	MEMBER("decidedBy", TEXT, SHAPE_MAYBE, "A plugin that is not asked now."),
	MEMBER_OF("changes", change_schema, SHAPE_LIST | SHAPE_MAYBE, NULL),
	MEMBER("moreChanges", INT, SHAPE_MAYBE, "So many are not told."),
	MEMBER("skipped", TEXT, SHAPE_LIST | SHAPE_MAYBE, "Plugins with side effects."),
	{0},
};
const struct schema schema_replay_result = {.name = "ReplayResult", .member = result_members};

const char *replay_outcome_name(enum replay_outcome outcome)
{
	static const char *const names[] = {"same", "changed", "failed", "notConcerned", "leftOut"};
	return names[outcome];
}

struct differences {
	struct json_object *list;
	const struct json *a, *b;
	const char *what;
	uint32_t n;
	size_t told; /* bytes of values */
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

static size_t put_value(struct json_object *to, const char *key, const struct json *j, json_at at)
{
	if (at == JSON_NONE) {
		jb_put_null(to, key);
		return 0;
	}
	struct bytes raw = json_raw(j, at);
	if (raw.len > VALUE_MAX)
		jb_put_loose(to, key, bytes_cut(raw, VALUE_MAX));
	else
		jb_put_raw(to, key, raw);
	return raw.len > VALUE_MAX ? VALUE_MAX : raw.len;
}

static bool add_path(void *user, struct bytes pointer, json_at a, json_at b)
{
	struct differences *d = user;
	struct json_object *to = add(d, d->what);
	if (to) {
		jb_put_bytes(to, "path", pointer);
		d->told += put_value(to, "old", d->a, a) + put_value(to, "new", d->b, b);
	}
	return true;
}

static int compare_documents(struct differences *d, const char *what, struct bytes old,
			     struct bytes new)
{
	static const struct json_limits limits = {REPLAY_TEXT_MAX, REPLAY_DEPTH_MAX};
	scoped(json_finip) struct json a = {0}, b = {0};
	scoped(increment_rules_freep) struct increment_rules *rules = NULL;
	int rc = increment_rules_create(NULL, &rules, NULL);
	if (!rc)
		rc = json_parse(&a, old.len ? old : BYTES("{}"), &limits, NULL);
	if (!rc)
		rc = json_parse(&b, new.len ? new : BYTES("{}"), &limits, NULL);
	d->a = &a;
	d->b = &b;
	d->what = what;
	if (!rc)
		rc = diff_documents(&a, &b, rules, add_path, d);
	d->a = d->b = NULL;
	return rc;
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

static void compare_call(struct differences *d, const struct replay_past *p,
			 const struct preview *now, const struct event *e)
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

static void compare_calls(struct differences *d, const struct replay_past *p,
			  const struct preview *now)
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

static void compare_ends(struct differences *d, const struct replay_past *p,
			 const struct preview *now, struct json_object *result)
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

int replay_compare(enum plugin_type stage, const struct replay_past *p, const struct preview *now,
		   struct json_object *result, enum replay_outcome *ret, size_t *told)
{
	struct differences d = {.list = jb_array()};
	bool both = p->admitted && now->complete && now->state == JOB_WAITING;
	int rc = 0;
	compare_ends(&d, p, now, result);
	compare_calls(&d, p, now);
	if (stage <= PLUGIN_FACTOR && now->events)
		rc = compare_documents(&d, "factors", p->factors, now->factors);
	if (!rc && both)
		rc = compare_documents(&d, "taskset", p->taskset, now->taskset);
	bool fails = now->state == JOB_FAILED && now->complete &&
		     (p->admitted || p->job.state != JOB_FAILED);
	enum replay_outcome outcome = fails ? REPLAY_FAILED : d.n ? REPLAY_CHANGED : REPLAY_SAME;
	*ret = outcome;
	*told += d.told;
	jb_put_str(result, "outcome", replay_outcome_name(outcome));
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
