/* The driver: takes jobs from submission to their end.
 *
 * It owns the loop thread. The loop holds what is going on (jobs in admission, TaskSets
 * that run) and nothing else: whatever must survive lies in the store, written by the
 * store's writer, and a consequence (a call that follows a decision, a start of a
 * replica, an answer to a person) waits for its commit. State moves are decided inside
 * the write's transaction (core/ledger); what the loop believes is checked there.
 *
 * Layer 2. Threads: driver_submit(), driver_stop(), driver_resume(), driver_hold(),
 * driver_release() from any thread but the loop and the writer (they sleep for their commit); the
 * rest as said. */
#pragma once

#include "core/audit.h"
#include "core/base/log.h"
#include "core/calls/caller.h"
#include "core/engine_port.h"
#include "core/ledger/hold.h"
#include "core/ledger/ledger.h"
#include "core/telemetry/meter.h"
#include "core/telemetry/tracer.h"
#include "core/watch.h"

struct driver;

enum { DRIVER_ENGINES_MAX = 8 };

struct driver_config {
	size_t in_admission_max; /**< Jobs in admission; more are refused with SL_E_BUSY. */
	size_t documents_max;    /**< Bytes that jobs may hold; over it: SL_E_BUSY. 0: any. */
	size_t answer_max;       /**< Bytes of a plugin's answer. */
	uint32_t budget_ms;      /**< Active time of one admission. */
	uint32_t wait_for_ms;    /**< How long a job waits for a plugin that cannot be asked. */
	uint32_t wait_first_ms;  /**< The first pause (1 000); doubles up to wait_most_ms. */
	uint32_t wait_most_ms;   /**< 60 000. */
	int64_t keep_jobs_ms;    /**< Final jobs are erased after this; 0: never for their age. */
	uint64_t keep_jobs;      /**< The oldest final ones over this number go; 0: any number. */
	unsigned held_max;       /**< Callers that may wait for a job at one time. */
	int64_t keep_stages_ms;  /**< How long what stages were given is kept; 0: for ever. */
	size_t regex_value_max;
	const char *const *protect; /**< More protected paths, NULL-terminated, or NULL. */
	const char *engine_default;
};

/** What the driver works with; all borrowed. */
struct driver_parts {
	struct store *store;
	struct writer *writer;
	struct registry *registry;
	struct executor *executor;
	const struct clock *clock;
	struct log *log;
	struct meter *meter;   /**< Or NULL. */
	struct tracer *tracer; /**< Or NULL. */
};

/** How full it is. */
struct driver_stats {
	size_t in_admission, in_admission_max;
	size_t documents, documents_max; /**< Bytes; max 0: any. */
};

/** One submission, checked by the API; borrowed for the length of driver_submit(). */
struct submission {
	struct bytes user, name, kind;   /**< Decoded text. */
	const struct json *json;         /**< The request's body. */
	json_at header, job;             /**< Objects in it; `header` may be JSON_NONE. */
	const struct json *token_header; /**< Header keys of the token, or NULL. */
	struct bytes token;              /**< The token's id. */
	struct uuid parent;              /**< Or nil. */
	struct bytes idempotency_key;    /**< Or empty. */
	struct uuid rerun_of;            /**< A job that has ended, or nil. */
	const struct audit_by *rerun_by; /**< With rerun_of: for the audit log, or NULL. */
	struct bytes traceparent;        /**< As sent; another form than the W3C one is ignored. */
};

SL_BEGIN_DECLS

SL_MUST_USE int driver_create(const struct driver_config *config, const struct driver_parts *parts,
			      struct driver **ret, struct sl_error *err);
/** One more engine, made with driver_report() as its report and the driver as its user:
 * before driver_recover(). Owned by the caller, freed between driver_stop_loop() and
 * driver_free(). SL_E_BUSY: no room. */
SL_MUST_USE int driver_add_engine(struct driver *d, struct engine *engine);
/** Put every unfinished job back to work. Before driver_start(); returns how many. */
SL_MUST_USE int driver_recover(struct driver *d, size_t *ret_n, struct sl_error *err);
/** Start the loop's thread. */
SL_MUST_USE int driver_start(struct driver *d);
/** Let calls in progress end for at most `grace_ms`, store, end the thread. The writer
 * must still run. */
