#include "selector/index/pool.h"
#include "selector/internal.h"

#include <stdlib.h>

enum { ARENA_MAX = 16 * 1024 * 1024 };

/* One jobSelector as it was written, checked as far as its words go. */
struct draft {
	const struct json *json;
	json_at at, expression;
	struct condition condition[SELECTOR_CONDITIONS_MAX];
	unsigned n;
};

/* What a compilation works on: heap memory, as stacks may be small. */
struct work {
	struct draft own, feature;
	struct condition merged[SELECTOR_CONDITIONS_MAX];
	unsigned n;
	struct arena *arena;
};

static struct work *work_free(struct work *w)
{
	if (!w)
		return NULL;
	for (unsigned i = 0; i < w->n; i++)
		condition_fini(&w->merged[i]);
	arena_free(w->arena);
	free(w);
	return NULL;
}

SL_DEFINE_SCOPED(struct work, work_free)

static int work_create(struct work **ret, struct sl_error *err)
{
	struct work *w = calloc(1, sizeof(*w));
	if (!w || arena_create(ARENA_MAX, &w->arena) != 0) {
		free(w);
		return sl_fail(err, SL_E_NO_MEMORY, "out of memory");
	}
	*ret = w;
	return 0;
}

/* ---- reading one jobSelector ---- */

static int find_condition(const struct condition *list, unsigned n, struct bytes name)
{
	for (unsigned i = 0; i < n; i++)
		if (bytes_eq(list[i].name, name))
			return (int)i;
	return SL_E_NOT_FOUND;
}

static int read_one(struct draft *d, json_at at, struct arena *arena, struct sl_error *err)
{
	if (d->n == SELECTOR_CONDITIONS_MAX)
		return condition_fail_at(d->json, at, NULL,
					 sl_fail(err, SL_E_INVALID, "more than %d conditions",
						 SELECTOR_CONDITIONS_MAX),
					 err);
	struct condition *c = &d->condition[d->n];
	int rc = condition_read(d->json, at, arena, c, err);
	if (rc)
		return rc;
	if (find_condition(d->condition, d->n, c->name) >= 0)
		return condition_fail_at(d->json, at, "name",
					 sl_fail(err, SL_E_INVALID, "\"%.*s\" is declared twice",
						 BYTES_FMT(c->name)),
					 err);
	d->n++;
	return 0;
}

static int fail_type(const struct draft *d, json_at at, const char *wanted, struct sl_error *err)
{
	return condition_fail_at(d->json, at, NULL,
				 sl_fail(err, SL_E_INVALID, "must be %s, not %s", wanted,
					 json_type_name(json_type(d->json, at))),
				 err);
}

static int read_conditions(struct draft *d, json_at list, struct arena *arena, struct sl_error *err)
{
	if (json_type(d->json, list) != JSON_ARRAY)
		return fail_type(d, list, "an array", err);
	int rc = 0;
	for (json_at at = json_first(d->json, list); !rc && at != JSON_NONE;
	     at = json_next(d->json, list, at))
		rc = read_one(d, at, arena, err);
	return rc;
}

static int read_expression(struct draft *d, json_at at, struct sl_error *err)
{
	if (json_type(d->json, at) != JSON_STRING)
		return fail_type(d, at, "a string", err);
	if (!json_string_is(d->json, at, BYTES("")))
		d->expression = at;
	return 0;
}

static int read_member(struct draft *d, json_at key, struct arena *arena, struct sl_error *err)
{
	bool null = json_type(d->json, key + 1) == JSON_NULL;
	if (json_string_is(d->json, key, BYTES("conditions")))
		return null ? 0 : read_conditions(d, key + 1, arena, err);
	if (json_string_is(d->json, key, BYTES("expression")))
		return null ? 0 : read_expression(d, key + 1, err);
	if (json_string_is(d->json, key, BYTES("states")))
		return 0;
	return condition_fail_at(d->json, key + 1, NULL,
				 sl_fail(err, SL_E_INVALID, "unknown field"), err);
}

/* An absent jobSelector (or null) leaves the draft empty, with `at` JSON_NONE. */
static int read_draft(struct selector_source source, struct arena *arena, struct draft *d,
		      struct sl_error *err)
{
	d->json = source.json;
	d->at = d->expression = JSON_NONE;
	if (source.at == JSON_NONE || json_type(source.json, source.at) == JSON_NULL)
		return 0;
	d->at = source.at;
	if (json_type(d->json, d->at) != JSON_OBJECT)
		return fail_type(d, d->at, "an object", err);
	int rc = 0;
	for (json_at key = json_first(d->json, d->at); !rc && key != JSON_NONE;
	     key = json_next(d->json, d->at, key))
		rc = read_member(d, key, arena, err);
	return rc;
}

/* ---- merging ---- */

static int take(struct work *w, const struct condition *c, struct sl_error *err)
{
	if (w->n == SELECTOR_CONDITIONS_MAX)
		return sl_fail(err, SL_E_INVALID,
			       "with the feature's conditions there are more than %d",
			       SELECTOR_CONDITIONS_MAX);
	w->merged[w->n++] = *c;
	return 0;
}

