#include "core/telemetry/tracer.h"

#include "core/ledger/feed.h"
#include "core/ledger/ledger.h"
#include "core/telemetry/otlp.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	BATCH_MAX = 512,
	FEED_READ_MAX = 20000, /* in one go */
	BODY_MAX = 8 << 20,
	ANSWER_MAX = 64 * 1024,
	POLL_MS = 500,
	TRIES = 5,
	PAUSE_MS = 1000, /* before the second try; doubles */
	ENDPOINT_MAX = 2048,
};

struct tracer {
	struct tracer_config config;
	char url[ENDPOINT_MAX];
	struct executor *x;
	struct store *store;
	const struct clock *clock;
	struct log *log;
	struct mailbox *box;
	pthread_t thread;
	bool started;
	atomic_bool ending;
	atomic_uint_fast64_t made, exported, dropped;
	_Atomic int64_t end_ms; /* monotonic, when ending */
	/* the thread's own */
	struct letter *waiting; /* taken out of the box */
	struct span *batch[BATCH_MAX];
	size_t n;
	struct buf body; /* of the batch, when it is on its way */
	call_id call;
	unsigned tries;
	int64_t again_ms; /* monotonic; 0: not waiting for another try */
	uint64_t feed_at; /* the newest entry that was seen */
	bool failing;
};

/* ---- for everybody ---- */

unsigned tracer_percent(const struct tracer *t) { return t ? t->config.sample_percent : 100; }

void tracer_post(struct tracer *t, struct span *span)
{
	if (!span)
		return;
	if (t)
		atomic_fetch_add(&t->made, 1);
	if (t && mailbox_post(t->box, &span->letter) == 0)
		return;
	if (t)
		atomic_fetch_add(&t->dropped, 1);
	span_free(span);
}

void tracer_stats(const struct tracer *t, struct tracer_stats *ret)
{
	*ret = (struct tracer_stats){0};
	if (!t)
		return;
	ret->exported = atomic_load(&t->exported);
	ret->dropped = atomic_load(&t->dropped);
	ret->made = atomic_load(&t->made);
}

/* ---- jobs that have ended ---- */

static void describe(struct span *s, const struct job *job)
{
	char id[UUID_TEXT_SIZE];
	span_add_text(s, "sluice.job.id", bytes_str(uuid_format(job->id, id)));
	span_add_text(s, "sluice.job.state", bytes_str(job_state_name(job->state)));
	span_add_text(s, "sluice.reason_code", job->reason_code);
	span_add_text(s, "user.id", job->user);
	span_add_text(s, "sluice.job.kind", job->kind);
	span_add_text(s, "sluice.engine", job->engine);
	span_add_text(s, "sluice.plugin", job->plugin);
	span_add_text(s, "sluice.job.name", job->name);
	if (job->state == JOB_FAILED) {
		span_add_text(s, "error.type", job->reason_code);
		span_fail(s, job->reason_code);
	}
}

struct feeding {
	struct tracer *tracer;
	struct store_txn *txn;
	size_t left;
};

static void add_job(struct tracer *t, const struct job *job)
{
	struct trace trace;
	trace_of_job(job->id, job->trace, t->config.sample_percent, &trace);
	if (!trace.sampled)
		return;
	struct span *s = span_create(&trace, trace.job, trace.parent, SPAN_CONSUMER, BYTES("job"));
	atomic_fetch_add(&t->made, 1);
	if (!s) {
		atomic_fetch_add(&t->dropped, 1);
		return;
	}
	s->begin_us = job->created_ms * 1000;
	s->end_us = job->finished_ms * 1000;
	describe(s, job);
	t->batch[t->n++] = s;
}

static bool see(void *user, const struct feed_entry *entry)
{
	struct feeding *f = user;
	struct job job;
	f->tracer->feed_at = entry->number;
	if (job_final(entry->state) && ledger_get(f->txn, entry->job, &job) == 0)
		add_job(f->tracer, &job);
	return f->tracer->n < BATCH_MAX && --f->left > 0;
}

/* What is no longer kept is gone; go on with what is. */
static void skip_feed(struct tracer *t, struct store_txn *txn)
{
	uint64_t oldest;
	if (feed_oldest(txn, &oldest) == 0 && oldest)
		t->feed_at = oldest - 1;
}

static void read_feed(struct tracer *t)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	if (t->n == BATCH_MAX || store_begin(t->store, STORE_READ, &txn))
		return;
	struct feeding f = {t, txn, FEED_READ_MAX};
	if (feed_read(txn, t->feed_at, see, &f) == SL_E_GONE)
		skip_feed(t, txn);
}

/* ---- batches ---- */

static void let_go(struct tracer *t)
{
	for (size_t i = 0; i < t->n; i++)
		span_free(t->batch[i]);
	t->n = 0;
	t->tries = 0;
	t->again_ms = 0;
	buf_reset(&t->body);
}

static void drop(struct tracer *t, const char *why)
{
	atomic_fetch_add(&t->dropped, t->n);
	if (!t->failing)
		log_line(t->log, LOG_WARN, "otel", "spans cannot be delivered and are dropped",
			 "endpoint", t->url, "why", why, NULL);
	t->failing = true;
	let_go(t);
}

static void delivered(struct tracer *t)
{
	atomic_fetch_add(&t->exported, t->n);
	if (t->failing)
		log_line(t->log, LOG_INFO, "otel", "spans are delivered again", "endpoint", t->url,
			 NULL);
	t->failing = false;
	let_go(t);
}

