/* An index answers as its selectors one by one do, whatever comes and goes. */
#include "selector/index/index.h"

#include "tests/unit/selector/random.h"

enum { CROWD = 1100, FEW = 160 };

struct answer {
	enum verdict verdict; /* VERDICT_FALSE: nothing was told */
	char words[120];
};

/* Selectors, by the place that is their owner. */
struct crowd {
	struct selector_pool *pool;
	struct selector_index *index;
	struct selector_scratch *scratch, *other;
	struct selector *selector[CROWD];
	struct answer answer[CROWD];
	int place[CROWD];
	size_t n; /* as many are used */
};

static void open_crowd(struct crowd *c, size_t n, size_t value_max, uint32_t steps)
{
	memset(c, 0, sizeof(*c));
	c->n = n;
	assert_int_equal(selector_pool_create(&c->pool), 0);
	assert_int_equal(selector_index_create(c->pool, &c->index), 0);
	scratch_of(value_max, steps, &c->scratch);
	scratch_of(value_max, steps, &c->other);
}

static void close_crowd(struct crowd *c)
{
	selector_index_free(c->index);
	for (size_t i = 0; i < CROWD; i++)
		selector_free(c->selector[i]);
	assert_int_equal(selector_pool_patterns(c->pool), 0);
	selector_pool_free(c->pool);
	selector_scratch_free(c->scratch);
	selector_scratch_free(c->other);
}

static void change(struct crowd *c, struct selector *gone, struct selector *come)
{
	struct selector_index *next;
	assert_int_equal(
		selector_index_change(c->index, &gone, gone != NULL, &come, come != NULL, &next),
		0);
	selector_index_free(c->index);
	c->index = next;
}

static void put(struct crowd *c, size_t at, struct selector *s)
{
	struct selector *gone = c->selector[at];
	if (s)
		assert_int_equal(selector_join(s, c->pool, &c->place[at], NULL), 0);
	change(c, gone, s);
	selector_free(gone);
	c->selector[at] = s;
}

static void found(void *user, const void *owner, enum verdict verdict, const struct sl_error *err)
{
	struct crowd *c = user;
	size_t at = (size_t)((const int *)owner - c->place);
	assert_true(at < CROWD && verdict != VERDICT_FALSE);
	assert_int_equal(c->answer[at].verdict, VERDICT_FALSE); /* told once */
	assert_int_equal(err->code != 0, verdict == VERDICT_UNKNOWN);
	c->answer[at].verdict = verdict;
	snprintf(c->answer[at].words, sizeof(c->answer[at].words), "%s", err->text);
}

static void ask(struct crowd *c, const struct selector_index *index, const struct json *header)
{
	memset(c->answer, 0, c->n * sizeof(c->answer[0]));
	assert_int_equal(selector_index_match(index, c->scratch, header, found, c), 0);
}

/* Only what the clock stopped may come out otherwise. */
static bool by_clock(const char *words) { return strstr(words, "takes too long"); }

static void compare(struct crowd *c, struct selector *const *all, const struct doc *job,
		    uint64_t seed, unsigned *told)
{
	for (size_t i = 0; i < c->n; i++) {
		struct sl_error err = {0};
		enum verdict v = VERDICT_FALSE;
		if (all[i])
			v = selector_match(all[i], c->other, &job->json, &err);
		const struct answer *a = &c->answer[i];
		told[v]++;
		if ((v != a->verdict || strncmp(err.text, a->words, sizeof(a->words) - 1) != 0) &&
		    !by_clock(err.text) && !by_clock(a->words))
			fail_msg("seed %llu, selector %zu: the index says %d (%s), alone it is %d "
				 "(%s); job %s",
				 (unsigned long long)seed, i, a->verdict, a->words, v, err.text,
				 job->text);
	}
}

/* One history: selectors come, go and are replaced in random order; jobs are asked about, now
 * and then about an older generation. */
