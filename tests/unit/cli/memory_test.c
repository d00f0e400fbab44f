/* Each allocation of our own fails once, in turn: reading settings and YAML must then say
 * "out of memory", and neither leak nor take half of what was written for the whole. */
#include "cli/config.h"
#include "cli/yaml_json.h"
#include "tests/lib/nth_allocation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { ROUNDS_MAX = 10000, SIZE = 1 << 16 };

/* Run `once` with the n-th allocation failing, n = 1, 2, ... until none fails. */
static void fail_each(int (*once)(const void *), const void *with)
{
	for (size_t n = 1; n < ROUNDS_MAX; n++) {
		nth_allocation()->left = n;
		int rc = once(with);
		bool hit = nth_allocation()->left == 0;
		nth_allocation()->left = 0;
		if (!hit) {
			assert_int_equal(rc, 0);
			assert_true(n > 1);
			return;
		}
		if (rc != SL_E_NO_MEMORY)
			fail_msg("allocation %zu failed and %s came of it", n, sl_err_name(rc));
	}
	fail_msg("there is no end to it");
}

static int load(const void *path)
{
	struct config_source from = {.path = path};
	scoped(config_freep) struct config *config = NULL;
	struct sl_error err = {0};
	int rc = config_load(&from, &config, &err);
	return rc && err.code != rc ? SL_E_INTERNAL : rc;
}

static void settings(void **state)
{
	(void)state;
	static const char text[] = "limits: {body: 2MiB}\napi: {hosts: ['a.b', c]}\n";
	char path[] = "/tmp/sluice-memory-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	close(fd);
	fail_each(load, path);
	unlink(path);
}

static int there_and_back(const void *yaml)
{
	static const struct yaml_limits limits = {SIZE, 16};
	static const struct json_limits json_limits = {SIZE, 16};
	scoped(buf_finip) struct buf text;
	scoped(buf_finip) struct buf again;
	scoped(yaml_lines_finip) struct yaml_lines lines = {0};
	scoped(json_finip) struct json json = {0};
	buf_init(&text, SIZE);
	buf_init(&again, SIZE);
	int rc = yaml_to_json(bytes_str(yaml), &limits, &text, &lines, NULL);
	if (!rc)
		rc = json_parse(&json, buf_bytes(&text), &json_limits, NULL);
	return rc ? rc : json_to_yaml(&json, 0, &again);
}

static void yaml(void **state)
{
	(void)state;
	fail_each(there_and_back, "a: &x [1, two, {b: \"c\\n\"}]\nd: *x\ne: |\n  x\n  y\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(settings), cmocka_unit_test(yaml)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
