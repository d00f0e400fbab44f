/* Group commit: what shares a commit, what is tried again alone, what is refused. */
#include "store/writer.h"
#include "tests/unit/store/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { QUEUE_MAX = 8, FEW = 5, MANY = 64 };

/** A write that puts its key, and can hold the writer up or misbehave. */
struct job {
	struct write write;
	char key[16];
	int refuse;        /* what apply returns instead of putting */
	bool spoil;        /* refuse only after putting */
	bool bad_key;      /* make the transaction fail */
	sem_t *entered;    /* posted when apply is entered for the first time */
	sem_t *go_on;      /* waited for, then */
	unsigned applied;  /* how often */
	atomic_int result; /* 1 until done */
	sem_t done;
};

static int job_apply(struct write *w, struct store_txn *txn)
{
	struct job *job = container_of(w, struct job, write);
	if (job->applied++ == 0 && job->entered) {
		sem_post(job->entered);
		sem_wait(job->go_on);
	}
	if (job->refuse && !job->spoil)
		return job->refuse;
	store_put(txn, STORE_JOBS, bytes_of(job->key, job->bad_key ? 0 : strlen(job->key)),
		  bytes_str(job->key));
	return job->refuse;
}

static void job_done(struct write *w, int rc)
{
	struct job *job = container_of(w, struct job, write);
	if (job->result != 1) /* exactly once */
		abort();
	job->result = rc;
	sem_post(&job->done);
}

static void job_init(struct job *job, unsigned number)
{
	*job = (struct job){.write = {.apply = job_apply, .done = job_done}, .result = 1};
	snprintf(job->key, sizeof(job->key), "job %u", number);
	sem_init(&job->done, 0, 0);
}

static int job_wait(struct job *job)
{
	sem_wait(&job->done);
	return job->result;
}

struct bench {
	struct store *store;
	struct writer *writer;
	struct job job[MANY];
	/** Holds the writer inside its first batch. */
	struct job plug;
	sem_t entered, go_on;
};

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	assert_non_null(b);
	assert_int_equal(store_open_mem(&b->store), 0);
	assert_int_equal(writer_create(b->store, QUEUE_MAX, &b->writer), 0);
	for (unsigned i = 0; i < MANY; i++)
		job_init(&b->job[i], i);
	job_init(&b->plug, MANY);
	sem_init(&b->entered, 0, 0);
	sem_init(&b->go_on, 0, 0);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;
	writer_free(b->writer);
	store_close(b->store);
	free(b);
	return 0;
}

/** Start the writer and hold it, so that what is submitted next waits together. */
static void hold(struct bench *b)
{
	b->plug.entered = &b->entered;
	b->plug.go_on = &b->go_on;
	assert_int_equal(writer_start(b->writer), 0);
	assert_int_equal(writer_submit(b->writer, &b->plug.write), 0);
	sem_wait(&b->entered);
}

static void release(struct bench *b)
{
	sem_post(&b->go_on);
	assert_int_equal(job_wait(&b->plug), 0);
}

static void submit(struct bench *b, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(writer_submit_always(b->writer, &b->job[i].write), 0);
}

static bool stored(struct bench *b, unsigned i)
{
	return holds(b->store, STORE_JOBS, b->job[i].key, b->job[i].key);
}

static uint64_t commits(struct bench *b)
{
	struct writer_stats stats;
	writer_stats(b->writer, &stats);
	return stats.commits;
}

static void what_waits_shares_a_commit(void **state)
{
	struct bench *b = *state;
	hold(b);
	submit(b, MANY);
	release(b);
	for (unsigned i = 0; i < MANY; i++) {
		assert_int_equal(job_wait(&b->job[i]), 0);
		assert_int_equal(b->job[i].applied, 1);
		assert_true(stored(b, i));
	}
	struct writer_stats stats;
	writer_stats(b->writer, &stats);
	assert_int_equal(stats.commits, 2);
	assert_int_equal(stats.writes, MANY + 1);
}

static void done_comes_after_the_commit(void **state)
{
	struct bench *b = *state;
	hold(b);
	submit(b, FEW);
	assert_false(stored(b, 0));
	assert_int_equal(b->plug.result, 1);
	release(b);
	assert_true(holds(b->store, STORE_JOBS, b->plug.key, b->plug.key));
}

