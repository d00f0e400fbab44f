#include "core/ledger/migrate.h"

#include "core/ledger/docs.h"
#include "core/ledger/erase.h"
#include "core/ledger/kept.h"

static bool holds_stages(struct store_txn *txn, struct uuid id)
{
	struct kept_stage record;
	for (int s = 0; s < PLUGIN_STAGES; s++)
		if (kept_stage(txn, id, (enum plugin_type)s, &record) == 0 && !record.gone)
			return true;
	return false;
}

static int put_by_end(struct store_txn *txn, struct bytes record)
{
	struct job job;
	if (job_decode(record, &job) || !job_final(job.state))
		return 0; /* what cannot be read is set aside, as ever */
	struct job end = {.id = job.id, .finished_ms = job.finished_ms};
	bool more = holds_stages(txn, end.id);
	ledger_put_ended(txn, &end, true);
	if (more)
		kept_ended(txn, &end, true);
	return 0;
}

static int index_by_end(struct store_txn *txn)
{
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	struct bytes key, val;
	int rc = store_cursor_open(txn, STORE_JOBS, &c);
	if (!rc)
		rc = store_seek(c, BYTES(""), &key, &val);
	while (!rc) {
		rc = put_by_end(txn, val);
		if (!rc)
			rc = store_next(c, &key, &val);
	}
	return rc == SL_E_NOT_FOUND ? store_failed(txn) : rc;
}

const store_step_fn ledger_steps[STORE_FORMAT - 1] = {index_by_end, docs_mark_old};
