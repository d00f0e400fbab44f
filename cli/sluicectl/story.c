#include "cli/sluicectl/story.h"

#include "core/base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { CELL_MAX = 65536, STAGE_WIDTH = 18, PLUGIN_WIDTH = 20 };

enum colour { PLAIN, DIM, GOOD, BAD, HELD };

static const struct {
	const char *word;
	enum colour colour;
} colours[] = {
	{"succeeded", GOOD},  {"failed", BAD},
	{"stopped", BAD},     {"stop", BAD},
	{"illegal", BAD},     {"lost", BAD},
	{"unavailable", BAD}, {"suspended", HELD},
	{"suspend", HELD},    {"to be tried again", HELD},
	{"to come", DIM},     {"skipped", DIM},
};

static enum colour colour_of(const char *word)
{
	for (size_t i = 0; i < countof(colours); i++)
		if (strcmp(colours[i].word, word) == 0)
			return colours[i].colour;
	return PLAIN;
}

static const char *start_colour(const struct ctl *ctl, enum colour colour)
{
	static const char *const code[] = {"", "\033[2m", "\033[32m", "\033[31m", "\033[33m"};
	const char *no = getenv("NO_COLOR");
	return ctl->out_tty && !(no && *no) ? code[colour] : "";
}

static const char *end_colour(const struct ctl *ctl, enum colour colour)
{
	return colour != PLAIN && *start_colour(ctl, colour) ? "\033[0m" : "";
}

/* The text of a member, cleaned; "" where there is none. */
static const char *cell(const struct ctl *ctl, const struct json *json, json_at at,
			const char *path, struct buf *to)
{
	struct column column = {"", path, CELL_TEXT, false};
	buf_init(to, CELL_MAX);
	output_cell(ctl, json, at, &column, to);
	return buf_str(to);
}

static int64_t time_of(const struct json *json, json_at event)
{
	scoped(buf_finip) struct buf word = {0};
	struct bytes text;
	int64_t ms = 0;
	json_at at = json_get(json, event, BYTES("time"));
	buf_init(&word, CELL_MAX);
	if (at != JSON_NONE && json_type(json, at) == JSON_STRING &&
	    json_string(json, at, &word, &text) == 0 && time_parse(text, &ms))
		ms = 0;
	return ms;
}

static void print_span(int64_t us)
{
	if (us < 1000000)
		printf("%8.1f ms", (double)us / 1000);
	else
		printf("%8.1f s ", (double)us / 1e6);
}

/* ---- one event ---- */

/* "office/quota" for AccessGate.office.examples.quota: names hold no dots. */
static void short_name(const char *key, char out[160])
{
	const char *feature = strchr(key, '.');
	const char *author = feature ? strchr(feature + 1, '.') : NULL;
	const char *name = author ? strchr(author + 1, '.') : NULL;
	if (!author) {
		snprintf(out, 160, "%s", key);
		return;
	}
	snprintf(out, 160, "%.*s%s%s", (int)(author - feature - 1), feature + 1, name ? "/" : "",
		 name ? name + 1 : "");
}

void story_call(const struct ctl *ctl, const struct json *json, json_at event, const char *stage)
{
	scoped(buf_finip) struct buf key = {0};
	scoped(buf_finip) struct buf outcome = {0};
	scoped(buf_finip) struct buf reason = {0};
	char name[160];
	int64_t us = 0, attempts = 1;
	const char *plugin = cell(ctl, json, event, "plugin", &key);
	const char *came = cell(ctl, json, event, "decision|outcome", &outcome);
	const char *why = cell(ctl, json, event, "reason", &reason);
	json_at took = json_get(json, event, BYTES("durationUs"));
	json_at tries = json_get(json, event, BYTES("attempts"));
	short_name(plugin, name);
	printf("%-*s  %-*s ", STAGE_WIDTH, stage, PLUGIN_WIDTH, name);
	if (took == JSON_NONE || json_int64(json, took, &us))
		printf("%11s", "");
	else
		print_span(us);
	if (tries != JSON_NONE && json_int64(json, tries, &attempts))
		attempts = 1;
	if (key.len && strncmp(why, plugin, key.len) == 0 && why[key.len] == ':')
		why += key.len + 1 + (why[key.len + 1] == ' '); /* it stands there already */
	bool plain = strcmp(came, "answered") == 0 && *why;
	enum colour colour = colour_of(came);
	printf("  %s%s%s%s%s", start_colour(ctl, colour), plain ? "" : came,
	       plain || !*why ? "" : ": ", why, end_colour(ctl, colour));
	if (attempts > 1 && colour == PLAIN)
		printf(" (attempt %" PRId64 ")", attempts);
	putchar('\n');
}

static void print_call(const struct ctl *ctl, const struct json *json, json_at event)
{
	scoped(buf_finip) struct buf stage = {0};
	story_call(ctl, json, event, cell(ctl, json, event, "stage", &stage));
}

static int64_t *start_of(struct story *s, const char *name)
{
	size_t n = s->starts < STORY_STARTS_MAX ? s->starts : STORY_STARTS_MAX;
	for (size_t i = 0; i < n; i++)
		if (strcmp(s->start[i].name, name) == 0)
			return &s->start[i].ms;
	return NULL;
}

static void note_start(struct story *s, const char *name, int64_t ms)
{
	int64_t *known = start_of(s, name);
	if (!known) {
		size_t i = s->starts++ % STORY_STARTS_MAX;
		snprintf(s->start[i].name, sizeof(s->start[i].name), "%s", name);
		known = &s->start[i].ms;
	}
	*known = ms;
}

