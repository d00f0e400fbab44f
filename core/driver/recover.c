/* After a restart: every unfinished job goes on from what is stored. TaskSets that were at
 * work are taken up before anything else happens; what was in admission is taken in as
 * there are places (intake.c). A job that cannot be read is set aside, and the others go
 * on. */
#include "core/driver/line.h"
#include "core/driver/run.h"

#include <stdlib.h>

enum { PIECE = 256 };

static int take_run(struct driver *d, struct store_txn *txn, struct uuid id, size_t *n)
{
	struct run_load *load;
	struct job job;
	int rc = ledger_get(txn, id, &job);
	if (!rc)
		rc = run_load(txn, &job, &load);
	if (rc == SL_E_CORRUPT || rc == SL_E_NOT_FOUND) {
		driver_set_aside(d, id);
		return 0;
	}
	if (rc)
		return rc;
	driver_post(d, &load->note);
	++*n;
	return 0;
}

static int take_runs(struct driver *d, struct store_txn *txn, enum job_state state, size_t *n)
{
	struct uuid id[PIECE], behind = {{0}};
	size_t got = PIECE;
	while (got == PIECE) {
		int rc = ledger_ids_in(txn, state, behind, id, PIECE, &got);
		for (size_t i = 0; i < got && !rc; i++)
			rc = take_run(d, txn, id[i], n);
		if (rc)
			return rc;
		if (got)
			behind = id[got - 1];
	}
	return 0;
}

static int recover(struct driver *d, struct store_txn *txn, size_t *n)
{
	struct uuid newest;
	size_t due, holds = 0;
	int rc = ledger_newest(txn, &newest);
	if (rc)
		return rc;
	id_source_init(&d->ids, newest);
	rc = ledger_due(txn, 0, NULL, 0, &due, &d->timer_ms);
	if (!rc)
		rc = turned_back_begin(d, txn);
	if (!rc)
		rc = hold_count(txn, &holds);
	atomic_store(&d->holds, holds);
	if (!rc)
		rc = take_runs(d, txn, JOB_RUNNING, n);
	if (!rc)
		rc = take_runs(d, txn, JOB_WAITING, n);
	if (!rc)
		rc = lines_recover(d, txn);
	if (rc)
		return rc;
	*n += ledger_count_state(txn, JOB_PREPARING) - ledger_count_held(txn);
	d->intake.first = true;
	intake_ask(d, INTAKE_PREPARING, 0);
	if (ledger_kin_waits(txn))
		driver_set_timer(d, driver_now(d)); /* behind all that is taken up again */
	return 0;
}

/* Behind the notes of all runs: engines give no room away before they know who has it. */
static void handle_end(struct driver *d, struct note *note)
{
	free(note);
	for (int i = 0; i < DRIVER_ENGINES_MAX && d->engine[i] && !d->closed; i++)
		d->engine[i]->ops->recovered(d->engine[i]);
}

int driver_recover(struct driver *d, size_t *ret_n, struct sl_error *err)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	size_t n = 0;
	struct note *end = calloc(1, sizeof(*end));
	int rc = end ? store_begin(d->parts.store, STORE_READ, &txn) : SL_E_NO_MEMORY;
	if (!rc)
		rc = recover(d, txn, &n);
	*ret_n = n;
	if (!rc) {
		end->handle = handle_end;
		driver_post(d, take_ptr(&end));
	}
	free(end);
	return rc ? sl_fail(err, (enum sl_err)rc, "unfinished jobs cannot be read: %s",
			    sl_err_text(rc))
		  : 0;
}
