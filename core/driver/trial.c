/* Trials: one call to a plugin on the loop, its asker asleep on a thread of the API. */
#include "core/trial.h"

#include "core/calls/answer.h"
#include "core/driver/internal.h"
#include "core/hooks/ack.h"
#include "core/increment/tell.h"
#include "core/policy/taskset.h"
#include "core/preview.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LOOK_MS = 200, WORDS_MAX = 1 << 20, ANSWER_KEPT_MAX = EVENT_DETAIL_MAX, DEPTH_MAX = 80 };

/** One on its way. Shared by its asker and the loop: whoever lets go last frees. */
struct trying {
	struct note begin, cancel;
	struct driver *driver;
	const struct registry_ref *registry;
	const struct plugin *plugin;
	struct uuid job;
	struct buf body;
	uint32_t most_ms;
	ask_id ask;
	bool canceled;
	/* what came: */
	bool answered, timed_out;
	int rc, answer_rc;
	unsigned status;
	uint64_t took_us;
	struct buf answer;
	char why[300];
	sem_t done;
	atomic_int refs;
};

static void let_go(struct trying *t)
{
	if (atomic_fetch_sub(&t->refs, 1) != 1)
		return;
	registry_drop(t->registry);
	buf_fini(&t->body);
	buf_fini(&t->answer);
	sem_destroy(&t->done);
	atomic_fetch_sub(&t->driver->previews, 1);
	free(t);
}

/* ---- on the loop ---- */

static void finish(struct trying *t, int rc)
{
	t->rc = rc;
	sem_post(&t->done);
	let_go(t);
}

static void answered(void *user, ask_id id SL_UNUSED, const struct ask_result *result)
{
	struct trying *t = user;
	t->ask = 0;
	t->answered = result->answered;
	t->timed_out = result->timed_out;
	t->answer_rc = result->rc;
	t->status = result->status;
	t->took_us = result->took_us;
	snprintf(t->why, sizeof(t->why), "%s", result->why ? result->why : "no answer");
	buf_add_bytes(&t->answer, result->body);
	finish(t, t->answer.rc == SL_E_NO_MEMORY ? SL_E_NO_MEMORY : 0);
}

static void handle_begin(struct driver *d, struct note *note)
{
	struct trying *t = container_of(note, struct trying, begin);
	char webhook_id[80], id[UUID_TEXT_SIZE];
	snprintf(webhook_id, sizeof(webhook_id), "msg_test_%s", uuid_format(preview_id(d), id));
	struct ask ask = {.plugin = t->plugin,
			  .job = t->job,
			  .webhook_id = webhook_id,
			  .body = buf_bytes(&t->body),
			  .budget_ms = t->most_ms,
			  .dry_run = true,
			  .once = true};
	int rc = d->closed ? SL_E_UNAVAILABLE : caller_ask(d->caller, &ask, answered, t, &t->ask);
	if (rc)
		finish(t, rc);
}

static void handle_cancel(struct driver *d, struct note *note)
{
	struct trying *t = container_of(note, struct trying, cancel);
	if (t->ask) {
		caller_cancel(d->caller, t->ask);
		t->ask = 0;
		t->timed_out = true;
		snprintf(t->why, sizeof(t->why), "there was no place for the call in time");
		finish(t, 0);
	}
	let_go(t);
}

/* ---- the asker ---- */

static int create(struct driver *d, const struct trial_ask *ask, struct trying **ret)
{
	struct trying *t = calloc(1, sizeof(*t));
	if (!t)
		return SL_E_NO_MEMORY;
	t->driver = d;
	t->registry = registry_share(ask->registry);
	t->plugin = ask->plugin;
	t->job = ask->job;
	t->most_ms = ask->most_ms;
	t->begin.handle = handle_begin;
	t->cancel.handle = handle_cancel;
	buf_init(&t->body, SIZE_MAX / 2);
	buf_init(&t->answer, d->config.answer_max);
	buf_add_bytes(&t->body, ask->body);
	atomic_init(&t->refs, 2);
	sem_init(&t->done, 0, 0);
	*ret = t;
	return 0;
}

static bool wait_a_little(struct trying *t)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += LOOK_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	return sem_timedwait(&t->done, &until) == 0;
}

