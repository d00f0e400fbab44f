#include "core/summary.h"

#include <inttypes.h>

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

struct telling {
	const struct job *job;
	const struct summary_facts *facts;
	struct buf *to;
};

void summary_span(int64_t ms, struct buf *to)
{
	if (ms < SECOND)
		buf_addf(to, "%d ms", ms < 0 ? 0 : (int)ms);
	else if (ms < 2 * MINUTE)
		buf_addf(to, "%" PRId64 " s", ms / SECOND);
	else if (ms < 2 * HOUR)
		buf_addf(to, "%" PRId64 " min", ms / MINUTE);
	else if (ms < 2 * DAY)
		buf_addf(to, "%" PRId64 " h %" PRId64 " min", ms / HOUR, ms % HOUR / MINUTE);
	else
		buf_addf(to, "%" PRId64 " d %" PRId64 " h", ms / DAY, ms % DAY / HOUR);
}

static bool code_is(const struct telling *t, const char *code)
{
	return bytes_is(t->job->reason_code, code);
}

static void say(const struct telling *t, const char *text) { buf_add_str(t->to, text); }

static void say_time(const struct telling *t, int64_t at_ms)
{
	char text[TIME_TEXT_SIZE];
	buf_addf(t->to, "%.19sZ", time_format(at_ms, text));
}

/* " since 2026-11-22T02:00:00Z (5 min)" */
static void say_since(const struct telling *t, int64_t at_ms)
{
	say(t, " since ");
	say_time(t, at_ms);
	say(t, " (");
	summary_span(t->facts->now_ms - at_ms, t->to);
	say(t, ")");
}

static void say_at(const struct telling *t, int64_t at_ms)
{
	say_time(t, at_ms);
	if (at_ms > t->facts->now_ms) {
		say(t, " (in ");
		summary_span(at_ms - t->facts->now_ms, t->to);
		say(t, ")");
	}
}

/* Words of others end without a full stop in the middle of ours. */
static struct bytes trimmed(struct bytes text)
{
	const char *at = (const char *)text.at;
	while (text.len && (at[text.len - 1] == '.' || at[text.len - 1] == ' '))
		text.len--;
	return text;
}

static void say_reason(const struct telling *t, const char *before)
{
	struct bytes reason = trimmed(t->job->reason);
	if (!reason.len)
		return;
	say(t, before);
	buf_add_bytes(t->to, reason);
}

/* Like say_reason(), without the plugin's key in front, which stands there already. */
static void say_plugin_reason(const struct telling *t, const char *before)
{
	struct bytes reason = trimmed(t->job->reason), key = t->job->plugin;
	const char *at = (const char *)reason.at;
	static const char *const joints[] = {": ", " cannot be asked: "};
	for (size_t i = 0; i < countof(joints) && key.len; i++) {
		size_t n = key.len + strlen(joints[i]);
		if (reason.len > n && memcmp(at, key.at, key.len) == 0 &&
		    memcmp(at + key.len, joints[i], strlen(joints[i])) == 0) {
			reason = bytes_of(at + n, reason.len - n);
			break;
		}
	}
	if (!reason.len)
		return;
	say(t, before);
	buf_add_bytes(t->to, reason);
}

/* ---- what nobody has decided yet ---- */

static void preparing(const struct telling *t)
{
	if (t->job->stopping) {
		say(t, "The job is being stopped.");
		return;
	}
	if (code_is(t, "held")) {
		say(t, "The job is stored and waits");
		say_since(t, t->job->since_ms);
		say(t, " because an operator holds admission");
		say_reason(t, ": ");
		say(t, ". It goes on by itself once that is released (sluicectl release, by "
		       "somebody with write_feature).");
		return;
	}
	if (t->job->parked_ms) {
		buf_addf(t->to, "The job waits for a place at the plugin %.*s",
			 BYTES_FMT(t->job->plugin));
		say_since(t, t->job->parked_ms);
		say(t, ", which answers as many calls at once as it is allowed to (maxInFlight). "
		       "It goes on by itself when its turn comes; nothing is to be done.");
		return;
	}
	say(t, "The job is in admission");
	say_since(t, t->job->since_ms);
	if (t->facts->stage < PLUGIN_STAGES)
		buf_addf(t->to, ", at the stage %s", plugin_type_name(t->facts->stage));
	say(t, ": its plugins are being asked. Nothing is to be done.");
}

static void unavailable(const struct telling *t)
{
	const struct job *job = t->job;
	int64_t since = job->unavailable_ms ? job->unavailable_ms : job->since_ms;
	buf_addf(t->to, "The job waits for the plugin %.*s, which cannot be asked",
		 BYTES_FMT(job->plugin));
	say_since(t, since);
	say_plugin_reason(t, ": ");
	say(t, ". It goes on by itself as soon as that plugin answers");
	if (job->next == NEXT_ASK && job->next_ms) {
		say(t, "; it is asked again at ");
		say_at(t, job->next_ms);
	}
	if (t->facts->wait_for_ms) {
		say(t, "; if it stays away the job fails at ");
		say_at(t, since + t->facts->wait_for_ms);
	}
	say(t, ". Whoever runs that plugin can mend it.");
}

static void say_next(const struct telling *t)
{
	if (t->job->next == NEXT_ASK && t->job->next_ms) {
		say(t, " The gate is asked again by itself at ");
		say_at(t, t->job->next_ms);
		say(t, ".");
	}
	if (t->job->next == NEXT_HELD)
		say(t, " Its time has come, but admission is held: the gate is asked again as soon "
		       "as an operator releases it.");
	if (t->job->expires_ms) {
		say(t, " At ");
		say_at(t, t->job->expires_ms);
		say(t, " the job is stopped if nobody let it go on before.");
	}
}

