/* Durable tables of bytes under bytes, in transactions.
 *
 * The store knows no job: core/job turns a job into bytes. Two implementations stand
 * behind this header: store/lmdb (the only folder that includes <lmdb.h>) and
 * store/mem.c (tests and simulation).
 *
 * Layer 1: may use core/base. Threads: reading, any thread; writing, one thread at a
 * time (in the daemon: the writer, store/writer.h). A transaction stays on the thread
 * that began it and must not outlive the function that began it. */
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"

struct store;
struct store_txn;

/* The tables, and what core keeps in them (keys are listed in core/ledger/ledger.h). */
#define STORE_TABLE_MAP(X)                                                                         \
	X(META, "meta")         /* format number, secrets of the store, counters */                \
	X(JOBS, "jobs")         /* job id -> record                           */                   \
	X(DOCS, "docs")         /* part + job id -> document, or where it is  */                   \
	X(EVENTS, "events")     /* job id + number -> event                   */                   \
	X(INDEX, "index")       /* by state, user, kind + job id -> nothing   */                   \
	X(COUNTS, "counts")     /* the same prefixes -> how many              */                   \
	X(TIMERS, "timers")     /* due time + job id -> nothing               */                   \
	X(REPLICAS, "replicas") /* job id + role + index -> status            */                   \
	X(SEEN, "seen")         /* idempotency keys                           */                   \
	X(FEATURES, "features") /* feature name -> record                     */                   \
	X(ORDER, "order")       /* plugin type + key -> rank                  */                   \
	X(TOKENS, "tokens")     /* token id -> record                         */                   \
	X(HASHES, "hashes")     /* keyed hash of an access id -> token id     */                   \
	X(FEED, "feed")         /* number -> a job's change of state          */                   \
	X(HOOKS, "hooks")       /* who is told of changes: LifeHook plugins   */                   \
	X(OUTBOX, "outbox")     /* what they are still to be told             */                   \
	X(AUDIT, "audit")       /* number -> who changed what                 */                   \
	X(PIECES, "pieces")     /* number + piece -> some of a document       */                   \
	X(PASSING, "passing")   /* likewise, of what is not kept as long      */

enum store_table {
#define X(name, text) STORE_##name,
	STORE_TABLE_MAP(X)
#undef X
		STORE_TABLES
};

enum store_mode { STORE_READ, STORE_WRITE };

enum {
	/** Written into a new store. Older ones are moved forward, newer ones refused. 2: every
	 * job that has ended is in the index by its end. 3: documents are shrunk and cut into
	 * pieces. */
	STORE_FORMAT = 3,
	STORE_KEY_MAX = 511, /**< LMDB's. */
};

/** Takes a store from one format to the next, inside one transaction for all steps. */
typedef int (*store_step_fn)(struct store_txn *txn);

/** How older stores are moved forward. */
struct store_moving {
	const store_step_fn *step; /**< From format 1 to 2, from 2 to 3, ...: STORE_FORMAT - 1. */
	/** It was done: the store as it was lies in `kept`. May be NULL. `from` 0: nothing of a
	 * first start had reached the disk, and it was begun anew in `kept`. */
	void (*moved)(void *user, long from, const char *kept);
	void *user;
};

struct store_config {
	const char *path;     /**< A directory; created (0700) when absent. */
	size_t size_max;      /**< Ceiling of what is kept, set once at open. */
	unsigned readers_max; /**< Reader slots: every thread that may read, and tools. */
	bool read_only;       /**< For tools on a stopped store or a backup; of any format. */
	bool must_be_there;   /**< A data file without a store is damage, not a beginning. */
	const struct store_moving *moving; /**< NULL: an older store is refused, too. */
};

SL_BEGIN_DECLS

/** Open, or create when the directory is empty: it is the store's alone. Takes the
 * store's lock (a second process: SL_E_CONFLICT). A damaged, foreign or newer store: SL_E_CORRUPT,
 * with the path and why in `err`, and not a byte of it is touched. */
SL_MUST_USE int store_open_lmdb(const struct store_config *config, struct store **ret,
				struct sl_error *err);
/** Keep everybody else out of the directory of a store, which must be there, for whoever
 * changes its name: SL_E_CONFLICT names the process that has it. Closing `*ret_fd` lets go. */
SL_MUST_USE int store_lock(const char *path, int *ret_fd, struct sl_error *err);
/** In memory, for tests: the same semantics. */
SL_MUST_USE int store_open_mem(struct store **ret);

/** Close; NULL is fine; returns NULL. No transaction may be open. */
struct store *store_close(struct store *store);

/** When a commit could not be flushed nobody knows what of it is on the disk, and flushing
 * again would not tell: the kernel forgets that it has failed. So nothing is written any
 * more (writing transactions are SL_E_IO, reading goes on), and `broken` is told once, on
 * the thread that committed. To be called before anything is written. */
void store_on_broken(struct store *store, void (*broken)(void *user), void *user);