static void one_that_refuses_drops_out_alone(void **state)
{
	struct bench *b = *state;
	b->job[2].refuse = SL_E_CONFLICT;
	submit(b, FEW);
	assert_int_equal(writer_turn(b->writer), FEW);
	for (unsigned i = 0; i < FEW; i++) {
		assert_int_equal(job_wait(&b->job[i]), i == 2 ? SL_E_CONFLICT : 0);
		assert_int_equal(b->job[i].applied, 1);
		assert_int_equal(stored(b, i), i != 2);
	}
	assert_int_equal(commits(b), 1);
}

static void all_that_refuse_cost_no_commit(void **state)
{
	struct bench *b = *state;
	for (unsigned i = 0; i < FEW; i++)
		b->job[i].refuse = SL_E_NOT_FOUND;
	submit(b, FEW);
	assert_int_equal(writer_turn(b->writer), FEW);
	assert_int_equal(commits(b), 0);
	assert_int_equal(job_wait(&b->job[0]), SL_E_NOT_FOUND);
}

static void one_that_breaks_the_transaction_is_singled_out(void **state)
{
	struct bench *b = *state;
	b->job[1].bad_key = true;
	b->job[3].refuse = SL_E_CONFLICT;
	b->job[3].spoil = true;
	submit(b, FEW);
	assert_int_equal(writer_turn(b->writer), FEW);
	for (unsigned i = 0; i < FEW; i++) {
		int expected = i == 1 ? SL_E_INVALID : i == 3 ? SL_E_CONFLICT : 0;
		assert_int_equal(job_wait(&b->job[i]), expected);
		assert_int_equal(stored(b, i), expected == 0);
	}
}

static void a_failed_commit_is_tried_one_by_one(void **state)
{
	struct bench *b = *state;
	store_mem_fail(b->store, STORE_MEM_COMMIT, 0, SL_E_IO);
	submit(b, FEW);
	assert_int_equal(writer_turn(b->writer), FEW);
	for (unsigned i = 0; i < FEW; i++) {
		assert_int_equal(job_wait(&b->job[i]), 0);
		assert_int_equal(b->job[i].applied, 2);
		assert_true(stored(b, i));
	}
	assert_int_equal(commits(b), 1 + FEW);
}

static void when_full_what_fits_is_still_written(void **state)
{
	struct bench *b = *state;
	store_mem_limit(b->store, strlen("job 0") * 2 * 3);
	submit(b, FEW);
	assert_int_equal(writer_turn(b->writer), FEW);
	for (unsigned i = 0; i < FEW; i++)
		assert_int_equal(job_wait(&b->job[i]), i < 3 ? 0 : SL_E_FULL);
}

static void each_fault_in_turn_is_told_or_got_over(void **state)
{
	struct bench *b = *state;
	static const enum store_mem_call call[] = {STORE_MEM_BEGIN, STORE_MEM_WRITE,
						   STORE_MEM_COMMIT};
	for (size_t c = 0; c < countof(call); c++) {
		bool waits = false;
		for (unsigned nth = 0; !waits; nth++) {
			assert_true(nth < 100);
			for (unsigned i = 0; i < FEW; i++)
				job_init(&b->job[i], i + 10 * nth + 1000 * (unsigned)c);
			store_mem_fail(b->store, call[c], nth, SL_E_IO);
			submit(b, FEW);
			assert_int_equal(writer_turn(b->writer), FEW);
			waits = store_mem_fail_waits(b->store, call[c]);
			store_mem_fail(b->store, call[c], 0, 0);
			for (unsigned i = 0; i < FEW; i++)
				assert_int_equal(stored(b, i), job_wait(&b->job[i]) == 0);
		}
	}
}

static void a_full_queue_says_busy(void **state)
{
	struct bench *b = *state;
	hold(b);
	for (unsigned i = 0; i < QUEUE_MAX; i++)
		assert_int_equal(writer_submit(b->writer, &b->job[i].write), 0);
	assert_int_equal(writer_submit(b->writer, &b->job[QUEUE_MAX].write), SL_E_BUSY);
	assert_int_equal(writer_run(b->writer, &b->job[QUEUE_MAX].write), SL_E_BUSY);
	assert_int_equal(writer_submit_always(b->writer, &b->job[QUEUE_MAX + 1].write), 0);
	release(b);
	for (unsigned i = 0; i < QUEUE_MAX; i++)
		assert_int_equal(job_wait(&b->job[i]), 0);
	assert_int_equal(job_wait(&b->job[QUEUE_MAX + 1]), 0);
	assert_int_equal(b->job[QUEUE_MAX].result, 1); /* never called */
	assert_int_equal(writer_submit(b->writer, &b->job[QUEUE_MAX].write), 0);
	assert_int_equal(job_wait(&b->job[QUEUE_MAX]), 0);
}

