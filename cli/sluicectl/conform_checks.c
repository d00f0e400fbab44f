/* What a plugin is held to. Each check makes the calls it needs and says in words what was
 * wrong, so that its author knows what to change. */
#include "cli/sluicectl/conform.h"

#include "core/json/build.h"

#include <stdio.h>
#include <string.h>

enum { BIG = 900 * 1024, REPEATS = 3 };

#define ALL_STAGES                                                                                 \
	(1u << PLUGIN_TRANSLATOR | 1u << PLUGIN_FACTOR | 1u << PLUGIN_GATE |                       \
	 1u << PLUGIN_DECORATOR | 1u << PLUGIN_BINDER)
#define ADDERS (1u << PLUGIN_DECORATOR | 1u << PLUGIN_BINDER)
#define HOOKS  (1u << PLUGIN_LIFEHOOK)

static enum outcome failed(char why[CONFORM_WORDS], const char *words)
{
	char said[CONFORM_WORDS];
	snprintf(said, sizeof(said), "%s", why);
	snprintf(why, CONFORM_WORDS, "%s%s%s", words, *said ? ": " : "", said);
	return FAILED;
}

/* One call in this way, answered legally? */
static enum outcome legal(struct conform *c, struct bytes body, const struct way *way,
			  char why[CONFORM_WORDS])
{
	scoped(conform_answer_finip) struct conform_answer answer = {0};
	return conform_ask(c, body, way, &answer, why) && conform_judge(c, body, &answer, why)
		       ? PASSED
		       : FAILED;
}

/* The status of one call; 0 when no answer came. */
static unsigned status_of(struct conform *c, struct bytes body, const struct way *way,
			  char why[CONFORM_WORDS])
{
	scoped(conform_answer_finip) struct conform_answer answer = {0};
	return conform_ask(c, body, way, &answer, why) ? answer.reply.status : 0;
}

/* A call that must be refused with a status of the 4xx. */
static enum outcome refused(struct conform *c, struct bytes body, const struct way *way,
			    char why[CONFORM_WORDS])
{
	unsigned status = status_of(c, body, way, why);
	if (status >= 400 && status < 500)
		return PASSED;
	if (status)
		snprintf(why, CONFORM_WORDS,
			 "status %u; a status of 400 to 499 says that the "
			 "call was wrong",
			 status);
	return FAILED;
}

/* ---- what is asked ---- */

static enum outcome answers(struct conform *c, char why[CONFORM_WORDS])
{
	for (size_t i = 0; i < c->samples; i++) {
		scoped(conform_answer_finip) struct conform_answer answer = {0};
		const struct sample *sample = &c->sample[i];
		if (!conform_ask(c, sample->body, &(struct way){0}, &answer, why))
			return failed(why, sample->name);
		unsigned status = answer.reply.status;
		c->not_its_job |= status == 400 || status == 409 || status == 422;
		bool expected = sample->wanted_code && sample->wanted_code != 200 &&
				sample->wanted_code == status;
		if (!expected && !conform_judge(c, sample->body, &answer, why))
			return failed(why, sample->name);
		if (!conform_as_recorded(sample, &answer, why))
			return FAILED;
	}
	return PASSED;
}

/* The first call that was, or may be, answered with 200: others vary it. */
static struct bytes usual(const struct conform *c)
{
	for (size_t i = 0; i < c->samples; i++)
		if (!c->sample[i].wanted_code || c->sample[i].wanted_code == 200)
			return c->sample[i].body;
	return c->sample[0].body;
}

static enum outcome bare(struct conform *c, char why[CONFORM_WORDS])
{
	if (c->feature.signing_key.len) {
		snprintf(why, CONFORM_WORDS, "a key is set: unsigned calls are refused");
		return SKIPPED;
	}
	return legal(c, usual(c), &(struct way){.bare = true}, why);
}

static enum outcome unknown_members(struct conform *c, char why[CONFORM_WORDS])
{
	struct bytes body = conform_vary(c, usual(c), "\"x-new\":{\"a\":[1,null,true]}",
					 "\"x-new\":\"header\"");
	return legal(c, body, &(struct way){0}, why);
}

static enum outcome only_seed_members(struct conform *c, char why[CONFORM_WORDS])
{
	static const char body[] =
		"{\"id\":\"01a200aa-b256-7000-92e5-148469c5c019\",\"current_state\":\"running\"}";
	return legal(c, bytes_of(body, sizeof(body) - 1), &(struct way){0}, why);
}

