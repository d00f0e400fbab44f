/* The book of jobs: every read and write of the job tables, inside a transaction.
 *
 * Here, and nowhere else, a job moves from one state to the next: ledger_move() checks
 * the move against the table of core/job.h under the store's one writer, so that of
 * two who want different things one wins and the other is told.
 *
 * Keys:  JOBS id · DOCS, PIECES, PASSING as docs.h says · EVENTS id+be32(number)
 *        REPLICAS id+be32(role)+be32(index)
 *        INDEX 's'+state+id, 'u'+user+0+id, 'k'+kind+0+id, 'j'+name+0+id, 'h'+id of held
 *        ones, and as
 *        kin.c, line.h, kept.h and erase.h say · COUNTS 'a', 's'+state, 'u'+user, 'k'+kind,
 *        'h', and as groups.c says
 *        TIMERS be64(due ms)+id · SEEN hash · SEEN 't'+be64(time)+hash
 *
 * Layer 2. Threads: reads in any read transaction; writes on the writer's thread. What
 * is read is borrowed until the next write or the end of the transaction. */
#pragma once

#include "core/event.h"
#include "store/store.h"

/** The documents of a job; '0' to '4' are what its stages were given (core/ledger/kept.h). */
enum job_part {
	PART_HEADER = 'H',     /**< Header information as plugins see it. */
	PART_JOB = 'J',        /**< `job` as submitted, byte for byte. */
	PART_TASKSET = 'T',    /**< As it stands. */
	PART_FACTORS = 'F',    /**< {"topic": [...]}. */
	PART_PROVENANCE = 'V', /**< Which plugin added which path: [{path, plugin}]. */
	PART_PROGRESS = 'P',   /**< How far admission got: core/progress. */
};

struct why {
	struct bytes code, reason, plugin;
	struct bytes who; /**< Token id of the person, or empty. */
	int32_t exit_code;
};

SL_BEGIN_DECLS

/** The newest id ever given, or nil: ids go on behind it. */
SL_MUST_USE int ledger_newest(struct store_txn *txn, struct uuid *ret);

/** For reading: SL_E_NOT_FOUND when absent. */
SL_MUST_USE int ledger_get(struct store_txn *txn, struct uuid id, struct job *ret);
/** For changing: the strings are borrowed from `keep`, so they outlive writes. */
SL_MUST_USE int ledger_load(struct store_txn *txn, struct uuid id, struct buf *keep,
			    struct job *ret);
SL_MUST_USE int ledger_doc(struct store_txn *txn, struct uuid id, enum job_part part,
			   struct bytes *ret);
void ledger_put_doc(struct store_txn *txn, struct uuid id, enum job_part part, struct bytes doc);

/** A document as it is going to lie in the store. */
struct packed_doc {
	struct buf text; /* a place for its owner, then what it became */
	size_t len;
	uint8_t how; /* docs.c */
};
/** On any thread, so that the writer need not. */
SL_MUST_USE int ledger_pack(struct bytes doc, struct packed_doc *ret);
void packed_doc_finip(struct packed_doc *doc);
/** As ledger_put_doc(), of a part that the job does not have yet. */
void ledger_put_first(struct store_txn *txn, struct uuid id, enum job_part part,
		      struct packed_doc *doc);
void ledger_drop_doc(struct store_txn *txn, struct uuid id, enum job_part part);

/** A new job, state preparing: record, index, counters, its first event. */
void ledger_insert(struct store_txn *txn, struct job *job);

/** Move `job` (just read in this transaction, or kept and known to be current) to
 * `to`, with its event. SL_E_CONFLICT when the table does not allow it; nothing is
 * written then. Timers of the old state are gone; set `job->next` and call
 * ledger_save() for new ones. The strings of `why` must outlive the call. */
SL_MUST_USE int ledger_move(struct store_txn *txn, struct job *job, enum job_state to,
			    const struct why *why, int64_t now_ms);
/** Likewise, but the record is written only by ledger_save(), which must follow: for a
 * transaction that has more to say of the job. */
SL_MUST_USE int ledger_step(struct store_txn *txn, struct job *job, enum job_state to,
			    const struct why *why, int64_t now_ms);
/** New words for where it is (held, released), with an event of that outcome. */
void ledger_reword(struct store_txn *txn, struct job *job, const struct why *why,
		   const char *outcome, int64_t now_ms);
/** Store the record after changing members other than state, user and kind. `old_next_ms`
 * is what next_ms was when the record was read (its timer is replaced). */
void ledger_save(struct store_txn *txn, struct job *job, int64_t old_next_ms);
/** Append to the job's log (bounded); changes job->events: save the record afterwards. */
void ledger_add_event(struct store_txn *txn, struct job *job, const struct event *event);

/** If the last call in the log is by the same plugin with the same outcome and reason,
 * count it there and return true (save the record afterwards); else nothing happens. For a
 * waiting job that asks again and again. */
bool ledger_repeat_call(struct store_txn *txn, struct job *job, const struct event *event);

/* ---- stopping, and children ---- */

enum { KIN_MAX = 64 };

/** Children that were stopped in one go. */
struct kin {
	struct uuid id[KIN_MAX];
	size_t n, seen;
	bool more; /**< Others are still to be stopped. */
};

/** Stop a job: at once where it holds no replicas, else its end is ordered (`stopping`,
 * with the reason's words and code for then). Its children's stop is ordered with it, as
 * with every move to stopped. SL_E_CONFLICT: it has ended, or is being stopped. */
SL_MUST_USE int ledger_stop(struct store_txn *txn, struct job *job, const struct why *why,
			    int64_t now_ms);
