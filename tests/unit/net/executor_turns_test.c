/* Many calls: connections kept and shared, calls ended from anywhere, addresses refused. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/net/caller.h"
#include "tests/unit/net/peer.h"

enum { MANY = 64 };

struct fixture {
	struct executor *x;
	struct peer peer, other;
};

static int set_up(void **state)
{
	static const struct http_config plain = {0};
	struct fixture *f = calloc(1, sizeof(*f));
	f->x = caller_create(&plain);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	executor_free(f->x);
	free(f);
	return 0;
}

static void keeps_connections(void **state)
{
	struct fixture *f = *state;
	struct result r = {0};
	peer_start(&f->peer, peer_ok);
	struct call call = caller_post(f->peer.url);
	for (int i = 0; i < 20; i++) {
		caller_run(f->x, &call, &r);
		assert_int_equal(r.rc, 0);
	}
	assert_int_equal(f->peer.requests, 20);
	assert_int_equal(f->peer.accepted, 1);
	peer_stop(&f->peer);
}

static void one_each(struct peer *p, int fd)
{
	if (peer_read(p, fd))
		peer_send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
}

/* A peer that closes kept connections without a word costs no call. */
static void survives_connections_that_died(void **state)
{
	struct fixture *f = *state;
	struct result r = {0};
	peer_start(&f->peer, one_each);
	struct call call = caller_post(f->peer.url);
	for (unsigned i = 1; i <= 5; i++) {
		caller_run(f->x, &call, &r);
		assert_int_equal(r.rc, 0);
		assert_string_equal(r.body, "ok");
		peer_await_ended(&f->peer, i);
		assert_int_equal(f->x->ops->turn(f->x, 0), 0);
	}
	assert_int_equal(f->peer.accepted, 5);
	peer_stop(&f->peer);
}

static void together(struct peer *p, int fd)
{
	while (peer_read(p, fd)) {
		peer_meet(p);
		peer_part(p);
		peer_send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	}
}

static void start_many(struct fixture *f, const char *url, struct result *r, unsigned n)
{
	struct call call = caller_post(url);
	for (unsigned i = 0; i < n; i++)
		caller_start(f->x, &call, &r[i]);
}

static void await_many(struct fixture *f, struct result *r, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		while (r[i].times == 0)
			assert_int_equal(f->x->ops->turn(f->x, 60000), 0);
		assert_int_equal(r[i].times, 1);
		assert_int_equal(r[i].rc, 0);
	}
}

/* Nobody is answered before all have asked. */
static void calls_overlap(void **state)
{
	struct fixture *f = *state;
	struct result *r = calloc(MANY, sizeof(*r));
	peer_start(&f->peer, together);
	f->peer.want = MANY;
	start_many(f, f->peer.url, r, MANY);
	await_many(f, r, MANY);
	assert_int_equal(f->peer.inside_most, MANY);
	assert_int_equal(f->peer.accepted, MANY);
	memset(r, 0, MANY * sizeof(*r));
	start_many(f, f->peer.url, r, MANY);
	await_many(f, r, MANY);
	assert_int_equal(f->peer.accepted, MANY); /* The same ones. */
	peer_stop(&f->peer);
	free(r);
}

static void narrow(struct fixture *f, unsigned all, unsigned host)
{
	const struct http_config config = {.connections_max = all, .connections_host_max = host};
	executor_free(f->x);
	f->x = caller_create(&config);
}

static void keeps_to_its_connections(void **state)
{
	struct fixture *f = *state;
	struct result *r = calloc(MANY, sizeof(*r));
	narrow(f, 100, 3);
	peer_start(&f->peer, together);
	start_many(f, f->peer.url, r, MANY);
	await_many(f, r, MANY);
	assert_int_equal(f->peer.requests, MANY);
	assert_in_range(f->peer.inside_most, 1, 3);
	assert_in_range(f->peer.accepted, 1, 3);
	peer_stop(&f->peer);
	free(r);
}

