/* What happens next. */
#include "tests/sim/sim.h"

#include "store/store_mem.h"

#include <stdio.h>

#define POD(more)   "\"template\":{\"spec\":{\"containers\":[{\"command\":[\"x\"]}]" more "}}"
#define AGAIN(spec) "{\"kind\":\"TaskSet\",\"metadata\":{\"name\":\"again\"},\"spec\":{" spec "}}"
#define SET(spec)   "{\"kind\":\"TaskSet\",\"metadata\":{\"name\":\"s\"},\"spec\":{" spec "}}"

const char *const sim_shapes[SIM_SHAPES] = {
	SET("\"roles\":[{\"name\":\"a\"," POD("") "}]"),
	SET("\"roles\":[{\"name\":\"a\"," POD(
		"") ",\"replicas\":2,\"retryPolicy\":{\"retry\":true,"
		    "\"delay\":3,\"maxRetryCount\":2}},{\"name\":\"b\"," POD(
			    "") ",\"dependsOn\":[\"a\"]}]"),
	AGAIN("\"retryPolicy\":{\"retry\":true,\"delay\":5,\"maxRetryCount\":1},\"roles\":["
	      "{\"name\":\"a\"," POD("") ",\"eventPolicy\":[{\"event\":\"RoleFailed\",\"action\":"
					 "\"NoAction\"}]},{\"name\":\"b\"," POD(
						 "") ",\"dependsOn\":[\"a\"],\"eventPolicy\":["
						     "{\"event\":\"RoleCompleted\",\"action\":"
						     "\"NoAction\"}]},{\"name\":\"c\"," POD(
							     "") ",\"replicas\":2}]"),
	SET("\"activeDeadlineSeconds\":20,\"roles\":[{\"name\":\"a\"," POD(
		"") ",\"replicas\":4,"
		    "\"completionPolicy\":{\"minSucceeded\":1,\"maxFailed\":2}}]"),
	SET("\"roles\":[{\"name\":\"a\"," POD(
		",\"activeDeadlineSeconds\":3") ",\"replicas\":2},"
						"{\"name\":\"b\"," POD(
							"") ",\"activeDeadlineSeconds\":4}]"),
	SET("\"roles\":[{\"name\":\"a\"," POD(
		"") ",\"eventPolicy\":[{\"event\":\"RoleFailed\","
		    "\"action\":\"NoAction\"}]},{\"name\":\"b\"," POD(
			    "") ",\"dependsOn\":[{\"role\":\"a\","
				"\"on\":\"failed\"}]},{\"name\":\"c\"," POD(
					"") ",\"dependsOn\":[{\"role\":\"b\",\"on\":"
					    "\"ended\"}]}]"),
	"{\"kind\":\"TaskSet\",\"metadata\":{\"name\":\"gang\"},\"spec\":{\"gang\":true,\"roles\":["
	"{\"name\":\"a\"," POD("") ",\"replicas\":3,\"retryPolicy\":{\"retry\":true,\"delay\":2,"
				   "\"maxRetryCount\":3}},{\"name\":\"b\"," POD(
					   "") ",\"replicas\":2}]}}",
	"{\"kind\":\"TaskSet\",\"metadata\":{\"name\":\"never\"},\"spec\":{\"gang\":true,\"roles\":"
	"["
	"{\"name\":\"a\"," POD("") ",\"replicas\":7}]}}",
	SET("\"roles\":[{\"name\":\"a\"," POD("") ",\"replicas\":8}]"),
	SET("\"engine\":\"nowhere\",\"roles\":[{\"name\":\"a\"," POD("") "}]"),
	SET("\"note\":\"refuse-me\",\"roles\":[{\"name\":\"a\"," POD("") "}]"),
};

/* ---- requests ---- */

struct request {
	struct sim *s;
	struct job_request ask;
	char document[2400];
	const char *kind, *key;
	struct uuid id, rerun_of;
	enum job_state state;
	bool stopping;
	int rc;
	struct sl_error err;
};

static const struct audit_by me = {{"me", 2}, {"here", 4}};

static void do_submit(void *user)
{
	struct request *q = user;
	static const struct json_limits limits = {1 << 20, 64};
	struct json json = {0};
	q->rc = json_parse(&json, bytes_str(q->document), &limits, &q->err);
	if (q->rc)
		return;
	struct submission sub = {.user = BYTES("u"),
				 .name = BYTES("n"),
				 .kind = bytes_str(q->kind),
				 .json = &json,
				 .header = json_get(&json, 0, BYTES("header")),
				 .job = json_get(&json, 0, BYTES("job")),
				 .token = BYTES("tok"),
				 .idempotency_key = bytes_str(q->key),
				 .rerun_of = q->rerun_of};
	if (q->kind[1] == '2')
		sub.user = BYTES("v");
	q->rc = driver_submit(q->s->driver, &sub, &q->id, &q->err);
	json_fini(&json);
}

static void do_stop(void *user)
{
	struct request *q = user;
	q->rc = driver_stop(q->s->driver, &q->ask, &q->state, &q->stopping, &q->err);
}

