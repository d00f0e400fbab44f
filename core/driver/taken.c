#include "core/driver/taken.h"

void taken_forget(struct taken *t)
{
	while (t->n)
		admit_free(t->admit[--t->n]);
	t->overs = 0;
	t->next_ms = 0;
}

bool taken_is_full(const struct driver *d, const struct taken *t)
{
	return driver_is_heavy(d) || t->n == TAKEN_MAX || t->overs == TAKEN_MAX ||
	       atomic_load(&d->in_admission) + t->n >= atomic_load(&d->in_admission_max);
}

static void note_timer(struct taken *t, const struct job *job)
{
	if (job->next_ms && (!t->next_ms || job->next_ms < t->next_ms))
		t->next_ms = job->next_ms;
}

/* One job that cannot be read does not hold up the others. */
static int fail(struct taken *t, struct store_txn *txn, struct job *job, int64_t now_ms)
{
	t->over[t->overs++] = job->id;
	return admit_give_up(txn, job, now_ms);
}

/* Its timer stays, somewhat later, so that a crash meanwhile loses nothing. */
static void lease(struct taken *t, struct job *job, int64_t until_ms, enum job_next next)
{
	job->next = next;
	job->next_ms = until_ms;
	if (job->expires_ms && job->expires_ms < job->next_ms)
		job->next_ms = job->expires_ms;
	note_timer(t, job);
}

/* Without memory it is tried again soon. */
static int add_suspended(struct taken *t, struct store_txn *txn, struct job *job, int64_t now_ms,
			 bool turn)
{
	int64_t old_next_ms = job->next_ms;
	int rc = admit_load(txn, job->id, &t->admit[t->n]);
	if (rc && rc != SL_E_NO_MEMORY)
		return store_failed(txn) ? rc : fail(t, txn, job, now_ms);
	if (rc) {
		lease(t, job, now_ms + STUCK_RETRY_MS, NEXT_ASK);
	} else {
		t->admit[t->n]->by_timer = true;
		t->admit[t->n++]->turn = turn;
		lease(t, job, now_ms + DUE_LEASE_MS, NEXT_LEASE);
	}
	job->parked_ms = 0;
	ledger_save(txn, job, old_next_ms);
	return 0;
}

static int put_off(struct taken *t, struct store_txn *txn, struct job *job, int64_t now_ms)
{
	int64_t old_next_ms = job->next_ms;
	lease(t, job, now_ms + DUE_LEASE_MS, NEXT_HELD);
	job->parked_ms = 0;
	ledger_save(txn, job, old_next_ms);
	return 0;
}

int taken_add(struct driver *d, struct taken *t, struct store_txn *txn, struct job *job)
{
	scoped(buf_finip) struct buf words = {0};
	struct why why;
	buf_init(&words, HOLD_WORDS_MAX);
	int rc = driver_find_hold(d, txn, job, &words, &why);
	if (rc == 0)
		return put_off(t, txn, job, driver_now(d));
	return rc == SL_E_NOT_FOUND ? add_suspended(t, txn, job, driver_now(d), false) : rc;
}

static int add_preparing(struct taken *t, struct store_txn *txn, struct job *job, int64_t now_ms)
{
	int rc = admit_load(txn, job->id, &t->admit[t->n]);
	if (rc)
		return rc == SL_E_NO_MEMORY || store_failed(txn) ? rc : fail(t, txn, job, now_ms);
	t->admit[t->n++]->turn = true;
	job->parked_ms = 0;
	job->reason = BYTES("in admission");
	job->plugin = BYTES("");
	ledger_save(txn, job, job->next_ms);
	return 0;
}

/* One that was in admission is there again; one that was asked about again still is. One
 * that is held now leaves the line. */
int taken_add_parked(struct driver *d, struct taken *t, struct store_txn *txn, struct job *job)
{
	scoped(buf_finip) struct buf words = {0};
	struct why why;
	int64_t now_ms = driver_now(d);
	buf_init(&words, HOLD_WORDS_MAX);
	int rc = driver_find_hold(d, txn, job, &words, &why);
	if (rc && rc != SL_E_NOT_FOUND)
		return rc;
	if (job->state == JOB_SUSPENDED)
		return rc ? add_suspended(t, txn, job, now_ms, true) : put_off(t, txn, job, now_ms);
	if (rc)
		return add_preparing(t, txn, job, now_ms);
	job->parked_ms = 0;
	ledger_reword(txn, job, &why, "held", now_ms);
	return 0;
}

int taken_expire(struct taken *t, struct store_txn *txn, struct job *job, int64_t now_ms)
{
	struct why why = {.code = BYTES("expired"),
			  .reason = BYTES("nobody let it go on before its time was over"),
			  .plugin = job->plugin};
	t->over[t->overs++] = job->id;
	return ledger_move(txn, job, JOB_STOPPED, &why, now_ms);
}

void taken_tell(struct driver *d, const struct taken *t)
{
	for (size_t i = 0; i < t->overs; i++)
		watch_tell(d->watch, t->over[i]);
}

void taken_begin(struct driver *d, struct taken *t)
{
	for (size_t i = 0; i < t->overs; i++)
		admission_let_go(d, t->over[i]);
	for (size_t i = 0; i < t->n; i++)
		admission_begin(d, &t->admit[i]->note);
	t->n = t->overs = 0;
}