static void run(uint64_t seed, unsigned *told)
{
	struct dice d = {seed};
	struct crowd c;
	struct selector *older[CROWD] = {0};
	struct selector_index *kept = NULL;
	uint32_t size = 1 + roll(&d, FEW);
	open_crowd(&c, FEW, 24, roll(&d, 2) ? 400 : 5000);
	for (unsigned step = 0; step < 60; step++) {
		for (unsigned n = roll(&d, 12); n; n--)
			put(&c, roll(&d, size), roll(&d, 4) ? random_selector(&d) : NULL);
		if (!kept && step == 30) {
			kept = selector_index_share(c.index);
			memcpy(older, c.selector, sizeof(older));
			for (size_t i = 0; i < CROWD; i++)
				if (older[i])
					selector_share(older[i]);
		}
		struct doc job = random_job(&d);
		ask(&c, c.index, &job.json);
		compare(&c, c.selector, &job, seed, told);
		if (kept) {
			ask(&c, kept, &job.json);
			compare(&c, older, &job, seed, told);
		}
		doc_fini(&job);
	}
	selector_index_free(kept);
	for (size_t i = 0; i < CROWD; i++)
		selector_free(older[i]);
	close_crowd(&c);
}

/* Enough of them for several parts: many or few come and go at a time. */
static void shift(struct dice *d, struct crowd *c, unsigned most)
{
	struct selector *gone[CROWD] = {0}, *come[CROWD] = {0};
	struct selector_index *next;
	size_t n_gone = 0, n_come = 0;
	unsigned n = 1 + roll(d, most), from = roll(d, CROWD), off = roll(d, 4);
	for (unsigned i = from; i < from + n && i < CROWD; i++) {
		bool out = roll(d, 4) < off;
		if (c->selector[i])
			gone[n_gone++] = c->selector[i];
		c->selector[i] = out ? NULL : random_selector(d);
		if (out)
			continue;
		assert_int_equal(selector_join(c->selector[i], c->pool, &c->place[i], NULL), 0);
		come[n_come++] = c->selector[i];
	}
	assert_int_equal(selector_index_change(c->index, gone, n_gone, come, n_come, &next), 0);
	selector_index_free(c->index);
	c->index = next;
	while (n_gone)
		selector_free(gone[--n_gone]);
}

static void test_in_parts(void **state SL_UNUSED)
{
	static const unsigned sizes[] = {CROWD, 3, 20, 100, 2, 5, 400, 4, 40, 6};
	static struct crowd c;
	struct dice d = {4711};
	unsigned told[3] = {0};
	size_t parts = 0;
	open_crowd(&c, CROWD, 24, 400);
	for (unsigned step = 0; step < 80; step++) {
		shift(&d, &c, sizes[step % countof(sizes)]);
		struct selector_index_view view = selector_index_view(c.index);
		struct doc job = random_job(&d);
		size_t there = 0;
		for (size_t i = 0; i < CROWD; i++)
			there += c.selector[i] != NULL;
		assert_int_equal(view.selectors, there);
		parts = view.parts > parts ? view.parts : parts;
		ask(&c, c.index, &job.json);
		compare(&c, c.selector, &job, 4711, told);
		doc_fini(&job);
	}
	assert_true(parts > 1);
	close_crowd(&c);
}

/* For each key one selector that compares what is there with "wanted-value". */
static void put_keys(struct crowd *c, const char *const *keys, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char text[300];
		snprintf(text, sizeof(text),
			 "{'conditions': [{'name': 'c', 'key': '%s', 'expect': 'wanted-value'}], "
			 "'expression': 'c'}",
			 keys[i]);
		put(c, i, compiled(text));
	}
}