static void hung_places_leave_room(void **state)
{
	struct fixture *f = *state;
	struct result *hung = calloc(MANY, sizeof(*hung)), r = {0};
	narrow(f, 8, 8);
	peer_start(&f->peer, peer_hang);
	peer_start(&f->other, peer_ok);
	start_many(f, f->peer.url, hung, MANY);
	struct call call = caller_post(f->other.url);
	for (int i = 0; i < 10; i++) {
		caller_run(f->x, &call, &r);
		assert_int_equal(r.rc, 0);
	}
	assert_int_equal(f->other.requests, 10);
	peer_await_requests(&f->peer, 4);
	f->x = executor_free(f->x); /* With calls in flight and waiting. */
	for (int i = 0; i < MANY; i++)
		assert_int_equal(hung[i].times, 0);
	peer_stop(&f->peer);
	peer_stop(&f->other);
	assert_int_equal(f->peer.accepted, 4); /* Half of the eight. */
	free(hung);
}

static void waiting_ends(void **state)
{
	struct fixture *f = *state;
	struct result hung = {0}, r = {0};
	narrow(f, 8, 1);
	peer_start(&f->peer, peer_hang);
	struct call call = caller_post(f->peer.url);
	call_id first = caller_start(f->x, &call, &hung);
	call.timeout_ms = 20;
	caller_run(f->x, &call, &r);
	assert_int_equal(r.rc, SL_E_BUSY);
	assert_int_equal(hung.times, 0);
	f->x->ops->cancel(f->x, first);
	peer_stop(&f->peer);
}

static void cancels(void **state)
{
	struct fixture *f = *state;
	struct result dead = {0}, r = {0};
	peer_start(&f->peer, peer_hang);
	peer_start(&f->other, peer_ok);
	struct call call = caller_post(f->peer.url), fine = caller_post(f->other.url);
	call_id id = caller_start(f->x, &call, &dead);
	caller_run(f->x, &fine, &r); /* Both are on their way. */
	f->x->ops->cancel(f->x, id);
	f->x->ops->cancel(f->x, id);
	f->x->ops->cancel(f->x, 0);
	f->x->ops->cancel(f->x, UINT64_MAX);
	id = caller_start(f->x, &call, &dead);
	f->x->ops->cancel(f->x, id); /* Before anything was sent. */
	caller_run(f->x, &fine, &r);
	assert_int_equal(r.times, 2);
	assert_int_equal(dead.times, 0);
	peer_stop(&f->peer);
	peer_stop(&f->other);
}

struct victims {
	struct fixture *f;
	call_id id[4];
};

static void cancel_all(struct result *r)
{
	struct victims *victims = r->user;
	for (size_t i = 0; i < countof(victims->id); i++)
		victims->f->x->ops->cancel(victims->f->x, victims->id[i]);
}

/* The first of two answers cancels the other, a call that hangs and one that waits. */
static void cancels_from_done(void **state)
{
	struct fixture *f = *state;
	struct victims victims = {.f = f};
	struct result a = {.then = cancel_all, .user = &victims}, b = a, hung = {0}, late = {0};
	narrow(f, 100, 2);
	peer_start(&f->peer, peer_hang);
	peer_start(&f->other, together);
	f->other.want = 2;
	struct call hanging = caller_post(f->peer.url), call = caller_post(f->other.url);
	victims.id[0] = caller_start(f->x, &hanging, &hung);
	caller_start(f->x, &hanging, &hung);
	victims.id[1] = caller_start(f->x, &hanging, &late);
	victims.id[2] = caller_start(f->x, &call, &a);
	victims.id[3] = caller_start(f->x, &call, &b);
	while (a.times + b.times == 0)
		assert_int_equal(f->x->ops->turn(f->x, 60000), 0);
	peer_await_ended(&f->peer, 1); /* The peer of the one that hung saw it go. */
	for (int i = 0; i < 10; i++)
		assert_int_equal(f->x->ops->turn(f->x, 0), 0);
	assert_int_equal(a.times + b.times, 1);
	assert_int_equal(hung.times + late.times, 0);
	f->x = executor_free(f->x);
	peer_stop(&f->peer);
	peer_stop(&f->other);
}