/* The call has its own time-out; beyond it there is only the wait for a place. */
static int wait_for(struct trying *t, const struct trial_ask *ask)
{
	int64_t end_ms = clock_mono_ms(&clock_system) + ask->most_ms + 1000;
	bool gone = false;
	while (!wait_a_little(t)) {
		bool ending = atomic_load(&t->driver->ending);
		gone = gone || (ask->gone && ask->gone(ask->user));
		if (!t->canceled && (ending || gone || clock_mono_ms(&clock_system) >= end_ms)) {
			t->canceled = true;
			atomic_fetch_add(&t->refs, 1);
			driver_post(t->driver, &t->cancel);
		}
		if (ending) /* a loop that has ended answers nobody */
			return SL_E_UNAVAILABLE;
	}
	return gone ? SL_E_CANCELED : t->rc;
}

/* ---- the verdict ---- */

/* Is the answer an increment of the TaskSet that was sent? */
static int check_increment(const struct trying *t, const struct json *answer, struct trial *ret,
			   struct sl_error *err)
{
	static const struct json_limits limits = {SIZE_MAX / 2, DEPTH_MAX};
	scoped(json_finip) struct json sent = {0}, base = {0};
	scoped(increment_finip) struct increment increment = {0};
	struct increment_options options = {
		.rules = t->driver->rules,
		.stage = t->plugin->type == PLUGIN_BINDER ? INCREMENT_BINDER : INCREMENT_DECORATOR,
		.typed = t->plugin->typed};
	int rc = json_parse(&sent, buf_bytes(&t->body), &limits, err);
	if (!rc)
		rc = json_parse(&base, json_raw(&sent, json_get(&sent, 0, BYTES("job"))), &limits,
				err);
	if (rc)
		return rc;
	if (json_type(answer, 0) != JSON_OBJECT)
		return sl_fail(err, SL_E_INVALID, "the answer must be an object, not %s",
			       json_type_name(json_type(answer, 0)));
	rc = increment_check(&base, answer, &options, &increment, NULL, err);
	ret->violation = rc == SL_E_CONFLICT;
	if (!rc)
		tell_additions(&increment, &ret->words);
	if (!rc && !ret->words.len)
		buf_add_str(&ret->words, "adds nothing");
	return rc;
}

static int check_gate(const struct json *answer, struct trial *ret, struct sl_error *err)
{
	struct gate_reply reply = {0};
	int rc = answer_gate(answer, &reply, err);
	if (!rc)
		buf_addf(&ret->words, "%s%s%.*s", gate_decision_name(reply.decision),
			 reply.reason.len ? ": " : "", BYTES_FMT(reply.reason));
	gate_reply_fini(&reply);
	return rc;
}

static int check_taskset(const struct json *answer, struct trial *ret, struct sl_error *err)
{
	scoped(taskset_freep) struct taskset *set = NULL;
	scoped(buf_finip) struct buf filled = {0};
	scoped(json_finip) struct json json = {0};
	static const struct json_limits limits = {SIZE_MAX / 2, DEPTH_MAX};
	int rc = answer_check_taskset(answer, err);
	buf_init(&filled, SIZE_MAX / 2);
	if (!rc)
		rc = taskset_fill(answer, 0, &filled, err);
	if (!rc)
		rc = json_parse(&json, buf_bytes(&filled), &limits, err);
	if (!rc)
		rc = taskset_read(&json, 0, &set, err);
	if (!rc)
		tell_roles(&json, &ret->words);
	return rc;
}

static int check_answer(const struct trying *t, struct trial *ret, struct sl_error *err)
{
	scoped(json_finip) struct json answer = {0};
	if (t->answer_rc || t->answer.rc)
		return sl_fail(err, SL_E_TOO_BIG, "the answer is larger than %zu bytes",
			       t->driver->config.answer_max);
	if (t->plugin->type == PLUGIN_FACTOR && t->status == 204) {
		buf_add_str(&ret->words, "no advice");
		return 0;
	}
	if (t->status != 200) {
		scoped(buf_finip) struct buf said = {0};
		buf_init(&said, WORDS_MAX);
		tell_refusal(buf_bytes(&t->answer), &said);
		return sl_fail(err, SL_E_INVALID, "it answered with status %u, not 200%s%s",
			       t->status, said.len ? ": " : "", buf_str(&said));
	}
	int rc = answer_parse(buf_bytes(&t->answer), t->driver->config.answer_max, &answer, err);
	if (rc)
		return sl_wrap(err, rc, "the answer is not JSON as it must be: ");
	switch (t->plugin->type) {
	case PLUGIN_GATE:
		return check_gate(&answer, ret, err);
	case PLUGIN_TRANSLATOR:
		return check_taskset(&answer, ret, err);
	case PLUGIN_FACTOR:
		rc = answer_check_factors(&answer, err);
		if (!rc)
			tell_factors(&answer, &ret->words);
		return rc;
	default:
		return check_increment(t, &answer, ret, err);
	}
}

