/* What people ask of one job: stop and resume. The decision falls in the write's
 * transaction; the loop is told afterwards, in the order of the commits. */
#include "core/base/crash.h"
#include "core/driver/admission.h"
#include "core/json/index.h"
#include "core/ledger/erase.h"

#include <stdio.h>
#include <stdlib.h>

/** One request on its way through the writer; on the asker's stack. */
struct asking {
	struct write write;
	struct driver *driver;
	const struct job_request *request;
	bool over; /* the writer had it */
	struct sl_error err;
	enum job_state state;
	bool stopping;
	struct stopped *stopped;
	struct admit *admit; /* resume: to be posted when it is on disk */
	bool counted;        /* resume: among the jobs in admission */
	bool held;           /* resume: stored, not admitted */
	struct buf words;    /* of the hold */
	struct sl_error busy;
};

static int load(struct asking *q, struct store_txn *txn, struct buf *keep, struct job *job)
{
	int rc = ledger_load(txn, q->request->job, keep, job);
	if (!rc && q->request->user.len && !bytes_eq(q->request->user, job->user))
		rc = SL_E_NOT_FOUND;
	return rc == SL_E_NOT_FOUND ? sl_fail(&q->err, SL_E_NOT_FOUND, "there is no such job") : rc;
}

static void add_request_event(struct asking *q, struct store_txn *txn, struct job *job,
			      const char *outcome)
{
	struct event event = {.time_ms = driver_now(q->driver),
			      .type = EVENT_REQUEST,
			      .state = job->state,
			      .stage = EVENT_NO_STAGE,
			      .outcome = bytes_str(outcome),
			      .reason = q->request->reason,
			      .who = q->request->who};
	ledger_add_event(txn, job, &event);
}

static int wait_for(struct asking *q, void (*done)(struct write *, int), struct sl_error *err)
{
	q->write.done = done;
	int rc = writer_run(q->driver->parts.writer, &q->write);
	if (rc && !q->over)
		return sl_fail(err, (enum sl_err)rc, "the gateway is too busy to write; try again");
	if (rc)
		sl_fail(err, (enum sl_err)rc, "%s", q->err.code ? q->err.text : sl_err_text(rc));
	return rc;
}

/* For the audit log: what the job was, and what was done to it. */
static void record(const struct asking *q, struct store_txn *txn, const struct job *job,
		   const char *action, enum job_state after)
{
	scoped(buf_finip) struct buf was = {0};
	scoped(buf_finip) struct buf is = {0};
	char id[UUID_TEXT_SIZE];
	if (!q->request->by.token.len)
		return;
	buf_init(&was, 16 << 10);
	buf_init(&is, 256);
	buf_addf(&was, "{\"state\":\"%s\",\"reasonCode\":", job_state_name(job->state));
	json_quote(&was, job->reason_code);
	buf_add_str(&was, ",\"userID\":");
	json_quote(&was, job->user);
	buf_add_str(&was, ",\"jobName\":");
	json_quote(&was, job->name);
	buf_add_char(&was, '}');
	if (after < JOB_STATES)
		buf_addf(&is, "{\"state\":\"%s\"}", job_state_name(after));
	struct audit_entry e = {.by = q->request->by,
				.time_ms = driver_now(q->driver),
				.action = action,
				.target = bytes_str(uuid_format(q->request->job, id)),
				.reason = q->request->reason,
				.before = buf_bytes(&was),
				.after = buf_bytes(&is)};
	if (was.rc)
		store_fail(txn, was.rc);
	else
		audit_append(txn, &e);
}

/* ---- stop ---- */

