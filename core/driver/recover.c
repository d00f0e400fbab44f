/* After a restart: every unfinished job goes on from what is stored. */
#include "core/driver/admission.h"
#include "core/driver/run.h"

#include <stdlib.h>

enum { TASKSET_BYTES_MAX = 64 << 20 };

struct recovery {
	struct driver *driver;
	struct store_txn *txn;
	size_t n;
	int rc;
};

/** A TaskSet to be taken up again: handled on the loop. */
struct run_note {
	struct note note;
	struct arena *arena;
	struct job job;
	struct buf text;
};

/* Engines give no room away before they know who has it. */
static void one_recovered(struct driver *d)
{
	if (--d->recovering)
		return;
	for (int i = 0; i < DRIVER_ENGINES_MAX && d->engine[i] && !d->closed; i++)
		d->engine[i]->ops->recovered(d->engine[i]);
}

static void handle_end(struct driver *d, struct note *note)
{
	free(note);
	one_recovered(d);
}

static void handle_run(struct driver *d, struct note *note)
{
	struct run_note *n = container_of(note, struct run_note, note);
	run_begin(d, &n->job, &n->text, true);
	buf_fini(&n->text);
	arena_free(n->arena);
	free(n);
	one_recovered(d);
}

static int load_run(struct recovery *q, const struct job *job, struct run_note *n)
{
	scoped(buf_finip) struct buf record = {0};
	struct bytes copy, taskset;
	buf_init(&record, 1 << 20);
	buf_init(&n->text, TASKSET_BYTES_MAX);
	job_encode(job, &record);
	int rc = arena_copy(n->arena, buf_bytes(&record), &copy);
	if (!rc)
		rc = job_decode(copy, &n->job);
	if (!rc)
		rc = ledger_doc(q->txn, job->id, PART_TASKSET, &taskset);
	if (rc)
		return rc;
	buf_add_bytes(&n->text, taskset);
	return n->text.rc;
}

static int take_run(struct recovery *q, const struct job *job)
{
	struct run_note *n = calloc(1, sizeof(*n));
	int rc = n ? arena_create(1 << 20, &n->arena) : SL_E_NO_MEMORY;
	if (!rc)
		rc = load_run(q, job, n);
	if (rc) {
		if (n) {
			arena_free(n->arena);
			buf_fini(&n->text);
		}
		free(n);
		return rc;
	}
	n->note.handle = handle_run;
	q->driver->recovering++;
	driver_post(q->driver, &n->note);
	return 0;
}

static int take_admission(struct recovery *q, const struct job *job)
{
	struct admit *admit;
	int rc = admit_load(q->txn, job->id, &admit);
	if (!rc)
		driver_post(q->driver, &admit->note);
	return rc;
}

static bool take(void *user, const struct job *job)
{
	struct recovery *q = user;
	q->rc = job->state == JOB_PREPARING ? take_admission(q, job) : take_run(q, job);
	q->n += q->rc == 0;
	return q->rc == 0;
}

static int recover_state(struct recovery *q, enum job_state state)
{
	static const struct uuid nil = {{0}};
	struct job_filter filter = {.states = 1u << state};
	int rc = ledger_walk(q->txn, &filter, false, nil, take, q);
	return rc ? rc : q->rc;
}

int driver_recover(struct driver *d, size_t *ret_n, struct sl_error *err)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct recovery q = {.driver = d};
	struct uuid newest;
	size_t due;
	struct note *end = calloc(1, sizeof(*end));
	int rc = end ? store_begin(d->parts.store, STORE_READ, &txn) : SL_E_NO_MEMORY;
	q.txn = txn;
	d->recovering = 1;
	if (!rc)
		rc = ledger_newest(txn, &newest);
	if (!rc) {
		id_source_init(&d->ids, newest);
		rc = ledger_due(txn, 0, NULL, 0, &due, &d->timer_ms);
	}
	static const enum job_state unfinished[] = {JOB_PREPARING, JOB_WAITING, JOB_RUNNING};
	for (size_t i = 0; i < countof(unfinished) && !rc; i++)
		rc = recover_state(&q, unfinished[i]);
	if (!rc && ledger_kin_waits(txn))
		driver_set_timer(d, driver_now(d)); /* behind all that is taken up again */
	*ret_n = q.n;
	if (rc) {
		free(end);
	} else {
		end->handle = handle_end;
		driver_post(d, end);
	}
	return rc ? sl_fail(err, (enum sl_err)rc, "unfinished jobs cannot be read: %s",
			    sl_err_text(rc))
		  : 0;
}
