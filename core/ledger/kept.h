/* What each stage of a job was given: its document, the header and the factors, exactly,
 * so that a request can be made again as it was sent (explain, replay, `plugin record`).
 *
 * The newest TaskSet is stored whole. Each stage that was asked leaves a small record: the
 * registry's generation, a digest of the request's body, and, once the stage has changed
 * the TaskSet, the patch (core/ledger/patch.h) that takes it back to what the stage was given.
 * Records are written with changes that are written anyway. Some time after the job's end
 * they are cut down to their digests, and the factors go; kept_trim() does that, a few jobs
 * at a time.
 *
 * Keys: DOCS id+kept_part(stage) · INDEX 'x'+be64(end of the job)+id, until it is cut down.
 * Layer 2. Threads: reads in any read transaction; writes on the writer's thread. */
#pragma once

#include "core/base/crypt.h"
#include "core/ledger/ledger.h"
#include "core/plugin.h"

/** One stage as it was given, borrowed from the transaction and from `text`. */
struct kept {
	struct bytes document; /**< `job` of the body: as submitted, or the TaskSet. */
	struct bytes header, factors;
	bool called; /**< Plugins were asked; else the next two are not known. */
	uint64_t generation;
	uint8_t digest[CRYPT_HASH_SIZE]; /**< Of the body that was sent: SHA-256. */
	bool blake2b;                    /**< No, BLAKE2b: an earlier version wrote it. */
	struct buf text;                 /**< kept_fini(). */
};

/** A stage's record. */
struct kept_stage {
	uint64_t generation;
	uint8_t digest[CRYPT_HASH_SIZE];
	bool blake2b;       /**< Written by an earlier version: else it is SHA-256. */
	bool changed;       /**< The stage changed the TaskSet: `patch` takes it back. */
	bool gone;          /**< Only the digest is left. */
	struct bytes patch; /**< Borrowed. */
};

SL_BEGIN_DECLS

/** What stage `stage` of job `id` was, or would now be, given. SL_E_NOT_FOUND: the job is
 * not there or has not come so far; SL_E_GONE: only the digest is left. */
SL_MUST_USE int kept_read(struct store_txn *txn, struct uuid id, enum plugin_type stage,
			  struct kept *ret, struct sl_error *err);
void kept_fini(struct kept *k);
static inline void kept_finip(struct kept *k) { kept_fini(k); }

/** Append the body that plugins of the stage are sent. */
void kept_body(struct bytes factors, struct bytes header, struct bytes document, struct buf *to);
/** Is this the body that was sent? True also where it is not known. */
bool kept_matches(const struct kept *k, struct bytes body);

/** Only the record: SL_E_NOT_FOUND when the stage was never asked. */
SL_MUST_USE int kept_stage(struct store_txn *txn, struct uuid id, enum plugin_type stage,
			   struct kept_stage *ret);
static inline enum job_part kept_part(enum plugin_type stage)
{
	return (enum job_part)('0' + (int)stage);
}
void kept_encode(const struct kept_stage *record, struct buf *to);

/** For core/ledger/ledger.c: the job has ended (or, `there` false, is erased). */
void kept_ended(struct store_txn *txn, const struct job *job, bool there);

/** Cut down what is left of jobs that ended before `before_ms`, at most `most` of them.
 * `*ret_more`: there may be others. */
SL_MUST_USE int kept_trim(struct store_txn *txn, int64_t before_ms, size_t most, bool *ret_more);

SL_END_DECLS
