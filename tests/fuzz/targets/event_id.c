/* A reader of the stream of events: whatever a job is called, what is sent for a change of it is
 * one event, whose id, brought back, is its number, and whose data tell it. Any other
 * Last-Event-ID is refused in words. Input: an id as it may be brought back, a NUL, and a stored
 * entry of the feed. */
#include "tests/fuzz/fuzz.h"

#include "api/handlers/event_text.h"
#include "core/json/index.h"

enum { TEXT_MAX = 1 << 20, NUMBER = 123456789 };

static int64_t read_id(struct bytes id)
{
	struct sl_error err = {0};
	int64_t number = -1;
	int rc = event_read_id(id, &number, &err);
	fuzz_holds((rc == 0) == (err.text[0] == '\0'));
	fuzz_holds((rc == 0) == (number >= 0));
	return number;
}

static void any_id(struct bytes id)
{
	char digits[24];
	const char *at = id.at;
	size_t zeros = 0;
	int64_t number = read_id(id);
	if (number < 0)
		return;
	while (zeros + 1 < id.len && at[zeros] == '0')
		zeros++;
	snprintf(digits, sizeof(digits), "%lld", (long long)number);
	fuzz_holds(bytes_is(bytes_of(at + zeros, id.len - zeros), digits));
}

static void same(const struct json *json, const char *key, struct bytes text)
{
	scoped(buf_finip) struct buf room = {0};
	struct bytes told;
	buf_init(&room, TEXT_MAX);
	fuzz_holds(json_string(json, json_get(json, 0, bytes_str(key)), &room, &told) == 0);
	fuzz_holds(!json_is_utf8(text) || bytes_eq(told, text));
}

static void read_data(struct bytes data, const struct feed_entry *e)
{
	static const struct json_limits limits = {TEXT_MAX, 4};
	scoped(json_finip) struct json json = {0};
	int64_t sequence = -1;
	fuzz_holds(json_parse(&json, data, &limits, NULL) == 0);
	same(&json, "userID", e->user);
	same(&json, "jobName", e->name);
	same(&json, "jobKind", e->kind);
	same(&json, "reason", e->reason);
	same(&json, "reasonCode", e->reason_code);
	same(&json, "current_state", bytes_str(job_state_name(e->state)));
	fuzz_holds(json_int64(&json, json_get(&json, 0, BYTES("sequence")), &sequence) == 0);
	fuzz_holds(sequence == e->sequence);
}

/* As a browser takes it: lines that end with CR, LF or both, an event at each empty one. */
static void read_event(struct bytes text, const struct feed_entry *e)
{
	static const char *const starts[] = {"id: ", "event: ", "data: "};
	const char *at = text.at, *end = at + text.len;
	fuzz_holds(text.len > 2 && memcmp(end - 2, "\n\n", 2) == 0);
	fuzz_holds(!memchr(at, '\r', text.len) && !memchr(at, '\0', text.len));
	for (size_t i = 0; i < countof(starts); i++) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		struct bytes line = bytes_of(at, (size_t)(stop - at));
		fuzz_holds(bytes_starts(line, starts[i]));
		struct bytes value = bytes_of(at + strlen(starts[i]), line.len - strlen(starts[i]));
		if (i == 0)
			fuzz_holds(read_id(value) == (int64_t)e->number);
		else if (i == 2)
			read_data(value, e);
		at = stop + 1;
	}
	fuzz_holds(at == end - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	scoped(buf_finip) struct buf text = {0};
	struct feed_entry e;
	const uint8_t *nul = len ? memchr(at, 0, len) : NULL;
	any_id(bytes_of(at, nul ? (size_t)(nul - at) : len));
	if (!nul || feed_decode(bytes_of(nul + 1, (size_t)(at + len - nul - 1)), &e))
		return 0;
	e.number = NUMBER;
	buf_init(&text, TEXT_MAX);
	event_text(&e, &text);
	if (!text.rc)
		read_event(buf_bytes(&text), &e);
	return 0;
}
