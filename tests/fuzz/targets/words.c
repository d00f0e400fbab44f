/* Small texts from outside: times, ids, traceparents, names, quantities, base64, keys. What is
 * read can be written, and is read as the same. Input: a text. */
#include "tests/fuzz/fuzz.h"

#include "core/access/token.h"
#include "core/base/clock.h"
#include "core/base/crypt.h"
#include "core/base/id.h"
#include "core/base/log.h"
#include "core/increment/quantity.h"
#include "core/job.h"
#include "core/plugin.h"
#include "core/telemetry/trace.h"

static void time_of(struct bytes text)
{
	int64_t ms = 0, again = 0;
	char words[TIME_TEXT_SIZE];
	if (time_parse(text, &ms))
		return;
	time_format(ms, words);
	fuzz_holds(time_parse(bytes_str(words), &again) == 0 && again == ms);
}

static void id_of(struct bytes text)
{
	struct uuid id, again;
	char words[UUID_TEXT_SIZE];
	if (uuid_parse(text, &id))
		return;
	uuid_format(id, words);
	fuzz_holds(uuid_parse(bytes_str(words), &again) == 0);
	fuzz_holds(memcmp(&id, &again, sizeof(id)) == 0);
}

static void trace_of(struct bytes text)
{
	static const struct uuid job = {{1}};
	struct trace trace;
	char words[TRACE_TEXT_SIZE];
	if (!trace_is_parent(text))
		return;
	trace_of_job(job, text, 100, &trace);
	trace_format(&trace, trace.job, words);
	fuzz_holds(trace_is_parent(bytes_str(words)));
}

static void names_of(struct bytes text)
{
	enum job_state state;
	enum plugin_type type;
	if (job_state_parse(text, &state) == 0)
		fuzz_holds(bytes_is(text, job_state_name(state)));
	if (plugin_type_parse(text, &type) == 0)
		fuzz_holds(bytes_is(text, plugin_type_name(type)));
	uint32_t flag = privilege_parse(text);
	if (flag)
		fuzz_holds(privilege_parse(bytes_str(privilege_name(flag))) == flag);
	if (token_author_ok(text))
		fuzz_holds(text.len > 0 && text.len <= TOKEN_AUTHOR_MAX);
	(void)log_is_topic(text);
}

static void amount_of(struct bytes text)
{
	int64_t whole, parts;
	fuzz_holds(quantity_equal(text, text));
	if (quantity_count(text, 0, &whole) && quantity_count(text, 3, &parts))
		fuzz_holds(whole >= 0 && parts / 1000 <= whole);
}

static void bytes_from(struct bytes text)
{
	uint8_t to[64];
	size_t len = 0;
	if (crypt_base64_decode(text, to, sizeof(to), &len) == 0)
		fuzz_holds(len <= sizeof(to));
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct bytes text = bytes_of(at, len);
	time_of(text);
	id_of(text);
	trace_of(text);
	names_of(text);
	amount_of(text);
	bytes_from(text);
	return 0;
}
