/* Acceptance: a submission becomes a stored job before anybody hears its id. */
#include "core/base/crash.h"
#include "core/driver/admission.h"
#include "core/preview.h"

#include <stdio.h>
#include <stdlib.h>

enum { HEADER_MAX = 1 << 20 };

/** One submission on its way through the writer; on the submitter's stack. */
struct accepting {
	struct write write;
	struct driver *driver;
	const struct submission *submission;
	bool over; /* the writer had it */
	struct sl_error err, busy;
	struct admit *admit;
	char *id_at;              /* where the id goes in the header's text */
	struct packed_doc packed; /* what was submitted */
	uint8_t seen_key[CRYPT_HASH_SIZE], seen_body[CRYPT_HASH_SIZE];
	struct uuid id;
	bool again;   /* answered by an earlier submission */
	bool counted; /* among the jobs in admission */
	bool held;    /* stored, not admitted */
	struct buf words;
};

/* ---- the header information: submitted keys, then the token's, then the preset ones ---- */

static const char *const preset[] = {"userID", "jobName", "jobKind", "jobID"};

static bool overridden(const struct submission *s, struct bytes key, bool by_token)
{
	for (size_t i = 0; i < countof(preset); i++)
		if (bytes_is(key, preset[i]))
			return true;
	return by_token && s->token_header && json_get(s->token_header, 0, key) != JSON_NONE;
}

static int add_members(const struct submission *s, const struct json *json, json_at object,
		       bool by_token, struct buf *to)
{
	if (!json || object == JSON_NONE)
		return 0;
	for (json_at k = json_first(json, object); k != JSON_NONE; k = json_next(json, object, k)) {
		scoped(buf_finip) struct buf text = {0};
		struct bytes key;
		buf_init(&text, HEADER_MAX);
		int rc = json_string(json, k, &text, &key);
		if (rc)
			return rc;
		if (overridden(s, key, by_token))
			continue;
		buf_add_bytes(to, json_raw(json, k));
		buf_add_char(to, ':');
		buf_add_bytes(to, json_raw(json, k + 1));
		buf_add_char(to, ',');
	}
	return 0;
}

int submission_header(const struct submission *s, struct uuid id, struct buf *to)
{
	char id_text[UUID_TEXT_SIZE];
	buf_add_char(to, '{');
	int rc = add_members(s, s->json, s->header, true, to);
	if (!rc)
		rc = add_members(s, s->token_header, 0, false, to);
	if (rc)
		return rc;
	buf_add_str(to, "\"userID\":");
	json_quote(to, s->user);
	buf_add_str(to, ",\"jobName\":");
	json_quote(to, s->name);
	buf_add_str(to, ",\"jobKind\":");
	json_quote(to, s->kind);
	buf_addf(to, ",\"jobID\":\"%s\"}", uuid_format(id, id_text));
	return to->rc;
}

/* The id is known only when the job is accepted: its place is the header's end. */
static int make_header(struct accepting *q)
{
	static const struct uuid none = {{0}};
	scoped(buf_finip) struct buf text = {0};
	buf_init(&text, HEADER_MAX);
	int rc = submission_header(q->submission, none, &text);
	if (!rc)
		rc = arena_copy(q->admit->arena, buf_bytes(&text), &q->admit->header);
	if (!rc)
		q->id_at = (char *)q->admit->header.at + text.len - UUID_TEXT_SIZE - 1;
	return rc;
}

static int make_admit(struct accepting *q)
{
	const struct submission *s = q->submission;
	int rc = admit_create(&q->admit);
	if (rc)
		return rc;
	struct admit *a = q->admit;
	struct arena *arena = a->arena;
	a->job = (struct job){.parent = s->parent, .rerun_of = s->rerun_of, .state = JOB_PREPARING};
	rc = make_header(q);
	if (!rc)
		rc = arena_copy(arena, json_raw(s->json, s->job), &a->submitted);
	if (!rc)
		rc = arena_copy(arena, s->user, &a->job.user);
	if (!rc)
		rc = arena_copy(arena, s->name, &a->job.name);
	if (!rc)
		rc = arena_copy(arena, s->kind, &a->job.kind);
	if (!rc)
		rc = arena_copy(arena, s->token, &a->job.token);
	if (!rc && trace_is_parent(s->traceparent))
		rc = arena_copy(arena, s->traceparent, &a->job.trace);
	if (!rc)
		admit_charge(q->driver, a);
	return rc;
}

/* ---- on the writer's thread ---- */

