/* What a plugin or a subscriber answers is legal, or illegal in words that name what was wrong.
 * Input: a byte that says of which stage, then the answer's body. */
#include "tests/fuzz/fuzz.h"

#include "core/calls/answer.h"
#include "core/hooks/ack.h"

enum { BODY_MAX = 1 << 16, STAGES = 5 };

static void of_gate(const struct json *json)
{
	struct gate_reply gate = {0};
	struct sl_error err = {0};
	int rc = answer_gate(json, &gate, &err);
	fuzz_holds((rc == 0) == (err.text[0] == '\0'));
	if (!rc) {
		fuzz_holds(gate_decision_name(gate.decision));
		fuzz_holds(gate.retry_after_s <= 604800);
	}
	gate_reply_fini(&gate);
}

static void of_factors(const struct json *json)
{
	struct sl_error err = {0};
	int rc = answer_check_factors(json, &err);
	fuzz_holds((rc == 0) == (err.text[0] == '\0'));
	if (rc)
		return;
	const struct json *const both[] = {json, NULL, json};
	scoped(buf_finip) struct buf text = {0};
	scoped(json_finip) struct json again = {0};
	static const struct json_limits limits = {16 * BODY_MAX, 70};
	buf_init(&text, 16 * BODY_MAX);
	fuzz_holds(factors_compose(both, countof(both), &text) == 0);
	fuzz_holds(json_parse(&again, buf_bytes(&text), &limits, NULL) == 0);
}

static void of_subscriber(struct bytes body, unsigned status)
{
	struct ask_result result = {
		.answered = true, .status = status, .body = body, .attempts = 1, .why = ""};
	scoped(buf_finip) struct buf words = {0};
	buf_init(&words, 4 * BODY_MAX);
	enum ack ack = ack_read(&result, &words);
	fuzz_holds(ack == ACK_GONE ? status == 410 : status == 200 || ack == ACK_AGAIN);
	(void)ack_is_retry(&result);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	scoped(json_finip) struct json json = {0};
	struct sl_error err = {0};
	if (len == 0)
		return 0;
	struct bytes body = bytes_of(at + 1, len - 1);
	if (at[0] % STAGES == 4) {
		of_subscriber(body, at[0] < 128 ? 200 : 400u + at[0] % 16);
		return 0;
	}
	int rc = answer_parse(body, BODY_MAX, &json, &err);
	fuzz_holds((rc == 0) == (err.text[0] == '\0'));
	if (rc)
		return 0;
	if (at[0] % STAGES == 0)
		of_gate(&json);
	else if (at[0] % STAGES == 1)
		of_factors(&json);
	else
		fuzz_holds(answer_check_taskset(&json, &err) == 0 || err.text[0]);
	return 0;
}
