/* The plugins: good ones, and what a mood makes of them. */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>

const char *const sim_plugin_path[SIM_PLUGINS] = {"g1", "g2", "g3", "g4", "t1", "t2", "f1",
						  "f2", "d1", "d2", "b1", "b2", "h1", "h2"};

/* maxInFlight, as world.c registers it */
static const unsigned sim_places[SIM_PLUGINS] = {
	[SIM_G1] = 2,   [SIM_G2] = 256, [SIM_G3] = 1,   [SIM_G4] = 256,
	[SIM_T1] = 2,   [SIM_T2] = 256, [SIM_F1] = 2,   [SIM_F2] = 1,
	[SIM_D1] = 256, [SIM_D2] = 1,   [SIM_B1] = 256, [SIM_B2] = 256};

static enum sim_plugin plugin_of(const struct fake_call *c)
{
	const char *path = strrchr(c->url, '/') + 1;
	for (int i = 0; i < SIM_PLUGINS; i++)
		if (strcmp(path, sim_plugin_path[i]) == 0)
			return (enum sim_plugin)i;
	abort();
}

static struct sim_job *job_of(struct sim *s, const struct fake_call *c)
{
	struct uuid id;
	if (uuid_parse(bytes_str(fake_call_header(c, "Sluice-Job-Id")), &id))
		sim_wrong(s, NULL, "a call without Sluice-Job-Id");
	return sim_find(s, id);
}

/* ---- what must hold when a call is made ---- */

static void check_company(struct sim *s, const struct sim_job *job, const struct fake_call *c)
{
	const char *id = fake_call_header(c, "Sluice-Job-Id"),
		   *stage = fake_call_header(c, "Sluice-Stage");
	for (struct list *l = s->executor.calls.next; l != &s->executor.calls; l = l->next) {
		const struct fake_call *o = container_of(l, struct fake_call, link);
		if (!o->open || strcmp(fake_call_header(o, "Sluice-Job-Id"), id) != 0 ||
		    strcmp(fake_call_header(o, "Sluice-Stage"), "LifeHook") == 0)
			continue;
		if (strcmp(fake_call_header(o, "Sluice-Stage"), stage) != 0)
			sim_wrong(s, job, "two stages at once: %s and %s", o->url, c->url);
		if (strcmp(stage, "AccessGate") == 0)
			sim_wrong(s, job, "two gates at once: %s and %s", o->url, c->url);
		if (strcmp(o->url, c->url) == 0)
			sim_wrong(s, job, "asked twice at once: %s", c->url);
	}
}

/* Never more calls at once than maxInFlight allows. */
static void check_places(struct sim *s, enum sim_plugin plugin, const struct fake_call *c)
{
	unsigned open = 1;
	for (struct list *l = s->executor.calls.next; l != &s->executor.calls; l = l->next) {
		const struct fake_call *o = container_of(l, struct fake_call, link);
		open += o->open && strcmp(o->url, c->url) == 0;
	}
	if (open > sim_places[plugin])
		sim_wrong(s, NULL, "%u calls at once to %s", open, c->url);
}

static void check_gate(struct sim *s, struct sim_job *job, enum sim_plugin gate,
		       const struct fake_call *c)
{
	const char *webhook = fake_call_header(c, "webhook-id");
	if (!job->gate[gate].passed)
		return;
	if (job->gate[gate].life == s->life)
		sim_wrong(s, job, "%s passed and is asked again", sim_plugin_path[gate]);
	if (strcmp(job->gate[gate].webhook, webhook) != 0)
		sim_wrong(s, job, "%s passed and is asked again under another webhook-id",
			  sim_plugin_path[gate]);
}

