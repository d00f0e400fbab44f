#include "store/writer.h"

#include "core/base/clock.h"
#include "core/base/crash.h"
#include "store/ops.h"

#include <assert.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

/* A longer batch gains nothing: two flushes are then a small part of its time, and those
 * who wait for its end wait longer. */
enum { BATCH_MAX = 256 };

struct writer {
	struct store *store;
	struct mailbox *box;
	_Atomic(const struct writer_guest *) guest;
	pthread_t thread;
	bool started;
	atomic_uint_fast64_t commits, writes, commit_us_total;
	struct writer_meter meter;
};

/** The writes of one commit, and what becomes of each. */
struct batch {
	struct write *write[BATCH_MAX];
	int rc[BATCH_MAX];
	size_t n;
	struct sleeper *sleeper[BATCH_MAX]; /**< Whose writes are done. */
	size_t sleepers;
};

/** Who sleeps in writer_run(), on his own stack. The writer wakes one of a batch, and each
 * wakes two more: to wake all of them would take the writer as long as to write what they have. */
struct sleeper {
	sem_t done;
	struct sleeper *next[2]; /**< Or NULL. */
	int rc;
};

static struct write *of_letter(struct letter *l) { return container_of(l, struct write, letter); }

/* ---- one batch ---- */

/** Let one write put what it has to put. false: the transaction is spoilt by it. */
static bool apply(struct write *w, struct store_txn *txn, int *ret)
{
	uint64_t before = txn->changes;
	*ret = w->apply(w, txn);
	return !store_failed(txn) && (*ret >= 0 || txn->changes == before);
}

static int commit(struct writer *writer, struct store_txn **txn, size_t writes)
{
	const struct writer_guest *guest = atomic_load(&writer->guest);
	if ((*txn)->changes == 0) { /* every write was dropped */
		*txn = store_abort(*txn);
		return 0;
	}
	crash_at(CRASH_WRITER_APPLIED);
	int rc = guest ? guest->before_commit(guest->user, *txn) : 0;
	if (rc < 0)
		return rc;
	crash_at(CRASH_WRITER_GUEST);
	int64_t from = clock_mono_us(&clock_system);
	rc = store_commit(txn);
	int64_t us = clock_mono_us(&clock_system) - from;
	atomic_fetch_add(&writer->commits, 1);
	atomic_fetch_add(&writer->commit_us_total, (uint64_t)us);
	metric_observe(&writer->meter.commit_us, &metric_seconds, (uint64_t)us);
	metric_observe(&writer->meter.writes, &metric_numbers, writes);
	if (rc == 0)
		crash_at(CRASH_WRITER_COMMITTED);
	if (rc == 0 && guest)
		guest->after_commit(guest->user);
	crash_at(CRASH_WRITER_TOLD);
	return rc;
}

/** All in one transaction; a failure says nothing about which write is to blame. */
static int write_together(struct writer *writer, struct batch *b)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	int rc = store_begin(writer->store, STORE_WRITE, &txn);
	for (size_t i = 0; !rc && i < b->n; i++)
		if (!apply(b->write[i], txn, &b->rc[i]))
			rc = store_failed(txn) ? store_failed(txn) : b->rc[i];
	return rc ? rc : commit(writer, &txn, b->n);
}

static int write_alone(struct writer *writer, struct write *w)
{
	struct batch one = {.write = {w}, .n = 1};
	int rc = write_together(writer, &one);
	return rc ? rc : one.rc[0];
}

static void finish(struct writer *writer, struct batch *b, size_t i)
{
	struct write *w = b->write[i];
	struct sleeper *s = w->sleeper;
	int rc = b->rc[i] < 0 ? b->rc[i] : 0;
	w->sleeper = NULL;
	atomic_fetch_add(&writer->writes, rc == 0);
	if (w->done)
		w->done(w, rc);
	if (!s)
		return;
	s->rc = rc;
	b->sleeper[b->sleepers++] = s;
}

