#include "cli/config.h"
#include "cli/config_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* A file that is gone at the end of the test. */
struct scratch {
	char path[64];
};

static void scratch_make(struct scratch *s, const char *text)
{
	snprintf(s->path, sizeof(s->path), "/tmp/sluice-config-XXXXXX");
	int fd = mkstemp(s->path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void scratch_unlink(struct scratch *s) { unlink(s->path); }

static struct config *load(const char *text, char *const *env, struct sl_error *err)
{
	scoped(scratch_unlink) struct scratch file;
	scratch_make(&file, text);
	struct config *config = NULL;
	struct config_source from = {.path = file.path, .env = env};
	int rc = config_load(&from, &config, err);
	assert_true((rc == 0) == (config != NULL));
	return config;
}

/* The words behind "path: ". */
static void expect_error(const char *text, const char *wanted)
{
	struct sl_error err = {0};
	scoped(config_freep) struct config *config = load(text, NULL, &err);
	assert_null(config);
	assert_int_equal(err.code, SL_E_INVALID);
	const char *words = strstr(err.text, ": ");
	assert_non_null(words);
	assert_string_equal(words + 2, wanted);
}

static void defaults_need_no_file(void **state)
{
	(void)state;
	scoped(config_freep) struct config *c = NULL;
	assert_int_equal(config_load(&(struct config_source){0}, &c, NULL), 0);
	assert_string_equal(c->listen, "127.0.0.1:8080");
	assert_true(config_is_loopback(c));
	assert_string_equal(c->data, "./sluice-data");
	assert_int_equal(c->shutdown_grace_ms, 10000);
	assert_int_equal(c->api.http_status, CONFIG_STATUS_PROPER);
	assert_int_equal(c->limits.body, 1 << 20);
	assert_int_equal(c->limits.header, 64 << 10);
	assert_int_equal(c->store.size_max, INT64_C(64) << 30);
	assert_int_equal(c->plugins.wait_for_ms, 3600000);
	assert_int_equal(c->plugins.allow_networks.n, 0);
	assert_false(c->plugins.require_tls);
	assert_string_equal(c->plugins.ca_file, "");
	assert_string_equal(c->engines.standard, "local");
	assert_int_equal(c->log.level, LOG_INFO);
}

static void a_file_sets_what_it_names(void **state)
{
	(void)state;
	scoped(config_freep) struct config *c =
		load("listen: '[::1]:9000'\n"
		     "shutdown_grace: 500ms\n"
		     "api: {http_status: always_200, hosts: [a.example, b]}\n"
		     "limits:\n"
		     "  body: 2 MiB\n"
		     "  header: 2048\n"
		     "  features: 7\n"
		     "plugins:\n"
		     "  budget: 90\n"
		     "  wait_for: 2h\n"
		     "  require_tls: true\n"
		     "  allow_networks:\n"
		     "    - 10.0.0.0/8\n"
		     "    - fd00::/8\n"
		     "engines:\n"
		     "  default: 'null'\n"
		     "  local: {slots: 3, images: ignore}\n"
		     "store:\n"
		     "log: {format: json, level: debug}\n",
		     NULL, NULL);
	assert_non_null(c);
	assert_string_equal(c->listen, "[::1]:9000");
	assert_true(config_is_loopback(c));
	assert_int_equal(c->shutdown_grace_ms, 500);
	assert_int_equal(c->api.http_status, CONFIG_STATUS_ALWAYS_200);
	assert_int_equal(c->api.hosts.n, 2);
	assert_string_equal(c->api.hosts.at[1], "b");
	assert_int_equal(c->limits.body, 2 << 20);
	assert_int_equal(c->limits.header, 2048);
	assert_int_equal(c->limits.features, 7);
	assert_int_equal(c->plugins.budget_ms, 90000);
	assert_int_equal(c->plugins.wait_for_ms, 7200000);
	assert_true(c->plugins.require_tls);
	assert_string_equal(c->plugins.allow_networks.at[1], "fd00::/8");
	assert_string_equal(c->engines.standard, "null");
	assert_int_equal(c->engines.local.slots, 3);
	assert_int_equal(c->engines.local.images, CONFIG_IMAGES_IGNORE);
	assert_int_equal(c->log.format, LOG_JSON);
	assert_int_equal(c->log.level, LOG_DEBUG);
	assert_int_equal(c->limits.connections, 1024); /* not named: as it was */
}

static void errors_tell_line_and_key(void **state)
{
	(void)state;
	expect_error(
		"listen: 127.0.0.1:1\nlimits:\n  body: 1 MB\n",
		"line 3: limits.body: \"1 MB\" is not a size like 4096, 64 KiB, 1 MiB or 2 GiB");
	expect_error("limits:\n  body: 1 GiB\n",
		     "line 2: limits.body: 1 GiB is out of range: 1 KiB to 256 MiB");
	expect_error("limits:\n  json_depth: 7\n",
		     "line 2: limits.json_depth: 7 is out of range: 8 to 200");
	expect_error("\n\nlimits: {features: -1}\n",
		     "line 3: limits.features: \"-1\" is not a whole number");
	expect_error("limits: {features: 1.5}\n",
		     "line 1: limits.features: \"1.5\" is not a whole number");
	expect_error(
		"limits: {body: 99999999999999999999}\n",
		"line 1: limits.body: \"99999999999999999999\" is not a size like 4096, 64 KiB, "
		"1 MiB or 2 GiB");
	expect_error("shutdown_grace: soon\n", "line 1: shutdown_grace: \"soon\" is not a duration "
					       "like 10 (seconds), 500 ms, 10 s, 5 min or 1 h");
	expect_error("log: {level: loud}\n",
		     "line 1: log.level: \"loud\" is not one of error|warn|info|debug");
	expect_error("plugins: {require_tls: yes}\n",
		     "line 1: plugins.require_tls: \"yes\" is neither true nor false");
	expect_error("listen: 8080\n", "line 1: listen: \"8080\" is not ADDRESS:PORT, like "
				       "127.0.0.1:8080 or [::1]:8080");
	expect_error("data: ''\n", "line 1: data: is empty");
	expect_error("data:\n", "line 1: data: has no value");
	expect_error("data: [a]\n", "line 1: data: must be a single value, not an array");
}

static void lists_are_checked_element_by_element(void **state)
{
	(void)state;
	expect_error("plugins:\n  allow_networks:\n    - 10.0.0.0/8\n    - 10.0.0.0/33\n",
		     "line 3: plugins.allow_networks: \"10.0.0.0/33\" is not a network like "
		     "10.0.0.0/8");
	expect_error("api: {hosts: a}\n", "line 1: api.hosts: must be a list, like [a, b]");
	expect_error("api: {hosts: ['a b']}\n", "line 1: api.hosts: \"a b\" is not a host name");
	expect_error("increment: {protect: [spec]}\n",
		     "line 1: increment.protect: \"spec\" is not a path like /spec/roles");
	expect_error("engines: {local: {priority_classes: [\"high\"]}}\n",
		     "line 1: engines.local.priority_classes: \"high\" is not NAME=NUMBER, like "
		     "high=100");
	expect_error("engines: {local: {priority_classes: [\"a=9999999999\"]}}\n",
		     "line 1: engines.local.priority_classes: \"a=9999999999\" is not NAME=NUMBER, "
		     "like high=100");
	expect_error("engines: {local: {cgroup: sluice}}\n",
		     "line 1: engines.local.cgroup: \"sluice\" is not a cgroup like /sluice");
	expect_error("engines: {local: {cgroup: /a/../b}}\n",
		     "line 1: engines.local.cgroup: \"/a/../b\" is not a cgroup like /sluice");
	expect_error("engines: {local: {allow: [root]}}\n",
		     "line 1: engines.local.allow: \"root\" is none of privileged, capabilities, "
		     "hostNetwork, hostPID, hostIPC, serviceAccountName, hostPath:/DIR");
	expect_error("plugins: {unix_dirs: [run]}\n",
		     "line 1: plugins.unix_dirs: \"run\" does not begin with /");
}

static void unknown_keys_are_errors(void **state)
{
	(void)state;
	expect_error("\nlog:\n  levle: info\n",
		     "line 3: log.levle: unknown key; known here: format, level, levels");
	expect_error(
		"lissten: 1\n",
		"line 1: lissten: unknown key; known here: listen, data, shutdown_grace, api, tls, "
		"limits, store, retention, plugins, lifehook, selector, increment, run, "
		"engines, backup, admin, "
		"log, otel");
	expect_error(
		"limits.body: 1\n",
		"line 1: [\"limits.body\"]: unknown key; known here: listen, data, shutdown_grace, "
		"api, tls, limits, store, retention, plugins, lifehook, selector, increment, run, "
		"engines, backup, admin, "
		"log, otel");
	expect_error(
		"'': 1\n",
		"line 1: [\"\"]: unknown key; known here: listen, data, shutdown_grace, "
		"api, tls, limits, store, retention, plugins, lifehook, selector, increment, run, "
		"engines, backup, admin, "
		"log, otel");
	expect_error("- a\n", "line 1: must hold keys and values");
	expect_error("log: info\n", "line 1: log: must hold keys and values");
	expect_error("log: {level: info}\nlog: {format: json}\n",
		     "line 2: the key \"log\" stands twice");
}

static void the_environment_wins_over_the_file(void **state)
{
	(void)state;
	char *env[] = {(char *)"SLUICE_LIMITS_BODY=3MiB",
		       (char *)"SLUICE_ENGINES_LOCAL_TRUST_SUBMITTERS=true",
		       (char *)"SLUICE_API_HOSTS=a.example, b.example",
		       (char *)"SLUICE_LISTEN=0.0.0.0:80",
		       (char *)"SLUICE_LOG_LEVEL=",
		       (char *)"SLUICE_PORT=tcp://1.2.3.4:80",
		       (char *)"SLUICE_TOKEN=x",
		       NULL};
	scoped(config_freep) struct config *c =
		load("limits: {body: 1KiB, header: 2KiB}\nlog: {level: warn}\n", env, NULL);
	assert_non_null(c);
	assert_int_equal(c->limits.body, 3 << 20);
	assert_int_equal(c->limits.header, 2 << 10);
	assert_true(c->engines.local.trust_submitters);
	assert_int_equal(c->api.hosts.n, 2);
	assert_string_equal(c->api.hosts.at[1], "b.example");
	assert_false(config_is_loopback(c));
	assert_int_equal(c->log.level, LOG_WARN);
	scoped(buf_finip) struct buf foreign;
	buf_init(&foreign, 4096);
	config_foreign(env, &foreign);
	assert_string_equal(buf_str(&foreign), "SLUICE_PORT");
}

static void a_bad_environment_is_named(void **state)
{
	(void)state;
	char *env[] = {(char *)"SLUICE_LIMITS_BODY=lots", NULL};
	struct sl_error err = {0};
	scoped(config_freep) struct config *c = load("", env, &err);
	assert_null(c);
	assert_string_equal(err.text, "SLUICE_LIMITS_BODY: \"lots\" is not a size like 4096, "
				      "64 KiB, 1 MiB or 2 GiB");
}

static void the_command_line_wins_over_all(void **state)
{
	(void)state;
	char *env[] = {(char *)"SLUICE_DATA=/env", (char *)"SLUICE_LISTEN=127.0.0.1:1", NULL};
	struct config_source from = {.env = env, .data = "/mine", .listen = "127.0.0.1:2"};
	scoped(config_freep) struct config *c = NULL;
	assert_int_equal(config_load(&from, &c, NULL), 0);
	assert_string_equal(c->data, "/mine");
	assert_string_equal(c->listen, "127.0.0.1:2");
	struct sl_error err = {0};
	scoped(config_freep) struct config *none = NULL;
	from.listen = "here";
	assert_int_equal(config_load(&from, &none, &err), SL_E_INVALID);
	assert_ptr_equal(strstr(err.text, "--listen: "), err.text);
}

static void loopback_is_told_apart(void **state)
{
	(void)state;
	static const struct {
		const char *listen;
		bool loopback;
	} rows[] = {{"127.0.0.1:0", true}, {"127.9.9.9:65535", true}, {"[::1]:1", true},
		    {"0.0.0.0:1", false},  {"[::]:1", false},         {"10.0.0.1:1", false}};
	static const char *const bad[] = {
		"localhost:1", "127.0.0.1", "127.0.0.1:65536", "::1:80", "[127.0.0.1]:1",
		"127.0.0.1:",  ":80",       "[::1:80"};
	for (size_t i = 0; i < countof(rows); i++) {
		scoped(config_freep) struct config *c = NULL;
		struct config_source from = {.listen = rows[i].listen};
		assert_int_equal(config_load(&from, &c, NULL), 0);
		assert_int_equal(config_is_loopback(c), rows[i].loopback);
	}
	for (size_t i = 0; i < countof(bad); i++) {
		scoped(config_freep) struct config *c = NULL;
		struct config_source from = {.listen = bad[i]};
		assert_int_equal(config_load(&from, &c, NULL), SL_E_INVALID);
	}
}

static void print(const struct config *config, struct buf *to)
{
	buf_init(to, 1 << 16);
	config_print(config, to);
	assert_int_equal(to->rc, 0);
}

/* Take away each # that stands before a name: the settings that are switched off. */
static int switch_on(const char *sample, struct buf *to)
{
	int n = 0;
	bool start = true;
	for (const char *c = sample; *c; c++) {
		bool off = start && *c == '#' && c[1] != ' ';
		n += off;
		if (!off)
			buf_add_char(to, *c);
		start = *c == '\n' || (start && *c == ' ');
	}
	return n;
}

static void sample_and_print_are_read_back_as_the_defaults(void **state)
{
	(void)state;
	scoped(buf_finip) struct buf sample;
	scoped(buf_finip) struct buf wanted;
	scoped(buf_finip) struct buf plain;
	scoped(buf_finip) struct buf full;
	buf_init(&sample, 1 << 16);
	config_sample(&sample);
	scoped(config_freep) struct config *defaults = NULL;
	assert_int_equal(config_load(&(struct config_source){0}, &defaults, NULL), 0);
	print(defaults, &wanted);
	struct sl_error err = {0};
	scoped(config_freep) struct config *commented = load(buf_str(&sample), NULL, &err);
	assert_string_equal(err.text, "");
	print(commented, &plain);
	assert_string_equal(buf_str(&plain), buf_str(&wanted));
	scoped(config_freep) struct config *printed = load(buf_str(&wanted), NULL, &err);
	assert_string_equal(err.text, "");
	print(printed, &full);
	assert_string_equal(buf_str(&full), buf_str(&wanted));
}

static void every_key_of_the_sample_can_be_switched_on(void **state)
{
	(void)state;
	scoped(buf_finip) struct buf sample;
	scoped(buf_finip) struct buf on;
	buf_init(&sample, 1 << 16);
	buf_init(&on, 1 << 16);
	config_sample(&sample);
	size_t keys = 0;
	for (size_t i = 0; i < config_section_count; i++)
		keys += config_sections[i].n;
	assert_int_equal(switch_on(buf_str(&sample), &on), keys);
	struct sl_error err = {0};
	scoped(config_freep) struct config *c = load(buf_str(&on), NULL, &err);
	assert_string_equal(err.text, "");
	assert_non_null(c);
}

static void a_missing_file_is_named(void **state)
{
	(void)state;
	struct config_source from = {.path = "/nonexistent/sluice.yml"};
	scoped(config_freep) struct config *c = NULL;
	struct sl_error err = {0};
	assert_int_equal(config_load(&from, &c, &err), SL_E_NOT_FOUND);
	assert_string_equal(err.text, "/nonexistent/sluice.yml: No such file or directory");
}

static void expect_changes(const char *before, const char *after, const char *live,
			   const char *later)
{
	scoped(config_freep) struct config *old = load(before, NULL, NULL);
	scoped(config_freep) struct config *fresh = load(after, NULL, NULL);
	scoped(buf_finip) struct buf now = {0}, then = {0};
	buf_init(&now, 4096);
	buf_init(&then, 4096);
	config_changes(old, fresh, true, &now);
	config_changes(old, fresh, false, &then);
	assert_string_equal(now.len ? buf_str(&now) : "", live);
	assert_string_equal(then.len ? buf_str(&then) : "", later);
}

static void a_reload_tells_what_changes_now_and_what_waits(void **state)
{
	(void)state;
	expect_changes("{}", "{}", "", "");
	expect_changes("{}", "limits:\n  body: 1 MiB\nlog:\n  level: info\n", "", "");
	expect_changes("{}", "log:\n  level: debug\nlimits:\n  body: 2 MiB\n", "log.level",
		       "limits.body");
	expect_changes("api:\n  hosts: [a]\n", "api:\n  hosts: [a, b]\nplugins:\n  retries: 0\n",
		       "api.hosts plugins.retries", "");
	expect_changes("engines:\n  local:\n    slots: 3\nstore:\n  size_max: 1 GiB\n", "{}", "",
		       "store.size_max engines.local.slots");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_need_no_file),
		cmocka_unit_test(a_file_sets_what_it_names),
		cmocka_unit_test(errors_tell_line_and_key),
		cmocka_unit_test(lists_are_checked_element_by_element),
		cmocka_unit_test(unknown_keys_are_errors),
		cmocka_unit_test(the_environment_wins_over_the_file),
		cmocka_unit_test(a_bad_environment_is_named),
		cmocka_unit_test(the_command_line_wins_over_all),
		cmocka_unit_test(loopback_is_told_apart),
		cmocka_unit_test(sample_and_print_are_read_back_as_the_defaults),
		cmocka_unit_test(every_key_of_the_sample_can_be_switched_on),
		cmocka_unit_test(a_missing_file_is_named),
		cmocka_unit_test(a_reload_tells_what_changes_now_and_what_waits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
