/* Admission as a table of events and what follows from them, and as random walks. */
#include "core/pipeline.h"
#include "tests/lib/seeded.h"
#include "tests/unit/core/support.h"

#include <stdio.h>
#include <stdlib.h>

/** A plan by letters: T F G D B, each one plugin of that stage; behind it f, w or i for its
 * failurePolicy (w when none). */
struct house {
	struct plan plan;
	struct plugin plugin[16];
	const struct plugin *order[16];
	struct progress progress;
	struct pipeline *pipeline;
	char said[1024];
	char key[16][8];
};

static void build(struct house *h, const char *letters)
{
	static const char stages[] = "TFGDB";
	uint32_t n = 0;
	memset(h, 0, sizeof(*h));
	for (const char *c = letters; *c; c++) {
		const char *stage = strchr(stages, *c);
		if (!stage) {
			h->plugin[n - 1].policy = *c == 'f'   ? FAILURE_FAIL
						  : *c == 'i' ? FAILURE_IGNORE
							      : FAILURE_WAIT;
			continue;
		}
		snprintf(h->key[n], sizeof(h->key[n]), "%c%u", *c, n);
		h->plugin[n] = (struct plugin){.type = (enum plugin_type)(stage - stages),
					       .key = h->key[n],
					       .policy = FAILURE_WAIT};
		h->order[n] = &h->plugin[n];
		n++;
	}
	h->plan.plugin = h->order;
	h->plan.n = n;
	for (uint32_t s = 0, at = 0; s < PLUGIN_STAGES; s++) {
		h->plan.stage[s].first = at;
		while (at < n && h->plugin[at].type == (enum plugin_type)s)
			at++;
		h->plan.stage[s].n = at - h->plan.stage[s].first;
	}
}

static void say(struct house *h, struct pl_out out)
{
	static const char *const names[] = {"call",    "cancel", "ignore", "compose", "progress",
					    "suspend", "wait",   "stop",   "fail",    "handover"};
	size_t used = 0;
	h->said[0] = '\0';
	for (size_t i = 0; i < out.n; i++) {
		const struct pl_fx *fx = &out.fx[i];
		used += (size_t)snprintf(h->said + used, sizeof(h->said) - used, "%s%s",
					 i ? " " : "", names[fx->kind]);
		if (fx->step != PL_NO_STEP)
			used += (size_t)snprintf(h->said + used, sizeof(h->said) - used, "%u",
						 fx->step);
		if (fx->kind == FX_PROGRESS || fx->kind == FX_COMPOSE)
			used += (size_t)snprintf(h->said + used, sizeof(h->said) - used, "/%c",
						 "TFGDB."[fx->stage]);
	}
}

/* '>' start; digit: the plugin, then p pass, s suspend, x stop, a answer, l illegal,
 * u unavailable; 'c' composed, 'C' not composed, '!' abort. */
static void feed(struct house *h, const char *what)
{
	struct pl_event e = {0};
	uint32_t step = 0;
	const char *c = what;
	while (*c >= '0' && *c <= '9')
		step = step * 10 + (uint32_t)(*c++ - '0');
	e.step = step;
	switch (*c) {
	case '>':
		e.kind = PL_START;
		break;
	case 'c':
	case 'C':
		e.kind = PL_COMPOSED;
		e.ok = *c == 'c';
		break;
	case 'l':
		e.kind = PL_ILLEGAL;
		break;
	case 'u':
		e.kind = PL_UNAVAILABLE;
		break;
	case '!':
		e.kind = PL_ABORT;
		break;
	default:
		e.kind = PL_ANSWER;
		e.decision = *c == 'p' ? GATE_PASS : *c == 's' ? GATE_SUSPEND : GATE_STOP;
	}
	say(h, pipeline_step(h->pipeline, &e));
}

struct row {
	const char *name, *plan;
	/* event, effects, event, effects, ... */
	const char *talk[16];
};

