/* Random TaskSets, random additions, and what must always hold. A generator writes the
 * base, the answers and the expected merge at once: each piece of text goes to those of
 * them that hold it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/increment/merge.h"
#include "core/ledger/patch.h"

enum { PARTS = 4, BASE = PARTS, MERGED, TEXTS, ROUNDS = 400, ANSWERS = (1 << PARTS) - 1 };
enum { ALL = (1 << TEXTS) - 1, ONLY_MERGED = 1 << MERGED };

struct gen {
	uint32_t seed;
	struct buf text[TEXTS];
	unsigned name; /* Of the next member. */
};

static uint32_t below(struct gen *g, uint32_t n)
{
	g->seed ^= g->seed << 13;
	g->seed ^= g->seed >> 17;
	g->seed ^= g->seed << 5;
	return g->seed % n;
}

static void emit(struct gen *g, unsigned to, const char *text)
{
	for (int i = 0; i < TEXTS; i++)
		if (to >> i & 1)
			buf_add_str(&g->text[i], text);
}

/* A comma where something stands before. */
static void comma(struct gen *g, unsigned to)
{
	for (int i = 0; i < TEXTS; i++) {
		struct buf *b = &g->text[i];
		if ((to >> i & 1) && b->at[b->len - 1] != '{' && b->at[b->len - 1] != '[')
			buf_add_char(b, ',');
	}
}

static void member(struct gen *g, unsigned to, const char *key)
{
	comma(g, to);
	emit(g, to, "\"");
	emit(g, to, key);
	emit(g, to, "\":");
}

static void fresh_member(struct gen *g, unsigned to)
{
	char key[16];
	snprintf(key, sizeof(key), "m%u", g->name++);
	member(g, to, key);
}

/* The base and what holds it: all answers and the merge. */
static unsigned part(struct gen *g) { return 1u << below(g, PARTS) | ONLY_MERGED; }

static void scalar(struct gen *g, unsigned to)
{
	static const char *const texts[] = {"1",    "-2.50", "true",      "\"a\\u00e9\"",
					    "\"\"", "[1,2]", "{\"q\":[]}"};
	emit(g, to, texts[below(g, countof(texts))]);
}

static void object(struct gen *g, unsigned to, int depth);

/* Members of an object that `to` holds; a part adds only where the base is. */
static void members(struct gen *g, unsigned to, int depth)
{
	for (uint32_t n = below(g, 4); n > 0; n--) {
		uint32_t kind = below(g, 6);
		/* In a new object any part that has it may have more; so may the merge. */
		unsigned some = (part(g) | part(g)) & to;
		unsigned of = kind < 3 ? to : some;
		if (!(of & ANSWERS))
			continue;
		fresh_member(g, of);
		if (depth > 0 && kind % 2)
			object(g, of, depth - 1);
		else
			scalar(g, of);
	}
}

static void object(struct gen *g, unsigned to, int depth)
{
	emit(g, to, "{");
	members(g, to, depth);
	emit(g, to, "}");
}

/* An other list of the base, with tails in the order of the parts. */
static void plain_list(struct gen *g)
{
	fresh_member(g, ALL);
	emit(g, ALL, "[");
	for (uint32_t n = below(g, 3); n > 0; n--) {
		comma(g, ALL);
		scalar(g, ALL);
	}
	for (unsigned p = 0; p < PARTS; p++)
		for (uint32_t n = below(g, 3); n > 1; n--) {
			comma(g, 1u << p | ONLY_MERGED);
			scalar(g, 1u << p | ONLY_MERGED);
		}
	emit(g, ALL, "]");
}

static void element(struct gen *g, unsigned to, const char *key, int depth)
{
	char value[16];
	snprintf(value, sizeof(value), "\"n%u\"", g->name++);
	comma(g, to);
	emit(g, to, "{");
	member(g, to, key);
	emit(g, to, value);
	members(g, to, depth);
	emit(g, to, "}");
}

/* Old elements; then for each part in order what it adds and no part before it. */
static void keyed_list(struct gen *g, const char *name, const char *key)
{
	unsigned have = below(g, 3) ? ALL : ALL & ~(1u << BASE);
	member(g, have, name);
	emit(g, have, "[");
	for (uint32_t n = have == ALL ? below(g, 3) : 0; n > 0; n--)
		element(g, ALL, key, 1);
	for (unsigned p = 0; p < PARTS; p++)
		if (below(g, 2)) {
			unsigned later = below(g, 1 << PARTS) & ANSWERS & ~((1u << p) - 1);
			element(g, 1u << p | later | ONLY_MERGED, key, 1);
		}
	emit(g, have, "]");
}

