#include "core/event.h"

#include "core/plugin.h"
#include "core/wire.h"

enum { RECORD_OLD = 1, RECORD_FULL = 2, RECORD_VERSION = 3 };

static const char *const type_names[EVENT_TYPES] = {
	[EVENT_STATE] = "state",     [EVENT_CALL] = "call", [EVENT_REPLICA] = "replica",
	[EVENT_REQUEST] = "request", [EVENT_NOTE] = "note",
};

enum { NUMBERS = 7, TEXTS = 7 };

/* What is zero or empty is left out: two masks say what is there. */
void event_encode(const struct event *e, struct buf *to)
{
	const uint64_t numbers[NUMBERS] = {e->attempts,  e->status,          e->repeats,
					   e->took_us,   (uint32_t)e->index, (uint32_t)e->code,
					   e->generation};
	const struct bytes texts[TEXTS] = {
		e->plugin, e->outcome, bytes_cut(e->reason, JOB_REASON_MAX),  e->reason_code,
		e->who,    e->role,    bytes_cut(e->detail, EVENT_DETAIL_MAX)};
	uint8_t has_number = 0, has_text = 0;
	for (unsigned i = 0; i < NUMBERS; i++)
		has_number |= (uint8_t)((numbers[i] != 0) << i);
	for (unsigned i = 0; i < TEXTS; i++)
		has_text |= (uint8_t)((texts[i].len != 0) << i);
	const uint8_t head[] = {RECORD_VERSION, (uint8_t)e->type, (uint8_t)e->state,
				e->stage,       has_number,       has_text};
	buf_add(to, head, sizeof(head));
	wire_put_var(to, (uint64_t)e->time_ms);
	for (unsigned i = 0; i < NUMBERS; i++)
		if (numbers[i])
			wire_put_var(to, numbers[i]);
	for (unsigned i = 0; i < TEXTS; i++)
		if (texts[i].len) {
			wire_put_var(to, texts[i].len);
			buf_add_bytes(to, texts[i]);
		}
}

static void get_head(struct wire *w, struct event *e)
{
	e->type = (enum event_type)wire_get(w, 1);
	e->state = (enum job_state)wire_get(w, 1);
	e->stage = (uint8_t)wire_get(w, 1);
}

static void decode_now(struct wire *w, struct event *e)
{
	static const uint64_t most[NUMBERS] = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT64_MAX,
					       UINT32_MAX, UINT32_MAX, UINT64_MAX};
	uint64_t number[NUMBERS] = {0};
	struct bytes *const texts[TEXTS] = {&e->plugin, &e->outcome, &e->reason, &e->reason_code,
					    &e->who,    &e->role,    &e->detail};
	get_head(w, e);
	unsigned has_number = (unsigned)wire_get(w, 1), has_text = (unsigned)wire_get(w, 1);
	e->time_ms = (int64_t)wire_get_var(w, UINT64_MAX);
	for (unsigned i = 0; i < NUMBERS; i++)
		if (has_number & 1u << i)
			number[i] = wire_get_var(w, most[i]);
	for (unsigned i = 0; i < TEXTS; i++)
		if (has_text & 1u << i)
			*texts[i] = wire_get_some(w, (size_t)wire_get_var(w, UINT32_MAX));
	w->bad |= has_number >> NUMBERS || has_text >> TEXTS;
	e->attempts = (uint32_t)number[0];
	e->status = (uint32_t)number[1];
	e->repeats = (uint32_t)number[2];
	e->took_us = number[3];
	e->index = (int32_t)(uint32_t)number[4];
	e->code = (int32_t)(uint32_t)number[5];
	e->generation = number[6];
}

/* Versions 1 and 2 had all members at their full length. */
static void decode_full(struct wire *w, uint64_t version, struct event *e)
{
	struct bytes *const texts[TEXTS] = {&e->plugin, &e->outcome, &e->reason, &e->reason_code,
					    &e->who,    &e->role,    &e->detail};
	e->time_ms = (int64_t)wire_get(w, 8);
	get_head(w, e);
	e->attempts = (uint32_t)wire_get(w, 4);
	e->status = (uint32_t)wire_get(w, 4);
	e->repeats = (uint32_t)wire_get(w, 4);
	e->took_us = wire_get(w, 8);
	e->index = (int32_t)wire_get(w, 4);
	e->code = (int32_t)wire_get(w, 4);
	for (size_t i = 0; i < countof(texts); i++)
		*texts[i] = wire_get_bytes(w);
	if (version == RECORD_FULL)
		e->generation = wire_get(w, 8);
}

int event_decode(struct bytes record, struct event *ret)
{
	struct wire w = wire_of(record);
	struct event e = {0};
	uint64_t version = wire_get(&w, 1);
	if (version < RECORD_OLD || version > RECORD_VERSION)
		return SL_E_CORRUPT;
	if (version == RECORD_VERSION)
		decode_now(&w, &e);
	else
		decode_full(&w, version, &e);
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