static enum outcome every_state(struct conform *c, char why[CONFORM_WORDS])
{
	static const char *const state[] = {"preparing", "suspended", "waiting", "running",
					    "succeeded", "failed",    "stopped"};
	for (size_t i = 0; i < countof(state); i++) {
		char body[256];
		int len = snprintf(body, sizeof(body),
				   "{\"id\":\"01a200aa-b256-7000-92e5-148469c5c019\","
				   "\"current_state\":\"%s\",\"sequence\":%zu}",
				   state[i], i + 1);
		if (legal(c, bytes_of(body, (size_t)len), &(struct way){0}, why) != PASSED)
			return failed(why, state[i]);
	}
	return PASSED;
}

static enum outcome big_body(struct conform *c, char why[CONFORM_WORDS])
{
	char *member = arena_alloc(c->ctl->arena, BIG + 32);
	if (!member) {
		snprintf(why, CONFORM_WORDS, "out of memory");
		return SKIPPED;
	}
	int len = sprintf(member, "\"x-big\":\"");
	memset(member + len, 'x', BIG);
	memcpy(member + len + BIG, "\"", sizeof("\""));
	struct bytes body = conform_vary(c, usual(c), member, NULL);
	return legal(c, body, &(struct way){0}, why);
}

static enum outcome dry_run(struct conform *c, char why[CONFORM_WORDS])
{
	return legal(c, usual(c), &(struct way){.dry_run = true}, why);
}

static bool same_answer(const struct conform *c, struct conform_answer *a, struct conform_answer *b)
{
	if (a->reply.status != b->reply.status)
		return false;
	if (c->type == PLUGIN_LIFEHOOK || !a->json.n || !b->json.n)
		return bytes_eq(buf_bytes(&a->reply.body), buf_bytes(&b->reply.body));
	return json_equal(&a->json, 0, &b->json, 0);
}

static enum outcome repeats(struct conform *c, char why[CONFORM_WORDS])
{
	scoped(conform_answer_finip) struct conform_answer first = {0};
	struct way way = {.call_id = "msg_conform_again", .attempt = 1};
	if (!conform_ask(c, usual(c), &way, &first, why) ||
	    !conform_judge(c, usual(c), &first, why))
		return FAILED;
	for (way.attempt = 2; way.attempt <= REPEATS; way.attempt++) {
		scoped(conform_answer_finip) struct conform_answer again = {0};
		if (!conform_ask(c, usual(c), &way, &again, why) ||
		    !conform_judge(c, usual(c), &again, why))
			return failed(why, "repeated with the same webhook-id");
		if (!same_answer(c, &first, &again)) {
			snprintf(why, CONFORM_WORDS,
				 "repeated with the same webhook-id, it answers %.160s, and not "
				 "%.160s",
				 buf_str(&again.reply.body), buf_str(&first.reply.body));
			return FAILED;
		}
	}
	return PASSED;
}

static enum outcome settles(struct conform *c, char why[CONFORM_WORDS])
{
	scoped(conform_answer_finip) struct conform_answer first = {0};
	scoped(conform_answer_finip) struct conform_answer again = {0};
	scoped(json_finip) struct json call = {0};
	scoped(buf_finip) struct buf body = {0};
	const struct json_limits limits = {16 << 20, 64};
	struct bytes sent = usual(c);
	buf_init(&body, 16 << 20);
	if (!conform_ask(c, sent, &(struct way){0}, &first, why) ||
	    !conform_judge(c, sent, &first, why) || json_parse(&call, sent, &limits, NULL))
		return FAILED;
	json_at job = json_get(&call, 0, BYTES("job"));
	struct bytes old = json_raw(&call, job);
	size_t front = (size_t)((const char *)old.at - (const char *)sent.at);
	buf_add(&body, sent.at, front);
	buf_add_bytes(&body, buf_bytes(&first.reply.body));
	buf_add(&body, (const char *)sent.at + front + old.len, sent.len - front - old.len);
	if (!conform_ask(c, buf_bytes(&body), &(struct way){0}, &again, why) ||
	    !conform_judge(c, buf_bytes(&body), &again, why))
		return failed(why, "called on its own output");
	if (json_equal(&first.json, 0, &again.json, 0))
		return PASSED;
	snprintf(why, CONFORM_WORDS, "called on its own output it adds again: %.300s",
		 buf_str(&again.reply.body));
	return FAILED;
}

