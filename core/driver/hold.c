/* Admission held and released, by an operator: decided in the write's transaction, told to
 * the loop afterwards, which takes in what is held no longer (core/driver/intake.c). */
#include "core/ledger/hold.h"
#include "core/base/crash.h"
#include "core/driver/internal.h"
#include "core/json/index.h"
#include "store/writer.h"

/** On the asker's stack. */
struct holding {
	struct write write;
	struct driver *driver;
	const struct hold *hold;
	const struct audit_by *by;
	bool release, changed;
	size_t holds; /* that there are now */
	bool over;    /* the writer had it */
};

static void record(const struct holding *q, struct store_txn *txn)
{
	scoped(buf_finip) struct buf what = {0};
	const struct hold *hold = q->hold;
	if (!q->by)
		return;
	buf_init(&what, 16 << 10);
	buf_add_str(&what, "{\"kind\":");
	json_quote(&what, hold->kind);
	buf_add_str(&what, ",\"userID\":");
	json_quote(&what, hold->user);
	buf_add_char(&what, '}');
	if (what.rc) {
		store_fail(txn, what.rc);
		return;
	}
	struct audit_entry e = {.by = *q->by,
				.time_ms = driver_now(q->driver),
				.action = q->release ? "admission.release" : "admission.hold",
				.reason = hold->reason};
	*(q->release ? &e.before : &e.after) = buf_bytes(&what);
	audit_append(txn, &e);
}

static int apply(struct write *w, struct store_txn *txn)
{
	struct holding *q = container_of(w, struct holding, write);
	int rc = q->release ? hold_remove(txn, q->hold->kind, q->hold->user)
			    : hold_put(txn, q->hold);
	q->changed = rc == 0;
	if (rc && !(q->release && rc == SL_E_NOT_FOUND))
		return rc;
	if (q->changed)
		record(q, txn);
	crash_at(CRASH_HOLD_APPLIED);
	return hold_count(txn, &q->holds);
}

static void done(struct write *w, int rc)
{
	struct holding *q = container_of(w, struct holding, write);
	struct driver *d = q->driver;
	q->over = true;
	crash_at(CRASH_HOLD_COMMITTED);
	if (!rc)
		atomic_store(&d->holds, q->holds);
	if (!rc && q->release && q->changed)
		intake_after_release(d);
}

static int carry_out(struct holding *q, struct sl_error *err)
{
	q->write = (struct write){.apply = apply, .done = done};
	int rc = writer_run(q->driver->parts.writer, &q->write);
	if (rc && !q->over)
		return sl_fail(err, (enum sl_err)rc, "the gateway is too busy to write; try again");
	if (rc == SL_E_TOO_BIG)
		return sl_fail(err, SL_E_CONFLICT,
			       "there are %d holds already; release some of them first", HOLDS_MAX);
	return rc ? sl_fail(err, (enum sl_err)rc, "%s", sl_err_text(rc)) : 0;
}

int driver_hold(struct driver *d, const struct hold *hold, const struct audit_by *by,
		struct sl_error *err)
{
	struct hold now = *hold;
	struct holding q = {.driver = d, .hold = &now, .by = by};
	now.since_ms = driver_now(d);
	return carry_out(&q, err);
}

int driver_release(struct driver *d, const struct hold *what, const struct audit_by *by,
		   bool *ret_changed, struct sl_error *err)
{
	struct holding q = {.driver = d, .hold = what, .by = by, .release = true};
	int rc = carry_out(&q, err);
	if (!rc)
		*ret_changed = q.changed;
	return rc;
}

bool driver_is_held(const struct driver *d) { return atomic_load(&d->holds) > 0; }

int driver_find_hold(struct driver *d, struct store_txn *txn, const struct job *job,
		     struct buf *words, struct why *ret)
{
	struct hold hold;
	if (!atomic_load(&d->holds))
		return SL_E_NOT_FOUND;
	int rc = hold_find(txn, job->kind, job->user, &hold);
	if (rc)
		return rc;
	buf_reset(words);
	hold_tell(&hold, words);
	buf_add_bytes(words, hold.who);
	if (words->rc)
		return words->rc;
	struct bytes all = buf_bytes(words);
	*ret = (struct why){
		.code = BYTES(JOB_CODE_HELD),
		.reason = bytes_of(all.at, all.len - hold.who.len),
		.who = bytes_of((const char *)all.at + all.len - hold.who.len, hold.who.len)};
	return 0;
}

void driver_load(struct driver *d, struct driver_load *ret)
{
	ret->in_admission = atomic_load(&d->in_admission);
	ret->in_admission_max = atomic_load(&d->in_admission_max);
}
