/* How the documents of jobs lie in the store.
 *
 * A document of some length is shrunk (core/base/shrink.h), a TaskSet against what was
 * submitted, so that it costs little where it began as that; where that saves nothing it
 * stays as it is. What it became is cut into pieces, since LMDB gives a value over half a page
 * whole pages of its own. Pieces have numbers that only grow: they are added at the end, into
 * pages that get full, whichever job they are of. Short documents stand by part and job, where
 * most are added at the end, too.
 *
 * Keys:   DOCS part+id+0; of format 2: id+part, as it was
 *         PIECES be64(number)+piece (byte); likewise PASSING, of what goes some time after
 *         the job's end (factors, stages), so that no holes stay among the others
 *         META 'docs.old' the newest job that may have documents of format 2
 * Values: DOCS u8 how (enum); for WHOLE the document, else u8 number of pieces, u32 length of the
 *         document, and u64 number of its pieces, or, without pieces, what it became
 *         of a piece 0: part+id, then bytes; of the others: bytes
 *
 * ledger_doc(), ledger_pack(), ledger_put_doc(), ledger_put_first() and ledger_drop_doc() are in
 * core/ledger/ledger.h.
 * Layer 2. Threads: reads in any read transaction; writes on the writer's thread. */
#pragma once

#include "core/ledger/ledger.h"

enum { DOCS_KEY_SIZE = 1 + 16 + 1, DOCS_OLD_KEY_SIZE = 16 + 1, DOCS_PIECE_KEY_SIZE = 8 + 1 };

SL_BEGIN_DECLS

/** Take a key of DOCS apart; false: it is none. */
bool docs_key_read(struct bytes key, struct uuid *ret, enum job_part *ret_part);
/** Does a document have this entry of PIECES or PASSING? */
bool docs_has_piece(struct store_txn *txn, enum store_table table, struct bytes key,
		    struct bytes val);

/** Erase all of a job while `*left` is not 0; each entry is counted down. */
SL_MUST_USE int docs_erase(struct store_txn *txn, struct uuid id, size_t *left);
/** Is there any of the job? */
bool docs_any(struct store_txn *txn, struct uuid id);

/** For migration: documents that are there now lie as in format 2. */
SL_MUST_USE int docs_mark_old(struct store_txn *txn);

SL_END_DECLS
