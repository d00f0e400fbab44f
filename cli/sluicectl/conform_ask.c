#include "cli/sluicectl/conform.h"

#include "core/base/clock.h"
#include "core/calls/answer.h"
#include "core/calls/caller.h"
#include "core/hooks/ack.h"
#include "core/increment/increment.h"
#include "core/increment/tell.h"
#include "core/policy/taskset.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { HEADERS_MAX = 12, LINE_MAX_LEN = 1024, LONG_AGO_S = 3600 };

/* Another feature's key: nobody may be let in with it. */
static const char ANOTHER[] = "not the key that this was registered with";

SL_PRINTF(2, 3) static bool wrong(char why[CONFORM_WORDS], const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	vsnprintf(why, CONFORM_WORDS, fmt, args);
	va_end(args);
	return false;
}

/* Headers of one call; lines live in the arena. */
struct head {
	const char *line[HEADERS_MAX];
	size_t n;
};

SL_PRINTF(3, 4)
static void head_add(struct conform *c, struct head *head, const char *fmt, ...)
{
	char *line = arena_alloc(c->ctl->arena, LINE_MAX_LEN);
	va_list args;
	if (!line || head->n + 1 >= HEADERS_MAX)
		return;
	va_start(args, fmt);
	vsnprintf(line, LINE_MAX_LEN, fmt, args);
	va_end(args);
	head->line[head->n++] = line;
}

static void head_sign(struct conform *c, struct head *head, const struct way *way, const char *id,
		      struct bytes body)
{
	scoped(buf_finip) struct buf signature = {0};
	struct feature by = c->feature;
	int64_t now_ms = clock_wall_ms(&clock_system), now_s = now_ms / 1000;
	buf_init(&signature, LINE_MAX_LEN);
	if (way->signing == UNSIGNED || !c->feature.signing_key.len)
		return;
	if (way->signing == SIGNED_LONG_AGO)
		now_s -= LONG_AGO_S;
	if (way->signing == SIGNED_BY_ANOTHER)
		by.signing_key = bytes_of(ANOTHER, sizeof(ANOTHER) - 1);
	if (way->signing == SIGNED_TWICE)
		buf_add_str(&signature, "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= ");
	if (caller_sign(&signature, &by, id, now_s, body, now_ms))
		return;
	head_add(c, head, "webhook-timestamp: %lld", (long long)now_s);
	head_add(c, head, "webhook-signature: %s", buf_str(&signature));
}

bool conform_ask(struct conform *c, struct bytes body, const struct way *way,
		 struct conform_answer *ret, char why[CONFORM_WORDS])
{
	struct head head = {0};
	char id[64];
	struct sl_error err = {0};
	snprintf(id, sizeof(id), "msg_conform_%u", ++c->asked);
	head_add(c, &head, "Content-Type: application/json");
	if (!way->bare) {
		head_add(c, &head, "webhook-id: %s", way->call_id ? way->call_id : id);
		head_add(c, &head, "Sluice-Protocol: 1");
		head_add(c, &head, "Sluice-Stage: %s", c->kind->name);
		head_add(c, &head, "Sluice-Plugin-Key: %s.conform.conform", c->kind->name);
		head_add(c, &head, "Sluice-Attempt: %u", way->attempt ? way->attempt : 1);
		head_add(c, &head, "Sluice-Deadline-Ms: %u", c->deadline_ms);
		if (way->dry_run)
			head_add(c, &head, "Sluice-Dry-Run: true");
		head_sign(c, &head, way, way->call_id ? way->call_id : id, body);
	}
	struct request request = {.method = way->method ? way->method : "POST",
				  .url = c->url,
				  .headers = head.line,
				  .body = body,
				  .timeout_ms = c->deadline_ms,
				  .reply_max = CONFORM_ANSWER_MAX};
	*ret = (struct conform_answer){.head = {{.name = "Location"}}};
	ret->reply.headers = ret->head;
	ret->reply.header_count = countof(ret->head);
	int rc = ret->rc = requester_send(c->requester, &request, &ret->reply, &err);
	if (rc == SL_E_TIMEOUT)
		return wrong(why, "no answer within %u ms", c->deadline_ms);
	if (rc == SL_E_TOO_BIG)
		return wrong(why, "the answer has more than %d bytes", CONFORM_ANSWER_MAX);
	return rc ? wrong(why, "%s", err.text) : true;
}

void conform_answer_fini(struct conform_answer *a)
{
	reply_fini(&a->reply);
	json_fini(&a->json);
}

