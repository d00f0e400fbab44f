#include "core/event.h"

#include "core/plugin.h"
#include "core/wire.h"

enum { RECORD_OLD = 1, RECORD_VERSION = 2 };

static const char *const type_names[EVENT_TYPES] = {
	[EVENT_STATE] = "state",     [EVENT_CALL] = "call", [EVENT_REPLICA] = "replica",
	[EVENT_REQUEST] = "request", [EVENT_NOTE] = "note",
};

void event_encode(const struct event *e, struct buf *to)
{
	wire_put(to, RECORD_VERSION, 1);
	wire_put(to, (uint64_t)e->time_ms, 8);
	wire_put(to, e->type, 1);
	wire_put(to, e->state, 1);
	wire_put(to, e->stage, 1);
	wire_put(to, e->attempts, 4);
	wire_put(to, e->status, 4);
	wire_put(to, e->repeats, 4);
	wire_put(to, e->took_us, 8);
	wire_put(to, (uint32_t)e->index, 4);
	wire_put(to, (uint32_t)e->code, 4);
	wire_put_bytes(to, e->plugin);
	wire_put_bytes(to, e->outcome);
	wire_put_bytes(to, bytes_cut(e->reason, JOB_REASON_MAX));
	wire_put_bytes(to, e->reason_code);
	wire_put_bytes(to, e->who);
	wire_put_bytes(to, e->role);
	wire_put_bytes(to, bytes_cut(e->detail, EVENT_DETAIL_MAX));
	wire_put(to, e->generation, 8);
}

int event_decode(struct bytes record, struct event *ret)
{
	struct wire w = wire_of(record);
	struct event e = {0};
	uint64_t version = wire_get(&w, 1);
	if (version != RECORD_VERSION && version != RECORD_OLD)
		return SL_E_CORRUPT;
	e.time_ms = (int64_t)wire_get(&w, 8);
	e.type = (enum event_type)wire_get(&w, 1);
	e.state = (enum job_state)wire_get(&w, 1);
	e.stage = (uint8_t)wire_get(&w, 1);
	e.attempts = (uint32_t)wire_get(&w, 4);
	e.status = (uint32_t)wire_get(&w, 4);
	e.repeats = (uint32_t)wire_get(&w, 4);
	e.took_us = wire_get(&w, 8);
	e.index = (int32_t)wire_get(&w, 4);
	e.code = (int32_t)wire_get(&w, 4);
	struct bytes *const texts[] = {&e.plugin, &e.outcome, &e.reason, &e.reason_code,
				       &e.who,    &e.role,    &e.detail};
	for (size_t i = 0; i < countof(texts); i++)
		*texts[i] = wire_get_bytes(&w);
	if (version > RECORD_OLD)
		e.generation = wire_get(&w, 8);
	if (w.bad || w.at != w.end || e.type >= EVENT_TYPES || !type_names[e.type] ||
	    e.state >= JOB_STATES || (e.stage >= PLUGIN_TYPES && e.stage != EVENT_NO_STAGE))
		return SL_E_CORRUPT;
	*ret = e;
	return 0;
}

static void put_text(struct json_object *to, const char *key, struct bytes text)
{
	if (text.len)
		jb_put_bytes(to, key, text);
}

static void show_call(struct json_object *to, const struct event *e)
{
	jb_put_int(to, "attempts", e->attempts);
	jb_put_int(to, "durationUs", (int64_t)e->took_us);
	if (e->status)
		jb_put_int(to, "status", e->status);
	if (e->generation)
		jb_put_int(to, "generation", (int64_t)e->generation);
}

static void show_replica(struct json_object *to, const struct event *e)
{
	jb_put_int(to, "replica", e->index);
	if (bytes_is(e->outcome, "started"))
		return;
	jb_put_int(to, "exitCode", e->code);
}

struct json_object *event_show(const struct event *e, uint32_t number, bool with_detail)
{
	struct json_object *to = jb_object();
	jb_put_int(to, "number", number);
	jb_put_time(to, "time", e->time_ms);
	jb_put_str(to, "type", type_names[e->type]);
	if (e->type == EVENT_STATE)
		jb_put_str(to, "state", job_state_name(e->state));
	if (e->stage != EVENT_NO_STAGE)
		jb_put_str(to, "stage", plugin_type_name((enum plugin_type)e->stage));
	put_text(to, "plugin", e->plugin);
	put_text(to, e->type == EVENT_CALL && e->stage == PLUGIN_GATE ? "decision" : "outcome",
		 e->outcome);
	put_text(to, "role", e->role);
	if (e->type == EVENT_CALL)
		show_call(to, e);
	if (e->type == EVENT_REPLICA)
		show_replica(to, e);
	if (e->repeats)
		jb_put_int(to, "count", (int64_t)e->repeats + 1);
	put_text(to, "reason", e->reason);
	put_text(to, "reasonCode", e->reason_code);
	put_text(to, "who", e->who);
	if (with_detail && e->detail.len) /* as it came, and cut anywhere */
		jb_put_loose(to, "detail", e->detail);
	return to;
}
