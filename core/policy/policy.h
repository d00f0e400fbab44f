/* How a TaskSet runs to an end: completion, retry, event and dependency policies,
 * deadlines, gang. A state machine and nothing else: no I/O, no clock, no thread; fed
 * with what engines report, it says what to start, what to stop, and how it ended.
 * The same for every engine.
 *
 *   replica:  idle --start--> starting --STARTED--> running --ENDED--> succeeded
 *              ^                                              |  \---> failed, stopped, lost
 *              +------------- retry after its delay ----------+
 *
 * Reports may come late, twice or not in order: what the state does not expect is
 * ignored. Layer 2. One thread at a time. */
#pragma once

#include "core/policy/gang.h"

enum replica_state {
	REPLICA_IDLE,     /**< Not started, or waits for its next try. */
	REPLICA_STARTING, /**< The engine was asked. */
	REPLICA_RUNNING,
	REPLICA_SUCCEEDED,
	REPLICA_FAILED,
	REPLICA_STOPPED,
	REPLICA_STATES,
};

enum set_outcome { SET_OPEN, SET_SUCCEEDED, SET_FAILED, SET_STOPPED };

/** One replica as it is stored (core/policy/replica) and shown. */
struct replica {
	enum replica_state state;
	bool stopping;     /**< The engine was asked to end it. */
	uint32_t attempts; /**< Starts so far: attempt number of the present one is attempts - 1. */
	uint32_t round;    /**< Round of the TaskSet: its own retries so far. */
	uint32_t retried;  /**< Retries made in this round. */
	uint32_t group;    /**< With which it was started; 0: by itself. */
	int32_t pid, code, signal;
	int64_t started_ms, finished_ms;
	int64_t retry_at_ms; /**< When an IDLE one starts again, or 0. */
	char reason[32];
	char message[200];
	struct replica_site site; /**< Since it has started. */
};

enum policy_fx_kind {
	/** Ask the engine to start role/index, attempt `attempt`. The next effect saves it. */
	POLICY_START,
	POLICY_STOP, /**< Ask it to end that attempt. */
	POLICY_SAVE, /**< This replica's record changed: store it. */
};

struct policy_fx {
	enum policy_fx_kind kind;
	uint32_t role, index, attempt;
	enum start_how how; /**< START, as the next. */
	uint32_t group;     /**< Those of one number are one request; 0: none. */
};

struct policy_out {
	struct policy_fx *fx; /**< Borrowed until the next call. */
	size_t n;
	int64_t wake_ms;          /**< Call policy_tick() at this wall time; 0 for none. */
	bool running;             /**< The first container has started (stays true). */
	enum set_outcome outcome; /**< Not OPEN: the set has ended and nothing of it is left. */
	const char *reason_code;  /**< With an outcome: "succeeded", "replica_failed", ... */
	char reason[300];  /**< Words for people: "role worker failed: replica 2 exited with 3". */
	int32_t exit_code; /**< Of the replica that decided, or 0. */
};

struct policy;

SL_BEGIN_DECLS

/** `set` is borrowed and must outlive the policy. `room` of the engine, for gangs; NULL: no
 * limit. All memory that it will ever need is allocated here. */
SL_MUST_USE int policy_create(const struct taskset *set, const struct gang_room *room,
			      struct policy **ret);
struct policy *policy_free(struct policy *p);

/** Before policy_start(), after a crash: what was stored of one replica. */
void policy_restore(struct policy *p, uint32_t role, uint32_t index, const struct replica *stored);

/** Begin, or go on after policy_restore(): replicas stored as STARTING or RUNNING are
 * taken as still there until the engine's report says otherwise. */
void policy_start(struct policy *p, int64_t started_ms, int64_t now_ms, struct policy_out *out);
void policy_report(struct policy *p, const struct engine_report *report, int64_t now_ms,
		   struct policy_out *out);
void policy_tick(struct policy *p, int64_t now_ms, struct policy_out *out);
/** The clock was turned back, or may have been: nothing waits longer for its retry than it was
 * to. To be followed by a tick. */
void policy_turn_back(struct policy *p, int64_t now_ms);
/** Somebody stops the job: nothing new starts, the outcome is SET_STOPPED. */
void policy_stop(struct policy *p, int64_t now_ms, struct policy_out *out);

/** For views of a stored set: after policy_restore() alone, find out the states of the
 * roles, dependencies included; nothing is started. */
void policy_settle(struct policy *p);
/** "waiting", "running", "succeeded" or "failed". */
const char *policy_role_state(const struct policy *p, uint32_t role);
/** What keeps a role from starting: the first dependency that is still open, or NULL. */
const struct role_dep *policy_open_dep(const struct policy *p, uint32_t role);
/** The greatest number of a group so far. */
uint32_t policy_groups(const struct policy *p);
const struct replica *policy_replica(const struct policy *p, uint32_t role, uint32_t index);
/** What so many succeeded and failed replicas mean for a role: SET_OPEN while it is not
 * decided. Success is looked at first. */
enum set_outcome policy_judge(const struct role *role, uint32_t succeeded, uint32_t failed);
const char *replica_state_name(enum replica_state state);

SL_DEFINE_SCOPED(struct policy, policy_free)

SL_END_DECLS