static void do_resume(void *user)
{
	struct request *q = user;
	q->rc = driver_resume(q->s->driver, &q->ask, &q->err);
}

static bool fault_of_store(int rc) { return rc == SL_E_IO || rc == SL_E_FULL; }

/* The ones that ended may be erased at any time. */
static bool is_gone(const struct sim_job *job, int rc)
{
	return rc == SL_E_NOT_FOUND && job->final;
}

static const char *pick_kind(struct sim *s)
{
	uint32_t dice = seeded_below(&s->random, 100);
	return dice < 45 ? "TaskSet" : dice < 90 ? "K1" : dice < 95 ? "K2" : "K3";
}

static void accepted(struct sim *s, const struct request *q, const struct sim_job *like)
{
	struct sim_job *job = &s->job[s->jobs++];
	*job = (struct sim_job){.id = q->id,
				.kind = q->kind,
				.shape = like->shape,
				.gates = like->gates,
				.decorated = like->decorated};
	snprintf(job->document, sizeof(job->document), "%s", q->document);
	hold_entered(s, job);
	s->submitted++;
}

/* One that has ended once more, as it was. */
static void rerun(struct sim *s, struct sim_job *old)
{
	struct request q = {.s = s, .kind = old->kind, .key = "", .rerun_of = old->id};
	if (s->jobs == SIM_JOBS_MAX || !old->final)
		return;
	snprintf(q.document, sizeof(q.document), "%s", old->document);
	served_run(s->writer, do_submit, &q);
	if (q.rc == 0)
		accepted(s, &q, old);
	else if (!fault_of_store(q.rc) && !is_gone(old, q.rc))
		sim_wrong(s, old, "rerun: %s", q.err.text);
	s->reruns += q.rc == 0;
}

static void submit(struct sim *s)
{
	struct request q = {.s = s, .kind = pick_kind(s)};
	if (s->jobs == SIM_JOBS_MAX)
		return;
	bool gates = seeded_chance(&s->random, 60), deco = seeded_chance(&s->random, 40);
	unsigned shape = seeded_below(&s->random, SIM_SHAPES);
	bool bind = seeded_chance(&s->random, 30), bind2 = seeded_chance(&s->random, 10);
	char key[40] = "";
	if (seeded_chance(&s->random, 30))
		snprintf(key, sizeof(key), "key-%zu", s->jobs);
	q.key = key;
	bool taskset = q.kind[0] == 'T';
	snprintf(q.document, sizeof(q.document),
		 "{\"header\":{\"gates\":\"%s\",\"deco\":\"%s\",\"bind\":\"%s\",\"bind2\":\"%s\"},"
		 "\"job\":%s%s%s}",
		 gates ? "yes" : "no", deco ? "yes" : "no", bind ? "yes" : "no",
		 bind2 ? "yes" : "no",
		 taskset ? "" : "{\"kind\":\"K\",\"taskset\":", sim_shapes[shape],
		 taskset ? "" : "}");
	served_run(s->writer, do_submit, &q);
	if (q.rc) {
		if (!fault_of_store(q.rc))
			sim_wrong(s, NULL, "submit: %s", q.err.text);
		return;
	}
	accepted(s, &q, &(struct sim_job){.shape = shape, .gates = gates, .decorated = deco});
	struct request again = q;
	if (*key && seeded_chance(&s->random, 50)) {
		served_run(s->writer, do_submit, &again);
		if (again.rc ? !fault_of_store(again.rc) : !uuid_eq(again.id, q.id))
			sim_wrong(s, NULL, "the same Idempotency-Key gave another job");
	}
}

static void do_erase(void *user)
{
	struct request *q = user;
	q->rc = driver_erase(q->s->driver, &q->ask, &q->err);
}

int steps_erase(struct sim *s, struct sim_job *job)
{
	struct request q = {.s = s, .ask = {.job = job->id, .who = BYTES("me"), .by = me}};
	served_run(s->writer, do_erase, &q);
	if (q.rc && !fault_of_store(q.rc) && q.rc != SL_E_CONFLICT && !is_gone(job, q.rc))
		sim_wrong(s, job, "erase: %s", q.err.text);
	if (!q.rc && !job->final) { /* its end was on its way to the store */
		job->final = true;
		job->state = JOB_STATES;
	}
	job->erased |= q.rc == 0;
	s->erased += q.rc == 0;
	return q.rc;
}

int steps_stop(struct sim *s, struct sim_job *job)
{
	struct request q = {.s = s, .ask = {.job = job->id, .who = BYTES("me"), .by = me}};
	served_run(s->writer, do_stop, &q);
	if (q.rc == 0) {
		if (!q.stopping && q.state != JOB_STOPPED)
			sim_wrong(s, job, "a stop left it %s", job_state_name(q.state));
		job->stopped = true;
	} else if (!fault_of_store(q.rc) && q.rc != SL_E_CONFLICT && !is_gone(job, q.rc)) {
		sim_wrong(s, job, "stop: %s", q.err.text);
	}
	s->stops += q.rc == 0;
	return q.rc;
}

