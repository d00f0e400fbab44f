#include "cli/sluicectl/watch.h"

#include "cli/sluicectl/api.h"
#include "cli/sluicectl/progress.h"
#include "cli/sluicectl/story.h"
#include "core/base/clock.h"

#include <stdio.h>
#include <time.h>

enum {
	FIRST_MS = 100,
	SLOWEST_MS = 1000,
	EASY = 4,            /* the pause is at least so many times what the answers took */
	EASIEST_MS = 10000,  /* but no longer: an answer that took long was an exception */
	PATIENCE_MS = 60000, /* for a gateway that cannot be asked just now */
	LINE_MAX_BYTES = 65536,
};

const struct column event_columns[] = {
	{"TIME", "time", CELL_TIME, false},
	{"TYPE", "type", CELL_TEXT, false},
	{"STAGE", "stage", CELL_TEXT, false},
	{"PLUGIN", "plugin", CELL_TEXT, false},
	{"OUTCOME", "decision|outcome", CELL_TEXT, false},
	{"STATE", "state", CELL_TEXT, false},
	{"ROLE", "role", CELL_TEXT, false},
	{"REPLICA", "replica", CELL_TEXT, false},
	{"EXIT", "exitCode", CELL_TEXT, true},
	{"ATTEMPTS", "attempts", CELL_TEXT, true},
	{"CODE", "reasonCode", CELL_TEXT, true},
	{"WHO", "who", CELL_TEXT, true},
	{"REASON", "reason", CELL_TEXT, false},
};
const size_t event_column_count = countof(event_columns);

static const struct column outcome_columns[] = {
	{"state", "job.state", CELL_TEXT, false},
	{"code", "job.reasonCode", CELL_TEXT, false},
	{"reason", "job.reason", CELL_TEXT, false},
	{"plugin", "job.plugin", CELL_TEXT, false},
};

/** A job that is being watched. */
struct watch {
	struct ctl *ctl;
	const char *job;
	enum watch_show show;
	int64_t seen;        /**< Number of the newest event shown; -1: none yet. */
	int64_t started_ms;  /**< Monotonic. */
	int64_t answered_ms; /**< When the gateway answered last. */
	uint32_t pause_ms;
	struct progress progress;
	struct story story; /**< For people: events as they read them. */
	bool held;          /**< Suspended, and what to do about it was told. */
};

/* ---- events ---- */

static void print_event(struct watch *w, const struct json *json, json_at event)
{
	if (output_is_raw(w->ctl)) {
		if (w->ctl->format == FORMAT_YAML)
			puts("---");
		output_value(w->ctl, json, event);
		return;
	}
	if (w->ctl->format == FORMAT_TABLE) {
		story_event(&w->story, json, event);
		return;
	}
	const char *gap = "";
	for (size_t i = 0; i < event_column_count; i++) {
		scoped(buf_finip) struct buf cell;
		buf_init(&cell, LINE_MAX_BYTES);
		output_cell(w->ctl, json, event, &event_columns[i], &cell);
		if (event_columns[i].wide && w->ctl->format != FORMAT_WIDE)
			continue;
		if (w->ctl->format != FORMAT_PLAIN && !cell.len)
			continue;
		printf("%s%s", gap, buf_str(&cell));
		gap = w->ctl->format == FORMAT_PLAIN ? "\t" : "  ";
	}
	putchar('\n');
}

static void print_new(struct watch *w, const struct json *json, json_at events)
{
	int64_t place = 0;
	for (json_at at = json_first(json, events); at != JSON_NONE;
	     at = json_next(json, events, at)) {
		json_at number = json_get(json, at, BYTES("number"));
		int64_t n = place;
		if (number != JSON_NONE && json_int64(json, number, &n))
			n = place; /* stands in where an event has no number */
		place++;
		if (n <= w->seen)
			continue;
		w->seen = n;
		w->pause_ms = FIRST_MS;
		progress_clear(&w->progress);
		print_event(w, json, at);
	}
	fflush(stdout);
}

/* ---- asking ---- */

static int ask(struct watch *w, const char *prefix, struct api_answer *answer)
{
	scoped(buf_finip) struct buf path;
	buf_init(&path, LINE_MAX_BYTES);
	api_path(&path, prefix, w->job);
	struct api_call call = {.method = "GET", .path = buf_str(&path)};
	int code = api_send(w->ctl, &call, answer);
	int64_t now = clock_mono_ms(&clock_system);
	if (code == CTL_DONE)
		w->answered_ms = now;
	else if (!answer->again || now - w->answered_ms > PATIENCE_MS) {
		progress_clear(&w->progress);
		api_tell(w->ctl, answer, code);
		answer->again = false;
	}
	return code;
}

