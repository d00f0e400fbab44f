#include "api/handlers/preview_show.h"

#include "core/json/index.h"

enum { SUMMARY_MAX = 16384, NAMED_MAX = 5, TEXT_MAX = 64 << 20, DEPTH_MAX = 80 };

/* ---- the sentence ---- */

static void add_end(const struct preview *p, struct buf *to)
{
	switch (p->state) {
	case JOB_WAITING:
		buf_addf(to, "The job would be admitted and handed to the engine %.*s",
			 BYTES_FMT(p->engine));
		return;
	case JOB_SUSPENDED:
		buf_addf(to, "The job would be suspended by %.*s", BYTES_FMT(p->plugin));
		break;
	case JOB_STOPPED:
		buf_addf(to, "The job would be stopped by %.*s", BYTES_FMT(p->plugin));
		break;
	default:
		buf_addf(to, "The job would fail%s%.*s", p->plugin.len ? " because of " : "",
			 BYTES_FMT(p->plugin));
		break;
	}
	if (p->reason.len)
		buf_addf(to, ": %.*s", BYTES_FMT(p->reason));
}

void preview_summary(const struct preview *p, struct buf *to)
{
	if (p->complete)
		add_end(p, to);
	else
		buf_addf(to, "The dry run ends early: %s", p->cut);
	const char *end = to->len ? &to->at[to->len - 1] : "";
	buf_add_str(to, *end == '.' ? "" : ".");
	for (size_t i = 0; i < p->skips && i < NAMED_MAX; i++)
		buf_addf(to, "%s%s",
			 i ? ", " : " Not asked, for they have side effects: ", p->skipped[i].key);
	if (p->skips > NAMED_MAX)
		buf_addf(to, " and %zu more", p->skips - NAMED_MAX);
	if (p->skips)
		buf_add_str(to, p->complete ? "; they count as passed." : ".");
}

/* ---- the stages ---- */

static void put_additions(const struct json *provenance, struct bytes plugin,
			  struct json_object *to)
{
	const struct json *j = provenance;
	struct json_object *list = jb_array();
	for (json_at e = j->n ? json_first(j, 0) : JSON_NONE; e != JSON_NONE;
	     e = json_next(j, 0, e))
		if (json_string_is(j, json_get(j, e, BYTES("plugin")), plugin))
			jb_add_raw(list, json_raw(j, json_get(j, e, BYTES("path"))));
	jb_put(to, "additions", list);
}

static struct json_object *show_skipped(const struct preview_skipped *s)
{
	struct json_object *to = jb_object();
	jb_put_str(to, "plugin", s->key);
	jb_put_str(to, "outcome", "skipped");
	jb_put_str(to, "reason", "it has side effects and is not asked in a dry run");
	return to;
}

static struct json_object *show_stage(const struct preview *p, int stage,
				      const struct json *provenance, bool with_detail)
{
	struct json_object *to = jb_object(), *calls = jb_array();
	jb_put_str(to, "stage", plugin_type_name((enum plugin_type)stage));
	for (size_t i = 0; i < p->events; i++) {
		const struct event *e = &p->event[i];
		if (e->stage != stage)
			continue;
		struct json_object *call = event_show(e, (uint32_t)i, with_detail);
		bool adds = stage == PLUGIN_DECORATOR || stage == PLUGIN_BINDER;
		if (adds && bytes_is(e->outcome, "answered"))
			put_additions(provenance, e->plugin, call);
		jb_add(calls, call);
	}
	for (size_t i = 0; i < p->skips; i++)
		if ((int)p->skipped[i].type == stage)
			jb_add(calls, show_skipped(&p->skipped[i]));
	jb_put(to, "calls", calls);
	return to;
}

/* ---- all of it ---- */

void preview_put_why(struct json_object *to, const struct preview *p)
{
	jb_put_str(to, "state", job_state_name(p->state));
	jb_put_bytes(to, "reason", p->reason);
	jb_put_bytes(to, "reasonCode", p->code);
	if (p->plugin.len)
		jb_put_bytes(to, "plugin", p->plugin);
	if (p->next_ms)
		jb_put_time(to, "next", p->next_ms);
}

struct json_object *preview_show(const struct preview *p, bool with_detail)
{
	static const struct json_limits limits = {TEXT_MAX, DEPTH_MAX};
	scoped(buf_finip) struct buf summary = {0};
	scoped(json_finip) struct json provenance = {0};
	struct json_object *to = jb_object(), *stages = jb_array();
	buf_init(&summary, SUMMARY_MAX);
	preview_summary(p, &summary);
	if (p->provenance.len && json_parse(&provenance, p->provenance, &limits, NULL))
		provenance.n = 0;
	jb_put_bytes(to, "summary", buf_bytes(&summary));
	jb_put_bool(to, "complete", p->complete);
	preview_put_why(to, p);
	jb_put_int(to, "generation", (int64_t)p->generation);
	jb_put_int(to, "durationUs", (int64_t)p->took_us);
	for (int i = 0; i < PLUGIN_STAGES; i++)
		jb_add(stages, show_stage(p, i, &provenance, with_detail));
	jb_put(to, "stages", stages);
	jb_put_raw(to, "factors", p->factors.len ? p->factors : BYTES("{}"));
	if (p->taskset.len)
		jb_put_raw(to, "taskset", p->taskset);
	jb_put_raw(to, "provenance", p->provenance.len ? p->provenance : BYTES("[]"));
	return to;
}