static void command(struct gen *g)
{
	member(g, ALL, "command");
	emit(g, ALL, "[");
	for (unsigned p = 0; p < PARTS; p++)
		if (below(g, 3) == 0) {
			comma(g, 1u << p | ONLY_MERGED);
			emit(g, 1u << p | ONLY_MERGED, "\"nice\"");
		}
	comma(g, ALL);
	emit(g, ALL, "\"run\"]");
}

static void script(struct gen *g)
{
	member(g, ALL, "command");
	emit(g, ALL, "[\"/bin/sh\",\"-c\",\"");
	for (unsigned p = 0; p < PARTS; p++)
		if (below(g, 2))
			emit(g, 1u << p | ONLY_MERGED, below(g, 2) ? "a\\u003b " : "b # c\\n");
	emit(g, ALL, "run \\\"x\\\"\"]");
}

static void taskset(struct gen *g)
{
	emit(g, ALL, "{\"kind\":\"TaskSet\"");
	members(g, ALL, 3);
	plain_list(g);
	member(g, ALL, "spec");
	emit(g, ALL, "{");
	members(g, ALL, 2);
	member(g, ALL, "roles");
	emit(g, ALL, "[{\"name\":\"r\"");
	keyed_list(g, "eventPolicy", "event");
	member(g, ALL, "template");
	emit(g, ALL, "{\"spec\":{");
	members(g, ALL, 1);
	keyed_list(g, "volumes", "name");
	member(g, ALL, "containers");
	emit(g, ALL, "[{\"name\":\"c\"");
	if (below(g, 2))
		command(g);
	else
		script(g);
	keyed_list(g, "env", "name");
	keyed_list(g, "volumeMounts", "mountPath");
	plain_list(g);
	emit(g, ALL, "}]}}}]}}");
}

static struct json parse(struct bytes text)
{
	static const struct json_limits wide = {1 << 24, 64};
	struct json j = {0};
	struct sl_error err = {0};
	if (json_parse(&j, text, &wide, &err) != 0)
		fail_msg("%.*s: %s", BYTES_FMT(text), err.text);
	return j;
}

static uint32_t number(struct bytes digits)
{
	uint32_t value = 0;
	for (size_t i = 0; i < digits.len; i++)
		value = value * 10 + (uint32_t)(((const char *)digits.at)[i] - '0');
	return value;
}

/* Follow a pointer, whose steps here need no decoding. */
static json_at follow(const struct json *j, struct bytes pointer)
{
	const char *at = (const char *)pointer.at, *end = at + pointer.len;
	json_at here = 0;
	while (at < end && here != JSON_NONE) {
		const char *from = ++at;
		while (at < end && *at != '/')
			at++;
		struct bytes step = bytes_of(from, (size_t)(at - from));
		here = json_type(j, here) == JSON_ARRAY ? json_element(j, here, number(step))
							: json_get(j, here, step);
	}
	return here;
}

struct told {
	const struct json *merged;
	size_t n;
};

static void found(void *user, struct bytes pointer, size_t part_index)
{
	struct told *told = (struct told *)user;
	assert_in_range(part_index, 0, PARTS - 1);
	if (told->merged)
		assert_int_not_equal(follow(told->merged, pointer), JSON_NONE);
	told->n++;
}

struct scene {
	struct json text[TEXTS];
	struct increment increment[PARTS];
	struct merge_part part[PARTS];
};

static void merge(const struct scene *s, size_t from, size_t n, const struct json *resolve,
		  struct buf *out)
{
	struct told told = {resolve, 0};
	struct merge_provenance provenance = {found, &told};
	struct sl_error err = {0};
	if (merge_increments(&s->text[BASE], s->part + from, n, out, &provenance, &err) != 0)
		fail_msg("%s", err.text);
}

static void equals(struct buf *got, const struct json *expected, uint32_t seed)
{
	scoped(json_finip) struct json j = parse(buf_bytes(got));
	if (!json_equal(&j, 0, expected, 0))
		fail_msg("seed %u\ngot      %s\nexpected %.*s", seed, buf_str(got),
			 BYTES_FMT(expected->text));
}

/* The additions of one part on the base are its answer. */
static void check_each_alone(struct scene *s, uint32_t seed)
{
	for (size_t p = 0; p < PARTS; p++) {
		scoped(buf_finip) struct buf out;
		buf_init(&out, 1 << 20);
		merge(s, p, 1, NULL, &out);
		equals(&out, &s->text[p], seed);
	}
}