static int apply_stop(struct write *w, struct store_txn *txn)
{
	struct asking *q = container_of(w, struct asking, write);
	scoped(buf_finip) struct buf keep = {0};
	struct bytes words = q->request->reason;
	struct why why = {.code = BYTES("stopped_by_user"),
			  .reason = words.len ? words : BYTES("stopped by a user"),
			  .who = q->request->who};
	struct job job;
	buf_init(&keep, SIZE_MAX / 2);
	int rc = load(q, txn, &keep, &job);
	if (rc)
		return rc;
	q->state = job.state;
	q->stopping = job.stopping;
	if (job.state == JOB_STOPPED || job.stopping)
		return 0;
	if (job_final(job.state))
		return sl_fail(&q->err, SL_E_CONFLICT, "the job has already %s",
			       job_state_name(job.state));
	record(q, txn, &job, "job.stop", JOB_STOPPED);
	rc = ledger_stop(txn, &job, &why, driver_now(q->driver));
	q->state = job.state;
	q->stopping = job.stopping;
	crash_at(CRASH_STOP_APPLIED);
	return rc ? rc : stopped_gather(q->driver, txn, &job.id, &q->stopped);
}

static void stop_done(struct write *w, int rc)
{
	struct asking *q = container_of(w, struct asking, write);
	q->over = true;
	crash_at(CRASH_STOP_COMMITTED);
	stopped_tell(&q->stopped, rc);
	crash_at(CRASH_STOP_TOLD);
}

int driver_stop(struct driver *d, const struct job_request *r, enum job_state *ret_state,
		bool *ret_stopping, struct sl_error *err)
{
	struct asking q = {.driver = d, .request = r};
	q.write.apply = apply_stop;
	int rc = wait_for(&q, stop_done, err);
	*ret_state = q.state;
	*ret_stopping = q.stopping && !job_final(q.state);
	return rc;
}

/* ---- resume ---- */

/* Whoever suspended it has been heard, unless it is to be asked again. */
static int step_over(struct asking *q, struct progress *progress, const struct job *job)
{
	bool ask = q->request->recheck || progress->waits != WAITS_GATE_NEXT;
	progress->waits = q->request->recheck ? WAITS_RECHECK : WAITS_NOT;
	if (ask)
		return 0;
	return progress_add_gate(progress, job->plugin)
		       ? sl_fail(&q->err, SL_E_CONFLICT, "the job has passed too many gates")
		       : 0;
}

static int put_progress(struct store_txn *txn, struct admit *admit, const struct progress *progress)
{
	scoped(buf_finip) struct buf text = {0};
	buf_init(&text, 1 << 20);
	progress_encode(progress, &text);
	if (text.rc)
		return text.rc;
	int rc = arena_copy(admit->arena, buf_bytes(&text), &admit->progress);
	if (!rc)
		ledger_put_doc(txn, admit->job.id, PART_PROGRESS, buf_bytes(&text));
	return rc;
}

/* A job that is held takes no place. */
static int find_hold(struct asking *q, struct store_txn *txn, const struct job *job,
		     struct why *why)
{
	struct why held;
	int rc = driver_find_hold(q->driver, txn, job, &q->words, &held);
	q->held = rc == 0;
	if (rc && rc != SL_E_NOT_FOUND)
		return rc;
	if (!q->held)
		return q->counted ? 0 : sl_fail(&q->err, SL_E_BUSY, "%s", q->busy.text);
	why->code = held.code;
	why->reason = held.reason;
	return 0;
}

static int resume(struct asking *q, struct store_txn *txn, struct job *job)
{
	struct progress progress = {0};
	struct why why = {.code = BYTES("in_admission"),
			  .reason = q->request->reason.len ? q->request->reason : BYTES("resumed"),
			  .who = q->request->who};
	int rc = progress_decode(q->admit->progress, &progress);
	if (!rc)
		rc = step_over(q, &progress, job);
	if (!rc)
		rc = put_progress(txn, q->admit, &progress);
	if (rc)
		return rc;
	rc = find_hold(q, txn, job, &why);
	if (rc)
		return rc;
	record(q, txn, job, q->request->recheck ? "job.recheck" : "job.resume", JOB_PREPARING);
	add_request_event(q, txn, job, q->request->recheck ? "recheck" : "resume");
	rc = ledger_move(txn, job, JOB_PREPARING, &why, driver_now(q->driver));
	job->asked = 0;
	job->unavailable_ms = 0;
	job->parked_ms = 0;
	ledger_save(txn, job, job->next_ms);
	q->admit->job.state = job->state;
	q->admit->job.moves = job->moves;
	q->admit->job.asked = 0;
	q->admit->job.unavailable_ms = 0;
	q->admit->job.parked_ms = 0;
	q->admit->job.expires_ms = 0;
	crash_at(CRASH_RESUME_APPLIED);
	return rc;
}