void driver_stop_loop(struct driver *d, uint32_t grace_ms);
/** After driver_stop_loop() and after the writer has ended. NULL is fine; returns NULL. */
struct driver *driver_free(struct driver *d);

/** Without a thread of its own: one turn of the loop on the caller's (simulation). Sleeps
 * at most `wait_ms`. */
void driver_turn(struct driver *d, uint32_t wait_ms);
/** Nothing in admission and no TaskSet at work. */
bool driver_idle(const struct driver *d);

/** Accept a job: when 0 is returned it is on disk and `*ret` is its id. SL_E_BUSY (too many
 * in admission), SL_E_CONFLICT (idempotency key with another body), SL_E_FULL, ... */
SL_MUST_USE int driver_submit(struct driver *d, const struct submission *s, struct uuid *ret,
			      struct sl_error *err);

struct job_request { /* what a person asks of one job */
	struct uuid job;
	struct bytes who; /**< Token id. */
	struct bytes
		user; /**< The token's userID binding, or empty: other users' jobs are not found. */
	struct bytes reason; /**< Or empty. */
	bool recheck;        /**< Resume: ask the suspending gate again. */
	struct audit_by by;  /**< For the audit log; without a token: not in it. */
};

/** Stop it. `*ret_state` is its state now, `*ret_stopping` whether it is still to end. */
SL_MUST_USE int driver_stop(struct driver *d, const struct job_request *r,
			    enum job_state *ret_state, bool *ret_stopping, struct sl_error *err);
/** Let a suspended job go on. Of two at once one wins, the other gets SL_E_CONFLICT.
 * SL_E_BUSY: too many in admission. */
SL_MUST_USE int driver_resume(struct driver *d, const struct job_request *r, struct sl_error *err);

/** Erase a final job: gone for everybody at once, its documents, logs and artifacts soon
 * after. SL_E_CONFLICT: it is not final. */
SL_MUST_USE int driver_erase(struct driver *d, const struct job_request *r, struct sl_error *err);
/** Hold admission of these jobs: from now on they are stored, not admitted. The same hold
 * again is fine. SL_E_CONFLICT: there are too many holds. */
SL_MUST_USE int driver_hold(struct driver *d, const struct hold *hold, const struct audit_by *by,
			    struct sl_error *err);
/** Lift the hold of exactly these jobs (`what` has kind, user and, for the audit log, a reason);
 * what no other hold fits goes on, in its order and as there are places. `*ret_changed`: there was
 * such a hold. */
SL_MUST_USE int driver_release(struct driver *d, const struct hold *what, const struct audit_by *by,
			       bool *ret_changed, struct sl_error *err);

bool driver_is_held(const struct driver *d); /**< For any jobs; any thread. */

struct driver_load {
	size_t in_admission, in_admission_max;
};
void driver_load(struct driver *d, struct driver_load *ret); /**< Any thread. */
/** Jobs that could not be read since the start: they stay as they are. Any thread. */
size_t driver_unreadable(const struct driver *d);

/** Told of every move of a job, once it is on disk: where its submitter waits. Ended by its
 * users (watch_end()) before the driver is. */
struct watch *driver_watch(struct driver *d);
/** How plugins stand just now: calls in flight, asks that wait, breakers, times passed over;
 * standings_read() and standings_each() from any thread, as long as the driver lives. */
struct standings *driver_standings(struct driver *d);

void driver_stats(const struct driver *d, struct driver_stats *ret); /**< Any thread. */

/** What may change while it runs. */
struct driver_settings {
	size_t in_admission_max;
	uint32_t budget_ms, wait_for_ms;
};
/** From now on; what is in progress follows soon. SL_E_NO_MEMORY: all is as it was. */
SL_MUST_USE int driver_reconfigure(struct driver *d, const struct driver_settings *settings);

/** How long a job waits for a plugin that stays away. Any thread. */
uint32_t driver_wait_for_ms(const struct driver *d);

/** Reports of engines come in here: any thread. `user` is the driver. */
void driver_report(void *user, const struct engine_report *report);

/** Is there an engine of this name (empty: the default)? Or NULL. Any thread. */
struct engine *driver_engine(const struct driver *d, struct bytes name);

/** Where a job stands in the line of its engine. False: nothing of it waits there. Any
 * thread. */
bool driver_place(const struct driver *d, const struct job *job, struct engine_place *ret);

SL_DEFINE_SCOPED(struct driver, driver_free)

SL_END_DECLS