/* Was this key used before? 0: yes, `q` has the answer; SL_E_NOT_FOUND: no. */
static int look_back(struct accepting *q, struct store_txn *txn, int64_t now_ms)
{
	uint8_t body[CRYPT_HASH_SIZE];
	struct uuid earlier;
	if (!q->submission->idempotency_key.len)
		return SL_E_NOT_FOUND;
	int rc = ledger_seen(txn, q->seen_key, now_ms, &earlier, body);
	struct job job;
	if (!rc)
		rc = ledger_get(txn, earlier, &job); /* erased since: it is not answered with */
	if (rc)
		return rc;
	if (memcmp(body, q->seen_body, sizeof(body)) != 0)
		return sl_fail(&q->err, SL_E_CONFLICT,
			       "Idempotency-Key: it was used with another body in the last 24 "
			       "hours; take a new key for a new job");
	q->id = earlier;
	q->again = true;
	return 0;
}

static int check_parent(struct accepting *q, struct store_txn *txn)
{
	struct job parent;
	if (uuid_is_nil(q->submission->parent))
		return 0;
	if (ledger_get(txn, q->submission->parent, &parent))
		return sl_fail(&q->err, SL_E_NOT_FOUND, "parentJobID: there is no such job");
	if (parent.stopping || job_final(parent.state))
		return sl_fail(&q->err, SL_E_CONFLICT,
			       "parentJobID: that job %s and can have no more children",
			       job_final(parent.state) ? "has ended" : "is being stopped");
	return 0;
}

/* Why it is where it is: in admission, or held, and then it takes no place. */
static int tell_why(struct accepting *q, struct store_txn *txn)
{
	struct job *job = &q->admit->job;
	struct why why = {.code = BYTES("in_admission"), .reason = BYTES("in admission")};
	int rc = driver_find_hold(q->driver, txn, job, &q->words, &why);
	q->held = rc == 0;
	if (rc && rc != SL_E_NOT_FOUND)
		return rc;
	if (!q->held && !q->counted)
		return sl_fail(&q->err, SL_E_BUSY, "%s", q->busy.text);
	job->reason = why.reason;
	job->reason_code = why.code;
	return 0;
}

static void record_rerun(const struct accepting *q, struct store_txn *txn, int64_t now_ms)
{
	char old[UUID_TEXT_SIZE], fresh[UUID_TEXT_SIZE], after[100];
	if (!q->submission->rerun_by)
		return;
	snprintf(after, sizeof(after), "{\"jobID\":\"%s\"}", uuid_format(q->id, fresh));
	struct audit_entry e = {.by = *q->submission->rerun_by,
				.time_ms = now_ms,
				.action = "job.rerun",
				.target = bytes_str(uuid_format(q->submission->rerun_of, old)),
				.after = bytes_str(after)};
	audit_append(txn, &e);
}

/* The job that is run again gets to know its newest successor. */
static int link_rerun(struct accepting *q, struct store_txn *txn, int64_t now_ms)
{
	scoped(buf_finip) struct buf keep = {0};
	struct job old;
	char id[UUID_TEXT_SIZE], words[100];
	if (uuid_is_nil(q->submission->rerun_of))
		return 0;
	buf_init(&keep, SIZE_MAX / 2);
	int rc = ledger_load(txn, q->submission->rerun_of, &keep, &old);
	if (rc)
		return rc == SL_E_NOT_FOUND ? sl_fail(&q->err, rc, "there is no such job") : rc;
	if (!job_final(old.state))
		return sl_fail(&q->err, SL_E_CONFLICT,
			       "the job is %s; only a job that has ended can be run again",
			       job_state_name(old.state));
	snprintf(words, sizeof(words), "run again as job %s", uuid_format(q->id, id));
	struct event event = {.time_ms = now_ms,
			      .type = EVENT_REQUEST,
			      .state = old.state,
			      .stage = EVENT_NO_STAGE,
			      .outcome = BYTES("rerun"),
			      .reason = bytes_str(words),
			      .who = q->submission->token};
	crash_at(CRASH_RERUN_LINKED);
	old.rerun_as = q->id;
	ledger_add_event(txn, &old, &event);
	ledger_save(txn, &old, old.next_ms);
	record_rerun(q, txn, now_ms);
	return 0;
}

static int put_docs(struct accepting *q, struct store_txn *txn)
{
	scoped(packed_doc_finip) struct packed_doc header = {0};
	int rc = ledger_pack(q->admit->header, &header);
	if (rc)
		return rc;
	ledger_put_first(txn, q->id, PART_HEADER, &header);
	ledger_put_first(txn, q->id, PART_JOB, &q->packed);
	return 0;
}

