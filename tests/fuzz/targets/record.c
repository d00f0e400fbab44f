/* Whatever stands in the store as a record either is called corrupt, or what it says can be
 * written again, and that is read as the same. Input: a byte that says which kind of record,
 * then the record; or, from 128 on, what a record is made of, in which then one byte is spoilt. */
#include "tests/fuzz/fuzz.h"

#include "core/access/token.h"
#include "core/event.h"
#include "core/ledger/feed.h"
#include "core/outbox/internal.h"
#include "core/plugin.h"
#include "core/policy/replica.h"
#include "core/progress.h"

enum { RECORD_MAX = 1 << 20 };

/* Decode `from` and write what it says into `to`; as the decoder says. */
typedef int (*again_fn)(struct bytes from, struct buf *to);

static int job_again(struct bytes from, struct buf *to)
{
	struct job job;
	int rc = job_decode(from, &job);
	if (!rc)
		job_encode(&job, to);
	return rc;
}

static int event_again(struct bytes from, struct buf *to)
{
	struct event event;
	int rc = event_decode(from, &event);
	if (!rc) {
		event_encode(&event, to);
		struct json_object *shown = event_show(&event, 1, true);
		jb_freep(&shown);
	}
	return rc;
}

static int progress_again(struct bytes from, struct buf *to)
{
	struct progress progress;
	int rc = progress_decode(from, &progress);
	if (!rc) {
		fuzz_holds(progress.gates <= PROGRESS_GATES_MAX);
		fuzz_holds(progress.askeds <= PROGRESS_ASKED_MAX);
		(void)progress_holder(&progress);
		progress_encode(&progress, to);
	}
	return rc;
}

static int replica_again(struct bytes from, struct buf *to)
{
	struct replica replica = {0};
	int rc = replica_decode(from, &replica);
	if (!rc)
		replica_encode(&replica, to);
	return rc;
}

static int feed_again(struct bytes from, struct buf *to)
{
	struct feed_entry entry = {0};
	int rc = feed_decode(from, &entry);
	if (!rc) {
		scoped(buf_finip) struct buf body = {0};
		buf_init(&body, 8 * RECORD_MAX);
		feed_body(&entry, &body);
		fuzz_holds(body.rc == 0);
		feed_encode(&entry, to);
	}
	return rc;
}

static int token_again(struct bytes from, struct buf *to)
{
	scoped(buf_finip) struct buf keep = {0};
	struct token token = {0};
	int64_t used_ms;
	buf_init(&keep, RECORD_MAX);
	int rc = token_decode(from, &keep, &token, &used_ms);
	if (!rc)
		fuzz_holds(token_encode(&token, to) == 0);
	return rc;
}

/* Deliveries are only written into a store. */
static int delivery_again(struct bytes from, struct buf *to)
{
	struct delivery delivery = {0};
	int rc = outbox_decode(from, 7, 9, &delivery);
	if (!rc) {
		fuzz_holds(delivery.subscriber == 7 && delivery.number == 9);
		fuzz_holds(delivery.dead < DEAD_WHYS);
		buf_add(to, delivery.words.at, delivery.words.len);
	}
	return rc;
}

static const again_fn kinds[] = {job_again,  event_again, progress_again, replica_again,
				 feed_again, token_again, delivery_again};

/* ---- records made of the input ---- */

static uint8_t take(struct bytes *left)
{
	if (!left->len)
		return 0;
	uint8_t value = *(const uint8_t *)left->at;
	*left = bytes_of((const char *)left->at + 1, left->len - 1);
	return value;
}

static struct bytes take_text(struct bytes *left)
{
	size_t len = take(left);
	len = len < left->len ? len : left->len;
	struct bytes text = bytes_of(left->at, len);
	*left = bytes_of((const char *)left->at + len, left->len - len);
	return text;
}

static int64_t take_number(struct bytes *left)
{
	uint64_t value = 0;
	for (int i = take(left) % 9; i > 0; i--)
		value = value << 8 | take(left);
	return (int64_t)value;
}

