/* Idempotency keys: any header is refused in words or is the key, byte for byte; and over any
 * days of submissions a key gives the job it was first used for within a day, then a new one.
 * Input: a header, a NUL, then three bytes for each submission: which key, how many hours later,
 * which body. */
#include "tests/fuzz/fuzz.h"

#include "api/handlers/job_submission.h"
#include "core/ledger/ledger.h"

enum { KEYS = 8, STEPS_MAX = 200, HOUR_MS = 3600 * 1000, KEY_MAX = 255 };

struct own {
	int64_t time_ms; /**< When it was used; 0: never. */
	uint8_t job, body;
};

static void read_key(struct bytes text)
{
	const struct header header = {BYTES("idempotency-key"), text};
	const struct request req = {.header = &header, .headers = 1};
	struct sl_error err = {0};
	struct bytes key = {0};
	int rc = job_submission_key(&req, &key, &err);
	fuzz_holds((rc == 0) == (err.text[0] == '\0'));
	bool plain = text.len > 0 && text.len <= KEY_MAX;
	for (size_t i = 0; i < text.len; i++)
		plain = plain && ((const uint8_t *)text.at)[i] - 33u < 94;
	fuzz_holds((rc == 0) == plain);
	fuzz_holds(rc || bytes_eq(key, text));
}

/* As the gateway accepts a submission. */
static void submit(struct store_txn *txn, struct own *own, const uint8_t op[3], int64_t now_ms,
		   uint8_t number)
{
	uint8_t key[32] = {op[0] % KEYS, 1}, body[32] = {op[2]}, first_body[32];
	struct own *o = &own[op[0] % KEYS];
	struct uuid job;
	int rc = ledger_seen(txn, key, now_ms, &job, first_body);
	bool known = o->time_ms && o->time_ms + SEEN_KEEP_MS >= now_ms;
	fuzz_holds(rc == (known ? 0 : SL_E_NOT_FOUND));
	if (known) {
		fuzz_holds(job.at[0] == o->job && first_body[0] == o->body);
		return;
	}
	*o = (struct own){now_ms, number, op[2]};
	ledger_put_seen(txn, key, (struct uuid){{number}}, body, now_ms);
}

static size_t entries(struct store_txn *txn)
{
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	struct bytes key, val;
	size_t n = 0;
	fuzz_holds(store_cursor_open(txn, STORE_SEEN, &c) == 0);
	for (int rc = store_seek(c, BYTES(""), &key, &val); rc == 0; rc = store_next(c, &key, &val))
		n++;
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	const uint8_t *nul = len ? memchr(at, 0, len) : NULL, *end = at + len;
	struct own own[KEYS] = {0};
	struct store *store = NULL;
	struct store_txn *txn = NULL;
	int64_t now_ms = INT64_C(1800000000000);
	read_key(bytes_of(at, nul ? (size_t)(nul - at) : len));
	if (!nul)
		return 0;
	fuzz_holds(store_open_mem(&store) == 0);
	fuzz_holds(store_begin(store, STORE_WRITE, &txn) == 0);
	const uint8_t *op = nul + 1;
	for (int i = 0; end - op >= 3 && i < STEPS_MAX; op += 3, i++) {
		now_ms += (op[1] % 32) * HOUR_MS;
		submit(txn, own, op, now_ms, (uint8_t)i);
	}
	fuzz_holds(entries(txn) <= 2 * (size_t)KEYS); /* what is over is gone */
	store_abort(txn);
	store_close(store);
	return 0;
}