SL_MUST_USE int store_begin(struct store *store, enum store_mode mode, struct store_txn **ret);

/** Look up; SL_E_NOT_FOUND when absent. `*ret` is borrowed until the next put or delete
 * in this transaction or its end: copy what must live longer. */
SL_MUST_USE int store_get(struct store_txn *txn, enum store_table table, struct bytes key,
			  struct bytes *ret);
/** How many entries a table has. */
SL_MUST_USE int store_count(struct store_txn *txn, enum store_table table, uint64_t *ret);
bool store_has(struct store_txn *txn, enum store_table table, struct bytes key);

/** Put and delete return nothing: the first failure sticks to the transaction, later
 * calls do nothing (and reading returns it), and store_commit() reports it (SL_E_FULL: no
 * room in the map or on the disk; SL_E_IO). Deleting what is absent is fine. Empty values
 * are fine; an empty key or one over STORE_KEY_MAX is SL_E_INVALID. What is put must not
 * be borrowed from the same transaction; a key to delete may be.
 * A full store takes every transaction that does not make it grow. */
void store_put(struct store_txn *txn, enum store_table table, struct bytes key, struct bytes val);
void store_del(struct store_txn *txn, enum store_table table, struct bytes key);
/** Put behind all keys that the table has (SL_E_INVALID: it is not), so that its pages get
 * full. */
void store_append(struct store_txn *txn, enum store_table table, struct bytes key,
		  struct bytes val);
/** Add to a counter: 8 bytes, big-endian, absent when 0; below 0 it stays 0. Counters of
 * one transaction are gathered, so that one that many writes change is written once: opening
 * a cursor on their table is a put like others. The key has at most 336 bytes. */
void store_add(struct store_txn *txn, enum store_table table, struct bytes key, int64_t by);
/** Put what was written into `record`; what became of writing it (no memory, over its
 * ceiling) sticks like a failure of its own, so that half a record is never stored. */
void store_put_buf(struct store_txn *txn, enum store_table table, struct bytes key,
		   const struct buf *record);
/** Let `rc` stick to a writing transaction, as if a put had failed with it. */
void store_fail(struct store_txn *txn, int rc);
/** The error that sticks to the transaction, or 0. */
int store_failed(const struct store_txn *txn);

/** Commit and end `*txn`, which becomes NULL. 0 means the data is on disk; on any
 * failure nothing of the transaction is. */
SL_MUST_USE int store_commit(struct store_txn **txn);
/** End without writing; NULL is fine; returns NULL. */
struct store_txn *store_abort(struct store_txn *txn);

/** Memory that lives as long as the transaction, for who puts a value together from what is
 * stored; NULL: there is none. */
void *store_lend(struct store_txn *txn, size_t len);
/** Take it all back before: for who reads on and on in one transaction. */
void store_take_back(struct store_txn *txn);

/* ---- walking a table in key order ---- */

struct store_cursor;

/** A cursor dies with store_cursor_free(), before its transaction ends. Writing through
 * the transaction while a cursor is open is allowed: the cursor stays at its key, be it
 * deleted or not, and goes on from there. */
SL_MUST_USE int store_cursor_open(struct store_txn *txn, enum store_table table,
				  struct store_cursor **ret);
struct store_cursor *store_cursor_free(struct store_cursor *cursor);

/** Go to the first key >= `from` (empty: the first of all) / the last key <= `upto`
 * (empty: the last of all); then step. SL_E_NOT_FOUND at the end, and from then on until
 * the next seek, as before the first one. What `key` and `val` get is borrowed like
 * store_get()'s. */
SL_MUST_USE int store_seek(struct store_cursor *c, struct bytes from, struct bytes *key,
			   struct bytes *val);
SL_MUST_USE int store_seek_last(struct store_cursor *c, struct bytes upto, struct bytes *key,
				struct bytes *val);
SL_MUST_USE int store_next(struct store_cursor *c, struct bytes *key, struct bytes *val);
SL_MUST_USE int store_prev(struct store_cursor *c, struct bytes *key, struct bytes *val);

struct store_room {
	uint64_t used, max; /**< Bytes of the map; the disk's free space lowers max. */
	uint64_t file;      /**< Bytes of the file: what was freed is used again first. */
};
int store_room(struct store *store, struct store_room *ret); /**< For the 95 % rule and metrics. */

/** Hand out, piece by piece, a file that holds what the store holds at this moment and no
 * more; `piece` may sleep, and a negative return breaks it off with that. Until it is done
 * nothing that is freed can be used again: the store grows by what is written. Other threads
 * go on. In memory: SL_E_METHOD. */
SL_MUST_USE int store_copy(struct store *store, int (*piece)(void *user, struct bytes piece),
			   void *user);

SL_DEFINE_SCOPED(struct store_txn, store_abort)
SL_DEFINE_SCOPED(struct store, store_close)
SL_DEFINE_SCOPED(struct store_cursor, store_cursor_free)

SL_END_DECLS