static void check_call(struct sim *s, struct sim_job *job, enum sim_plugin plugin,
		       const struct fake_call *c)
{
	check_company(s, job, c);
	check_places(s, plugin, c);
	if (!job)
		return; /* on disk, but its submitter has not yet heard */
	hold_check_call(s, job, c->url);
	if (job->final && s->turn > job->final_turn + 1)
		sim_wrong(s, job, "%s is called though the job is final", c->url);
	if (job->was_waiting)
		sim_wrong(s, job, "%s is called though the job was handed over", c->url);
	if ((int)plugin < SIM_GATES)
		check_gate(s, job, plugin, c);
	if (strcmp(fake_call_header(c, "Sluice-Attempt"), "1") == 0)
		check_turn(s, job, fake_call_header(c, "Sluice-Plugin-Key"));
	job->parked_ms = 0;
}

/* ---- answers ---- */

static bool answer_gate_with(struct sim *s, struct fake_answer *ret)
{
	char *text = malloc(200);
	uint32_t dice = s->calm ? 0 : seeded_below(&s->random, 100);
	char when[TIME_TEXT_SIZE];
	time_format(s->clock.now_wall_ms + 1000 + seeded_below(&s->random, 60000), when);
	if (dice < 60)
		snprintf(text, 200, "{\"decision\":\"pass\"}");
	else if (dice < 70)
		snprintf(text, 200, "{\"decision\":\"suspend\",\"reason\":\"later\"}");
	else if (dice < 85)
		snprintf(text, 200, "{\"decision\":\"suspend\",\"retryAfterSec\":%u}",
			 1 + seeded_below(&s->random, 30));
	else if (dice < 90)
		snprintf(text, 200, "{\"decision\":\"suspend\",\"onResume\":\"ask\"}");
	else if (dice < 95)
		snprintf(text, 200,
			 "{\"decision\":\"suspend\",\"retryAfterSec\":5,\"expiresAt\":\"%s\"}",
			 when);
	else
		snprintf(text, 200, "{\"decision\":\"stop\",\"reason\":\"never\"}");
	ret->body_owned = text;
	return true;
}

/* The document that was sent, with one member more. */
static char *add_member(struct sim *s, const struct fake_call *c, const char *name)
{
	static const struct json_limits limits = {1 << 20, 64};
	struct json json = {0};
	char *text = NULL;
	if (json_parse(&json, bytes_of(c->body, c->body_len), &limits, NULL))
		sim_wrong(s, NULL, "what is sent is not JSON: %s", c->body);
	struct bytes job = json_raw(&json, json_get(&json, 0, BYTES("job")));
	if (asprintf(&text, "%.*s,\"x-%s\":1}", (int)job.len - 1, (const char *)job.at, name) < 0)
		abort();
	json_fini(&json);
	return text;
}

static char *translate(struct sim *s, const struct fake_call *c)
{
	static const struct json_limits limits = {1 << 20, 64};
	struct json json = {0};
	if (json_parse(&json, bytes_of(c->body, c->body_len), &limits, NULL))
		sim_wrong(s, NULL, "what is sent is not JSON: %s", c->body);
	json_at at = json_get(&json, json_get(&json, 0, BYTES("job")), BYTES("taskset"));
	struct bytes raw = json_raw(&json, at);
	char *text = strndup(raw.at, raw.len);
	json_fini(&json);
	return text;
}

static void good_answer(struct sim *s, enum sim_plugin plugin, const struct fake_call *c,
			struct fake_answer *ret)
{
	switch (plugin) {
	case SIM_T1:
	case SIM_T2:
		ret->body_owned = translate(s, c);
		break;
	case SIM_F1:
	case SIM_F2:
		if (seeded_chance(&s->random, 30))
			ret->status = 204;
		else
			ret->body = "[{\"topic\":\"t\",\"advice\":1}]";
		break;
	case SIM_D1:
	case SIM_D2:
	case SIM_B1:
	case SIM_B2:
		ret->body_owned = add_member(s, c, sim_plugin_path[plugin]);
		break;
	default:
		answer_gate_with(s, ret);
	}
	ret->delay_ms = seeded_below(&s->random, 300);
}

