/* What the store knows of a job that is replayed. */
#include "api/handlers/feature_replay.h"
#include "core/ledger/kept.h"
#include "core/ledger/ledger.h"
#include "core/progress.h"

struct reading {
	const struct feature *candidate;
	enum plugin_type stage;
	struct replay_past *past;
	int rc;
};

static bool of_feature(const struct feature *f, struct bytes key)
{
	const char *dot = key.len ? memchr(key.at, '.', key.len) : NULL;
	size_t n = strlen(f->name), rest;
	if (!dot)
		return false;
	rest = key.len - (size_t)(dot + 1 - (const char *)key.at);
	return rest > n && memcmp(dot + 1, f->name, n) == 0 && dot[1 + n] == '.';
}

static bool note_call(void *user, uint32_t number SL_UNUSED, const struct event *e)
{
	struct reading *q = user;
	struct replay_past *p = q->past;
	size_t i = 0;
	if (e->type != EVENT_CALL || e->stage < q->stage || e->stage >= PLUGIN_STAGES)
		return true;
	while (i < p->calls && !bytes_eq(p->call[i].plugin, e->plugin))
		i++; /* the last one counts */
	if (i == countof(p->call))
		return true;
	q->rc = arena_copy(p->arena, e->plugin, &p->call[i].plugin);
	if (!q->rc)
		q->rc = arena_copy(p->arena, e->outcome, &p->call[i].outcome);
	if (q->rc)
		return false;
	p->call[i].stage = e->stage;
	p->calls += i == p->calls;
	p->concerned = p->concerned || of_feature(q->candidate, e->plugin);
	return true;
}

static int copy_doc(struct store_txn *txn, struct replay_past *p, enum job_part part,
		    struct bytes *ret)
{
	struct bytes doc;
	int rc = ledger_doc(txn, p->job.id, part, &doc);
	return rc == SL_E_NOT_FOUND ? 0 : rc ? rc : arena_copy(p->arena, doc, ret);
}

static int copy_kept(struct store_txn *txn, struct replay_past *p, enum plugin_type stage,
		     struct sl_error *err)
{
	scoped(kept_finip) struct kept kept = {0};
	int rc = kept_read(txn, p->job.id, stage, &kept, err);
	if (!rc)
		rc = arena_copy(p->arena, kept.header, &p->header);
	if (!rc)
		rc = arena_copy(p->arena, kept.document, &p->document);
	return rc ? rc : arena_copy(p->arena, kept.factors, &p->factors_given);
}

static int copy_job(struct store_txn *txn, struct uuid id, struct replay_past *p)
{
	scoped(buf_finip) struct buf keep = {0};
	struct bytes record;
	buf_init(&keep, REPLAY_TEXT_MAX);
	int rc = ledger_load(txn, id, &keep, &p->job);
	if (!rc)
		rc = arena_copy(p->arena, buf_bytes(&keep), &record);
	return rc ? rc : job_decode(record, &p->job);
}

int replay_past_load(struct store *store, struct uuid id, const struct feature *candidate,
		     enum plugin_type stage, struct replay_past *p, struct sl_error *err)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct reading q = {candidate, stage, p, 0};
	struct progress progress = {0};
	struct bytes doc;
	int rc = store_begin(store, STORE_READ, &txn);
	if (!rc)
		rc = copy_job(txn, id, p);
	if (rc)
		return rc == SL_E_NOT_FOUND ? sl_fail(err, rc, "there is no such job") : rc;
	rc = copy_kept(txn, p, stage, err);
	if (!rc)
		rc = copy_doc(txn, p, PART_JOB, &p->submitted);
	if (!rc)
		rc = copy_doc(txn, p, PART_TASKSET, &p->taskset);
	if (!rc)
		rc = copy_doc(txn, p, PART_FACTORS, &p->factors);
	if (!rc)
		rc = ledger_events(txn, id, 0, note_call, &q);
	if (!rc)
		rc = q.rc;
	p->admitted = ledger_doc(txn, id, PART_PROGRESS, &doc) == 0 &&
		      progress_decode(doc, &progress) == 0 && progress.stage == PLUGIN_STAGES;
	return rc;
}
