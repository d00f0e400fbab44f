/* Reading, comparing and merging with the n-th allocation failing, for each n until none
 * fails: an ordinary error each time, and nothing is lost (the sanitizer looks). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/increment/merge.h"
#include "tests/lib/nth_allocation.h"

#define POD(inside)                                                                                \
	"{\"a\":{},\"spec\":{\"roles\":[{\"name\":\"r\",\"template\":{\"spec\":{\"containers\":["  \
	"{\"name\":\"c\",\"command\":[\"sh\",\"-c\"," inside "}]}}}]}}"
static const char base_text[] = POD("\"\\u0078\"]");
static const char one_text[] =
	POD("\"a;x\"],\"env\":[{\"name\":\"\\u0041\"}],\"tolerations\":[{\"k\":1,\"l\":[]}]");
static const char two_text[] =
	POD("\"b;x\"],\"env\":[{\"name\":\"A\",\"value\":\"1\"}],\"m\":{\"x\":1,\"y\":null},"
	    "\"k1\":1,\"k2\":1,\"k3\":1,\"k4\":1,\"k5\":1,\"k6\":1,\"k7\":1,\"k8\":1,\"k9\":1,"
	    "\"ka\":1,\"kb\":1,\"kc\":1,\"kd\":1,\"ke\":1,\"kf\":1,\"kg\":1");

struct scene {
	struct json base, answer[2];
	struct increment increment[2];
	struct increment_rules *rules;
	struct buf out;
};

static int run(struct scene *s)
{
	static const struct json_limits limits = {1 << 20, 64};
	int rc = json_parse(&s->base, bytes_str(base_text), &limits, NULL);
	rc = rc ? rc : json_parse(&s->answer[0], bytes_str(one_text), &limits, NULL);
	rc = rc ? rc : json_parse(&s->answer[1], bytes_str(two_text), &limits, NULL);
	rc = rc ? rc : increment_rules_create(NULL, &s->rules, NULL);
	struct increment_options options = {s->rules, INCREMENT_DECORATOR, false};
	struct merge_part part[2];
	for (int i = 0; i < 2 && !rc; i++) {
		rc = increment_check(&s->base, &s->answer[i], &options, &s->increment[i], NULL,
				     NULL);
		part[i] = (struct merge_part){BYTES("p"), &s->increment[i]};
	}
	return rc ? rc : merge_increments(&s->base, part, 2, &s->out, NULL, NULL);
}

static void test_each_allocation_may_fail(void **state)
{
	(void)state;
	size_t failed = 0;
	int rc = SL_E_NO_MEMORY;
	for (size_t n = 1, left = 0; left == 0; n++) {
		struct scene s = {0};
		buf_init(&s.out, 1 << 20);
		nth_allocation()->left = n;
		rc = run(&s);
		left = nth_allocation()->left;
		nth_allocation()->left = 0;
		/* Some can be done without: a table that only makes a search faster. */
		assert_true(rc == SL_E_NO_MEMORY || rc == 0);
		failed += rc != 0;
		for (int i = 0; i < 2; i++) {
			increment_fini(&s.increment[i]);
			json_fini(&s.answer[i]);
		}
		increment_rules_free(s.rules);
		json_fini(&s.base);
		buf_fini(&s.out);
	}
	assert_int_equal(rc, 0);
	assert_in_range(failed, 20, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_allocation_may_fail)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