static void make_job(struct bytes from, struct buf *to)
{
	struct job job = {.state = take(&from) % (JOB_STOPPED + 1), .next = take(&from) % 3};
	int64_t *const time[] = {&job.created_ms,  &job.since_ms,      &job.started_ms,
				 &job.finished_ms, &job.next_ms,       &job.expires_ms,
				 &job.parked_ms,   &job.unavailable_ms};
	struct bytes *const text[] = {&job.user,   &job.name,       &job.kind,  &job.reason,
				      &job.plugin, &job.engine,     &job.token, &job.reason_code,
				      &job.trace,  &job.stop_reason};
	for (size_t i = 0; i < countof(time); i++)
		*time[i] = take_number(&from);
	for (size_t i = 0; i < countof(text); i++)
		*text[i] = take_text(&from);
	job.moves = (uint32_t)take_number(&from);
	job.stopping = take(&from) & 1;
	job_encode(&job, to);
}

static void make_event(struct bytes from, struct buf *to)
{
	struct event event = {.type = EVENT_STATE, .state = take(&from) % (JOB_STOPPED + 1)};
	struct bytes *const text[] = {&event.plugin,      &event.outcome, &event.reason,
				      &event.reason_code, &event.who,     &event.role,
				      &event.detail};
	event.time_ms = take_number(&from);
	event.stage = take(&from) % PLUGIN_TYPES;
	event.took_us = (uint64_t)take_number(&from);
	for (size_t i = 0; i < countof(text); i++)
		*text[i] = take_text(&from);
	event_encode(&event, to);
}

static void make_progress(struct bytes from, struct buf *to)
{
	struct progress progress = {.stage = take(&from) % 6, .waits = take(&from) % 5};
	progress.generation = (uint64_t)take_number(&from);
	while (from.len) {
		struct bytes gate = take_text(&from);
		if (gate.len == 0)
			break;
		progress_count(&progress, gate);
		if (take(&from) & 1 && progress_add_gate(&progress, gate))
			break;
	}
	progress_encode(&progress, to);
}

static void make_feed(struct bytes from, struct buf *to)
{
	struct feed_entry entry = {.state = take(&from) % (JOB_STOPPED + 1),
				   .previous = take(&from) % (JOB_STOPPED + 1)};
	entry.sequence = (uint32_t)take_number(&from);
	entry.time_ms = take_number(&from);
	entry.user = take_text(&from);
	entry.name = take_text(&from);
	entry.kind = take_text(&from);
	entry.reason = take_text(&from);
	entry.reason_code = take_text(&from);
	feed_encode(&entry, to);
}

static void check(again_fn again, struct bytes record, bool is_ours);

static void make_and_spoil(uint8_t which, struct bytes from)
{
	static const struct {
		void (*make)(struct bytes from, struct buf *to);
		again_fn again;
	} made[] = {{make_job, job_again},
		    {make_event, event_again},
		    {make_progress, progress_again},
		    {make_feed, feed_again}};
	scoped(buf_finip) struct buf record = {0};
	size_t where = take(&from);
	uint8_t what = take(&from);
	buf_init(&record, RECORD_MAX);
	made[which % countof(made)].make(from, &record);
	fuzz_holds(record.rc == 0);
	check(made[which % countof(made)].again, buf_bytes(&record), true);
	if (record.len == 0)
		return;
	((uint8_t *)record.at)[where % record.len] ^= what;
	check(made[which % countof(made)].again, buf_bytes(&record), false);
}

static void check(again_fn again, struct bytes record, bool is_ours)
{
	scoped(buf_finip) struct buf once = {0}, twice = {0};
	buf_init(&once, RECORD_MAX);
	buf_init(&twice, RECORD_MAX);
	int rc = again(record, &once);
	fuzz_holds(rc == 0 || (!is_ours && (rc == SL_E_CORRUPT || rc == SL_E_NO_MEMORY)));
	if (rc || again == delivery_again)
		return;
	fuzz_holds(once.rc == 0);
	fuzz_holds(!is_ours || bytes_eq(buf_bytes(&once), record));
	fuzz_holds(again(buf_bytes(&once), &twice) == 0);
	fuzz_holds(twice.rc == 0 && bytes_eq(buf_bytes(&once), buf_bytes(&twice)));
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct bytes rest = len ? bytes_of(at + 1, len - 1) : BYTES("");
	if (len && at[0] >= 128)
		make_and_spoil(at[0], rest);
	else if (len)
		check(kinds[at[0] % countof(kinds)], rest, false);
	return 0;
}
