#include "core/driver/admission.h"

#include <stdlib.h>

enum { ADMIT_ARENA_MAX = 512 << 20, TIMES = 4 };

int admit_create(struct admit **ret)
{
	struct admit *a = calloc(1, sizeof(*a));
	if (!a || arena_create(ADMIT_ARENA_MAX, &a->arena)) {
		free(a);
		return SL_E_NO_MEMORY;
	}
	a->note.handle = admission_begin;
	*ret = a;
	return 0;
}

struct admit *admit_free(struct admit *a)
{
	if (!a)
		return NULL;
	if (a->charged)
		atomic_fetch_sub(a->charged, a->weight);
	arena_free(a->arena);
	free(a);
	return NULL;
}

struct admit *admit_drop(struct driver *d, struct admit *a)
{
	if (a && a->counted)
		atomic_fetch_sub(&d->in_admission, 1);
	return admit_free(a);
}

/* Its texts, their index, the TaskSet made of them and the body for the plugins. */
void admit_charge(struct driver *d, struct admit *a)
{
	if (a->charged)
		return;
	a->weight = TIMES * (a->header.len + a->submitted.len + a->taskset.len + a->factors.len +
			     a->provenance.len);
	a->charged = &d->documents;
	atomic_fetch_add(a->charged, a->weight);
}

static int load_doc(struct store_txn *txn, struct admit *a, enum job_part part, bool needed,
		    struct bytes *ret)
{
	struct bytes doc;
	int rc = ledger_doc(txn, a->job.id, part, &doc);
	if (rc == SL_E_NOT_FOUND)
		return needed ? SL_E_CORRUPT : 0;
	return rc ? rc : arena_copy(a->arena, doc, ret);
}

int admit_load(struct store_txn *txn, struct uuid id, struct admit **ret)
{
	scoped(admit_freep) struct admit *a = NULL;
	struct buf keep;
	struct bytes record;
	buf_init(&keep, SIZE_MAX / 2);
	int rc = admit_create(&a);
	if (!rc)
		rc = ledger_load(txn, id, &keep, &a->job);
	if (!rc)
		rc = arena_copy(a->arena, buf_bytes(&keep), &record);
	if (!rc)
		rc = job_decode(record, &a->job);
	buf_fini(&keep);
	if (!rc)
		rc = load_doc(txn, a, PART_HEADER, true, &a->header);
	if (!rc)
		rc = load_doc(txn, a, PART_JOB, true, &a->submitted);
	if (!rc)
		rc = load_doc(txn, a, PART_TASKSET, false, &a->taskset);
	if (!rc)
		rc = load_doc(txn, a, PART_FACTORS, false, &a->factors);
	if (!rc)
		rc = load_doc(txn, a, PART_PROVENANCE, false, &a->provenance);
	if (!rc)
		rc = load_doc(txn, a, PART_PROGRESS, false, &a->progress);
	if (!rc)
		*ret = take_ptr(&a);
	return rc;
}

int admit_give_up(struct store_txn *txn, struct job *job, int64_t now_ms)
{
	struct why why = {.code = BYTES("internal_error"),
			  .reason = BYTES("what is stored of the job cannot be read")};
	return ledger_move(txn, job, JOB_FAILED, &why, now_ms);
}
