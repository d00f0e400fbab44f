/* fill STORE JOBS SUSPENDED [USERS]: puts so many jobs into the store of a stopped gateway,
 * the last SUSPENDED of them suspended by a gate, the others succeeded, as if they had come
 * one a millisecond; by the ledger itself, so everything is there that the gateway would have
 * written: index, counters, events, timers of some. Documents are small. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/ledger/ledger.h"

enum { BATCH = 1000, DEADLINE_MS = 7 * 24 * 3600 * 1000 };

struct fill {
	struct store *store;
	struct id_source ids;
	unsigned long jobs, suspended, users;
	int64_t from_ms;
};

static const char job_text[] =
	"{\"apiVersion\":\"sluice/v1\",\"kind\":\"TaskSet\",\"metadata\":{\"name\":\"filled\"},"
	"\"spec\":{\"engine\":\"null\",\"roles\":[{\"name\":\"main\",\"replicas\":1,\"template\":{"
	"\"spec\":{\"containers\":[{\"name\":\"main\",\"command\":[\"true\"]}]}}}]}}";

static int move(struct store_txn *txn, struct job *job, enum job_state to, const char *code,
		int64_t now_ms)
{
	struct why why = {.code = bytes_str(code), .reason = bytes_str(code)};
	if (to == JOB_SUSPENDED)
		why.plugin = BYTES("AccessGate.quota.bench");
	return ledger_move(txn, job, to, &why, now_ms);
}

/* Every tenth of them expires some day. */
static int suspend(struct store_txn *txn, struct job *job, unsigned long number, int64_t now_ms)
{
	int rc = move(txn, job, JOB_SUSPENDED, "gate_suspended", now_ms);
	if (!rc && number % 10 == 0) {
		job->next = NEXT_EXPIRE;
		job->next_ms = job->expires_ms = now_ms + DEADLINE_MS + (int64_t)number;
		ledger_save(txn, job, 0);
	}
	return rc;
}

static int put_one(struct fill *f, struct store_txn *txn, unsigned long number)
{
	int64_t now_ms = f->from_ms + (int64_t)number;
	char user[32], header[256], id[UUID_TEXT_SIZE];
	snprintf(user, sizeof(user), "user%lu", number % f->users);
	struct job job = {.id = id_next(&f->ids, now_ms),
			  .state = JOB_PREPARING,
			  .created_ms = now_ms,
			  .since_ms = now_ms,
			  .user = bytes_str(user),
			  .name = BYTES("filled"),
			  .kind = BYTES("TaskSet"),
			  .reason = BYTES("in admission"),
			  .reason_code = BYTES("in_admission")};
	snprintf(header, sizeof(header),
		 "{\"userID\":\"%s\",\"jobName\":\"filled\",\"jobKind\":\"TaskSet\",\"jobID\":\"%"
		 "s\"}",
		 user, uuid_format(job.id, id));
	ledger_put_doc(txn, job.id, PART_HEADER, bytes_str(header));
	ledger_put_doc(txn, job.id, PART_JOB, bytes_str(job_text));
	ledger_insert(txn, &job);
	if (number >= f->jobs - f->suspended)
		return suspend(txn, &job, number, now_ms);
	job.engine = BYTES("null");
	int rc = move(txn, &job, JOB_WAITING, "waiting_for_slot", now_ms);
	ledger_put_doc(txn, job.id, PART_TASKSET, bytes_str(job_text));
	if (!rc)
		rc = move(txn, &job, JOB_RUNNING, "running", now_ms);
	return rc ? rc : move(txn, &job, JOB_SUCCEEDED, "succeeded", now_ms);
}

static int put_batch(struct fill *f, unsigned long from)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	int rc = store_begin(f->store, STORE_WRITE, &txn);
	for (unsigned long i = from; i < f->jobs && i < from + BATCH && !rc; i++)
		rc = put_one(f, txn, i);
	return rc ? rc : store_commit(&txn);
}

static int newest_of(struct fill *f)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct uuid newest;
	int rc = store_begin(f->store, STORE_READ, &txn);
	if (!rc)
		rc = ledger_newest(txn, &newest);
	if (!rc)
		id_source_init(&f->ids, newest);
	return rc;
}

static int fill(struct fill *f)
{
	int rc = newest_of(f);
	f->from_ms = clock_wall_ms(&clock_system) - (int64_t)f->jobs;
	for (unsigned long i = 0; i < f->jobs && !rc; i += BATCH) {
		rc = put_batch(f, i);
		if (i % 100000 == 0 && i)
			fprintf(stderr, "fill: %lu of %lu jobs\n", i, f->jobs);
	}
	return rc;
}

int main(int argc, char **argv)
{
	struct sl_error err = {0};
	struct fill f = {.users = argc > 4 ? strtoul(argv[4], NULL, 10) : 100};
	if (argc < 4 || !f.users) {
		fprintf(stderr, "usage: fill STORE JOBS SUSPENDED [USERS]\n");
		return 64;
	}
	f.jobs = strtoul(argv[2], NULL, 10);
	f.suspended = strtoul(argv[3], NULL, 10);
	if (f.suspended > f.jobs)
		f.suspended = f.jobs;
	struct store_config config = {
		.path = argv[1], .size_max = (size_t)64 << 30, .readers_max = 8};
	int rc = store_open_lmdb(&config, &f.store, &err);
	if (!rc)
		rc = fill(&f);
	if (rc)
		fprintf(stderr, "fill: %s\n", err.code ? err.text : sl_err_text(rc));
	store_close(f.store);
	return rc ? 1 : 0;
}
