/* The one writer of the store: group commit.
 *
 * Whoever wants to write moves a `struct write` into the writer's mailbox. The writer
 * drains the mailbox into one transaction, commits once, and only then calls each
 * write's `done`. `apply` may be called more than once for one write (when a neighbour
 * broke the shared transaction, each is tried again by itself), so it must not have
 * effects outside the transaction and the write itself.
 *
 * Threads: writer_submit() from any thread; `apply` and `done` run on the writer's
 * thread. With writer_turn() instead of a thread the caller's thread is the writer's
 * (simulation). */
#pragma once

#include "core/base/mailbox.h"
#include "core/base/metric.h"
#include "store/store.h"

struct writer;
struct sleeper;

struct write {
	struct letter letter;
	struct sleeper *sleeper; /**< Of writer_run(); else NULL. */
	/** Put into the transaction what is to be written. A negative return drops this
	 * write alone and is what `done` gets; best before anything was put, as the rest of
	 * the batch must be written again otherwise. */
	int (*apply)(struct write *w, struct store_txn *txn);
	/** Exactly once. rc 0: on disk. The write is the callee's again, to free or reuse. May be
	 * NULL for writer_run(). */
	void (*done)(struct write *w, int rc);
};

/** Who sees every transaction as a whole. Both on the writer's thread. */
struct writer_guest {
	/** All writes have put theirs: put what goes with it into the same transaction. May be
	 * called again for a transaction that failed, so it has no effect outside of this one.
	 * A negative return fails the transaction. */
	int (*before_commit)(void *user, struct store_txn *txn);
	/** The transaction of the last before_commit() is on disk; its writes' `done` follow. */
	void (*after_commit)(void *user);
	void *user;
};

struct writer_stats {
	uint64_t commits; /**< Tried, so with those that failed. */
	uint64_t writes;  /**< That were written; writes / commits: the batch size. */
	uint64_t commit_us_total;
};

/** Of every commit: how long it took, and of how many writes it was. */
struct writer_meter {
	struct metric_histogram commit_us; /**< By metric_seconds. */
	struct metric_histogram writes;    /**< By metric_numbers. */
};

SL_BEGIN_DECLS

/** `store` is borrowed and must outlive the writer. At most `queue_max` writes wait,
 * beside those that are being written. */
SL_MUST_USE int writer_create(struct store *store, size_t queue_max, struct writer **ret);
/** Borrowed until the writer is freed. Before anything is written. */
void writer_invite(struct writer *writer, const struct writer_guest *guest);
SL_MUST_USE int writer_start(struct writer *writer); /**< Start the thread. */
/** Write what waits, end the thread, free. NULL is fine; returns NULL. */
struct writer *writer_free(struct writer *writer);

/** 0: taken, `done` will be called. SL_E_BUSY: the queue is full, SL_E_CANCELED:
 * stopping; the write is still the caller's and `done` is not called. */
SL_MUST_USE int writer_submit(struct writer *writer, struct write *w);
/** As above, but never refused for a full queue: for consequences of what was accepted. */
SL_MUST_USE int writer_submit_always(struct writer *writer, struct write *w);

/** Submit and sleep until it is done, also `w->done` where that is set; what `done` gets, or
 * why it was refused, and then `done` is not called. Not from the writer's thread. */
SL_MUST_USE int writer_run(struct writer *writer, struct write *w);

/** Write what waits on the caller's thread, without a thread of its own; how many were
 * done, well or not. */
size_t writer_turn(struct writer *writer);

void writer_stats(struct writer *writer, struct writer_stats *ret);
const struct writer_meter *writer_meter(const struct writer *writer); /**< Any thread. */

SL_DEFINE_SCOPED(struct writer, writer_free)

SL_END_DECLS