/** A write whose `done` hands in another and lets the test go on while it closes. */
struct late {
	struct job first, second;
	struct writer *writer;
	int rc;
};

static void late_done(struct write *w, int rc)
{
	struct late *late = container_of(w, struct late, first.write);
	late->rc = writer_submit_always(late->writer, &late->second.write);
	job_done(w, rc);
}

static void closing_writes_what_waits(void **state)
{
	struct bench *b = *state;
	hold(b);
	submit(b, MANY);
	sem_post(&b->go_on);
	b->writer = writer_free(b->writer);
	for (unsigned i = 0; i < MANY; i++)
		assert_true(stored(b, i) && b->job[i].result == 0);
}

static void closing_refuses_what_comes_then(void **state)
{
	struct bench *b = *state;
	struct late late = {.writer = b->writer};
	job_init(&late.first, 1);
	job_init(&late.second, 2);
	late.first.write.done = late_done;
	assert_int_equal(writer_submit(b->writer, &late.first.write), 0);
	b->writer = writer_free(b->writer); /* never started: writes on this thread */
	assert_int_equal(late.first.result, 0);
	assert_int_equal(late.rc, SL_E_CANCELED);
	assert_int_equal(late.second.result, 1);
}

static void more_than_a_batch_takes_more_commits(void **state)
{
	struct bench *b = *state;
	enum { LOTS = 1000 };
	struct job *job = calloc(LOTS, sizeof(*job));
	assert_non_null(job);
	for (unsigned i = 0; i < LOTS; i++) {
		job_init(&job[i], i);
		assert_int_equal(writer_submit_always(b->writer, &job[i].write), 0);
	}
	assert_int_equal(writer_turn(b->writer), LOTS);
	assert_true(commits(b) > 1 && commits(b) < 20);
	for (unsigned i = 0; i < LOTS; i++)
		assert_int_equal(job[i].result, 0);
	assert_int_equal(writer_turn(b->writer), 0);
	free(job);
}

struct caller {
	struct bench *bench;
	unsigned number;
	int failed;
};

static void *run_some(void *user)
{
	struct caller *caller = user;
	for (unsigned i = 0; i < 50; i++) {
		struct job job;
		job_init(&job, caller->number * 100 + i);
		int rc;
		while ((rc = writer_run(caller->bench->writer, &job.write)) == SL_E_BUSY)
			sched_yield();
		caller->failed +=
			rc != 0 || !holds(caller->bench->store, STORE_JOBS, job.key, job.key);
	}
	return NULL;
}

static void many_callers_each_get_their_own_result(void **state)
{
	struct bench *b = *state;
	pthread_t thread[16];
	struct caller caller[countof(thread)];
	assert_int_equal(writer_start(b->writer), 0);
	for (unsigned i = 0; i < countof(thread); i++) {
		caller[i] = (struct caller){b, i, 0};
		assert_int_equal(pthread_create(&thread[i], NULL, run_some, &caller[i]), 0);
	}
	for (unsigned i = 0; i < countof(thread); i++) {
		pthread_join(thread[i], NULL);
		assert_int_equal(caller[i].failed, 0);
	}
	b->job[0].refuse = SL_E_DENIED;
	assert_int_equal(writer_run(b->writer, &b->job[0].write), SL_E_DENIED);
}

static void freeing_nothing_is_fine(void **state)
{
	(void)state;
	assert_null(writer_free(NULL));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_waits_shares_a_commit),
		CASE(done_comes_after_the_commit),
		CASE(one_that_refuses_drops_out_alone),
		CASE(all_that_refuse_cost_no_commit),
		CASE(one_that_breaks_the_transaction_is_singled_out),
		CASE(a_failed_commit_is_tried_one_by_one),
		CASE(when_full_what_fits_is_still_written),
		CASE(each_fault_in_turn_is_told_or_got_over),
		CASE(a_full_queue_says_busy),
		CASE(closing_writes_what_waits),
		CASE(closing_refuses_what_comes_then),
		CASE(more_than_a_batch_takes_more_commits),
		CASE(many_callers_each_get_their_own_result),
		cmocka_unit_test(freeing_nothing_is_fine),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