static const struct row rows[] = {
	{"nothing matches", "", {">", "handover"}},
	{"a translator", "T", {">", "call0", "0a", "compose/T", "c", "progress/F handover"}},
	{"a translation that cannot be put together",
	 "T",
	 {">", "call0", "0a", "compose/T", "C", "fail"}},
	{"factors side by side",
	 "FFF",
	 {">", "call0 call1 call2", "1a", "", "0a", "", "2a", "compose/F", "c",
	  "progress/G handover"}},
	{"gates one after another",
	 "GG",
	 {">", "call0", "0p", "progress0/G call1", "1p", "progress1/G handover"}},
	{"a gate suspends", "GG", {">", "call0", "0s", "suspend0"}},
	{"a gate stops", "GG", {">", "call0", "0x", "stop0"}},
	{"the second gate stops", "GG", {">", "call0", "0p", "progress0/G call1", "1x", "stop1"}},
	{"a gate's answer out of turn", "GG", {">", "call0", "1p", "", "0s", "suspend0"}},
	{"the gates are over",
	 "GD",
	 {">", "call0", "0p", "progress0/G progress/D call1", "1a", "compose/D", "c",
	  "progress/B handover"}},
	{"decorators, then the binder",
	 "DDB",
	 {">", "call0 call1", "0a", "", "1a", "compose/D", "c", "progress/B call2", "2a",
	  "compose/B", "c", "progress/. handover"}},
	{"a gate that waits, not there", "Gw", {">", "call0", "0u", "wait0"}},
	{"a gate that waits, lying", "Gw", {">", "call0", "0l", "fail0"}},
	{"a gate that fails, not there", "Gf", {">", "call0", "0u", "fail0"}},
	{"a gate that fails, lying", "Gf", {">", "call0", "0l", "fail0"}},
	{"a gate passed over, not there", "GiG", {">", "call0", "0u", "ignore0 progress0/G call1"}},
	{"a gate passed over, lying", "GiG", {">", "call0", "0l", "ignore0 progress0/G call1"}},
	{"a gate that may be ignored still stops", "Gi", {">", "call0", "0x", "stop0"}},
	{"a translator that waits", "Tw", {">", "call0", "0u", "wait0"}},
	{"a translator that lies", "Tw", {">", "call0", "0l", "fail0"}},
	{"factors passed over",
	 "FiFi",
	 {">", "call0 call1", "0u", "ignore0", "1l", "ignore1 compose/F", "c",
	  "progress/G handover"}},
	{"one factor waits: the others are let go",
	 "FwFiFw",
	 {">", "call0 call1 call2", "0u", "cancel1 cancel2 wait0", "1a", "", "2a", ""}},
	{"one decorator lies: the others are let go",
	 "DwDw",
	 {">", "call0 call1", "1l", "cancel0 fail1", "0a", ""}},
	{"an answer twice", "FF", {">", "call0 call1", "0a", "", "0a", "", "1a", "compose/F"}},
	{"composed though nothing was to be",
	 "G",
	 {">", "call0", "c", "", "0p", "progress0/G handover"}},
	{"a second start", "G", {">", "call0", ">", ""}},
	{"answers before the start", "G", {"0p", "", ">", "call0"}},
	{"aborted while asked", "FF", {">", "call0 call1", "!", "cancel0 cancel1 fail", "0a", ""}},
	{"aborted while composed", "F", {">", "call0", "0a", "compose/F", "!", "fail", "c", ""}},
	{"aborted after its end", "G", {">", "call0", "0x", "stop0", "!", ""}},
	{"the binder cannot be asked", "B", {">", "call0", "0u", "wait0"}},
};

static void test_rows(void **state SL_UNUSED)
{
	for (size_t i = 0; i < countof(rows); i++) {
		struct house h;
		build(&h, rows[i].plan);
		assert_int_equal(pipeline_create(&h.plan, &h.progress, &h.pipeline), 0);
		for (size_t k = 0; rows[i].talk[k]; k += 2) {
			feed(&h, rows[i].talk[k]);
			if (strcmp(h.said, rows[i].talk[k + 1]) != 0)
				fail_msg("%s: after \"%s\" \"%s\" follows, not \"%s\"",
					 rows[i].name, rows[i].talk[k], h.said,
					 rows[i].talk[k + 1]);
		}
		pipeline_free(h.pipeline);
	}
}

static void test_goes_on(void **state SL_UNUSED)
{
	struct house h;
	build(&h, "TFGGGD");
	h.progress.stage = PLUGIN_GATE;
	assert_int_equal(progress_add_gate(&h.progress, BYTES("G2")), 0);
	assert_int_equal(progress_add_gate(&h.progress, BYTES("G4")), 0);
	assert_int_equal(pipeline_create(&h.plan, &h.progress, &h.pipeline), 0);
	feed(&h, ">");
	assert_string_equal(h.said, "call3");
	feed(&h, "3p");
	assert_string_equal(h.said, "progress3/G progress/D call5");
	pipeline_free(h.pipeline);
}

static void test_finished_stages_stay(void **state SL_UNUSED)
{
	struct house h;
	build(&h, "TFGD");
	h.progress.stage = PLUGIN_DECORATOR;
	assert_int_equal(pipeline_create(&h.plan, &h.progress, &h.pipeline), 0);
	feed(&h, ">");
	assert_string_equal(h.said, "call3");
	pipeline_free(h.pipeline);
}

