#include "core/job.h"

#include "core/wire.h"

/* Version 3 ends with the two ids of reruns; version 1 had no parked_ms. From version 4 on
 * what is nothing takes a byte or none. */
enum { RECORD_UNPARKED = 1, RECORD_PARKED = 2, RECORD_RERUN = 3, RECORD_VERSION = 4 };

static const char *const state_names[JOB_STATES] = {
	"preparing", "suspended", "waiting", "running", "succeeded", "failed", "stopped",
};

#define BIT(state) (1u << (state))

/* The moves of the picture in job.h; nothing else. */
static const unsigned moves[JOB_STATES] = {
	[JOB_PREPARING] =
		BIT(JOB_SUSPENDED) | BIT(JOB_WAITING) | BIT(JOB_FAILED) | BIT(JOB_STOPPED),
	[JOB_SUSPENDED] = BIT(JOB_PREPARING) | BIT(JOB_STOPPED) | BIT(JOB_FAILED),
	[JOB_WAITING] = BIT(JOB_RUNNING) | BIT(JOB_FAILED) | BIT(JOB_STOPPED),
	[JOB_RUNNING] = BIT(JOB_SUCCEEDED) | BIT(JOB_FAILED) | BIT(JOB_STOPPED),
};

const char *job_state_name(enum job_state state) { return state_names[state]; }

int job_state_parse(struct bytes text, enum job_state *ret)
{
	for (int i = 0; i < JOB_STATES; i++)
		if (bytes_is(text, state_names[i])) {
			*ret = (enum job_state)i;
			return 0;
		}
	return SL_E_INVALID;
}

bool job_may_move(enum job_state from, enum job_state to) { return moves[from] & BIT(to); }

struct job_line job_line_of(const struct job *job)
{
	bool open = job->state == JOB_PREPARING || job->state == JOB_SUSPENDED;
	if (open && job->parked_ms)
		return (struct job_line){'q', job->plugin, job->parked_ms};
	if (job->state == JOB_SUSPENDED && job->unavailable_ms)
		return (struct job_line){'w', job->plugin, job->unavailable_ms};
	return (struct job_line){0};
}

enum { TIMES = 8, TEXTS = 11, COUNTS = 5, HAS_PARENT = 1, HAS_RERUN_OF = 2, HAS_RERUN_AS = 4 };

/* Members of one kind, in the order in which every version has them. */
struct members {
	uint32_t *count[COUNTS];
	int64_t *time[TIMES];
	struct bytes *text[TEXTS];
};

static struct members members_of(struct job *j)
{
	return (struct members){{&j->moves, &j->events, &j->log_from, &j->log_bytes, &j->asked},
				{&j->created_ms, &j->since_ms, &j->started_ms, &j->finished_ms,
				 &j->next_ms, &j->expires_ms, &j->unavailable_ms, &j->parked_ms},
				{&j->user, &j->name, &j->kind, &j->reason, &j->reason_code,
				 &j->plugin, &j->engine, &j->token, &j->stop_reason, &j->stop_code,
				 &j->trace}};
}

static void put_uuid(struct buf *to, const struct uuid *id)
{
	if (!uuid_is_nil(*id))
		buf_add(to, id->at, sizeof(id->at));
}

