/* Records of jobs, events, progress and replicas; the table of moves. */
#include "core/event.h"
#include "core/policy/replica.h"
#include "core/progress.h"
#include "core/wire.h"
#include "tests/lib/seeded.h"
#include "tests/unit/core/support.h"

#include <stdio.h>
#include <stdlib.h>

static const struct job a_job = {
	.id = {{1, 2, 3}},
	.parent = {{4}},
	.state = JOB_RUNNING,
	.stopping = true,
	.next = NEXT_EXPIRE,
	.moves = 7,
	.events = 1234567,
	.asked = 3,
	.created_ms = 1700000000001,
	.since_ms = 2,
	.started_ms = 3,
	.finished_ms = 4,
	.next_ms = 5,
	.expires_ms = 6,
	.unavailable_ms = 7,
	.exit_code = -9,
	.user = {"user", 4},
	.name = {"name", 4},
	.kind = {"kind", 4},
	.reason = {"because", 7},
	.reason_code = {"code", 4},
	.plugin = {"AccessGate.f.a", 14},
	.engine = {"local", 5},
	.token = {"tok", 3},
	.stop_reason = {"enough", 6},
};

static const struct event an_event = {
	.time_ms = 1700000000001,
	.type = EVENT_CALL,
	.state = JOB_SUSPENDED,
	.stage = 2,
	.attempts = 3,
	.status = 503,
	.took_us = 1ull << 40,
	.index = -1,
	.code = -2,
	.plugin = {"p", 1},
	.outcome = {"illegal", 7},
	.reason = {"r", 1},
	.reason_code = {"c", 1},
	.who = {"w", 1},
	.role = {"role", 4},
	.detail = {"d\0e", 3},
};

/* ---- each codec behind one face ---- */

typedef void (*encode_fn)(struct buf *to);
typedef int (*decode_fn)(struct bytes record, struct buf *again);

static void encode_job(struct buf *to) { job_encode(&a_job, to); }
static int decode_job(struct bytes record, struct buf *again)
{
	struct job job;
	int rc = job_decode(record, &job);
	if (!rc)
		job_encode(&job, again);
	return rc;
}

static void encode_event(struct buf *to) { event_encode(&an_event, to); }
static int decode_event(struct bytes record, struct buf *again)
{
	struct event event;
	int rc = event_decode(record, &event);
	if (!rc)
		event_encode(&event, again);
	return rc;
}

static void encode_progress(struct buf *to)
{
	struct progress p = {
		.stage = 2, .waits = WAITS_GATE_ASK, .used_ms = 77, .generation = 1ull << 50};
	assert_int_equal(progress_add_gate(&p, BYTES("one")), 0);
	assert_int_equal(progress_add_gate(&p, BYTES("two")), 0);
	progress_count(&p, BYTES("two"));
	progress_count(&p, BYTES("three"));
	progress_encode(&p, to);
}

static int decode_progress(struct bytes record, struct buf *again)
{
	struct progress p = {0};
	int rc = progress_decode(record, &p);
	if (!rc)
		progress_encode(&p, again);
	return rc;
}

static void encode_replica(struct buf *to)
{
	struct replica r = {.state = REPLICA_FAILED,
			    .stopping = true,
			    .attempts = 3,
			    .round = 1,
			    .retried = 2,
			    .pid = 99,
			    .code = -1,
			    .signal = 9,
			    .started_ms = 1700000000001,
			    .finished_ms = 5,
			    .retry_at_ms = 6,
			    .reason = "OOMKilled",
			    .message = "too much"};
	replica_encode(&r, to);
}

static int decode_replica(struct bytes record, struct buf *again)
{
	struct replica r;
	int rc = replica_decode(record, &r);
	if (!rc)
		replica_encode(&r, again);
	return rc;
}

static const struct {
	encode_fn encode;
	decode_fn decode;
} codecs[] = {
	{encode_job, decode_job},
	{encode_event, decode_event},
	{encode_progress, decode_progress},
	{encode_replica, decode_replica},
};

/* A copy of just its length, so that a sanitizer sees who reads behind it. */
static int decode_copy(decode_fn decode, struct bytes record, struct buf *again)
{
	char *copy = malloc(record.len ? record.len : 1);
	memcpy(copy, record.at, record.len);
	buf_reset(again);
	int rc = decode(bytes_of(copy, record.len), again);
	free(copy);
	return rc;
}

static void test_round_trip(void **state SL_UNUSED)
{
	for (size_t i = 0; i < countof(codecs); i++) {
		scoped(buf_finip) struct buf first, again;
		buf_init(&first, 1 << 16);
		buf_init(&again, 1 << 16);
		codecs[i].encode(&first);
		assert_int_equal(first.rc, 0);
		assert_int_equal(decode_copy(codecs[i].decode, buf_bytes(&first), &again), 0);
		assert_true(bytes_eq(buf_bytes(&first), buf_bytes(&again)));
	}
}

