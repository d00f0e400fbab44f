#include "tests/lib/merge_check.h"

#include "core/increment/merge.h"
#include "tests/lib/merge_model.h"

#include <stdio.h>

static const char *const plugins[] = {"P0", "P1", "P2", "P3"};

struct checking {
	struct json base, answer[SCENE_PARTS];
	struct increment increment[SCENE_PARTS];
	bool legal[SCENE_PARTS];
	int one;
	struct merge_tally *tally;
};

/* ---- the comparison ---- */

static bool is_named(struct merge_model *m, const char *words)
{
	size_t len = strlen(words);
	for (const char *at = buf_str(&m->conflicts); *at;) {
		const char *end = strchr(at, '\n');
		size_t line = end ? (size_t)(end - at) : strlen(at);
		/* Words are cut where they are longer than an error may be. */
		if (len <= line && memcmp(words, at, len) == 0 &&
		    (len == line || len + 1 >= sizeof(((struct sl_error *)0)->text)))
			return true;
		at += line + (end != NULL);
	}
	return false;
}

/* Prints what differs. */
static bool agrees_with(struct merge_model *m, int rc, const char *words, struct bytes merged)
{
	static const struct json_limits wide = {1 << 24, 80};
	scoped(json_finip) struct json one = {0}, other = {0};
	bool agrees;
	if (rc || m->conflicts.len)
		agrees = rc == SL_E_CONFLICT && is_named(m, words);
	else
		agrees = json_parse(&one, buf_bytes(&m->out), &wide, NULL) == 0 &&
			 json_parse(&other, merged, &wide, NULL) == 0 &&
			 merge_model_alike((struct spot){&one, 0}, (struct spot){&other, 0});
	if (agrees)
		return true;
	fprintf(stderr, "base %.*s\n", BYTES_FMT(m->base->text));
	for (size_t i = 0; i < m->n; i++)
		fprintf(stderr, "%s %.*s\n", m->plugin[i], BYTES_FMT(m->answer[i]->text));
	fprintf(stderr, "merge %d %s %.*s\nmodel %s\n", rc, rc ? words : "",
		rc ? 0 : (int)merged.len, rc ? "" : (const char *)merged.at,
		m->conflicts.len ? buf_str(&m->conflicts) : buf_str(&m->out));
	return false;
}

/* ---- the orders ---- */

static bool check_order(struct checking *c, const int *order, size_t n)
{
	struct merge_part part[SCENE_PARTS];
	scoped(merge_model_finip) struct merge_model model = {.base = &c->base, .n = n};
	scoped(buf_finip) struct buf out = {0};
	struct sl_error err = {0};
	buf_init(&out, 1 << 24);
	for (size_t i = 0; i < n; i++) {
		part[i] =
			(struct merge_part){bytes_str(plugins[order[i]]), &c->increment[order[i]]};
		model.answer[i] = &c->answer[order[i]];
		model.plugin[i] = plugins[order[i]];
	}
	int rc = merge_increments(&c->base, part, n, &out, NULL, &err);
	merge_model_run(&model);
	if (c->tally) {
		c->tally->merged += rc == 0;
		c->tally->conflicts += rc != 0;
	}
	return agrees_with(&model, rc, err.text, buf_bytes(&out));
}

/* Each way to go on from the first `n`. */
static bool check_orders(struct checking *c, int *order, size_t n)
{
	unsigned taken = 0;
	for (size_t i = 0; i < n; i++)
		taken |= 1u << order[i];
	if (n > 0 && !check_order(c, order, n))
		return false;
	for (int i = 0; n < SCENE_PARTS && i < SCENE_PARTS; i++) {
		int next = c->one < 0 ? i : (i + (c->one >> 2 * n)) % SCENE_PARTS;
		if ((taken >> next & 1) || !c->legal[next])
			continue;
		order[n] = next;
		if (!check_orders(c, order, n + 1))
			return false;
		if (c->one >= 0)
			break;
	}
	return true;
}

static void check_rule(struct checking *c, const struct merge_scene *s,
		       const struct increment_rules *rules)
{
	static const struct json_limits limits = {1 << 22, 64};
	struct increment_options options = {rules, INCREMENT_DECORATOR, s->typed};
	for (int i = 0; i < SCENE_PARTS; i++) {
		c->legal[i] =
			json_parse(&c->answer[i], buf_bytes(&s->answer[i]), &limits, NULL) == 0 &&
			increment_check(&c->base, &c->answer[i], &options, &c->increment[i], NULL,
					NULL) == 0;
		if (c->tally) {
			c->tally->answers++;
			c->tally->legal += c->legal[i];
		}
	}
}

bool merge_check(const struct merge_scene *s, int one, struct merge_tally *tally)
{
	static const struct json_limits limits = {1 << 22, 64};
	scoped(increment_rules_freep) struct increment_rules *rules = NULL;
	struct checking c = {.tally = tally, .one = one};
	int order[SCENE_PARTS];
	bool agrees = true;
	if (increment_rules_create(NULL, &rules, NULL) != 0)
		return false;
	if (json_parse(&c.base, buf_bytes(&s->base), &limits, NULL) == 0) {
		check_rule(&c, s, rules);
		agrees = check_orders(&c, order, 0);
	}
	for (int i = 0; i < SCENE_PARTS; i++) {
		increment_fini(&c.increment[i]);
		json_fini(&c.answer[i]);
	}
	json_fini(&c.base);
	return agrees;
}
