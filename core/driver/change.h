/* One job's changes, written in one transaction: moves, words and times, events, documents,
 * replicas. What follows from them waits until they are on disk (`then`).
 *
 * Layer 2; parts of the driver only. Threads: made and ended on the loop, applied on the
 * writer's. */
#pragma once

#include "core/base/arena.h"
#include "core/driver/internal.h"
#include "core/policy/replica.h"
#include "store/writer.h"

struct replica_change_record {
	struct replica_change_record *next;
	uint32_t role, index;
	bool start; /* with this record on disk the engine is asked to start it */
	enum start_how how;
	struct replica replica;
};

struct change_event {
	struct change_event *next;
	size_t moves; /* of the path were made before it */
	struct event event;
};

/** Header, TaskSet, factors and the like, and what each stage was given. */
enum { CHANGE_DOCS_MAX = 12 };

/** From suspended over all that an admission and a run may make of it in one go. */
enum { CHANGE_MOVES_MAX = 5 };

/** All bytes lie in its arena. Made and ended on the loop. */
struct change {
	struct write write;
	struct note note;
	struct driver *driver;
	struct arena *arena;
	struct list link; /* in driver->stuck */
	struct uuid id;
	uint32_t moves; /* the job must have moved this often, or the change is void */
	enum job_state path[CHANGE_MOVES_MAX]; /* moves to make, in order */
	int64_t path_ms[CHANGE_MOVES_MAX];     /* when each was made */
	size_t path_n;
	struct why why; /* of the last move, or of staying where it is */
	bool stay;      /* no move, but new words and times */
	enum job_next next;
	int64_t next_ms, expires_ms;
	bool vain;         /* a plugin could not be asked: count it */
	bool unasked;      /* it was not asked at all: what was counted stays */
	int64_t parked_ms; /* since when it waits for a place, or 0 */
	struct bytes engine;
	struct {
		enum job_part part;
		struct bytes text;
	} doc[CHANGE_DOCS_MAX];
	size_t docs;
	unsigned stale; /* stages, bit by bit, whose kept record is no longer true: dropped first */
	struct change_event *event, **event_end;
	struct replica_change_record *replica, **replica_end;
	/** On the loop, when it is on disk (0) or void (SL_E_CONFLICT, SL_E_NOT_FOUND); other
	 * failures are tried again until they pass. With a flaw that, and nothing is
	 * written. The change is freed afterwards, or submitted once more where `again` is set. */
	void (*then)(struct driver *d, struct change *c, int rc);
	struct line *line; /* that it joins: told when the change is freed */
	uint64_t owner;    /* serial of the admission or run that it belongs to */
	struct stopped *stopped;
	bool again;
	int flaw; /* SL_E_*: a part of it could not be put together (no memory, as a rule) */
	int rc;
};

SL_MUST_USE int change_create(struct driver *d, struct uuid id, uint32_t moves,
			      struct change **ret);
struct change *change_free(struct change *c);
void change_add_doc(struct change *c, enum job_part part, struct bytes text); /* copies */
struct bytes change_copy(struct change *c, struct bytes text);
struct bytes change_str(struct change *c, const char *text);
/** The strings of `event` are copied. */
void change_add_event(struct change *c, const struct event *event);
void change_add_move(struct change *c, enum job_state to);
/** Words for a job that is in this state as usual: of moves that are not its last. */
struct why change_why(enum job_state state);
void change_submit(struct change *c);
void change_retry_stuck(struct driver *d);
SL_DEFINE_SCOPED(struct change, change_free)
