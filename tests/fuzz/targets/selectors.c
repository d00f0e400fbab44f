/* An index over whatever is registered answers as one selector after another does, while they
 * come and go. Input: a document {"selectors": [jobSelector, ...], "headers": [object, ...]}.
 * The selectors come one by one; from the fourth on the one three before goes again. */
#include "tests/fuzz/fuzz.h"

#include "selector/index/index.h"

enum { SELECTORS_MAX = 24 };

static const struct json_limits json_limits = {1 << 16, 32};
static const struct selector_limits limits = {64, 1000};

struct told {
	enum verdict verdict;
	struct sl_error err;
};

struct crowd {
	struct selector_pool *pool;
	struct selector_index *index;
	struct selector *selector[SELECTORS_MAX];
	struct told told[SELECTORS_MAX]; /* a selector's owner is its place here */
	size_t n;
};

static void found(void *user, const void *owner, enum verdict verdict, const struct sl_error *err)
{
	struct crowd *c = user;
	struct told *t = &c->told[(const struct told *)owner - c->told];
	fuzz_holds(t->verdict == VERDICT_FALSE && verdict != VERDICT_FALSE);
	t->verdict = verdict;
	t->err = *err;
}

/* What the clock stopped may come out otherwise. */
static bool by_clock(const struct sl_error *err) { return strstr(err->text, "too long"); }

static void compare(struct crowd *c, const struct json *header)
{
	scoped(selector_scratch_freep) struct selector_scratch *scratch = NULL;
	fuzz_holds(selector_scratch_create(&limits, &scratch) == 0);
	memset(c->told, 0, sizeof(c->told));
	fuzz_holds(selector_index_match(c->index, scratch, header, found, c) == 0);
	for (size_t i = 0; i < c->n; i++) {
		struct sl_error err = {0};
		enum verdict v = VERDICT_FALSE;
		if (c->selector[i])
			v = selector_match(c->selector[i], scratch, header, &err);
		fuzz_holds(
			(v == c->told[i].verdict && strcmp(err.text, c->told[i].err.text) == 0) ||
			by_clock(&err) || by_clock(&c->told[i].err));
	}
}

static void compare_all(struct crowd *c, const struct json *j)
{
	json_at list = json_get(j, 0, BYTES("headers"));
	if (list == JSON_NONE || json_type(j, list) != JSON_ARRAY)
		return;
	for (json_at at = json_first(j, list); at != JSON_NONE; at = json_next(j, list, at)) {
		scoped(json_finip) struct json header = {0};
		if (json_type(j, at) != JSON_OBJECT)
			continue;
		fuzz_holds(json_parse(&header, json_raw(j, at), &json_limits, NULL) == 0);
		compare(c, &header);
	}
}

static void add(struct crowd *c, const struct json *j, json_at at)
{
	struct selector_source none = {j, JSON_NONE}, own = {j, at};
	struct selector *s = NULL, *gone = c->n >= 3 ? c->selector[c->n - 3] : NULL;
	struct selector_index *next;
	if (c->n == SELECTORS_MAX || selector_compile(none, own, &s, NULL) != 0)
		return;
	fuzz_holds(selector_join(s, c->pool, &c->told[c->n], NULL) == 0);
	fuzz_holds(selector_index_change(c->index, &gone, gone != NULL, &s, 1, &next) == 0);
	selector_index_free(c->index);
	c->index = next;
	if (gone)
		c->selector[c->n - 3] = selector_free(gone);
	c->selector[c->n++] = s;
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	scoped(json_finip) struct json j = {0};
	struct crowd c = {0};
	if (json_parse(&j, bytes_of(at, len), &json_limits, NULL) != 0)
		return 0;
	json_at list = json_get(&j, 0, BYTES("selectors"));
	if (list == JSON_NONE || json_type(&j, list) != JSON_ARRAY)
		return 0;
	fuzz_holds(selector_pool_create(&c.pool) == 0);
	fuzz_holds(selector_index_create(c.pool, &c.index) == 0);
	for (json_at s = json_first(&j, list); s != JSON_NONE; s = json_next(&j, list, s)) {
		add(&c, &j, s);
		compare_all(&c, &j);
	}
	selector_index_free(c.index);
	for (size_t i = 0; i < c.n; i++)
		selector_free(c.selector[i]);
	fuzz_holds(selector_pool_patterns(c.pool) == 0);
	selector_pool_free(c.pool);
	return 0;
}