int steps_resume(struct sim *s, struct sim_job *job, bool recheck)
{
	struct request q = {
		.s = s, .ask = {.job = job->id, .who = BYTES("me"), .by = me, .recheck = recheck}};
	served_run(s->writer, do_resume, &q);
	if (q.rc && !fault_of_store(q.rc) && q.rc != SL_E_CONFLICT && !is_gone(job, q.rc))
		sim_wrong(s, job, "resume: %s", q.err.text);
	if (q.rc == 0) {
		job->resumed_turn = s->turn;
		hold_entered(s, job);
	}
	if (q.rc == 0) /* an answer on its way may be lost to it */
		for (int i = 0; i < SIM_GATES; i++)
			if (job->gate[i].passed) {
				job->gate[i].passed = false;
				job->gate[i].excused = true;
			}
	s->resumes += q.rc == 0;
	return q.rc;
}

static void do_hold(void *user)
{
	struct request *q = user;
	const struct hold hold = {.kind = bytes_str(q->kind), .who = BYTES("me")};
	q->rc = driver_hold(q->s->driver, &hold, &me, &q->err);
}

static void do_release(void *user)
{
	struct request *q = user;
	bool changed;
	const struct hold what = {.kind = bytes_str(q->kind)};
	q->rc = driver_release(q->s->driver, &what, &me, &changed, &q->err);
}

void steps_hold(struct sim *s, const char *kind, bool hold)
{
	struct request q = {.s = s, .kind = kind};
	served_run(s->writer, hold ? do_hold : do_release, &q);
	if (q.rc && !fault_of_store(q.rc))
		sim_wrong(s, NULL, "%s: %s", hold ? "hold" : "release", q.err.text);
	if (q.rc == 0)
		hold_changed(s, kind, hold);
	s->holds += hold && q.rc == 0;
}

/* ---- the world around ---- */

static void change_moods(struct sim *s)
{
	enum sim_plugin plugin = (enum sim_plugin)seeded_below(&s->random, SIM_PLUGINS);
	uint32_t dice = seeded_below(&s->random, 100);
	s->mood[plugin] = dice < 50   ? MOOD_GOOD
			  : dice < 65 ? MOOD_DOWN
			  : dice < 75 ? MOOD_ERROR
			  : dice < 85 ? MOOD_HANGS
			  : dice < 97 ? MOOD_SLOW
				      : MOOD_LIES;
}

static void break_store(struct sim *s)
{
	enum store_mem_call call =
		seeded_chance(&s->random, 70) ? STORE_MEM_COMMIT : STORE_MEM_WRITE;
	store_mem_fail(s->store, call, seeded_below(&s->random, 6),
		       seeded_chance(&s->random, 50) ? SL_E_FULL : SL_E_IO);
}

static void pass_time(struct sim *s)
{
	int64_t next = fake_executor_next_us(&s->executor);
	int64_t until = next < 0 ? 0 : (next - s->clock.now_mono_us + 999) / 1000;
	uint32_t dice = seeded_below(&s->random, 100);
	if (dice < 40 && until > 0)
		fake_clock_pass(&s->clock, until);
	else
		fake_clock_pass(&s->clock, dice < 80   ? seeded_below(&s->random, 200)
					   : dice < 97 ? seeded_below(&s->random, 5000)
						       : seeded_below(&s->random, 120000));
}

void steps_turn(struct sim *s)
{
	s->turn++;
	driver_turn(s->driver, 0);
}

static void step(struct sim *s)
{
	uint32_t dice = seeded_below(&s->random, 1000);
	struct sim_job *job = s->jobs ? &s->job[seeded_below(&s->random, (uint32_t)s->jobs)] : NULL;
	if (dice < 60)
		submit(s);
	else if (dice < 70 && job)
		steps_stop(s, job);
	else if (dice < 78 && job)
		steps_erase(s, job);
	else if (dice < 130 && job)
		steps_resume(s, job, seeded_chance(&s->random, 30));
	else if (dice < 136 && job)
		rerun(s, job);
	else if (dice < 170)
		change_moods(s);
	else if (dice < 174)
		steps_hold(s, seeded_chance(&s->random, 50) ? "K1" : "",
			   seeded_chance(&s->random, 40));
	else if (dice < 185)
		world_turn_feature(s, "g4", seeded_chance(&s->random, 50));
	else if (dice < 190)
		hooks_turn_feature(s, seeded_chance(&s->random, 60));
	else if (dice < 192)
		hooks_delete_feature(s);
	else if (dice < 205)
		break_store(s);
	else if (dice < 215)
		world_crash(s);
	else if (dice < 225)
		sim_engine_cut(&s->engine, seeded_chance(&s->random, 40));
	else if (dice < 450)
		pass_time(s);
	else if (dice < 600)
		writer_turn(s->writer);
	else if (dice < 680)
		hooks_turn(s->hooks, 0);
	else if (dice < 790)
		sim_engine_turn(&s->engine);
	else
		steps_turn(s);
}

void steps_random(struct sim *s)
{
	s->step++;
	step(s);
}