static void wake(const struct batch *b)
{
	for (size_t i = 0; i < b->sleepers; i++)
		for (size_t k = 0, of = 2 * i + 1; k < 2; k++, of++)
			b->sleeper[i]->next[k] = of < b->sleepers ? b->sleeper[of] : NULL;
	if (b->sleepers)
		sem_post(&b->sleeper[0]->done);
}

static void run_batch(struct writer *writer, struct batch *b)
{
	int rc = write_together(writer, b);
	for (size_t i = 0; i < b->n; i++) {
		if (rc && b->n > 1)
			b->rc[i] = write_alone(writer, b->write[i]);
		else if (rc)
			b->rc[i] = rc;
		finish(writer, b, i);
	}
	wake(b);
}

/** Write a chain of letters in as few commits as may be. */
static size_t run_chain(struct writer *writer, struct letter *chain)
{
	size_t total = 0;
	while (chain) {
		struct batch b;
		b.sleepers = 0;
		for (b.n = 0; chain && b.n < BATCH_MAX; b.n++) {
			b.write[b.n] = of_letter(chain);
			chain = chain->next;
		}
		total += b.n;
		crash_at(CRASH_WRITER_TAKEN);
		run_batch(writer, &b);
	}
	return total;
}

size_t writer_turn(struct writer *writer)
{
	assert(!writer->started);
	return run_chain(writer, mailbox_take(writer->box));
}

/* ---- the thread ---- */

static void *run_thread(void *user)
{
	struct writer *writer = user;
	struct letter *chain;
	while ((chain = mailbox_wait(writer->box)))
		run_chain(writer, chain);
	return NULL;
}

int writer_create(struct store *store, size_t queue_max, struct writer **ret)
{
	struct writer *writer = calloc(1, sizeof(*writer));
	if (!writer)
		return SL_E_NO_MEMORY;
	writer->store = store;
	int rc = mailbox_create(queue_max, NULL, NULL, &writer->box);
	if (rc)
		free(writer);
	else
		*ret = writer;
	return rc;
}

void writer_invite(struct writer *writer, const struct writer_guest *guest)
{
	atomic_store(&writer->guest, guest);
}

int writer_start(struct writer *writer)
{
	if (pthread_create(&writer->thread, NULL, run_thread, writer))
		return SL_E_NO_MEMORY;
	writer->started = true;
	return 0;
}

struct writer *writer_free(struct writer *writer)
{
	if (!writer)
		return NULL;
	mailbox_close(writer->box);
	if (writer->started)
		pthread_join(writer->thread, NULL);
	else
		run_chain(writer, mailbox_take(writer->box));
	mailbox_free(writer->box);
	free(writer);
	return NULL;
}

/* ---- handing in ---- */

int writer_submit(struct writer *writer, struct write *w)
{
	return mailbox_post(writer->box, &w->letter);
}

int writer_submit_always(struct writer *writer, struct write *w)
{
	return mailbox_post_always(writer->box, &w->letter);
}

static int sleep_until_done(struct sleeper *s)
{
	while (sem_wait(&s->done) < 0)
		; /* a signal */
	for (size_t k = 0; k < 2; k++)
		if (s->next[k])
			sem_post(&s->next[k]->done);
	return s->rc;
}

int writer_run(struct writer *writer, struct write *w)
{
	struct sleeper s;
	assert(!writer->started || !pthread_equal(pthread_self(), writer->thread));
	sem_init(&s.done, 0, 0);
	w->sleeper = &s;
	int rc = writer_submit(writer, w);
	if (!rc)
		rc = sleep_until_done(&s);
	else
		w->sleeper = NULL;
	sem_destroy(&s.done);
	return rc;
}

void writer_stats(struct writer *writer, struct writer_stats *ret)
{
	*ret = (struct writer_stats){
		.commits = atomic_load(&writer->commits),
		.writes = atomic_load(&writer->writes),
		.commit_us_total = atomic_load(&writer->commit_us_total),
	};
}

const struct writer_meter *writer_meter(const struct writer *writer) { return &writer->meter; }
