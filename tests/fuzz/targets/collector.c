/* An OpenTelemetry collector that answers anything: no span is lost from the count, none is told
 * to be exported that was not taken, a batch is sent a few times at most, ever later, and never
 * after it was taken. Input: how many spans, then four bytes for each answer: what kind of
 * failure, the status, how long it takes, Retry-After. */
#include "tests/fuzz/fuzz.h"

#include <sched.h>

#include "core/telemetry/tracer.h"
#include "tests/lib/fake_executor.h"

enum { SPANS_MAX = 40, TRIES_MAX = 5, TURN_MS = 250, PATIENCE_MS = 60000, LATE_MS = 600000 };

/** Used by the tracer's thread alone until it has ended. */
struct scene {
	struct fake_clock clock;
	struct fake_executor x;
	const uint8_t *at, *end;
	char *body; /**< That is being delivered, or NULL. */
	int64_t before_ms;
	unsigned tries;
	bool again; /**< It may come once more. */
};

static void pass(void *user)
{
	struct scene *s = user;
	fake_clock_pass(&s->clock, TURN_MS);
}

static int failure_of(uint8_t b)
{
	static const int failures[] = {SL_E_TIMEOUT, SL_E_UNAVAILABLE, SL_E_TOO_BIG,
				       SL_E_PEER,    SL_E_BUSY,        SL_E_INVALID};
	return b < 128 ? 0 : failures[b % countof(failures)];
}

static void sent(struct scene *s, const struct fake_call *call)
{
	int64_t now = clock_mono_ms(&s->clock.base);
	if (s->body && s->again && strcmp(s->body, call->body) == 0) {
		fuzz_holds(now >= s->before_ms + (INT64_C(1000) << (s->tries - 1)));
		fuzz_holds(now < s->before_ms + LATE_MS);
	} else {
		s->tries = 0;
	}
	fuzz_holds(++s->tries <= TRIES_MAX);
	free(s->body);
	s->body = strdup(call->body);
	fuzz_holds(s->body && strcmp(call->url, "http://collector/v1/traces") == 0);
}

static void answer(void *user, const struct fake_call *call, struct fake_answer *ret)
{
	static const unsigned statuses[] = {200, 202, 204, 299, 300, 400, 404, 413,
					    429, 500, 502, 503, 504, 505, 999, 1};
	struct scene *s = user;
	uint8_t b[4] = {0};
	sent(s, call);
	for (size_t i = 0; i < sizeof(b) && s->at < s->end; i++)
		b[i] = *s->at++;
	ret->rc = failure_of(b[0]);
	ret->status = statuses[b[1] % countof(statuses)];
	ret->delay_ms = b[2] * 64u;
	ret->retry_after_ms = b[3] < 128 ? b[3] * INT64_C(500) : INT64_C(1) << (b[3] % 62);
	ret->body = b[3] % 2 ? "{\"partialSuccess\":{\"rejectedSpans\":\"1\"}}" : "nonsense";
}

static void told(void *user, const struct fake_call *call)
{
	struct scene *s = user;
	s->before_ms = clock_mono_ms(&s->clock.base);
	s->again = call->rc || call->status >= 300 || call->status < 200;
}

/* Sleeps until all spans have come to something. */
static void settle(const struct tracer *t, struct tracer_stats *ret)
{
	int64_t end_ms = clock_mono_ms(&clock_system) + PATIENCE_MS;
	do {
		sched_yield();
		tracer_stats(t, ret);
		fuzz_holds(ret->exported + ret->dropped <= ret->made);
	} while (ret->exported + ret->dropped < ret->made && clock_mono_ms(&clock_system) < end_ms);
}

static uint64_t taken(const struct scene *s)
{
	uint64_t n = 0;
	for (size_t i = 0; i < s->x.started; i++) {
		const struct fake_call *c = fake_executor_call(&s->x, i);
		bool good = !c->open && !c->canceled && !c->rc && c->status / 100 == 2;
		for (const char *at = c->body; good && (at = strstr(at, "\"spanId\"")); at++)
			n++;
	}
	return n;
}

static void run(struct scene *s, struct store *store, unsigned spans)
{
	const struct tracer_config config = {.endpoint = "http://collector/",
					     .version = "1",
					     .sample_percent = 100,
					     .queue_max = SPANS_MAX / 2,
					     .timeout_ms = 10000};
	const struct trace trace = {.id = {1}, .job = {2}, .sampled = true};
	struct tracer *t = NULL;
	struct tracer_stats stats;
	fuzz_holds(tracer_create(&config, &s->x.base, store, &s->clock.base, NULL, &t) == 0);
	for (unsigned i = 0; i < spans; i++) {
		const uint8_t id[TRACE_SPAN_SIZE] = {3, (uint8_t)i};
		tracer_post(t, span_create(&trace, id, trace.job, SPAN_CLIENT, BYTES("call")));
	}
	fuzz_holds(tracer_start(t) == 0);
	settle(t, &stats);
	fuzz_holds(stats.made == spans && stats.exported + stats.dropped == spans);
	fuzz_holds(tracer_close(t, 0) == NULL);
	fuzz_holds(stats.exported == taken(s));
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct scene s = {.at = at + 1, .end = at + len};
	struct store *store = NULL;
	if (len == 0)
		return 0;
	fuzz_holds(store_open_mem(&store) == 0);
	fake_clock_init(&s.clock, INT64_C(1800000000000));
	fake_executor_init(&s.x, &s.clock);
	s.x.before = pass;
	s.x.answer = answer;
	s.x.telling = told;
	s.x.user = &s;
	run(&s, store, at[0] % (SPANS_MAX + 1));
	fake_executor_fini(&s.x);
	store_close(store);
	free(s.body);
	return 0;
}