/* What was merged leads back to what it was made of, byte for byte, and costs little. */
static void check_back(const struct scene *s, const struct json *merged, uint32_t seed)
{
	scoped(buf_finip) struct buf patch, back;
	buf_init(&patch, 1 << 20);
	buf_init(&back, 1 << 20);
	assert_int_equal(patch_make(merged, &s->text[BASE], &patch), 0);
	assert_int_equal(patch_apply(buf_bytes(&patch), merged->text, &back), 0);
	if (!bytes_eq(buf_bytes(&back), s->text[BASE].text))
		fail_msg("seed %u\ngot      %s\nexpected %.*s", seed, buf_str(&back),
			 BYTES_FMT(s->text[BASE].text));
}

static void check_all(struct scene *s, uint32_t seed)
{
	scoped(buf_finip) struct buf out, again;
	buf_init(&out, 1 << 20);
	buf_init(&again, 1 << 20);
	merge(s, 0, PARTS, NULL, &out);
	equals(&out, &s->text[MERGED], seed);
	scoped(json_finip) struct json merged = parse(buf_bytes(&out));
	check_back(s, &merged, seed);
	merge(s, 0, PARTS, &merged, &again);
	assert_true(bytes_eq(buf_bytes(&out), buf_bytes(&again)));
}

/* Answers come in any order; they are checked as they come and merged in sequence. */
static void check_arrivals(struct scene *s, const struct increment_options *options)
{
	static const uint8_t order[24][PARTS] = {
		{0, 1, 2, 3}, {0, 1, 3, 2}, {0, 2, 1, 3}, {0, 2, 3, 1}, {0, 3, 1, 2}, {0, 3, 2, 1},
		{1, 0, 2, 3}, {1, 0, 3, 2}, {1, 2, 0, 3}, {1, 2, 3, 0}, {1, 3, 0, 2}, {1, 3, 2, 0},
		{2, 0, 1, 3}, {2, 0, 3, 1}, {2, 1, 0, 3}, {2, 1, 3, 0}, {2, 3, 0, 1}, {2, 3, 1, 0},
		{3, 0, 1, 2}, {3, 0, 2, 1}, {3, 1, 0, 2}, {3, 1, 2, 0}, {3, 2, 0, 1}, {3, 2, 1, 0},
	};
	scoped(buf_finip) struct buf first, out;
	buf_init(&first, 1 << 20);
	buf_init(&out, 1 << 20);
	merge(s, 0, PARTS, NULL, &first);
	for (size_t i = 0; i < countof(order); i++) {
		for (size_t k = 0; k < PARTS; k++) {
			size_t p = order[i][k];
			increment_fini(&s->increment[p]);
			assert_int_equal(increment_check(&s->text[BASE], &s->text[p], options,
							 &s->increment[p], NULL, NULL),
					 0);
		}
		buf_reset(&out);
		merge(s, 0, PARTS, NULL, &out);
		assert_true(bytes_eq(buf_bytes(&out), buf_bytes(&first)));
	}
}

static void round_of(uint32_t seed, const struct increment_options *options)
{
	struct gen g = {.seed = seed * 2654435761u + 1};
	struct scene s = {0};
	for (int i = 0; i < TEXTS; i++)
		buf_init(&g.text[i], 1 << 20);
	taskset(&g);
	for (int i = 0; i < TEXTS; i++)
		s.text[i] = parse(buf_bytes(&g.text[i]));
	for (size_t p = 0; p < PARTS; p++) {
		struct sl_error err = {0};
		s.part[p] = (struct merge_part){BYTES("p"), &s.increment[p]};
		if (increment_check(&s.text[BASE], &s.text[p], options, &s.increment[p], NULL,
				    &err) != 0)
			fail_msg("seed %u: %s\n%s\n%s", seed, err.text, buf_str(&g.text[BASE]),
				 buf_str(&g.text[p]));
	}
	check_each_alone(&s, seed);
	check_all(&s, seed);
	if (seed % 8 == 0)
		check_arrivals(&s, options);
	for (size_t p = 0; p < PARTS; p++)
		increment_fini(&s.increment[p]);
	for (int i = 0; i < TEXTS; i++) {
		json_fini(&s.text[i]);
		buf_fini(&g.text[i]);
	}
}

static void test_random_additions_merge_to_what_is_expected(void **state)
{
	(void)state;
	scoped(increment_rules_freep) struct increment_rules *rules = NULL;
	assert_int_equal(increment_rules_create(NULL, &rules, NULL), 0);
	struct increment_options options = {rules, INCREMENT_DECORATOR, false};
	for (uint32_t seed = 1; seed <= ROUNDS; seed++)
		round_of(seed, &options);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_additions_merge_to_what_is_expected),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