struct chain {
	struct fixture *f;
	struct call call;
	unsigned left;
	struct result *next;
};

static void start_next(struct result *r)
{
	struct chain *chain = r->user;
	if (chain->left-- > 0)
		caller_start(chain->f->x, &chain->call, r);
}

static void starts_from_done(void **state)
{
	struct fixture *f = *state;
	peer_start(&f->peer, peer_ok);
	struct chain chain = {.f = f, .call = caller_post(f->peer.url), .left = 9};
	struct result r = {.then = start_next, .user = &chain};
	caller_start(f->x, &chain.call, &r);
	while (r.times < 10)
		assert_int_equal(f->x->ops->turn(f->x, 60000), 0);
	assert_int_equal(r.rc, 0);
	assert_int_equal(f->peer.requests, 10);
	assert_int_equal(f->peer.accepted, 1);
	peer_stop(&f->peer);
}

static void *wake_it(void *user)
{
	struct executor *x = user;
	x->ops->wake(x);
	return NULL;
}

static void wakes(void **state)
{
	struct fixture *f = *state;
	pthread_t thread;
	for (int i = 0; i < 50; i++) {
		assert_int_equal(pthread_create(&thread, NULL, wake_it, f->x), 0);
		assert_int_equal(f->x->ops->turn(f->x, UINT32_MAX), 0);
		pthread_join(thread, NULL);
	}
}

static void refuses_addresses_when_calling(void **state)
{
	static const char *const urls[] = {
		"http://169.254.169.254/",      "http://0xa9fea9fe/",
		"http://[::ffff:169.254.1.1]/", "http://0.0.0.0:1/",
		"http://100.100.100.200/",      "http://[fe80::1]/",
		"https://169.254.169.254/",
	};
	struct fixture *f = *state;
	struct result r = {0};
	for (size_t i = 0; i < countof(urls); i++) {
		struct call call = caller_post(urls[i]);
		caller_run(f->x, &call, &r);
		assert_int_equal(r.rc, SL_E_UNAVAILABLE);
		assert_non_null(strstr(r.why, "is not allowed"));
	}
}

/* The name is fine, what it stands for is not. */
static void refuses_names_by_their_address(void **state)
{
	static const char *const nets[] = {"10.0.0.0/8", NULL};
	const struct http_config config = {.allow_networks = nets};
	struct fixture *f = *state;
	struct result r = {0};
	char url[64];
	executor_free(f->x);
	f->x = caller_create(&config);
	peer_start(&f->peer, peer_ok);
	snprintf(url, sizeof(url), "http://localhost:%d/", f->peer.port);
	struct call call = caller_post(url);
	caller_run(f->x, &call, &r);
	assert_int_equal(r.rc, SL_E_UNAVAILABLE);
	assert_non_null(strstr(r.why, "is not allowed (outside of plugins.allow_networks)"));
	assert_int_equal(f->peer.accepted, 0);
	peer_stop(&f->peer);
}

static void refuses_what_is_no_call(void **state)
{
	static const char *const wrong[] = {"a: b\r\nc: d", NULL};
	struct fixture *f = *state;
	struct result r = {0};
	call_id id = 7;
	struct call call = caller_post("ftp://127.0.0.1/");
	assert_int_equal(f->x->ops->start(f->x, &call, NULL, &r, &id), SL_E_INVALID);
	call = caller_post("http://127.0.0.1/");
	call.headers = wrong;
	assert_int_equal(f->x->ops->start(f->x, &call, NULL, &r, &id), SL_E_INVALID);
	assert_int_equal(id, 7);
	call = caller_post("http://user:pw@127.0.0.1/");
	assert_int_equal(f->x->ops->start(f->x, &call, NULL, &r, &id), SL_E_INVALID);
}