static bool judge_hook(struct conform_answer *answer, char why[CONFORM_WORDS])
{
	scoped(buf_finip) struct buf words = {0};
	struct ask_result result = {.answered = true,
				    .status = answer->reply.status,
				    .body = buf_bytes(&answer->reply.body)};
	buf_init(&words, CONFORM_WORDS);
	enum ack ack = ack_read(&result, &words);
	if (ack == ACK_AGAIN && strcmp(buf_str(&words), "it answered RE") != 0)
		return wrong(why, "%s; OK, RE, or EX and words are understood", buf_str(&words));
	return ack != ACK_GONE || wrong(why, "status 410: the subscriber would be switched off");
}

/* The TaskSet in a body that was sent. */
static bool base_of(struct bytes body, struct json *ret, struct buf *text)
{
	scoped(json_finip) struct json whole = {0};
	const struct json_limits limits = {16 << 20, 64};
	if (json_parse(&whole, body, &limits, NULL))
		return false;
	json_at job = json_get(&whole, 0, BYTES("job"));
	if (job == JSON_NONE)
		return false;
	buf_add_bytes(text, json_raw(&whole, job));
	return text->rc == 0 && json_parse(ret, buf_bytes(text), &limits, NULL) == 0;
}

static int judge_increment(struct conform *c, struct bytes body, const struct json *answer,
			   struct sl_error *err)
{
	scoped(buf_finip) struct buf text = {0};
	scoped(json_finip) struct json base = {0};
	scoped(increment_finip) struct increment increment = {0};
	const struct increment_options options = {
		c->rules, c->type == PLUGIN_BINDER ? INCREMENT_BINDER : INCREMENT_DECORATOR,
		c->typed};
	buf_init(&text, 16 << 20);
	if (!base_of(body, &base, &text))
		return sl_fail(err, SL_E_INVALID, "the call has no TaskSet");
	int rc = answer_check_taskset(answer, err);
	return rc ? rc : increment_check(&base, answer, &options, &increment, NULL, err);
}

static int judge_json(struct conform *c, struct bytes body, const struct json *answer,
		      struct sl_error *err)
{
	scoped(taskset_freep) struct taskset *set = NULL;
	struct gate_reply gate = {0};
	int rc;
	switch (c->type) {
	case PLUGIN_TRANSLATOR:
		rc = answer_check_taskset(answer, err);
		return rc ? rc : taskset_read(answer, 0, &set, err);
	case PLUGIN_FACTOR:
		return answer_check_factors(answer, err);
	case PLUGIN_GATE:
		rc = answer_gate(answer, &gate, err);
		gate_reply_fini(&gate);
		return rc;
	default:
		return judge_increment(c, body, answer, err);
	}
}

bool conform_judge(struct conform *c, struct bytes body, struct conform_answer *answer,
		   char why[CONFORM_WORDS])
{
	unsigned status = answer->reply.status;
	struct sl_error err = {0};
	if (c->type == PLUGIN_LIFEHOOK)
		return judge_hook(answer, why);
	if (c->type == PLUGIN_FACTOR && status == 204)
		return true;
	if (status >= 300 && status < 400)
		return wrong(why, "status %u: redirects are not followed", status);
	if (status != 200) {
		scoped(buf_finip) struct buf words = {0};
		buf_init(&words, CONFORM_WORDS);
		tell_refusal(buf_bytes(&answer->reply.body), &words);
		return wrong(why, "status %u%s%s", status, words.len ? ": " : "", buf_str(&words));
	}
	if (answer_parse(buf_bytes(&answer->reply.body), CONFORM_ANSWER_MAX, &answer->json, &err) ||
	    judge_json(c, body, &answer->json, &err))
		return wrong(why, "%s", err.text);
	return true;
}

bool conform_as_recorded(const struct sample *sample, struct conform_answer *answer,
			 char why[CONFORM_WORDS])
{
	scoped(json_finip) struct json wanted = {0};
	const struct json_limits limits = {CONFORM_ANSWER_MAX, 64};
	if (sample->wanted_code && sample->wanted_code != answer->reply.status) {
		snprintf(why, CONFORM_WORDS, "%s: status %u, recorded was %u", sample->name,
			 answer->reply.status, sample->wanted_code);
		return false;
	}
	if (!sample->wanted.len || json_parse(&wanted, sample->wanted, &limits, NULL) ||
	    (answer->json.n && json_equal(&wanted, 0, &answer->json, 0)) || !answer->json.n)
		return true;
	snprintf(why, CONFORM_WORDS, "%s: answers %.*s, recorded was %.*s", sample->name,
		 (int)(answer->reply.body.len < 180 ? answer->reply.body.len : 180),
		 buf_str(&answer->reply.body),
		 (int)(sample->wanted.len < 180 ? sample->wanted.len : 180),
		 (const char *)sample->wanted.at);
	return false;
}