static int apply(struct write *w, struct store_txn *txn)
{
	struct accepting *q = container_of(w, struct accepting, write);
	struct driver *d = q->driver;
	int64_t now_ms = driver_now(d);
	char id_text[UUID_TEXT_SIZE];
	q->again = false;
	int rc = look_back(q, txn, now_ms);
	if (rc != SL_E_NOT_FOUND)
		return rc;
	rc = check_parent(q, txn);
	if (!rc)
		rc = tell_why(q, txn);
	if (rc)
		return rc;
	struct job *job = &q->admit->job;
	job->id = q->id = id_next(&d->ids, now_ms);
	rc = link_rerun(q, txn, now_ms);
	if (rc)
		return rc;
	job->created_ms = job->since_ms = now_ms;
	job->moves = job->events = job->log_bytes = 0; /* apply may run again */
	memcpy(q->id_at, uuid_format(job->id, id_text), UUID_TEXT_SIZE - 1);
	rc = put_docs(q, txn);
	if (rc)
		return rc;
	ledger_insert(txn, job);
	if (q->submission->idempotency_key.len)
		ledger_put_seen(txn, q->seen_key, job->id, q->seen_body, now_ms);
	crash_at(CRASH_SUBMIT_APPLIED);
	return 0;
}

static void leave(struct accepting *q)
{
	if (q->counted)
		atomic_fetch_sub(&q->driver->in_admission, 1);
}

static void done(struct write *w, int rc)
{
	struct accepting *q = container_of(w, struct accepting, write);
	q->over = true;
	crash_at(CRASH_SUBMIT_COMMITTED);
	bool admitted = !rc && !q->again && !q->held;
	if (!admitted) {
		leave(q);
		admit_free(q->admit);
	} else {
		q->admit->counted = q->counted;
		driver_post(q->driver, &q->admit->note);
	}
	crash_at(CRASH_SUBMIT_POSTED);
}

/* ---- on the submitter's ---- */

static void hash_idempotency(struct accepting *q)
{
	const struct submission *s = q->submission;
	if (!s->idempotency_key.len)
		return;
	uint8_t scope[CRYPT_HASH_SIZE];
	crypt_hash(bytes_of("", 0), s->token, scope);
	crypt_hash(bytes_of(scope, sizeof(scope)), s->idempotency_key, q->seen_key);
	crypt_hash(bytes_of("", 0), s->json->text, q->seen_body);
}

static int enough_room(struct driver *d, struct sl_error *err)
{
	struct store_room room;
	if (store_room(d->parts.store, &room) == 0 && room.used > room.max / 100 * 95)
		return sl_fail(err, SL_E_FULL,
			       "the store is nearly full: no new jobs until there is room");
	return 0;
}

static int enter(struct driver *d, struct sl_error *err)
{
	if (driver_is_heavy(d))
		return sl_fail(err, SL_E_BUSY, "the jobs at work fill the memory; try again soon");
	return driver_enter(d, err);
}

static int accept_now(struct driver *d, struct accepting *q, struct sl_error *err)
{
	int rc = make_admit(q);
	if (!rc)
		rc = ledger_pack(q->admit->submitted, &q->packed);
	if (!rc) {
		hash_idempotency(q);
		q->write = (struct write){.apply = apply, .done = done};
		crash_at(CRASH_SUBMIT_CHECKED);
		rc = writer_run(d->parts.writer, &q->write);
	}
	if (rc && !q->over) {
		leave(q);
		admit_free(q->admit);
		return sl_fail(err, (enum sl_err)rc, "the job cannot be taken now: %s",
			       sl_err_text(rc));
	}
	if (rc)
		sl_fail(err, (enum sl_err)rc, "%s", q->err.code ? q->err.text : sl_err_text(rc));
	return rc;
}

int driver_submit(struct driver *d, const struct submission *s, struct uuid *ret,
		  struct sl_error *err)
{
	struct accepting q = {.driver = d, .submission = s};
	int rc = enough_room(d, err);
	if (rc)
		return rc;
	q.counted = enter(d, &q.busy) == 0;
	if (!q.counted && !atomic_load(&d->holds)) /* whoever is held needs no place */
		return sl_fail(err, SL_E_BUSY, "%s", q.busy.text);
	buf_init(&q.words, HOLD_WORDS_MAX);
	rc = accept_now(d, &q, err);
	buf_fini(&q.words);
	packed_doc_finip(&q.packed);
	crash_at(CRASH_SUBMIT_UNANSWERED);
	if (!rc)
		*ret = q.id;
	return rc;
}