static int run_unix(struct fixture *f, const char *path, struct result *r)
{
	char url[300];
	snprintf(url, sizeof(url), "unix:%s:/check?x=1", path);
	struct call call = caller_post(url);
	caller_run(f->x, &call, r);
	return r->rc;
}

static void calls_unix_sockets_below_its_directories(void **state)
{
	struct fixture *f = *state;
	struct result r = {0};
	char root[] = "/tmp/net-test-XXXXXX", in[64], out[64], link_out[64], link_in[64],
	     dotted[64];
	assert_non_null(mkdtemp(root));
	snprintf(in, sizeof(in), "%s/in", root);
	const char *const dirs[] = {in, NULL};
	const struct http_config config = {.unix_dirs = dirs};
	mkdir(in, 0700);
	snprintf(in, sizeof(in), "%s/in/p.sock", root);
	snprintf(out, sizeof(out), "%s/out.sock", root);
	snprintf(link_out, sizeof(link_out), "%s/in/link", root);
	snprintf(link_in, sizeof(link_in), "%s/link", root);
	snprintf(dotted, sizeof(dotted), "%s/in/../out.sock", root);
	peer_start_unix(&f->peer, in, peer_ok);
	peer_start_unix(&f->other, out, peer_ok);
	in[strlen(root) + 3] = '\0';
	executor_free(f->x);
	f->x = caller_create(&config);
	in[strlen(root) + 3] = '/';
	assert_int_equal(symlink(out, link_out), 0);
	assert_int_equal(symlink(in, link_in), 0);
	assert_int_equal(run_unix(f, in, &r), 0);
	assert_int_equal(run_unix(f, in, &r), 0);
	assert_string_equal(r.body, "ok");
	assert_int_equal(f->peer.accepted, 1);
	assert_memory_equal(f->peer.last, "POST /check?x=1 HTTP/1.1\r\n", 26);
	assert_int_equal(run_unix(f, link_in, &r), 0); /* It is where it should be. */
	assert_int_equal(run_unix(f, out, &r), SL_E_UNAVAILABLE);
	assert_non_null(strstr(r.why, "is not below plugins.unix_dirs"));
	assert_int_equal(run_unix(f, link_out, &r), SL_E_UNAVAILABLE);
	assert_int_equal(run_unix(f, dotted, &r), SL_E_UNAVAILABLE);
	assert_int_equal(f->other.accepted, 0);
	snprintf(dotted, sizeof(dotted), "%s/in/none", root);
	assert_int_equal(run_unix(f, dotted, &r), SL_E_UNAVAILABLE);
	assert_non_null(strstr(r.why, "no socket at"));
	peer_stop(&f->peer);
	peer_stop(&f->other);
	const char *const files[] = {in, out, link_out, link_in};
	for (size_t i = 0; i < countof(files); i++)
		unlink(files[i]);
	in[strlen(root) + 3] = '\0';
	rmdir(in);
	rmdir(root);
}

static void refuses_a_wrong_configuration(void **state)
{
	static const char *const nets[] = {"10.0.0.0/99", NULL};
	const struct http_config config = {.allow_networks = nets};
	struct executor *x = NULL;
	struct sl_error err;
	(void)state;
	assert_int_equal(http_executor_create(&config, &x, &err), SL_E_INVALID);
	assert_null(x);
	assert_non_null(strstr(err.text, "10.0.0.0/99"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(keeps_connections),
		TEST(survives_connections_that_died),
		TEST(calls_overlap),
		TEST(keeps_to_its_connections),
		TEST(hung_places_leave_room),
		TEST(waiting_ends),
		TEST(cancels),
		TEST(cancels_from_done),
		TEST(starts_from_done),
		TEST(wakes),
		TEST(refuses_addresses_when_calling),
		TEST(refuses_names_by_their_address),
		TEST(refuses_what_is_no_call),
		TEST(calls_unix_sockets_below_its_directories),
		cmocka_unit_test(refuses_a_wrong_configuration),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