static void print_replica(struct story *s, const struct json *json, json_at event)
{
	scoped(buf_finip) struct buf role = {0};
	scoped(buf_finip) struct buf index = {0};
	scoped(buf_finip) struct buf outcome = {0};
	scoped(buf_finip) struct buf code = {0};
	scoped(buf_finip) struct buf reason = {0};
	char name[80];
	const char *came = cell(s->ctl, json, event, "outcome", &outcome);
	const char *exit = cell(s->ctl, json, event, "exitCode", &code);
	const char *why = cell(s->ctl, json, event, "reason", &reason);
	snprintf(name, sizeof(name), "%s[%s]", cell(s->ctl, json, event, "role", &role),
		 cell(s->ctl, json, event, "replica", &index));
	printf("%-*s  %-*s ", STAGE_WIDTH, "replica", PLUGIN_WIDTH, name);
	int64_t *started = start_of(s, name);
	if (strcmp(came, "started") == 0) {
		note_start(s, name, s->last_ms);
		printf("%11s", "");
	} else if (started) {
		print_span((s->last_ms - *started) * 1000);
	} else {
		printf("%11s", "");
	}
	enum colour colour = colour_of(came);
	printf("  %s%s", start_colour(s->ctl, colour), came);
	if (*exit && strcmp(exit, "0") != 0)
		printf(", exit code %s", exit);
	printf("%s%s%s\n", *why ? ": " : "", why, end_colour(s->ctl, colour));
}

/* States, requests, notes and whatever a later gateway may tell: what it is, and words. */
static void print_other(const struct ctl *ctl, const struct json *json, json_at event, bool first)
{
	scoped(buf_finip) struct buf what = {0};
	scoped(buf_finip) struct buf outcome = {0};
	scoped(buf_finip) struct buf reason = {0};
	scoped(buf_finip) struct buf who = {0};
	const char *name = cell(ctl, json, event, "state|stage|type", &what);
	const char *came = cell(ctl, json, event, "outcome", &outcome);
	const char *why = cell(ctl, json, event, "reason", &reason);
	const char *by = cell(ctl, json, event, "who", &who);
	enum colour colour = colour_of(name);
	printf("%s%-*s  %s%s%s%s", start_colour(ctl, colour), STAGE_WIDTH, name, came,
	       *came && *why ? ": " : "", why, end_colour(ctl, colour));
	if (*by)
		printf(first ? " (sent by %s)" : " (by %s)", by);
	putchar('\n');
}

void story_event(struct story *s, const struct json *json, json_at event)
{
	json_at type = json_get(json, event, BYTES("type"));
	bool first = !s->begun;
	s->last_ms = time_of(json, event);
	if (first)
		s->first_ms = s->last_ms;
	s->begun = true;
	printf("%s%8.3f s%s  ", start_colour(s->ctl, DIM),
	       (double)(s->last_ms - s->first_ms) / 1000, end_colour(s->ctl, DIM));
	if (type != JSON_NONE && json_string_is(json, type, BYTES("call")))
		print_call(s->ctl, json, event);
	else if (type != JSON_NONE && json_string_is(json, type, BYTES("replica")))
		print_replica(s, json, event);
	else
		print_other(s->ctl, json, event, first);
}

/* ---- the end ---- */

static void tell_next(const char *code, const char *job, const char *plugin)
{
	static const struct {
		const char *code, *next;
	} rows[] = {
		{"no_translator", "sluicectl plugin list TemplateTranslator shows the translators "
				  "there are, and which are on"},
		{"invalid_taskset", "correct the job, or the plugin that made the TaskSet"},
		{"engine_unknown", "correct spec.engine"},
		{"engine_refused", "correct the job: its engine says why it does not take it"},
	};
	for (size_t i = 0; i < countof(rows); i++)
		if (strcmp(rows[i].code, code) == 0) {
			ctl_next("%s", rows[i].next);
			return;
		}
	if (strcmp(code, "replica_failed") == 0)
		ctl_next("sluicectl job logs %s shows all that it printed", job);
	else if (*plugin)
		ctl_next("sluicectl job explain %s; sluicectl plugin list shows where %s runs, and "
			 "its own log tells more",
			 job, plugin);
	else
		ctl_next("sluicectl job explain %s", job);
}

void story_end(struct story *s, const struct json *json, json_at job)
{
	scoped(buf_finip) struct buf state = {0};
	scoped(buf_finip) struct buf reason = {0};
	scoped(buf_finip) struct buf code = {0};
	scoped(buf_finip) struct buf plugin = {0};
	scoped(buf_finip) struct buf id = {0};
	const char *ended = cell(s->ctl, json, job, "state", &state);
	enum colour colour = colour_of(ended);
	printf("\n%s%s%s after %.3f s", start_colour(s->ctl, colour), ended,
	       end_colour(s->ctl, colour), (double)(s->last_ms - s->first_ms) / 1000);
	if (s->showed_output) /* else the line above says why */
		printf(": %s", cell(s->ctl, json, job, "reason", &reason));
	putchar('\n');
	fflush(stdout);
	if (strcmp(ended, "succeeded") != 0)
		tell_next(cell(s->ctl, json, job, "reasonCode", &code),
			  cell(s->ctl, json, job, "id", &id),
			  cell(s->ctl, json, job, "plugin", &plugin));
}