/** Is the stop of any children ordered and not yet carried out? */
bool ledger_kin_waits(struct store_txn *txn);
/** Carry it out for at most KIN_MAX of them, theirs included. */
SL_MUST_USE int ledger_stop_kin(struct store_txn *txn, int64_t now_ms, struct kin *ret);
/** For core/ledger/erase.h: the record, index and counters of a job go. */
void ledger_drop(struct store_txn *txn, const struct job *job);
/* For core/ledger/ledger.c: */
void ledger_put_child(struct store_txn *txn, const struct job *job, bool there);
void ledger_order_kin(struct store_txn *txn, struct uuid parent);

/* ---- reading logs and lists ---- */

/** Called for each event from `from` on; returns false to end. */
typedef bool (*ledger_event_fn)(void *user, uint32_t number, const struct event *event);
SL_MUST_USE int ledger_events(struct store_txn *txn, struct uuid id, uint32_t from,
			      ledger_event_fn each, void *user);

/** What a list is filtered by; absent members are zero. */
struct job_filter {
	unsigned states;                        /**< Bit per enum job_state; 0: all. */
	const struct bytes *user, *kind, *code; /**< Any of these; n 0: all. */
	size_t users, kinds, codes;
	struct bytes name, plugin;
	int64_t from_ms, to_ms; /**< Submission time; 0: open. to_ms is inclusive to the second. */
};

bool job_filter_matches(const struct job_filter *f, const struct job *job);

typedef bool (*ledger_job_fn)(void *user, const struct job *job);
/** Walk the jobs that match, in the order of submission or newest first, beginning
 * behind `after` (nil: at the beginning); `each` returns false to end. core/ledger/walk.h
 * has it in pieces. */
SL_MUST_USE int ledger_walk(struct store_txn *txn, const struct job_filter *f, bool newest_first,
			    struct uuid after, ledger_job_fn each, void *user);
/** How many match, as counters know it: without a filter, of one user or kind, or of any
 * states, reason codes and plugin. SL_E_NOT_FOUND: they must be walked. */
SL_MUST_USE int ledger_count_quickly(struct store_txn *txn, const struct job_filter *f,
				     uint64_t *ret);
/** Likewise; otherwise counted by walking up to `most`, then `*ret_more` is set. */
SL_MUST_USE int ledger_count(struct store_txn *txn, const struct job_filter *f, uint64_t most,
			     uint64_t *ret, bool *ret_more);

/** Ids behind `after` (nil: from the first) of the jobs in `state`, in order. */
SL_MUST_USE int ledger_ids_in(struct store_txn *txn, enum job_state state, struct uuid after,
			      struct uuid *ids, size_t max, size_t *ret_n);
/** Likewise of held jobs, and how many there are. */
SL_MUST_USE int ledger_ids_held(struct store_txn *txn, struct uuid after, struct uuid *ids,
				size_t max, size_t *ret_n);
uint64_t ledger_count_held(struct store_txn *txn);

/* ---- jobs by state, reason code and plugin ---- */

typedef void (*ledger_group_fn)(void *user, const struct job_group *group, uint64_t jobs);
/** Each group of unfinished jobs with its number, by plugin; no walk over jobs. Behind `most`
 * groups the rest of each state is one group, code and plugin "other". */
SL_MUST_USE int ledger_groups(struct store_txn *txn, size_t most, ledger_group_fn each, void *user);
/** Likewise of jobs that have ended, all groups. */
SL_MUST_USE int ledger_final_groups(struct store_txn *txn, ledger_group_fn each, void *user);
enum ledger_by { BY_USER, BY_KIND };
/** `value` is borrowed for the length of the call; false ends. */
typedef bool (*ledger_value_fn)(void *user, struct bytes value, uint64_t jobs);
/** Each user or kind that has jobs, with their number, in order. */
SL_MUST_USE int ledger_values(struct store_txn *txn, enum ledger_by by, ledger_value_fn each,
			      void *user);
uint64_t ledger_count_state(struct store_txn *txn, enum job_state state);
/** Count them, and index names, once in a store that was made before that was done. */
SL_MUST_USE int ledger_count_groups(struct store_txn *txn);
/* For core/ledger/ledger.c; the last one for groups.c: */
void ledger_regroup(struct store_txn *txn, struct job *job);
void ledger_ungroup(struct store_txn *txn, const struct job *job);
void ledger_put_name(struct store_txn *txn, const struct job *job, bool there);

/* ---- timers ---- */

/** Ids whose time has come, at most `max`; `*ret_next_ms` is the first time that is still
 * to come, or 0. */
SL_MUST_USE int ledger_due(struct store_txn *txn, int64_t now_ms, struct uuid *ids, size_t max,
			   size_t *ret_n, int64_t *ret_next_ms);

struct timer_place { /* a timer: zero is in front of all */
	int64_t due_ms;
	struct uuid id;
};

/** Those behind `behind`, in order. */
SL_MUST_USE int ledger_timers(struct store_txn *txn, struct timer_place behind,
			      struct timer_place *ret, size_t max, size_t *ret_n);

/* ---- idempotency ---- */

enum { SEEN_KEEP_MS = 24 * 3600 * 1000 };

/** Was this key (a hash of token and key) used, and for which body? SL_E_NOT_FOUND. */
SL_MUST_USE int ledger_seen(struct store_txn *txn, const uint8_t key[32], int64_t now_ms,
			    struct uuid *ret_job, uint8_t ret_body[32]);
/** Remember; drops a few that are older than 24 h. */
void ledger_put_seen(struct store_txn *txn, const uint8_t key[32], struct uuid job,
		     const uint8_t body[32], int64_t now_ms);

SL_END_DECLS