static int apply_resume(struct write *w, struct store_txn *txn)
{
	struct asking *q = container_of(w, struct asking, write);
	scoped(buf_finip) struct buf keep = {0};
	struct job job;
	buf_init(&keep, SIZE_MAX / 2);
	int rc = load(q, txn, &keep, &job);
	if (rc)
		return rc;
	if (job.state != JOB_SUSPENDED)
		return sl_fail(&q->err, SL_E_CONFLICT,
			       "the job is %s; only a suspended job can be resumed",
			       job_state_name(job.state));
	q->admit = admit_free(q->admit);
	rc = admit_load(txn, q->request->job, &q->admit);
	return rc ? rc : resume(q, txn, &job);
}

/* It may be asked about just now: that ends, and begins anew when it is released. */
static void handle_held(struct driver *d, struct note *note)
{
	struct admit *admit = container_of(note, struct admit, note);
	admission_let_go(d, admit->job.id);
	admit_free(admit);
}

static void resume_done(struct write *w, int rc)
{
	struct asking *q = container_of(w, struct asking, write);
	q->over = true;
	crash_at(CRASH_RESUME_COMMITTED);
	if (!rc)
		watch_tell(q->driver->watch, q->request->job);
	if ((rc || q->held) && q->counted) {
		atomic_fetch_sub(&q->driver->in_admission, 1);
		q->counted = false;
	}
	if (rc) {
		admit_free(q->admit);
	} else {
		q->admit->counted = q->counted;
		if (q->held)
			q->admit->note.handle = handle_held;
		driver_post(q->driver, &q->admit->note);
	}
	crash_at(CRASH_RESUME_POSTED);
}

int driver_resume(struct driver *d, const struct job_request *r, struct sl_error *err)
{
	struct asking q = {.driver = d, .request = r};
	q.counted = driver_enter(d, &q.busy) == 0;
	if (!q.counted && !atomic_load(&d->holds)) /* whoever is held needs no place */
		return sl_fail(err, SL_E_BUSY, "%s", q.busy.text);
	buf_init(&q.words, HOLD_WORDS_MAX);
	q.write.apply = apply_resume;
	int rc = wait_for(&q, resume_done, err);
	if (rc && q.counted) /* it did not come to the writer */
		atomic_fetch_sub(&d->in_admission, 1);
	buf_fini(&q.words);
	return rc;
}

/* ---- erase ---- */

static int apply_erase(struct write *w, struct store_txn *txn)
{
	struct asking *q = container_of(w, struct asking, write);
	scoped(buf_finip) struct buf keep = {0};
	struct job job;
	buf_init(&keep, SIZE_MAX / 2);
	int rc = load(q, txn, &keep, &job);
	if (rc)
		return rc;
	if (!job_final(job.state))
		return sl_fail(
			&q->err, SL_E_CONFLICT,
			"the job is %s; only one that has ended can be erased: stop it first",
			job_state_name(job.state));
	record(q, txn, &job, "job.delete", JOB_STATES);
	rc = ledger_erase(txn, &job);
	crash_at(CRASH_ERASE_APPLIED);
	return rc;
}

static void erase_done(struct write *w, int rc)
{
	struct asking *q = container_of(w, struct asking, write);
	q->over = true;
	crash_at(CRASH_ERASE_COMMITTED);
	if (!rc) {
		watch_tell(q->driver->watch, q->request->job);
		atomic_store(&q->driver->erased, true);
		driver_wake(q->driver);
	}
}

int driver_erase(struct driver *d, const struct job_request *r, struct sl_error *err)
{
	struct asking q = {.driver = d, .request = r};
	q.write.apply = apply_erase;
	return wait_for(&q, erase_done, err);
}