/* The three answers of a LifeHook, and what each would lead to. */
static int check_ack(const struct trying *t, struct trial *ret, struct sl_error *err)
{
	scoped(buf_finip) struct buf said = {0};
	struct ask_result result = {.answered = true,
				    .rc = t->answer_rc,
				    .status = t->status,
				    .body = buf_bytes(&t->answer)};
	buf_init(&said, WORDS_MAX);
	enum ack ack = ack_read(&result, &said);
	switch (ack) {
	case ACK_OK:
		buf_add_str(&ret->words, "OK: the change counts as delivered");
		return 0;
	case ACK_EXCEPTION:
		buf_addf(&ret->words, "EX: it would not be sent this change again%s%s",
			 said.len ? "; its words: " : "", buf_str(&said));
		return 0;
	case ACK_GONE:
		buf_add_str(&ret->words, "410: it is gone; nothing more would be sent to it until "
					 "its feature is turned on again");
		return 0;
	case ACK_AGAIN:
		break;
	}
	if (!ack_is_retry(&result))
		return sl_fail(err, SL_E_INVALID, "%s; it counts as RE", buf_str(&said));
	buf_add_str(&ret->words, "RE: it would be sent this change again after 1, 2, 4, ... s");
	return 0;
}

static int judge(const struct trying *t, struct trial *ret)
{
	struct sl_error err = {0};
	buf_init(&ret->words, WORDS_MAX);
	buf_init(&ret->answer, ANSWER_KEPT_MAX);
	ret->status = t->status;
	ret->took_us = t->took_us;
	ret->timed_out = t->timed_out;
	if (!t->answered) {
		ret->verdict = TRIAL_UNREACHED;
		buf_add_str(&ret->words, t->why);
		return ret->words.rc;
	}
	buf_add_bytes(&ret->answer, bytes_cut(buf_bytes(&t->answer), ANSWER_KEPT_MAX));
	int rc = t->plugin->type == PLUGIN_LIFEHOOK ? check_ack(t, ret, &err)
						    : check_answer(t, ret, &err);
	if (rc == SL_E_NO_MEMORY)
		return rc;
	ret->verdict = rc ? TRIAL_ILLEGAL : TRIAL_LEGAL;
	if (rc) {
		buf_reset(&ret->words);
		buf_add_str(&ret->words, err.text[0] ? err.text : sl_err_text(rc));
	}
	return ret->words.rc;
}

int driver_trial(struct driver *d, const struct trial_ask *ask, struct trial *ret,
		 struct sl_error *err)
{
	struct trying *t;
	if (atomic_fetch_add(&d->previews, 1) >= PREVIEWS_MAX) {
		atomic_fetch_sub(&d->previews, 1);
		return sl_fail(err, SL_E_BUSY, "%d dry runs are at work already; try again soon",
			       PREVIEWS_MAX);
	}
	int rc = atomic_load(&d->ending) ? SL_E_UNAVAILABLE : create(d, ask, &t);
	if (rc) {
		atomic_fetch_sub(&d->previews, 1);
		return sl_fail(err, (enum sl_err)rc, "%s", sl_err_text(rc));
	}
	driver_post(d, &t->begin);
	rc = wait_for(t, ask);
	if (!rc)
		rc = judge(t, ret);
	let_go(t);
	return rc ? sl_fail(err, (enum sl_err)rc, "%s", sl_err_text(rc)) : 0;
}

void trial_fini(struct trial *t)
{
	buf_fini(&t->answer);
	buf_fini(&t->words);
}