/* Compile the patterns from number `first` on; all of them stand in `json`. */
static int compile_patterns(struct work *w, unsigned first, const struct json *json,
			    struct sl_error *err)
{
	int rc = 0;
	for (unsigned i = first; !rc && i < w->n; i++)
		rc = condition_compile(&w->merged[i], json, err);
	return rc;
}

/* The plugin's own conditions are there whether used or not: what is written wrong is
 * refused also where nothing uses it. */
static int take_own(struct work *w, struct sl_error *err)
{
	int rc = 0;
	for (unsigned i = 0; !rc && i < w->own.n; i++)
		rc = take(w, &w->own.condition[i], err);
	return rc ? rc : compile_patterns(w, 0, w->own.json, err);
}

/* A name of the expression: what is merged already (the plugin's own came first), then
 * the feature's, which is taken over at its first use. */
static int resolve(void *user, struct bytes name, struct sl_error *err)
{
	struct work *w = user;
	int i = find_condition(w->merged, w->n, name);
	if (i < 0) {
		int theirs = find_condition(w->feature.condition, w->feature.n, name);
		if (theirs < 0)
			return theirs;
		int rc = take(w, &w->feature.condition[theirs], err);
		if (rc)
			return rc;
		i = (int)w->n - 1;
	}
	w->merged[i].used = true;
	return i;
}

static int parse_expression(struct work *w, const struct draft *from, struct program *ret,
			    struct sl_error *err)
{
	scoped(buf_finip) struct buf decoded;
	buf_init(&decoded, json_raw(from->json, from->expression).len);
	struct bytes text;
	int rc = json_string(from->json, from->expression, &decoded, &text);
	if (rc)
		return sl_fail(err, SL_E_NO_MEMORY, "out of memory");
	unsigned own = w->n;
	rc = program_parse(ret, text, resolve, w, err);
	if (rc)
		return condition_fail_at(from->json, from->expression, NULL, rc, err);
	return compile_patterns(w, own, w->feature.json, err);
}

static int fail_no_expression(const struct work *w, struct sl_error *err)
{
	if (w->own.at == JSON_NONE && w->feature.at == JSON_NONE)
		return sl_fail(err, SL_E_LACK,
			       "jobSelector: neither the plugin nor its feature has one");
	const struct draft *from = w->own.at != JSON_NONE ? &w->own : &w->feature;
	return condition_fail_at(from->json, from->at, "expression",
				 sl_fail(err, SL_E_LACK, "%s",
					 from == &w->own ? "missing, and the feature has none"
							 : "missing, and a plugin relies on it"),
				 err);
}

/* ---- the result ---- */

static int finish(struct work *w, struct program *program, struct selector **ret,
		  struct sl_error *err)
{
	struct selector *s = calloc(1, sizeof(*s));
	struct condition *list = calloc(w->n ? w->n : 1, sizeof(*list));
	if (!s || !list) {
		free(s);
		free(list);
		program_fini(program);
		return sl_fail(err, SL_E_NO_MEMORY, "out of memory");
	}
	s->arena = take_ptr(&w->arena);
	s->condition = list;
	s->n = w->n;
	s->program = *program;
	atomic_init(&s->refs, 1);
	for (unsigned i = 0; i < w->n; i++) {
		list[i] = w->merged[i];
		s->regexes += list[i].used && list[i].kind == CONDITION_REGEX;
	}
	w->n = 0;
	*ret = s;
	return 0;
}

int selector_compile(struct selector_source feature, struct selector_source own,
		     struct selector **ret, struct sl_error *err)
{
	scoped(work_freep) struct work *w = NULL;
	int rc = work_create(&w, err);
	if (!rc)
		rc = read_draft(feature, w->arena, &w->feature, err);
	if (!rc)
		rc = read_draft(own, w->arena, &w->own, err);
	if (!rc)
		rc = take_own(w, err);
	if (rc)
		return rc;
	const struct draft *from = w->own.expression != JSON_NONE ? &w->own : &w->feature;
	if (from->expression == JSON_NONE)
		return fail_no_expression(w, err);
	struct program program = {0};
	rc = parse_expression(w, from, &program, err);
	if (rc) {
		program_fini(&program);
		return rc;
	}
	return finish(w, &program, ret, err);
}

int selector_check_feature(struct selector_source feature, struct sl_error *err)
{
	scoped(work_freep) struct work *w = NULL;
	int rc = work_create(&w, err);
	if (!rc)
		rc = read_draft(feature, w->arena, &w->own, err);
	if (!rc)
		rc = take_own(w, err);
	if (rc || w->own.expression == JSON_NONE)
		return rc;
	struct program program = {0};
	rc = parse_expression(w, &w->own, &program, err);
	program_fini(&program);
	return rc;
}

struct selector *selector_share(struct selector *s)
{
	atomic_fetch_add(&s->refs, 1);
	return s;
}

struct selector *selector_free(struct selector *s)
{
	if (!s || atomic_fetch_sub(&s->refs, 1) != 1)
		return NULL;
	if (s->pool)
		pool_leave(s->pool, s);
	for (unsigned i = 0; i < s->n; i++)
		condition_fini(&s->condition[i]);
	free(s->condition);
	program_fini(&s->program);
	arena_free(s->arena);
	free(s);
	return NULL;
}
