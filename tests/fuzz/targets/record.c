/* Whatever stands in the store as a record either is called corrupt, or what it says can be
 * written again, and that is read as the same. Input: a byte that says which kind of record,
 * then the record. */
#include "tests/fuzz/fuzz.h"

#include "core/access/token.h"
#include "core/event.h"
#include "core/ledger/feed.h"
#include "core/outbox/internal.h"
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

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	scoped(buf_finip) struct buf once = {0}, twice = {0};
	if (len == 0)
		return 0;
	again_fn again = kinds[at[0] % countof(kinds)];
	buf_init(&once, RECORD_MAX);
	buf_init(&twice, RECORD_MAX);
	int rc = again(bytes_of(at + 1, len - 1), &once);
	fuzz_holds(rc == 0 || rc == SL_E_CORRUPT || rc == SL_E_NO_MEMORY);
	if (rc || again == delivery_again)
		return 0;
	fuzz_holds(once.rc == 0);
	fuzz_holds(again(buf_bytes(&once), &twice) == 0);
	fuzz_holds(twice.rc == 0 && bytes_eq(buf_bytes(&once), buf_bytes(&twice)));
	return 0;
}
