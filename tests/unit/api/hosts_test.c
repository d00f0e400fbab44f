/* The Host names that are ours can be replaced, while others ask. */
#include "api/hosts.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>

#include <cmocka.h>

static int check(struct hosts *hosts, const char *name)
{
	struct header host = {BYTES("Host"), bytes_str(name)};
	struct request req = {
		.method = BYTES("GET"), .path = BYTES("/v1/x"), .header = &host, .headers = 1};
	return hosts_check(hosts, &req, NULL);
}

static struct hosts *make(const char *const *names)
{
	struct hosts *hosts;
	assert_int_equal(hosts_create("127.0.0.1:0", names, &hosts, NULL), 0);
	return hosts;
}

static void names_are_replaced(void **state SL_UNUSED)
{
	const char *const one[] = {"one.example", NULL}, *const two[] = {"two.example", NULL};
	scoped(hosts_freep) struct hosts *hosts = make(one);
	assert_string_equal(hosts_listen(hosts), "127.0.0.1:0");
	assert_int_equal(check(hosts, "one.example"), 0);
	assert_int_equal(check(hosts, "two.example"), SL_E_MISDIRECTED);
	assert_int_equal(hosts_replace(hosts, two, NULL), 0);
	assert_int_equal(check(hosts, "one.example"), SL_E_MISDIRECTED);
	assert_int_equal(check(hosts, "two.example"), 0);
	assert_int_equal(hosts_replace(hosts, NULL, NULL), 0);
	assert_int_equal(check(hosts, "two.example"), SL_E_MISDIRECTED);
	assert_int_equal(check(hosts, "127.0.0.1:8080"), 0); /* our own stay */
}

static void bad_names_change_nothing(void **state SL_UNUSED)
{
	const char *const one[] = {"one.example", NULL}, *const bad[] = {"two.example", "", NULL};
	scoped(hosts_freep) struct hosts *hosts = make(one);
	struct sl_error err = {0};
	assert_int_equal(hosts_replace(hosts, bad, &err), SL_E_INVALID);
	assert_true(err.text[0] != '\0');
	assert_int_equal(check(hosts, "one.example"), 0);
	assert_int_equal(check(hosts, "two.example"), SL_E_MISDIRECTED);
}

struct asker {
	struct hosts *hosts;
	atomic_bool over;
	atomic_uint wrong;
};

static void *ask(void *user)
{
	struct asker *a = user;
	while (!atomic_load(&a->over))
		if (check(a->hosts, "localhost") != 0)
			atomic_fetch_add(&a->wrong, 1);
	return NULL;
}

/* For the sanitizers: what is replaced is not in anybody's hands. */
static void askers_are_not_disturbed(void **state SL_UNUSED)
{
	enum { TIMES = 500 };
	const char *const one[] = {"one.example", NULL};
	scoped(hosts_freep) struct hosts *hosts = make(NULL);
	struct asker a = {.hosts = hosts};
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, ask, &a), 0);
	for (int i = 0; i < TIMES; i++)
		assert_int_equal(hosts_replace(hosts, i % 2 ? one : NULL, NULL), 0);
	atomic_store(&a.over, true);
	pthread_join(thread, NULL);
	assert_int_equal(a.wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_replaced),
		cmocka_unit_test(bad_names_change_nothing),
		cmocka_unit_test(askers_are_not_disturbed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