/* Names of any length on the way to a value; the whole key goes before the path. */
static void test_ways_to_a_value(void **state SL_UNUSED)
{
	static const char *const keys[] = {
		"labels.tier",
		"labels.application",
		"labels.owner.team-of-them",
		"labels",
		"labels.a-name-that-has-a-good-deal-more-than-sixty-three-characters-in-it",
		"annotations.tier",
		"list.1.tier",
		"labels.owner.",
		"labels.1",
	};
	static const char *const jobs[] = {
		"{'labels': {'tier': 'wanted-value', 'application': 'other-value'}}",
		"{'labels': {'application': 'wanted-value', 'tiers': 'wanted-value'}}",
		"{'labels': {'owner': {'team-of-them': 'wanted-value'}, 'tier': null}}",
		"{'labels.tier': 'wanted-value', 'labels': {'tier': 'other-value'}}",
		"{'labels.tier': null, 'labels': {'tier': 'wanted-value'}}",
		"{'labels': 'wanted-value', 'annotations': {'tier': 'wanted-value'}}",
		"{'labels': {'a-name-that-has-a-good-deal-more-than-sixty-three-characters-in-it': "
		"'wanted-value'}}",
		"{'labels': {'a-name-that-has-a-good-deal-more-than-sixty-three-characters-in-IT': "
		"'wanted-value'}}",
		"{'list': [{'tier': 'wanted-value'}, {'tier': 'wanted-value'}]}",
		"{'list': {'1': {'tier': 'wanted-value'}}, 'labels': ['', 'wanted-value']}",
		"{'labels': {'owner': {'': 'wanted-value'}, '1': 'wanted-value'}}",
		"{'labels': {'t\\u0069er': 'wanted-value'}, 'annotations': {'tier.': ''}}",
		"{'labels.owner': {'team-of-them': 'wanted-value'}, 'annotations.tier': 'x'}",
	};
	static const char *const told[] = {"0", "1", "2",  "0",  "",  "35", "4",
					   "",  "6", "68", "78", "0", ""};
	static struct crowd c;
	unsigned counts[3] = {0};
	open_crowd(&c, countof(keys), 1024, 5000);
	put_keys(&c, keys, countof(keys));
	for (size_t j = 0; j < countof(jobs); j++) {
		struct doc job = doc_of(jobs[j]);
		char those[20] = "";
		ask(&c, c.index, &job.json);
		compare(&c, c.selector, &job, j, counts);
		for (size_t i = 0, n = 0; i < countof(keys); i++)
			if (c.answer[i].verdict == VERDICT_TRUE)
				those[n++] = (char)('0' + i);
		assert_string_equal(those, told[j]);
		doc_fini(&job);
	}
	close_crowd(&c);
}

/* What a pattern may spend depends on its selector: that it is not found with many steps
 * does not mean that it is not found with few. */
static void test_shares_of_steps(void **state SL_UNUSED)
{
	static const char *const few = "{'conditions': [{'name': 'c', 'key': 'k', 'expect': "
				       "'/(a|aa)+team/'}], 'expression': 'c'}";
	static const char *const many =
		"{'conditions': [{'name': 'c', 'key': 'k', 'expect': '/(a|aa)+team/'}, "
		"{'name': 'd', 'key': 'k', 'expect': '/(a|aa)+bc/'}, "
		"{'name': 'e', 'key': 'k', 'expect': '/(a|aa)+bd/'}, "
		"{'name': 'f', 'key': 'k', 'expect': '/(a|aa)+be/'}], "
		"'expression': 'c && d && e && f'}";
	static const char *const job = "{'k': 'team aaaaaaaa bc bd be'}";
	static struct crowd c;
	unsigned counts[3] = {0}, unknown = 0, known = 0;
	for (uint32_t steps = 4; steps < 2000; steps += 1 + steps / 8) {
		struct doc d = doc_of(job);
		open_crowd(&c, 3, 1024, steps);
		put(&c, 0, compiled(few));
		put(&c, 1, compiled(many));
		put(&c, 2, compiled(few));
		ask(&c, c.index, &d.json);
		compare(&c, c.selector, &d, steps, counts);
		bool apart = c.answer[0].verdict != c.answer[1].verdict;
		unknown += apart;
		known += !apart;
		doc_fini(&d);
		close_crowd(&c);
	}
	assert_true(unknown && known);
}

static void test_as_one_by_one(void **state SL_UNUSED)
{
	const char *first = getenv("SLUICE_SEED"), *count = getenv("SLUICE_SEEDS");
	uint64_t seed = first ? strtoull(first, NULL, 10) : 1;
	unsigned long n = count ? strtoul(count, NULL, 10) : 40;
	unsigned told[3] = {0};
	print_message("seeds %llu to %llu\n", (unsigned long long)seed,
		      (unsigned long long)(seed + n - 1));
	for (unsigned long i = 0; i < n; i++)
		run(seed + i, told);
	print_message("%u false, %u true, %u unknown\n", told[VERDICT_FALSE], told[VERDICT_TRUE],
		      told[VERDICT_UNKNOWN]);
	/* The comparison is worth something: all answers occur. */
	assert_true(told[VERDICT_TRUE] > n * 100 && told[VERDICT_UNKNOWN] > n * 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_one_by_one),
		cmocka_unit_test(test_in_parts),
		cmocka_unit_test(test_ways_to_a_value),
		cmocka_unit_test(test_shares_of_steps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
