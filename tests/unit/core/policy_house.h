/* A policy in a house of its own: the TaskSet it reads, its clock, and what it said last. */
#pragma once
#include "core/policy/policy.h"
#include "tests/unit/core/support.h"

#include <stdio.h>
#include <stdlib.h>

#define POD "\"template\":{\"spec\":{\"containers\":[{\"command\":[\"x\"]}]}}"
#define POD_DL(s)                                                                                  \
	"\"template\":{\"spec\":{\"activeDeadlineSeconds\":" s                                     \
	",\"containers\":[{\"command\":[\"x\"]}]}}"
#define SET(more, roles)                     "{\"kind\":\"TaskSet\",\"spec\":{" more "\"roles\":[" roles "]}}"
#define ROLE(name, more)                     "{\"name\":\"" name "\"," more POD "}"
#define started(h, role, index, attempt)     report(h, REPLICA_STARTED, role, index, attempt, 0)
#define ended(h, role, index, attempt, code) report(h, REPLICA_ENDED, role, index, attempt, code)
#define RETRY(n)                             "\"retryPolicy\":{\"retry\":true,\"delay\":10,\"maxRetryCount\":" n "},"
#define COMPLETION(max, min)                                                                       \
	"\"completionPolicy\":{\"maxFailed\":" max ",\"minSucceeded\":" min "},"
#define EVENTS(list)      "\"eventPolicy\":[" list "],"
#define ON(event, action) "{\"event\":\"" event "\",\"action\":\"" action "\"}"
#define AFTER(list)       "\"dependsOn\":[" list "],"
#define QUIET             EVENTS(ON("RoleFailed", "NoAction"))
#define SET_RETRY(n)      "\"retryPolicy\":{\"retry\":true,\"delay\":30,\"maxRetryCount\":" n "},"

enum { T0 = 1000000 };

struct house {
	struct json json;
	struct taskset *set;
	struct policy *policy;
	struct policy_out out;
	int64_t now;
	char said[2000]; /* effects of the last event, without saves */
};

static inline void say(struct house *h)
{
	size_t used = 0;
	h->said[0] = '\0';
	for (size_t i = 0; i < h->out.n; i++) {
		const struct policy_fx *fx = &h->out.fx[i];
		if (fx->kind == POLICY_SAVE)
			continue;
		used += (size_t)snprintf(h->said + used, sizeof(h->said) - used, "%s%s%u/%u.%u",
					 used ? " " : "", fx->kind == POLICY_START ? "+" : "-",
					 fx->role, fx->index, fx->attempt);
	}
}

static inline void open_in(struct house *h, const char *text, const struct gang_room *room)
{
	struct sl_error err = {0};
	*h = (struct house){.now = T0};
	h->json = test_json(text);
	if (taskset_read(&h->json, 0, &h->set, &err))
		fail_msg("%s", err.text);
	assert_int_equal(policy_create(h->set, room, &h->policy), 0);
}

static inline void open_at(struct house *h, const char *text) { open_in(h, text, NULL); }

static inline void begin(struct house *h, const char *text)
{
	open_at(h, text);
	policy_start(h->policy, 0, h->now, &h->out);
	say(h);
}

static inline void end(struct house *h)
{
	policy_free(h->policy);
	taskset_free(h->set);
	json_fini(&h->json);
}

static inline void report(struct house *h, enum replica_change change, uint32_t role,
			  uint32_t index, uint32_t attempt, int32_t code)
{
	struct engine_report r = {.name = {.role = role, .index = index, .attempt = attempt},
				  .change = change,
				  .exit = {.code = code},
				  .reason = "x"};
	policy_report(h->policy, &r, h->now, &h->out);
	say(h);
}

static inline void tick(struct house *h, int64_t ms)
{
	h->now += ms;
	policy_tick(h->policy, h->now, &h->out);
	say(h);
}

static inline void stop(struct house *h)
{
	policy_stop(h->policy, h->now, &h->out);
	say(h);
}

static inline void assert_over(struct house *h, enum set_outcome outcome, const char *code)
{
	assert_int_equal(h->out.outcome, outcome);
	assert_string_equal(h->out.reason_code, code);
	assert_true(h->out.reason[0]);
	end(h);
}

static inline enum replica_state state_of(struct house *h, uint32_t role, uint32_t index)
{
	return policy_replica(h->policy, role, index)->state;
}

/* As after a crash: another policy, from what the first one has stored of each replica. */
static inline void restart(struct house *h)
{
	struct policy *old = h->policy;
	assert_int_equal(policy_create(h->set, NULL, &h->policy), 0);
	for (uint32_t r = 0; r < h->set->roles; r++)
		for (uint32_t k = 0; k < h->set->role[r].replicas; k++)
			policy_restore(h->policy, r, k, policy_replica(old, r, k));
	policy_free(old);
	policy_start(h->policy, 0, h->now, &h->out);
	say(h);
}