void job_encode(const struct job *job, struct buf *to)
{
	const uint8_t head[] = {RECORD_VERSION,
				(uint8_t)((uuid_is_nil(job->parent) ? 0 : HAS_PARENT) |
					  (uuid_is_nil(job->rerun_of) ? 0 : HAS_RERUN_OF) |
					  (uuid_is_nil(job->rerun_as) ? 0 : HAS_RERUN_AS))};
	const uint8_t state[] = {(uint8_t)job->state, job->stopping, (uint8_t)job->next};
	struct job copy = *job;
	const struct members m = members_of(&copy);
	buf_add(to, head, sizeof(head));
	buf_add(to, job->id.at, sizeof(job->id.at));
	put_uuid(to, &job->parent);
	put_uuid(to, &job->rerun_of);
	put_uuid(to, &job->rerun_as);
	buf_add(to, state, sizeof(state));
	for (size_t i = 0; i < COUNTS; i++)
		wire_put_var(to, *m.count[i]);
	for (size_t i = 0; i < TIMES; i++)
		wire_put_var(to, (uint64_t)*m.time[i]);
	wire_put_var(to, (uint32_t)job->exit_code);
	for (size_t i = 0; i < TEXTS; i++) {
		wire_put_var(to, m.text[i]->len);
		buf_add_bytes(to, *m.text[i]);
	}
}

static void get_uuid(struct wire *w, struct uuid *ret)
{
	struct bytes at = wire_get_some(w, sizeof(ret->at));
	if (at.len)
		memcpy(ret->at, at.at, sizeof(ret->at));
}

static void get_state(struct wire *w, struct job *job)
{
	job->state = (enum job_state)wire_get(w, 1);
	job->stopping = wire_get(w, 1);
	job->next = (enum job_next)wire_get(w, 1);
}

static void decode_now(struct wire *w, struct job *job)
{
	struct members m = members_of(job);
	unsigned has = (unsigned)wire_get(w, 1);
	w->bad |= has > (HAS_PARENT | HAS_RERUN_OF | HAS_RERUN_AS);
	get_uuid(w, &job->id);
	if (has & HAS_PARENT)
		get_uuid(w, &job->parent);
	if (has & HAS_RERUN_OF)
		get_uuid(w, &job->rerun_of);
	if (has & HAS_RERUN_AS)
		get_uuid(w, &job->rerun_as);
	get_state(w, job);
	for (size_t i = 0; i < COUNTS; i++)
		*m.count[i] = (uint32_t)wire_get_var(w, UINT32_MAX);
	for (size_t i = 0; i < TIMES; i++)
		*m.time[i] = (int64_t)wire_get_var(w, UINT64_MAX);
	job->exit_code = (int32_t)(uint32_t)wire_get_var(w, UINT32_MAX);
	for (size_t i = 0; i < TEXTS; i++)
		*m.text[i] = wire_get_some(w, (size_t)wire_get_var(w, UINT32_MAX));
}

/* Versions 1 to 3 had all members at their full length. */
static void decode_full(struct wire *w, uint64_t version, struct job *job)
{
	struct members m = members_of(job);
	get_uuid(w, &job->id);
	get_uuid(w, &job->parent);
	get_state(w, job);
	for (size_t i = 0; i < COUNTS; i++)
		*m.count[i] = (uint32_t)wire_get(w, 4);
	for (size_t i = 0; i < TIMES - (version == RECORD_UNPARKED); i++)
		*m.time[i] = (int64_t)wire_get(w, 8);
	job->exit_code = (int32_t)wire_get(w, 4);
	for (size_t i = 0; i < TEXTS; i++)
		*m.text[i] = wire_get_bytes(w);
	if (version == RECORD_RERUN) {
		get_uuid(w, &job->rerun_of);
		get_uuid(w, &job->rerun_as);
	}
}

int job_decode(struct bytes record, struct job *ret)
{
	struct wire w = wire_of(record);
	struct job job = {0};
	uint64_t version = wire_get(&w, 1);
	if (version < RECORD_UNPARKED || version > RECORD_VERSION)
		return SL_E_CORRUPT;
	if (version == RECORD_VERSION)
		decode_now(&w, &job);
	else
		decode_full(&w, version, &job);
	if (w.bad || w.at != w.end || job.state >= JOB_STATES || job.next > NEXT_HELD)
		return SL_E_CORRUPT;
	job.group = (struct job_group){true, job.state, job.reason_code, job.plugin};
	job.line = job_line_of(&job);
	*ret = job;
	return 0;
}