static void test_a_fault_counts_when_its_stage_comes(void **state SL_UNUSED)
{
	struct house h;
	build(&h, "GBB");
	h.plan.stage[PLUGIN_BINDER].fault = "ambiguous_plugins";
	assert_int_equal(pipeline_create(&h.plan, &h.progress, &h.pipeline), 0);
	feed(&h, ">");
	assert_string_equal(h.said, "call0");
	feed(&h, "0p");
	assert_string_equal(h.said, "progress0/G fail");
	assert_true(pipeline_done(h.pipeline));
	pipeline_free(h.pipeline);
}

/* ---- random walks ---- */

struct walk {
	struct house h;
	bool called[16], over[16];
	bool done, composing;
};

static void check_effect(struct walk *w, const struct pl_fx *fx)
{
	assert_false(w->done);
	switch (fx->kind) {
	case FX_CALL:
		assert_false(w->called[fx->step]); /* each at most once */
		w->called[fx->step] = true;
		for (uint32_t i = 0; i < w->h.plan.n; i++)
			if (i != fx->step && w->called[i] && !w->over[i]) {
				assert_int_equal(w->h.plugin[i].type, w->h.plugin[fx->step].type);
				assert_int_not_equal(w->h.plugin[i].type, PLUGIN_GATE);
			}
		break;
	case FX_CANCEL:
		assert_true(w->called[fx->step] && !w->over[fx->step]);
		w->over[fx->step] = true;
		break;
	case FX_COMPOSE:
		w->composing = true;
		break;
	case FX_HAND_OVER:
		for (uint32_t i = 0; i < w->h.plan.n; i++)
			assert_true(w->called[i] && w->over[i]);
		w->done = true;
		break;
	case FX_SUSPEND:
	case FX_WAIT:
	case FX_STOP:
	case FX_FAIL:
		for (uint32_t i = 0; i < w->h.plan.n; i++)
			assert_true(!w->called[i] || w->over[i]);
		w->done = true;
		break;
	default:
		break;
	}
}

static void random_plan(struct seeded *r, struct house *h)
{
	static const char *const parts[] = {"T", "Tf", "F", "Fi", "G", "Gi", "Gf", "D", "Di", "B"};
	char letters[64] = "";
	size_t n = 0;
	for (size_t i = 0; i < countof(parts); i++)
		for (unsigned k = seeded_below(r, 3); k > 0 && n < 14; k--, n++)
			strcat(letters, parts[i]);
	build(h, letters);
}

static void random_walk(uint64_t seed)
{
	struct seeded r = {seed};
	struct walk w = {0};
	random_plan(&r, &w.h);
	assert_int_equal(pipeline_create(&w.h.plan, &w.h.progress, &w.h.pipeline), 0);
	for (int i = 0; i < 200; i++) {
		struct pl_event e = {
			.kind = (enum pl_event_kind)seeded_below(&r, PL_ABORT),
			.step = seeded_below(&r, w.h.plan.n + 2),
			.decision = (enum gate_decision)(
				seeded_chance(&r, 80) ? GATE_PASS : seeded_below(&r, 3)),
			.ok = seeded_chance(&r, 90)};
		if ((e.kind == PL_ILLEGAL || e.kind == PL_UNAVAILABLE) && seeded_chance(&r, 70))
			e.kind = PL_ANSWER;
		bool awaited = e.step < w.h.plan.n && w.called[e.step] && !w.over[e.step];
		bool answer =
			e.kind == PL_ANSWER || e.kind == PL_ILLEGAL || e.kind == PL_UNAVAILABLE;
		bool was_done = w.done, was_composing = w.composing;
		struct pl_out out = pipeline_step(w.h.pipeline, &e);
		if (answer && awaited && !was_done && !was_composing)
			w.over[e.step] = true;
		else if (answer)
			assert_int_equal(out.n, 0); /* a stale answer has no effect */
		if (e.kind == PL_COMPOSED) {
			assert_true(was_composing || out.n == 0);
			w.composing = false;
		}
		assert_true(!was_done || out.n == 0);
		for (size_t k = 0; k < out.n; k++)
			check_effect(&w, &out.fx[k]);
		assert_int_equal(w.done, pipeline_done(w.h.pipeline));
	}
	pipeline_free(w.h.pipeline);
}

static void test_random_walks(void **state SL_UNUSED)
{
	for (uint64_t seed = 1; seed <= 3000; seed++)
		random_walk(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_goes_on),
		cmocka_unit_test(test_finished_stages_stay),
		cmocka_unit_test(test_a_fault_counts_when_its_stage_comes),
		cmocka_unit_test(test_random_walks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
