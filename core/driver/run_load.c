/* What a run needs to go on, out of the store: on the writer's thread, or before there are
 * threads. */
#include "core/driver/run.h"

#include <stdlib.h>

enum { TASKSET_BYTES_MAX = 64 << 20, RECORD_MAX = 1 << 20, ARENA_MAX = 512 << 20 };

struct run_load *run_load_free(struct run_load *l)
{
	if (!l)
		return NULL;
	buf_fini(&l->text);
	arena_free(l->arena);
	free(l);
	return NULL;
}

static int load_job(struct run_load *l, const struct job *job)
{
	scoped(buf_finip) struct buf record = {0};
	struct bytes copy;
	buf_init(&record, RECORD_MAX);
	job_encode(job, &record);
	int rc = record.rc ? record.rc : arena_copy(l->arena, buf_bytes(&record), &copy);
	return rc ? rc : job_decode(copy, &l->job);
}

struct replica_list {
	struct run_load *load;
	struct run_replica **end;
	int rc;
};

static void add_replica(void *user, uint32_t role, uint32_t index, const struct replica *stored)
{
	struct replica_list *q = user;
	struct run_replica *n = arena_alloc(q->load->arena, sizeof(*n));
	if (!n) {
		q->rc = SL_E_NO_MEMORY;
		return;
	}
	*n = (struct run_replica){NULL, role, index, *stored};
	*q->end = n;
	q->end = &n->next;
}

static int load_replicas(struct store_txn *txn, struct run_load *l)
{
	struct replica_list q = {l, &l->replica, 0};
	int rc = ledger_replicas(txn, l->job.id, add_replica, &q);
	return rc ? rc : q.rc;
}

static int create(struct run_load **ret)
{
	struct run_load *l = calloc(1, sizeof(*l));
	if (!l || arena_create(ARENA_MAX, &l->arena)) {
		free(l);
		return SL_E_NO_MEMORY;
	}
	buf_init(&l->text, TASKSET_BYTES_MAX);
	l->note.handle = run_take_up;
	*ret = l;
	return 0;
}

int run_load(struct store_txn *txn, const struct job *job, struct run_load **ret)
{
	scoped(run_load_freep) struct run_load *l = NULL;
	struct bytes taskset;
	int rc = create(&l);
	if (!rc)
		rc = load_job(l, job);
	if (!rc)
		rc = ledger_doc(txn, job->id, PART_TASKSET, &taskset);
	if (rc)
		return rc;
	buf_add_bytes(&l->text, taskset);
	rc = l->text.rc ? l->text.rc : load_replicas(txn, l);
	if (!rc)
		*ret = take_ptr(&l);
	return rc;
}