static void answer(void *user, const struct fake_call *c, struct fake_answer *ret)
{
	static const char *const lies[] = {"{}", "[1", "", "{\"decision\":\"maybe\"}",
					   "{\"kind\":\"TaskSet\",\"spec\":{}}"};
	struct sim *s = user;
	enum sim_plugin plugin = plugin_of(c);
	struct sim_job *job = job_of(s, c);
	bool is_hook = plugin >= SIM_H1;
	if (!is_hook)
		check_call(s, job, plugin, c);
	s->calls++;
	switch (s->mood[plugin]) {
	case MOOD_DOWN:
		ret->rc = SL_E_UNAVAILABLE;
		break;
	case MOOD_ERROR:
		ret->status = 500 + seeded_below(&s->random, 5);
		ret->retry_after_ms = seeded_chance(&s->random, 20) ? 2000 : 0;
		break;
	case MOOD_HANGS:
		ret->delay_ms = UINT32_MAX;
		break;
	case MOOD_LIES:
		ret->body = lies[seeded_below(&s->random, countof(lies))];
		ret->status = seeded_chance(&s->random, 20) ? 404 : 200;
		break;
	default:
		if (!is_hook)
			good_answer(s, plugin, c, ret);
		if (s->mood[plugin] == MOOD_SLOW)
			ret->delay_ms = 1000 + seeded_below(&s->random, 8000);
	}
	if (is_hook) {
		struct fake_answer good = {0};
		hooks_answer(s, plugin, c, &good);
		if (s->mood[plugin] == MOOD_GOOD || s->mood[plugin] == MOOD_SLOW) {
			good.delay_ms += ret->delay_ms;
			*ret = good;
		}
	}
	if (s->talk)
		printf("   %u call %s attempt %s job %.36s: %u %s\n", s->step, c->url,
		       fake_call_header(c, "Sluice-Attempt"), fake_call_header(c, "Sluice-Job-Id"),
		       ret->status,
		       ret->body_owned ? ret->body_owned
		       : ret->body     ? ret->body
				       : "");
}

/* What a gate says counts when it is heard. */
static void telling(void *user, const struct fake_call *c)
{
	struct sim *s = user;
	enum sim_plugin plugin = plugin_of(c);
	struct sim_job *job = job_of(s, c);
	if (plugin >= SIM_H1)
		hooks_telling(s, plugin, c);
	if ((int)plugin >= SIM_GATES || !job)
		return;
	bool good = c->status == 200 && c->answer;
	job->gate[plugin].passed = good && strstr(c->answer, "\"pass\"");
	job->gate[plugin].life = s->life;
	job->gate[plugin].stopped = good && strstr(c->answer, "\"stop\"");
	if (job->gate[plugin].passed && job->resumed_turn == s->turn) {
		job->gate[plugin].passed = false; /* it comes behind a resume, which wins */
		job->gate[plugin].excused = true;
	}
	snprintf(job->gate[plugin].webhook, sizeof(job->gate[plugin].webhook), "%s",
		 fake_call_header(c, "webhook-id"));
	if (plugin == SIM_G3 || (good && strstr(c->answer, "\"suspend\"")))
		job->gate[plugin].excused = true;
}

/* Just before answers arrive somebody may decide otherwise. */
static void before(void *user)
{
	struct sim *s = user;
	if (s->calm || !s->jobs || !seeded_chance(&s->random, 5))
		return;
	struct sim_job *job = &s->job[seeded_below(&s->random, (uint32_t)s->jobs)];
	if (seeded_chance(&s->random, 30))
		steps_stop(s, job);
	else
		steps_resume(s, job, seeded_chance(&s->random, 30));
}

void plugins_attach(struct sim *s)
{
	s->executor.user = s;
	s->executor.answer = answer;
	s->executor.telling = telling;
	s->executor.before = before;
	s->executor.forgetful = true;
}
