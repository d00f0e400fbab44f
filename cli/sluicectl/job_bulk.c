#include "cli/sluicectl/job_bulk.h"

#include "cli/sluicectl/pages.h"
#include "core/base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { FIRST = 1000, SHOWN = 10, ID_MAX = 64, TELL_MS = 200, TRIES = 60 };

struct found {
	struct ctl *ctl;
	char (*id)[ID_MAX];
	size_t n, cap;
};

struct tally {
	size_t done, moved_on, failed;
	int64_t told_ms;
	bool told;
};

/* ---- which ---- */

static int add_id(struct found *to, const struct json *json, json_at row)
{
	static const struct column column = {"", "jobID", CELL_TEXT, false};
	scoped(buf_finip) struct buf text = {0};
	buf_init(&text, ID_MAX - 1);
	if (to->n == to->cap) {
		size_t cap = to->cap ? 2 * to->cap : FIRST;
		void *grown = reallocarray(to->id, cap, ID_MAX);
		if (!grown)
			return ctl_no_memory();
		to->id = grown;
		to->cap = cap;
	}
	output_cell(to->ctl, json, row, &column, &text);
	snprintf(to->id[to->n++], ID_MAX, "%s", buf_str(&text));
	return CTL_DONE;
}

static int add_page(void *user, const struct json *json, json_at page)
{
	int code = CTL_DONE;
	for (json_at at = json_first(json, page); at != JSON_NONE && !code;
	     at = json_next(json, page, at))
		code = add_id(user, json, at);
	return code;
}

static int find(struct ctl *ctl, const struct job_bulk *bulk, struct found *to)
{
	scoped(buf_finip) struct buf url = {0};
	buf_init(&url, PAGES_URL_MAX);
	int code = job_filter_url(&url, &bulk->o.filter, true);
	return code ? code : pages_each(ctl, buf_str(&url), INT64_MAX, add_page, to);
}

/* ---- whether ---- */

static int ask_first(struct ctl *ctl, const struct job_bulk *bulk, const struct found *found)
{
	if (!ctl->err_tty || !prompt_possible()) {
		ctl_fail(CTL_USAGE, "%zu jobs match, and there is no terminal to ask on", found->n);
		ctl_next("look at them with --dry-run, then say --yes");
		return CTL_USAGE;
	}
	for (size_t i = 0; i < found->n && i < SHOWN; i++)
		fprintf(stderr, "  %s\n", found->id[i]);
	if (found->n > SHOWN)
		fprintf(stderr, "  and %zu more\n", found->n - SHOWN);
	fprintf(stderr, "%s %zu job%s? [y/N] ", bulk->verb, found->n, found->n == 1 ? "" : "s");
	return prompt_yes() ? CTL_DONE : ctl_fail(CTL_REFUSED, "nothing was changed");
}

/* ---- and then ---- */

static void sleep_ms(int64_t ms)
{
	struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
	if (ms > 0)
		nanosleep(&pause, NULL);
}

static void tell(struct ctl *ctl, const struct job_bulk *bulk, const struct found *found,
		 struct tally *t, bool last)
{
	int64_t now_ms = clock_mono_ms(&clock_system);
	if (!last && (!ctl->err_tty || now_ms - t->told_ms < TELL_MS))
		return;
	t->told_ms = now_ms;
	fprintf(stderr, "%s%s: %zu of %zu", t->told ? "\r" : "", bulk->did, t->done, found->n);
	t->told = ctl->err_tty;
	if (t->moved_on)
		fprintf(stderr, ", %zu had moved on by themselves", t->moved_on);
	if (t->failed)
		fprintf(stderr, ", %zu failed", t->failed);
	if (last)
		fputc('\n', stderr);
	fflush(stderr);
}

static bool is_moved_on(const struct api_answer *answer)
{
	return answer->err.code == SL_E_CONFLICT || answer->err.code == SL_E_NOT_FOUND;
}

/* A gateway that has no place just now is asked again. */
static int move(struct ctl *ctl, const struct job_bulk *bulk, const char *job, struct tally *t)
{
	int code = CTL_DONE;
	for (int i = 0; i < TRIES; i++) {
		scoped(api_answer_fini) struct api_answer answer = {0};
		code = bulk->put(ctl, bulk->prefix, job, &answer);
		if (!code) {
			t->done++;
			return code;
		}
		if (is_moved_on(&answer)) {
			t->moved_on++;
			return CTL_DONE;
		}
		if (!answer.again || code == CTL_OFFLINE || i + 1 == TRIES) {
			t->failed++;
			if (t->told)
				fputc('\n', stderr);
			t->told = false;
			return api_tell(ctl, &answer, code);
		}
		sleep_ms(1000);
	}
	return code;
}

static int move_all(struct ctl *ctl, const struct job_bulk *bulk, const struct found *found)
{
	struct tally t = {.told = false};
	int64_t began_ms = clock_mono_ms(&clock_system);
	long per_second = bulk->o.per_second ? strtol(bulk->o.per_second, NULL, 10) : 0;
	int worst = CTL_DONE;
	for (size_t i = 0; i < found->n && worst != CTL_OFFLINE; i++) {
		if (per_second > 0)
			sleep_ms(began_ms + (int64_t)i * 1000 / per_second -
				 clock_mono_ms(&clock_system));
		int code = move(ctl, bulk, found->id[i], &t);
		worst = code > worst ? code : worst;
		tell(ctl, bulk, found, &t, false);
	}
	tell(ctl, bulk, found, &t, true);
	return worst;
}

static int go(struct ctl *ctl, const struct job_bulk *bulk, const struct found *found)
{
	if (bulk->o.dry_run)
		for (size_t i = 0; i < found->n; i++)
			printf("%s\n", found->id[i]);
	if (bulk->o.dry_run || !found->n) {
		fprintf(stderr, "%zu job%s match%s\n", found->n, found->n == 1 ? "" : "s",
			found->n == 1 ? "es" : "");
		return CTL_DONE;
	}
	int code = bulk->o.yes ? CTL_DONE : ask_first(ctl, bulk, found);
	return code ? code : move_all(ctl, bulk, found);
}

int job_bulk_wanted(struct ctl *ctl, const struct job_bulk_options *o, const char *verb,
		    bool *ret_filter)
{
	*ret_filter = job_filter_given(&o->filter);
	if (*ret_filter != (ctl->arg_count > 0))
		return CTL_DONE;
	ctl_fail(CTL_USAGE, *ret_filter ? "name jobs, or filter them, not both"
					: "which jobs? name them, or filter them");
	ctl_next("sluicectl job %s --help", verb);
	return CTL_USAGE;
}

int job_bulk_run(struct ctl *ctl, const struct job_bulk *bulk)
{
	struct found found = {.ctl = ctl};
	int code = find(ctl, bulk, &found);
	if (!code)
		code = go(ctl, bulk, &found);
	free(found.id);
	return code;
}