/* https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes */
static bool may_try_again(const struct answer *a)
{
	return a->rc ? a->rc != SL_E_TOO_BIG && a->rc != SL_E_INVALID
		     : a->status == 429 || (a->status >= 502 && a->status <= 504);
}

static void answered(void *user, call_id id SL_UNUSED, const struct answer *a)
{
	struct tracer *t = user;
	char why[64];
	t->call = 0;
	if (!a->rc && a->status >= 200 && a->status < 300) {
		delivered(t);
		return;
	}
	snprintf(why, sizeof(why), "it answered with status %u", a->status);
	if (!may_try_again(a) || t->tries >= TRIES || atomic_load(&t->ending)) {
		drop(t, a->rc ? (a->why ? a->why : sl_err_text(a->rc)) : why);
		return;
	}
	int64_t pause = (int64_t)PAUSE_MS << (t->tries - 1);
	if (a->retry_after_ms > pause && a->retry_after_ms < 60 * PAUSE_MS)
		pause = a->retry_after_ms;
	t->again_ms = clock_mono_ms(t->clock) + pause;
}

static void send(struct tracer *t)
{
	static const char *const headers[] = {"Content-Type: application/json", NULL};
	int rc = 0;
	if (t->tries++ == 0)
		rc = otlp_print((const struct span *const *)t->batch, t->n, t->config.version,
				&t->body);
	t->again_ms = 0;
	struct call call = {.url = t->url,
			    .headers = headers,
			    .body = buf_bytes(&t->body),
			    .timeout_ms = t->config.timeout_ms,
			    .answer_max = ANSWER_MAX};
	if (!rc)
		rc = t->x->ops->start(t->x, &call, answered, t, &t->call);
	if (rc)
		drop(t, sl_err_text(rc));
}

static void fill(struct tracer *t)
{
	if (!t->waiting)
		t->waiting = mailbox_take(t->box);
	while (t->waiting && t->n < BATCH_MAX) {
		struct letter *next = t->waiting->next;
		t->batch[t->n++] = container_of(t->waiting, struct span, letter);
		t->waiting = next;
	}
	read_feed(t);
}

/* A turn sleeps for POLL_MS where nothing happens: that is how long a batch is gathered. */
static void turn(struct tracer *t)
{
	int64_t now = clock_mono_ms(t->clock);
	if (!t->call && !t->tries)
		fill(t);
	if (!t->call && t->n && now >= t->again_ms)
		send(t);
	t->x->ops->turn(t->x, t->waiting && !t->call && !t->n ? 0 : POLL_MS);
}

static bool is_over(const struct tracer *t)
{
	if (!atomic_load(&t->ending))
		return false;
	return clock_mono_ms(t->clock) >= atomic_load(&t->end_ms) || (!t->n && !t->waiting);
}

static void *run(void *user)
{
	struct tracer *t = user;
	pthread_setname_np(pthread_self(), "sluice-otel");
	while (!is_over(t))
		turn(t);
	return NULL;
}

/* ---- life ---- */

static void wake(void *user) { (void)user; } /* the thread looks by itself */

static int set_url(struct tracer *t)
{
	static const char path[] = "/v1/traces";
	size_t len = strlen(t->config.endpoint), tail = sizeof(path) - 1;
	while (len && t->config.endpoint[len - 1] == '/')
		len--;
	bool whole = len > tail && memcmp(t->config.endpoint + len - tail, path, tail) == 0;
	int n = snprintf(t->url, sizeof(t->url), "%.*s%s", (int)len, t->config.endpoint,
			 whole ? "" : path);
	return n < 0 || (size_t)n >= sizeof(t->url) ? SL_E_INVALID : 0;
}

int tracer_create(const struct tracer_config *config, struct executor *x, struct store *store,
		  const struct clock *clock, struct log *log, struct tracer **ret)
{
	struct tracer *t = calloc(1, sizeof(*t));
	if (!t) {
		executor_free(x);
		return SL_E_NO_MEMORY;
	}
	t->config = *config;
	t->x = x;
	t->store = store;
	t->clock = clock;
	t->log = log;
	buf_init(&t->body, BODY_MAX);
	int rc = set_url(t);
	if (!rc)
		rc = mailbox_create(config->queue_max, wake, NULL, &t->box);
	if (rc)
		tracer_close(t, 0);
	else
		*ret = t;
	return rc;
}

int tracer_start(struct tracer *t)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	int rc = store_begin(t->store, STORE_READ, &txn);
	if (!rc)
		rc = feed_newest(txn, &t->feed_at);
	if (!rc && pthread_create(&t->thread, NULL, run, t))
		rc = SL_E_NO_MEMORY;
	t->started = rc == 0;
	return rc;
}

static void empty(struct tracer *t)
{
	struct letter *chain = t->waiting;
	let_go(t);
	for (int i = 0; i < 2; i++, chain = mailbox_take(t->box))
		while (chain) {
			struct letter *next = chain->next;
			span_free(container_of(chain, struct span, letter));
			chain = next;
		}
}

struct tracer *tracer_close(struct tracer *t, uint32_t grace_ms)
{
	if (!t)
		return NULL;
	atomic_store(&t->end_ms, clock_mono_ms(t->clock) + grace_ms);
	atomic_store(&t->ending, true);
	if (t->started) {
		t->x->ops->wake(t->x);
		pthread_join(t->thread, NULL);
	}
	executor_free(t->x);
	if (t->box) {
		mailbox_close(t->box);
		empty(t);
		mailbox_free(t->box);
	}
	buf_fini(&t->body);
	free(t);
	return NULL;
}