/* ---- what is refused ---- */

static enum outcome not_json(struct conform *c, char why[CONFORM_WORDS])
{
	static const char *const bad[] = {"", "{", "null", "[]", "<html></html>", "{\"header\":"};
	for (size_t i = 0; i < countof(bad); i++)
		if (refused(c, bytes_of(bad[i], strlen(bad[i])), &(struct way){0}, why) != PASSED)
			return failed(why, *bad[i] ? bad[i] : "an empty body");
	return PASSED;
}

static enum outcome incomplete(struct conform *c, char why[CONFORM_WORDS])
{
	static const char *const stage[] = {"{\"factors\":{},\"header\":{\"userID\":\"a\"}}",
					    "{\"factors\":{},\"job\":{\"kind\":\"TaskSet\"}}",
					    "{\"factors\":{},\"header\":7,\"job\":{}}",
					    "{\"factors\":{},\"header\":{},\"job\":\"x\"}"};
	static const char *const hook[] = {"{\"id\":\"x\"}", "{\"current_state\":\"running\"}",
					   "{\"id\":{},\"current_state\":\"running\"}",
					   "{\"id\":\"x\",\"current_state\":1}"};
	const char *const *bad = c->type == PLUGIN_LIFEHOOK ? hook : stage;
	for (size_t i = 0; i < countof(stage); i++)
		if (refused(c, bytes_of(bad[i], strlen(bad[i])), &(struct way){0}, why) != PASSED)
			return failed(why, bad[i]);
	return PASSED;
}

static enum outcome other_method(struct conform *c, char why[CONFORM_WORDS])
{
	unsigned status = status_of(c, (struct bytes){0}, &(struct way){.method = "GET"}, why);
	if (status >= 400 && status < 500)
		return PASSED;
	if (status)
		snprintf(why, CONFORM_WORDS, "GET: status %u; 405 is the word for it", status);
	return FAILED;
}

static enum outcome survives(struct conform *c, char why[CONFORM_WORDS])
{
	return legal(c, usual(c), &(struct way){0}, why) == PASSED
		       ? PASSED
		       : failed(why, "after all of the above");
}

/* ---- who is let in ---- */

static enum outcome shut_out(struct conform *c, enum signing signing, char why[CONFORM_WORDS])
{
	unsigned status = status_of(c, usual(c), &(struct way){.signing = signing}, why);
	if (status == 401 || status == 403)
		return PASSED;
	if (status)
		snprintf(why, CONFORM_WORDS, "status %u, not 401: anybody can ask", status);
	return FAILED;
}

static enum outcome unsigned_call(struct conform *c, char why[CONFORM_WORDS])
{
	return shut_out(c, UNSIGNED, why);
}

static enum outcome foreign_signature(struct conform *c, char why[CONFORM_WORDS])
{
	return shut_out(c, SIGNED_BY_ANOTHER, why);
}

static enum outcome old_signature(struct conform *c, char why[CONFORM_WORDS])
{
	return shut_out(c, SIGNED_LONG_AGO, why);
}

static enum outcome two_signatures(struct conform *c, char why[CONFORM_WORDS])
{
	return legal(c, usual(c), &(struct way){.signing = SIGNED_TWICE}, why);
}

const struct check conform_checks[] = {
	{"answers a call as its type must", 0, false, answers},
	{"needs no header of the gateway's", 0, false, bare},
	{"is told only id and current_state", HOOKS, false, only_seed_members},
	{"is told of every state", HOOKS, false, every_state},
	{"leaves members alone that it does not know", 0, false, unknown_members},
	{"reads a body of 900 KiB", 0, false, big_body},
	{"answers in a dry run", ALL_STAGES, false, dry_run},
	{"answers the same question alike", 0, false, repeats},
	{"adds nothing more to its own output", ADDERS, false, settles},
	{"refuses what is not a JSON object", 0, false, not_json},
	{"refuses a call that lacks something", 0, false, incomplete},
	{"refuses other methods", 0, false, other_method},
	{"refuses a call that is not signed", 0, true, unsigned_call},
	{"refuses a signature by another key", 0, true, foreign_signature},
	{"refuses a signature an hour old", 0, true, old_signature},
	{"takes one good signature of two", 0, true, two_signatures},
	{"still answers", 0, false, survives},
};
const size_t conform_check_count = countof(conform_checks);