static void test_truncations_and_tails(void **state SL_UNUSED)
{
	for (size_t i = 0; i < countof(codecs); i++) {
		scoped(buf_finip) struct buf first, again;
		buf_init(&first, 1 << 16);
		buf_init(&again, 1 << 16);
		codecs[i].encode(&first);
		for (size_t n = 0; n < first.len; n++)
			assert_int_equal(
				decode_copy(codecs[i].decode, bytes_of(first.at, n), &again),
				SL_E_CORRUPT);
		buf_add_char(&first, 0);
		assert_int_equal(decode_copy(codecs[i].decode, buf_bytes(&first), &again),
				 SL_E_CORRUPT);
	}
}

/* Whatever is damaged is refused, or read as something that can be written again. */
static void test_damage(void **state SL_UNUSED)
{
	struct seeded r = {42};
	for (size_t i = 0; i < countof(codecs); i++)
		for (int n = 0; n < 3000; n++) {
			scoped(buf_finip) struct buf first, again;
			buf_init(&first, 1 << 16);
			buf_init(&again, 1 << 16);
			codecs[i].encode(&first);
			for (uint32_t k = 1 + seeded_below(&r, 4); k > 0; k--)
				first.at[seeded_below(&r, (uint32_t)first.len)] =
					(char)seeded_next(&r);
			int rc = decode_copy(codecs[i].decode, buf_bytes(&first), &again);
			assert_true(rc == 0 || rc == SL_E_CORRUPT);
		}
}

static void test_members(void **state SL_UNUSED)
{
	scoped(buf_finip) struct buf record;
	struct job job;
	struct event event;
	buf_init(&record, 1 << 16);
	job_encode(&a_job, &record);
	assert_int_equal(job_decode(buf_bytes(&record), &job), 0);
	assert_true(uuid_eq(job.id, a_job.id) && uuid_eq(job.parent, a_job.parent));
	assert_int_equal(job.exit_code, -9);
	assert_int_equal(job.unavailable_ms, 7);
	assert_true(job.stopping);
	assert_true(bytes_is(job.stop_reason, "enough"));
	buf_reset(&record);
	event_encode(&an_event, &record);
	assert_int_equal(event_decode(buf_bytes(&record), &event), 0);
	assert_int_equal(event.index, -1);
	assert_int_equal(event.took_us, 1ull << 40);
	assert_true(bytes_eq(event.detail, an_event.detail));
}

static void test_moves(void **state SL_UNUSED)
{
	/* from, to: of the contract; nothing else */
	static const enum job_state allowed[][2] = {
		{JOB_PREPARING, JOB_SUSPENDED}, {JOB_PREPARING, JOB_WAITING},
		{JOB_PREPARING, JOB_FAILED},    {JOB_PREPARING, JOB_STOPPED},
		{JOB_SUSPENDED, JOB_PREPARING}, {JOB_SUSPENDED, JOB_STOPPED},
		{JOB_SUSPENDED, JOB_FAILED},    {JOB_WAITING, JOB_RUNNING},
		{JOB_WAITING, JOB_FAILED},      {JOB_WAITING, JOB_STOPPED},
		{JOB_RUNNING, JOB_SUCCEEDED},   {JOB_RUNNING, JOB_FAILED},
		{JOB_RUNNING, JOB_STOPPED},
	};
	for (int from = 0; from < JOB_STATES; from++)
		for (int to = 0; to < JOB_STATES; to++) {
			bool want = false;
			for (size_t i = 0; i < countof(allowed); i++)
				want |= allowed[i][0] == (enum job_state)from &&
					allowed[i][1] == (enum job_state)to;
			assert_int_equal(job_may_move((enum job_state)from, (enum job_state)to),
					 want);
		}
}

static void test_names(void **state SL_UNUSED)
{
	static const char *const names[] = {"preparing", "suspended", "waiting", "running",
					    "succeeded", "failed",    "stopped"};
	for (int i = 0; i < JOB_STATES; i++) {
		enum job_state got;
		assert_string_equal(job_state_name((enum job_state)i), names[i]);
		assert_int_equal(job_state_parse(bytes_str(names[i]), &got), 0);
		assert_int_equal(got, i);
		assert_int_equal(job_final((enum job_state)i), i >= 4);
	}
	enum job_state got;
	assert_int_equal(job_state_parse(BYTES("Running"), &got), SL_E_INVALID);
	assert_int_equal(job_state_parse(BYTES(""), &got), SL_E_INVALID);
}