static int ask_events(struct watch *w, bool *ret_again)
{
	scoped(api_answer_fini) struct api_answer answer = {0};
	int code = ask(w, "/v1/job/events/", &answer);
	*ret_again = answer.again;
	if (code == CTL_DONE && answer.payload != JSON_NONE)
		print_new(w, &answer.json, answer.payload);
	return code;
}

/* Print how it ended; -1 while it has not. */
static int outcome(const struct json *json, json_at detail)
{
	static const char *const final[] = {"succeeded", "failed", "stopped"};
	json_at state = output_find(json, detail, "job.state");
	size_t i = 0;
	while (i < countof(final) &&
	       (state == JSON_NONE || !json_string_is(json, state, bytes_str(final[i]))))
		i++;
	return i == countof(final) ? -1 : i == 0 ? CTL_DONE : CTL_REFUSED;
}

/* A job that is held goes on by its gate, or by somebody. */
static void tell_held(struct watch *w, const struct json *json, json_at detail)
{
	json_at state = output_find(json, detail, "job.state");
	bool held = state != JSON_NONE && json_string_is(json, state, BYTES("suspended"));
	if (held && !w->held && w->show != WATCH_QUIETLY) {
		progress_clear(&w->progress);
		ctl_next("sluicectl job explain %s tells what it waits for; "
			 "sluicectl job resume %s lets it go on",
			 w->job, w->job);
	}
	w->held = held;
}

static void print_outcome(struct watch *w, const struct json *json, json_at detail)
{
	bool story = w->ctl->format == FORMAT_TABLE && w->show != WATCH_QUIETLY;
	progress_clear(&w->progress);
	if (story && w->show == WATCH_ALL)
		story_output(&w->story, w->job, json,
			     detail); /* told; the job's outcome is what counts */
	if (story)
		story_end(&w->story, json, json_get(json, detail, BYTES("job")));
	else if (!output_is_raw(w->ctl))
		output_pairs(w->ctl, json, detail, outcome_columns, countof(outcome_columns));
	else if (w->show == WATCH_QUIETLY)
		output_value(w->ctl, json, detail);
}

/* One round of questions. -1: ask again. The state is asked for before the events: when
 * it is final, all events are there. */
static int turn(struct watch *w)
{
	scoped(api_answer_fini) struct api_answer answer = {0};
	int code = ask(w, "/v1/job/detail/", &answer);
	if (code)
		return answer.again ? -1 : code;
	if (progress_read(&w->progress, &answer.json, answer.payload))
		w->pause_ms = FIRST_MS; /* news: the next question comes soon */
	if (w->show != WATCH_QUIETLY) {
		bool again;
		code = ask_events(w, &again);
		if (code)
			return again ? -1 : code;
	}
	tell_held(w, &answer.json, answer.payload);
	progress_show(&w->progress, (clock_mono_ms(&clock_system) - w->started_ms) / 1000);
	code = outcome(&answer.json, answer.payload);
	if (code >= 0)
		print_outcome(w, &answer.json, answer.payload);
	return code;
}

/* Longer than the answers took: a job with thousands of replicas is no small question. */
static void rest(struct watch *w, int64_t took_ms)
{
	int64_t easy = EASY * took_ms < EASIEST_MS ? EASY * took_ms : EASIEST_MS;
	int64_t ms = w->pause_ms > easy ? w->pause_ms : easy;
	struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
	nanosleep(&pause, NULL);
	w->pause_ms += w->pause_ms / 4;
	if (w->pause_ms > SLOWEST_MS)
		w->pause_ms = SLOWEST_MS;
}

int watch_job(struct ctl *ctl, const char *job, enum watch_show show)
{
	int64_t now = clock_mono_ms(&clock_system);
	struct watch w = {.ctl = ctl,
			  .job = job,
			  .story = {.ctl = ctl},
			  .progress = {.ctl = ctl,
				       .roles = show != WATCH_QUIETLY,
				       .lines = show == WATCH_ALL},
			  .show = show,
			  .seen = -1,
			  .started_ms = now,
			  .answered_ms = now,
			  .pause_ms = FIRST_MS};
	buf_init(&w.progress.head, 4 * LINE_MAX_BYTES);
	int code;
	while ((code = turn(&w)) < 0) {
		int64_t ended = clock_mono_ms(&clock_system);
		rest(&w, ended - now);
		now = clock_mono_ms(&clock_system);
	}
	buf_fini(&w.progress.head);
	return code;
}