static void suspended(const struct telling *t)
{
	if (code_is(t, "plugin_unavailable")) {
		unavailable(t);
		return;
	}
	buf_addf(t->to, "The job is suspended by %.*s",
		 BYTES_FMT(t->job->plugin.len ? t->job->plugin : BYTES("a gate")));
	say_since(t, t->job->since_ms);
	say_plugin_reason(t, ": ");
	say(t, code_is(t, "gate_gone")
		       ? "."
		       : ". Somebody with the privilege resume_job can let it go on.");
	say_next(t);
}

/* ---- at the engine ---- */

static void waiting(const struct telling *t)
{
	const struct job *job = t->job;
	const struct engine_place *queue = &t->facts->queue;
	if (job->stopping) {
		say(t, "The job is being stopped.");
		return;
	}
	buf_addf(t->to, "The job is admitted and waits for room on the engine %.*s",
		 BYTES_FMT(job->engine));
	say_since(t, job->since_ms);
	if (queue->place == 1)
		say(t, "; it is the next in the queue");
	else if (queue->place)
		buf_addf(t->to, "; it is number %u of %u in the queue", queue->place, queue->of);
	if (queue->place && queue->needs > 1)
		buf_addf(t->to, "; it needs room for %u at once, %u of %u is free", queue->needs,
			 queue->free, queue->room);
	say(t, ". It starts by itself.");
}

static void running(const struct telling *t)
{
	const struct summary_facts *f = t->facts;
	buf_addf(t->to, "The job runs on the engine %.*s", BYTES_FMT(t->job->engine));
	say_since(t, t->job->started_ms ? t->job->started_ms : t->job->since_ms);
	if (f->replicas) {
		buf_addf(t->to, "; of %u replica%s %u run%s", f->replicas,
			 f->replicas == 1 ? "" : "s", f->replicas_running,
			 f->replicas_running == 1 ? "s" : "");
		if (f->replicas_done)
			buf_addf(t->to, " and %u ha%s ended", f->replicas_done,
				 f->replicas_done == 1 ? "s" : "ve");
	}
	if (t->job->stopping)
		say(t, "; it is being stopped and ends when all of them have");
	say(t, ".");
}

/* ---- ends ---- */

/* Who can do what about it, by the reason's code. */
static const struct {
	const char *code, *words;
} advice[] = {
	{"no_translator", "Then submit the job again."},
	{"ambiguous_plugins",
	 "An operator must make their jobSelectors exclude each other; then submit again."},
	{"selector_error", "The author of that plugin must correct its jobSelector; then submit "
			   "again."},
	{"increment_violation",
	 "A plugin may only add to the TaskSet: its author must correct it. Then submit again."},
	{"decorator_conflict",
	 "Two plugins want different things: their authors or an operator must settle it. Then "
	 "submit again."},
	{"plugin_bad_answer", "Correct the job if that is what it says; else the author of that "
			      "plugin must correct it. Then submit again."},
	{"plugin_unavailable", "Whoever runs that plugin must mend it; then submit again."},
	{"plugin_timeout", "Whoever runs that plugin must mend it; then submit again."},
	{"budget_exhausted", "Its plugins were too slow together; submit again, or tell an "
			     "operator."},
	{"invalid_taskset", "Correct the job, or whoever made that TaskSet; then submit again."},
	{"engine_unknown", "Correct spec.engine and submit again."},
	{"engine_refused", "Correct the job as the engine asks, and submit again."},
	{"replica_failed", "Its output (job logs) says more."},
	{"deadline_exceeded",
	 "Give it more time, or find out in its output (job logs) what took so "
	 "long."},
	{"lost", "What became of it cannot be known; submit it again if that does no harm."},
	{"internal_error", "This is a fault of the gateway; its log says more."},
};

static void advise(const struct telling *t)
{
	for (size_t i = 0; i < countof(advice); i++)
		if (code_is(t, advice[i].code)) {
			buf_addf(t->to, " %s", advice[i].words);
			return;
		}
}

static void say_when(const struct telling *t)
{
	const struct job *job = t->job;
	say(t, " at ");
	say_time(t, job->finished_ms);
	say(t, ", ");
	if (job->started_ms) {
		summary_span(job->finished_ms - job->started_ms, t->to);
		say(t, " after its first start");
	} else {
		summary_span(job->finished_ms - job->created_ms, t->to);
		say(t, " after it was submitted; nothing of it was started");
	}
}

static void ended(const struct telling *t)
{
	const struct job *job = t->job;
	say(t, job->state == JOB_SUCCEEDED ? "The job succeeded"
	       : job->state == JOB_FAILED  ? "The job failed"
					   : "The job was stopped");
	if (job->plugin.len && job->state != JOB_SUCCEEDED)
		buf_addf(t->to,
			 code_is(t, "expired")      ? ", while %.*s held it,"
			 : job->state == JOB_FAILED ? " because of %.*s"
						    : " by %.*s",
			 BYTES_FMT(job->plugin));
	say_when(t);
	if (job->state != JOB_SUCCEEDED)
		say_plugin_reason(t, ": ");
	say(t, ".");
	if (job->state == JOB_FAILED)
		advise(t);
}

void summary_write(const struct job *job, const struct summary_facts *facts, struct buf *to)
{
	struct telling t = {job, facts, to};
	switch (job->state) {
	case JOB_PREPARING:
		preparing(&t);
		break;
	case JOB_SUSPENDED:
		suspended(&t);
		break;
	case JOB_WAITING:
		waiting(&t);
		break;
	case JOB_RUNNING:
		running(&t);
		break;
	default:
		ended(&t);
		break;
	}
}
