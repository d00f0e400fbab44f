#include "core/job.h"

#include "core/wire.h"

/* Version 3 ends with the two ids of reruns; version 1 had no parked_ms. */
enum { RECORD_UNPARKED = 1, RECORD_VERSION = 2, RECORD_RERUN = 3 };

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

void job_encode(const struct job *job, struct buf *to)
{
	bool rerun = !uuid_is_nil(job->rerun_of) || !uuid_is_nil(job->rerun_as);
	wire_put(to, rerun ? RECORD_RERUN : RECORD_VERSION, 1);
	buf_add(to, job->id.at, sizeof(job->id.at));
	buf_add(to, job->parent.at, sizeof(job->parent.at));
	wire_put(to, job->state, 1);
	wire_put(to, job->stopping, 1);
	wire_put(to, job->next, 1);
	wire_put(to, job->moves, 4);
	wire_put(to, job->events, 4);
	wire_put(to, job->log_from, 4);
	wire_put(to, job->log_bytes, 4);
	wire_put(to, job->asked, 4);
	const int64_t times[] = {job->created_ms,     job->since_ms, job->started_ms,
				 job->finished_ms,    job->next_ms,  job->expires_ms,
				 job->unavailable_ms, job->parked_ms};
	for (size_t i = 0; i < countof(times); i++)
		wire_put(to, (uint64_t)times[i], 8);
	wire_put(to, (uint32_t)job->exit_code, 4);
	const struct bytes texts[] = {job->user,        job->name,      job->kind,   job->reason,
				      job->reason_code, job->plugin,    job->engine, job->token,
				      job->stop_reason, job->stop_code, job->trace};
	for (size_t i = 0; i < countof(texts); i++)
		wire_put_bytes(to, texts[i]);
	if (rerun) {
		buf_add(to, job->rerun_of.at, sizeof(job->rerun_of.at));
		buf_add(to, job->rerun_as.at, sizeof(job->rerun_as.at));
	}
}

static void get_uuid(struct wire *w, struct uuid *ret)
{
	for (size_t i = 0; i < sizeof(ret->at); i++)
		ret->at[i] = (uint8_t)wire_get(w, 1);
}

int job_decode(struct bytes record, struct job *ret)
{
	struct wire w = wire_of(record);
	struct job job = {0};
	uint64_t version = wire_get(&w, 1);
	if (version < RECORD_UNPARKED || version > RECORD_RERUN)
		return SL_E_CORRUPT;
	get_uuid(&w, &job.id);
	get_uuid(&w, &job.parent);
	job.state = (enum job_state)wire_get(&w, 1);
	job.stopping = wire_get(&w, 1);
	job.next = (enum job_next)wire_get(&w, 1);
	job.moves = (uint32_t)wire_get(&w, 4);
	job.events = (uint32_t)wire_get(&w, 4);
	job.log_from = (uint32_t)wire_get(&w, 4);
	job.log_bytes = (uint32_t)wire_get(&w, 4);
	job.asked = (uint32_t)wire_get(&w, 4);
	int64_t *const times[] = {&job.created_ms,     &job.since_ms, &job.started_ms,
				  &job.finished_ms,    &job.next_ms,  &job.expires_ms,
				  &job.unavailable_ms, &job.parked_ms};
	for (size_t i = 0; i < countof(times) - (version == RECORD_UNPARKED); i++)
		*times[i] = (int64_t)wire_get(&w, 8);
	job.exit_code = (int32_t)wire_get(&w, 4);
	struct bytes *const texts[] = {&job.user,        &job.name,      &job.kind,   &job.reason,
				       &job.reason_code, &job.plugin,    &job.engine, &job.token,
				       &job.stop_reason, &job.stop_code, &job.trace};
	for (size_t i = 0; i < countof(texts); i++)
		*texts[i] = wire_get_bytes(&w);
	if (version == RECORD_RERUN) {
		get_uuid(&w, &job.rerun_of);
		get_uuid(&w, &job.rerun_as);
	}
	if (w.bad || w.at != w.end || job.state >= JOB_STATES || job.next > NEXT_HELD)
		return SL_E_CORRUPT;
	job.group = (struct job_group){true, job.state, job.reason_code, job.plugin};
	job.line = job_line_of(&job);
	*ret = job;
	return 0;
}
