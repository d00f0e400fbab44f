#include "internal.h"

#include <stdarg.h>
#include <string.h>

void answer_fini(struct sluice_answer *answer)
{
	json_object_put(answer->json);
	answer->json = NULL;
}

void sluice_answer(struct sluice_call *call, struct json_object *json)
{
	answer_fini(call->answer);
	call->answer->kind = SAID_JSON;
	call->answer->json = json;
}

static void add_text(struct json_object *to, const char *name, const char *text)
{
	if (text)
		json_object_object_add(to, name, json_object_new_string(text));
}

void sluice_factor(struct sluice_call *call, const char *topic, const char *advice,
		   const char *reason)
{
	struct json_object *factor = json_object_new_object(), *before = call->answer->json;
	add_text(factor, "topic", topic);
	add_text(factor, "advice", advice);
	add_text(factor, "reason", reason);
	if (call->answer->kind != SAID_JSON) {
		sluice_answer(call, factor);
		return;
	}
	if (!json_object_is_type(before, json_type_array)) {
		call->answer->json = json_object_new_array();
		json_object_array_add(call->answer->json, before);
	}
	json_object_array_add(call->answer->json, factor);
}

static struct json_object *decide(const char *decision, const char *reason)
{
	struct json_object *answer = json_object_new_object();
	add_text(answer, "decision", decision);
	add_text(answer, "reason", reason);
	return answer;
}

void sluice_pass(struct sluice_call *call, const char *reason)
{
	sluice_answer(call, decide("pass", reason));
}

void sluice_stop(struct sluice_call *call, const char *code, const char *reason)
{
	struct json_object *answer = decide("stop", reason);
	add_text(answer, "reasonCode", code);
	sluice_answer(call, answer);
}

void sluice_suspend(struct sluice_call *call, const char *reason,
		    const struct sluice_suspension *how)
{
	struct json_object *answer = decide("suspend", reason);
	if (how) {
		add_text(answer, "reasonCode", how->code);
		add_text(answer, "expiresAt", how->expires_at);
		add_text(answer, "onResume", how->ask_on_resume ? "ask" : NULL);
		if (how->retry_after_s)
			json_object_object_add(answer, "retryAfterSec",
					       json_object_new_int64(how->retry_after_s));
	}
	sluice_answer(call, answer);
}

/* An answer in words, in place of any before. */
static struct sluice_answer *say(struct sluice_call *call)
{
	answer_fini(call->answer);
	return call->answer;
}

void sluice_hook_again(struct sluice_call *call)
{
	struct sluice_answer *answer = say(call);
	answer->kind = SAID_TEXT;
	snprintf(answer->words, sizeof answer->words, "RE");
}

void sluice_hook_exception(struct sluice_call *call, const char *words)
{
	struct sluice_answer *answer = say(call);
	answer->kind = SAID_TEXT;
	snprintf(answer->words, sizeof answer->words, "EX %s", words);
	for (char *at = answer->words; (at = strpbrk(at, "\r\n\t")); at++)
		*at = ' ';
}

void sluice_refuse(struct sluice_call *call, const char *format, ...)
{
	struct sluice_answer *answer = say(call);
	va_list args;
	va_start(args, format);
	vsnprintf(answer->words, sizeof answer->words, format, args);
	va_end(args);
	answer->kind = REFUSED;
}

void sluice_unavailable(struct sluice_call *call, unsigned seconds, const char *format, ...)
{
	struct sluice_answer *answer = say(call);
	va_list args;
	va_start(args, format);
	vsnprintf(answer->words, sizeof answer->words, format, args);
	va_end(args);
	answer->kind = UNAVAILABLE;
	answer->seconds = seconds ? seconds : 1;
}

void sluice_fault(struct sluice_call *call, const char *format, ...)
{
	struct sluice_answer *answer = say(call);
	va_list args;
	va_start(args, format);
	vsnprintf(answer->words, sizeof answer->words, format, args);
	va_end(args);
	answer->kind = FAULTY;
}
