/* A job as the gateway keeps it: its states, the moves between them, and the record
 * that is stored at each move.
 *
 *            +-------------> suspended --+
 *            |                 |    |    |
 *   preparing <----------------+    |    +--> stopped, failed
 *       |                           |
 *       +--> waiting --> running ---+--> succeeded, failed, stopped
 *       |       |
 *       |       +--> failed, stopped
 *       +--> failed, stopped
 *
 * Strings in a record are borrowed from the bytes it was decoded from, or from
 * whoever filled it in. Layer 2, pure: any thread. */
#pragma once

#include "core/base/buf.h"
#include "core/base/id.h"

enum job_state {
	JOB_PREPARING, /**< In admission. */
	JOB_SUSPENDED, /**< Waits for a resume, a time, or a plugin that cannot be asked. */
	JOB_WAITING,   /**< Its TaskSet is stored for its engine. */
	JOB_RUNNING,   /**< From the first started container on. */
	JOB_SUCCEEDED,
	JOB_FAILED,
	JOB_STOPPED,
	JOB_STATES,
};

/** What happens by itself at `next_ms`. */
enum job_next {
	NEXT_NOTHING,
	NEXT_ASK,
	NEXT_EXPIRE,
	NEXT_LEASE, /**< It is being asked about just now; looked at again then, if that is lost. */
	NEXT_HELD,  /**< Its time came while admission was held: as soon as it is released. */
};

#define JOB_CODE_HELD "held" /* preparing, stored and not admitted: core/ledger/hold.h */

/* Why a job is where it is (`reason_code`): in_admission held gate_suspended gate_stopped gate_gone
 * plugin_unavailable plugin_timeout plugin_bad_answer selector_error no_translator
 * ambiguous_plugins increment_violation decorator_conflict budget_exhausted invalid_taskset
 * engine_unknown engine_refused waiting_for_slot waiting_for_dependency (of a role) running
 * replica_failed deadline_exceeded lost expired stopped_by_user stopped_with_parent succeeded
 * internal_error; gates may give codes of their own. */

enum {
	JOB_REASON_MAX = 1024, /**< Bytes of a reason; longer ones are cut. */
	JOB_REASON_CODE_MAX = 63,
	JOB_NAME_MAX = 128, /**< userID, jobName, jobKind. */
};

/** By what unfinished jobs are counted together (core/ledger/groups.c). */
struct job_group {
	bool there; /**< It is in the store like this. */
	enum job_state state;
	struct bytes code, plugin;
};

/** The line in the store that a job stands in for its plugin (core/ledger/line.h). */
struct job_line {
	char which; /**< 0: none. */
	struct bytes plugin;
	int64_t since_ms;
};

struct job {
	struct uuid id, parent;
	struct uuid rerun_of; /**< The job that this one runs again, or nil. */
	struct uuid rerun_as; /**< The newest that runs this one again, or nil. */
	enum job_state state;
	bool stopping; /**< Somebody stopped it: whatever replicas report, it ends stopped. */
	enum job_next next;
	uint32_t moves;               /**< State changes so far, the first (preparing) included. */
	uint32_t events;              /**< Number of the next event. */
	uint32_t log_from, log_bytes; /**< Oldest event kept behind the first ones; size of all. */
	uint32_t asked;               /**< Times in a row that a waiting job asked in vain. */
	int64_t created_ms, since_ms, started_ms, finished_ms;
	int64_t next_ms;        /**< 0 without `next`. */
	int64_t expires_ms;     /**< A gate's expiresAt, or 0. */
	int64_t unavailable_ms; /**< Since when a plugin cannot be asked, or 0. */
	int64_t parked_ms;      /**< Since when it waits, out of memory, for a place at `plugin`. */
	int32_t exit_code;      /**< Of the replica that decided the end. */
	struct bytes user, name, kind;
	struct bytes reason, reason_code, plugin, engine;
	struct bytes token;                  /**< Id of the token it was submitted with. */
	struct bytes stop_reason, stop_code; /**< Why it is `stopping`. */
	struct bytes trace;                  /**< traceparent of the submission (W3C), or empty. */
	struct job_group group;              /**< As its record was read or written last. */
	struct job_line line;                /**< Likewise. */
};

SL_BEGIN_DECLS

const char *job_state_name(enum job_state state);
int job_state_parse(struct bytes text, enum job_state *ret); /**< 0 or SL_E_INVALID. */
bool job_may_move(enum job_state from, enum job_state to);
static inline bool job_is_held(const struct job *job)
{
	return job->state == JOB_PREPARING && bytes_is(job->reason_code, JOB_CODE_HELD);
}
/** When it is asked about again or expires, as people are told; 0: nobody knows. */
static inline int64_t job_next_ms(const struct job *job)
{
	return job->next == NEXT_LEASE ? job->expires_ms : job->next_ms;
}
static inline bool job_final(enum job_state s) { return s >= JOB_SUCCEEDED; }

/** The line that it stands in by what it says of itself. */
struct job_line job_line_of(const struct job *job);

void job_encode(const struct job *job, struct buf *to);
/** Strings are borrowed from `record`. SL_E_CORRUPT. */
SL_MUST_USE int job_decode(struct bytes record, struct job *ret);

SL_END_DECLS
