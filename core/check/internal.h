/* What the parts of the check share. Not for anybody else.
 *
 *   check.c     the whole of it, and walking a table
 *   jobs.c      a job's record, and what follows from it
 *   parts.c     its documents, log and replicas
 *   index.c     INDEX, COUNTS and TIMERS against the jobs
 *   audit.c     who changed what
 *   feed.c      the feed, and the jobs against it
 *   outbox.c    deliveries and subscribers
 *   register.c  features, their order, tokens, META and idempotency keys */
#pragma once

#include "core/check.h"
#include "core/job.h"
#include "core/plugin.h"

enum { CHECK_KEY_MAX = 1 + 300 + 1 + 8 + 16, CHECK_KEYS = 10 };

/** The newest that the feed says of a job, or an older entry. */
struct check_move {
	struct uuid job;
	uint32_t sequence;
	uint8_t state, previous;
};

struct checking {
	struct store_txn *txn;
	const struct check_config *config;
	struct check_sum *sum;
	uint64_t all;
	enum store_table table; /* that is walked */
	struct uuid newest;     /* id ever given */
	bool by_end_unknown; /* format 1: not all that have ended are in the index by their end */
	/* What was met so far, by key: STORE_COUNTS groups, STORE_HOOKS plugins (value: type),
	 * STORE_HASHES tokens that have a hash. */
	struct store *notes_store;
	struct store_txn *notes;
	struct check_move *move; /* by job, then sequence, once the feed is read */
	size_t moves, moves_cap, next_move;
	uint64_t feed_last, audit_last;
	int64_t audit_ms;  /* of the last entry */
	struct uuid begun; /* jobs from this one on have all of their moves in the feed */
	bool begun_known;
	bool features_unread; /* some could not be read: nothing is said of what they own */
	/* INDEX: entries with the same beginning as the last one */
	uint8_t run[CHECK_KEY_MAX];
	size_t run_len;
	uint64_t run_n;
	/* OUTBOX: the last 'j' entry */
	uint8_t of_job[1 + 16 + 8];
	bool head_seen;
};

struct check_key {
	uint8_t at[CHECK_KEY_MAX];
	size_t len;
	bool optional;
};

/** The entries of INDEX that belong to a job. */
struct check_keys {
	struct check_key key[CHECK_KEYS];
	size_t n;
};

static inline struct bytes check_bytes(const struct check_key *k)
{
	return bytes_of(k->at, k->len);
}
static inline void check_add(struct check_key *k, struct bytes part)
{
	if (part.len)
		memcpy(k->at + k->len, part.at, part.len);
	k->len += part.len;
}

/** Tell of a fault of this entry. */
void check_wrong(struct checking *c, enum store_table table, struct bytes key, const char *fmt, ...)
	SL_PRINTF(4, 5);
/** Of the entry that is walked. */
#define wrong(c, key, ...) check_wrong(c, (c)->table, key, __VA_ARGS__)

typedef int check_each_fn(struct checking *c, struct bytes key, struct bytes val);
/** 0: it was read; 1: it was told what is wrong; negative: no memory, say. */
SL_MUST_USE int check_job(struct checking *c, struct uuid id, struct job *ret);

/* Each entry of a table. */
check_each_fn check_meta, check_job_entry, check_doc, check_piece, check_event, check_replica,
	check_index, check_count, check_timer, check_seen, check_order, check_token, check_hash,
	check_feed, check_hook, check_outbox, check_audit;

/* jobs.c */
void check_index_keys(const struct job *job, struct check_keys *ret);
/* parts.c */
SL_MUST_USE int check_parts(struct checking *c, struct bytes key, const struct job *job);
/* index.c */
SL_MUST_USE int check_index_end(struct checking *c);
SL_MUST_USE int check_groups(struct checking *c);
void check_note_group(struct checking *c, const struct job *job);
/** Does the store have the index of names, and counters of jobs that have ended? */
bool check_names_indexed(struct checking *c);
/* feed.c */
void check_feed_end(struct checking *c);
void check_moves(struct checking *c, struct bytes key, const struct job *job);
/* register.c */
SL_MUST_USE int check_features(struct checking *c);
SL_MUST_USE int check_plugins(struct checking *c);