static void test_long_reasons_are_cut(void **state SL_UNUSED)
{
	scoped(buf_finip) struct buf record;
	char text[JOB_REASON_MAX + 10], detail[EVENT_DETAIL_MAX + 10];
	struct event event = an_event, got;
	memset(text, 'x', sizeof(text));
	memset(detail, 'y', sizeof(detail));
	event.reason = bytes_of(text, sizeof(text));
	event.detail = bytes_of(detail, sizeof(detail));
	buf_init(&record, 1 << 16);
	event_encode(&event, &record);
	assert_int_equal(event_decode(buf_bytes(&record), &got), 0);
	assert_int_equal(got.reason.len, JOB_REASON_MAX);
	assert_int_equal(got.detail.len, EVENT_DETAIL_MAX);
}

static void test_gates_that_have_run(void **state SL_UNUSED)
{
	static struct progress p;
	char key[PROGRESS_GATES_MAX + 1][8];
	for (int i = 0; i <= PROGRESS_GATES_MAX; i++) {
		snprintf(key[i], sizeof(key[i]), "g%d", i);
		assert_int_equal(progress_add_gate(&p, bytes_str(key[i])),
				 i == PROGRESS_GATES_MAX ? SL_E_TOO_BIG : 0);
	}
	assert_int_equal(progress_add_gate(&p, BYTES("g7")), 0);
	assert_true(progress_has_run(&p, BYTES("g255")));
	assert_false(progress_has_run(&p, BYTES("g256")));
	assert_false(progress_has_run(&p, BYTES("g25555")));
}

static void test_gates_that_were_asked(void **state SL_UNUSED)
{
	static struct progress p;
	char key[PROGRESS_ASKED_MAX][8];
	progress_count(&p, BYTES("old"));
	for (int i = 0; i < PROGRESS_ASKED_MAX - 1; i++) {
		snprintf(key[i], sizeof(key[i]), "g%d", i);
		progress_count(&p, bytes_str(key[i]));
	}
	progress_count(&p, BYTES("g3"));
	assert_int_equal(progress_times(&p, BYTES("g3")), 2);
	assert_int_equal(progress_times(&p, BYTES("old")), 1);
	progress_count(&p, BYTES("new"));
	assert_int_equal(p.askeds, PROGRESS_ASKED_MAX);
	assert_int_equal(progress_times(&p, BYTES("old")), 0);
	assert_int_equal(progress_times(&p, BYTES("new")), 1);
	assert_int_equal(progress_times(&p, BYTES("g0")), 1);
}

/* As the first version wrote it, of which nobody was parked. */
static void put_first_version(struct buf *to, const struct job *job)
{
	const int64_t times[] = {job->created_ms,    job->since_ms, job->started_ms,
				 job->finished_ms,   job->next_ms,  job->expires_ms,
				 job->unavailable_ms};
	const struct bytes texts[] = {job->user,        job->name,      job->kind,   job->reason,
				      job->reason_code, job->plugin,    job->engine, job->token,
				      job->stop_reason, job->stop_code, job->trace};
	wire_put(to, 1, 1);
	buf_add(to, job->id.at, sizeof(job->id.at));
	buf_add(to, job->parent.at, sizeof(job->parent.at));
	wire_put(to, job->state, 1);
	wire_put(to, job->stopping, 1);
	wire_put(to, job->next, 1);
	const uint32_t counts[] = {job->moves, job->events, job->log_from, job->log_bytes,
				   job->asked};
	for (size_t i = 0; i < countof(counts); i++)
		wire_put(to, counts[i], 4);
	for (size_t i = 0; i < countof(times); i++)
		wire_put(to, (uint64_t)times[i], 8);
	wire_put(to, (uint32_t)job->exit_code, 4);
	for (size_t i = 0; i < countof(texts); i++)
		wire_put_bytes(to, texts[i]);
}

static void test_first_version(void **state SL_UNUSED)
{
	scoped(buf_finip) struct buf old = {0};
	scoped(buf_finip) struct buf now = {0};
	scoped(buf_finip) struct buf again = {0};
	struct job got, job = a_job;
	job.state = JOB_SUSPENDED;
	buf_init(&old, 1 << 16);
	buf_init(&now, 1 << 16);
	buf_init(&again, 1 << 16);
	put_first_version(&old, &job);
	assert_int_equal(job_decode(buf_bytes(&old), &got), 0);
	assert_int_equal(got.parked_ms, 0);
	assert_int_equal(got.exit_code, job.exit_code);
	assert_int_equal(got.line.which, 'w'); /* it waits for an answer, since then */
	assert_int_equal(got.line.since_ms, job.unavailable_ms);
	assert_true(uuid_is_nil(got.rerun_of));
	job_encode(&job, &now);
	job_encode(&got, &again);
	assert_true(bytes_eq(buf_bytes(&now), buf_bytes(&again)));
	for (size_t len = 0; len < old.len; len++)
		assert_int_equal(job_decode(bytes_of(old.at, len), &got), SL_E_CORRUPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_truncations_and_tails),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_moves),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_long_reasons_are_cut),
		cmocka_unit_test(test_first_version),
		cmocka_unit_test(test_gates_that_have_run),
		cmocka_unit_test(test_gates_that_were_asked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
