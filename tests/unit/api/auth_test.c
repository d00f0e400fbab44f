/* Who calls: tokens in headers, the admin's password, wrong ones. */
#include "tests/unit/api/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* A clock that is turned by hand. */
struct hand {
	struct clock clock;
	int64_t wall_ms;
};

static int64_t hand_wall(const struct clock *c) { return ((const struct hand *)c)->wall_ms; }
static int64_t hand_mono(const struct clock *c) { return ((const struct hand *)c)->wall_ms * 1000; }

static const struct audit_by me = {{"me", 2}, {"here", 4}};

struct fixture {
	struct hand hand;
	struct store *store;
	struct writer *writer;
	struct token_book *book;
	struct admin *admin;
	struct auth *auth;
};

static int start(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	f->hand = (struct hand){{hand_wall, hand_mono}, 1000000000};
	assert_int_equal(crypt_start(), 0);
	assert_int_equal(store_open_mem(&f->store), 0);
	assert_int_equal(writer_create(f->store, 100, &f->writer), 0);
	assert_int_equal(writer_start(f->writer), 0);
	assert_int_equal(token_book_open(f->store, f->writer, &f->hand.clock, &f->book), 0);
	assert_int_equal(admin_open(f->store, f->writer, &f->admin), 0);
	assert_int_equal(auth_create(f->book, f->admin, &f->hand.clock, &f->auth), 0);
	*state = f;
	return 0;
}

static int stop(void **state)
{
	struct fixture *f = *state;
	auth_free(f->auth);
	admin_free(f->admin);
	token_book_free(f->book);
	writer_free(f->writer);
	store_close(f->store);
	free(f);
	return 0;
}

static int try(struct fixture *f, const char *remote, const char *name, const char *value,
	       const char *also)
{
	struct header header[2] = {{bytes_str(name), bytes_str(value)},
				   {bytes_str(also), BYTES("x")}};
	struct request req = {
		.header = header, .headers = also ? 2 : 1, .remote = bytes_str(remote)};
	const struct token *caller = NULL;
	req.loopback = auth_is_loopback(&req);
	int rc = auth_caller(f->auth, &req, &caller, NULL);
	token_unref(caller);
	return rc;
}

static int bearer(struct fixture *f, const char *remote, const char *token)
{
	char value[128];
	snprintf(value, sizeof(value), "Bearer %s", token);
	return try(f, remote, "Authorization", value, NULL);
}

static void the_default_password_is_for_this_machine_only(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(bearer(f, "127.0.0.1", "admin"), 0);
	assert_int_equal(try(f, "127.9.9.9", "token", "admin", NULL), 0);
	assert_int_equal(bearer(f, "10.0.0.1", "admin"), SL_E_UNKNOWN_CALLER);
	assert_int_equal(try(f, "127.0.0.1", "token", "admin", "X-Forwarded-For"),
			 SL_E_UNKNOWN_CALLER);
	assert_int_equal(try(f, "127.0.0.1", "token", "admin", "x-forwarded-proto"),
			 SL_E_UNKNOWN_CALLER);
	assert_int_equal(try(f, "127.0.0.1", "token", "admin", "Forwarded"), SL_E_UNKNOWN_CALLER);
	assert_int_equal(try(f, "127.0.0.1", "token", "admin", "via"), SL_E_UNKNOWN_CALLER);
	assert_int_equal(try(f, "127.0.0.1", "Accept", "admin", NULL), SL_E_UNKNOWN_CALLER);
	assert_int_equal(try(f, "127.0.0.1", "Authorization", "Basic admin", NULL),
			 SL_E_UNKNOWN_CALLER);
}

static void a_changed_password_ends_the_old_one(void **state)
{
	struct fixture *f = *state;
	struct sl_error err;
	assert_true(admin_is_default(f->admin));
	assert_int_equal(admin_set(f->admin, BYTES("short"), &me, &err), SL_E_INVALID);
	assert_int_equal(admin_set(f->admin, BYTES(" with-blank"), &me, &err), SL_E_INVALID);
	assert_int_equal(admin_set(f->admin, BYTES("with-blank "), &me, &err), SL_E_INVALID);
	assert_int_equal(admin_set(f->admin, BYTES("with\ttab"), &me, &err), SL_E_INVALID);
	assert_int_equal(admin_set(f->admin, BYTES("first password"), &me, &err), 0);
	assert_false(admin_is_default(f->admin));
	assert_int_equal(bearer(f, "127.0.0.1", "admin"), SL_E_UNKNOWN_CALLER);
	assert_int_equal(bearer(f, "10.0.0.1", "first password"), 0);
	assert_int_equal(admin_set(f->admin, BYTES("second-password"), &me, &err), 0);
	assert_int_equal(bearer(f, "10.0.0.1", "first password"), SL_E_UNKNOWN_CALLER);
	assert_int_equal(bearer(f, "10.0.0.1", "second-password"), 0);
}

static void the_password_outlives_a_restart(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(admin_set(f->admin, BYTES("good-password"), &me, NULL), 0);
	struct admin *again;
	assert_int_equal(admin_open(f->store, f->writer, &again), 0);
	assert_false(admin_is_default(again));
	assert_int_equal(admin_check(again, BYTES("bad-password"), true), SL_E_UNKNOWN_CALLER);
	assert_int_equal(admin_check(again, BYTES("bad-password"), true), SL_E_UNKNOWN_CALLER);
	assert_int_equal(admin_check(again, BYTES("admin"), true), SL_E_UNKNOWN_CALLER);
	assert_int_equal(admin_check(again, BYTES("good-password"), false), 0);
	assert_int_equal(admin_check(again, BYTES("good-password"), false), 0);
	assert_int_equal(admin_check(again, BYTES("bad-password"), true), SL_E_UNKNOWN_CALLER);
	admin_free(again);
}

static void wrong_tokens_are_slowed_right_ones_are_not(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < AUTH_WRONG_MAX; i++)
		assert_int_equal(bearer(f, "10.0.0.1", "wrong"), SL_E_UNKNOWN_CALLER);
	assert_int_equal(bearer(f, "10.0.0.1", "wrong"), SL_E_BUSY);
	assert_int_equal(bearer(f, "10.0.0.2", "wrong"), SL_E_UNKNOWN_CALLER);
	assert_int_equal(try(f, "10.0.0.1", "Accept", "x", NULL), SL_E_UNKNOWN_CALLER);
	assert_int_equal(admin_set(f->admin, BYTES("good-password"), &me, NULL), 0);
	assert_int_equal(bearer(f, "10.0.0.1", "good-password"), 0);
	assert_int_equal(bearer(f, "10.0.0.1", "wrong"), SL_E_BUSY);
	f->hand.wall_ms += AUTH_WRONG_SPAN_MS;
	assert_int_equal(bearer(f, "10.0.0.1", "wrong"), SL_E_UNKNOWN_CALLER);
}

static void many_addresses_do_not_grow_the_table(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 3 * AUTH_ADDRESSES_MAX; i++) {
		char remote[32];
		snprintf(remote, sizeof(remote), "10.%d.%d.7", i / 256 % 256, i % 256);
		f->hand.wall_ms++;
		int rc = bearer(f, remote, "wrong");
		assert_true(rc == SL_E_UNKNOWN_CALLER);
	}
}

static void tokens_expire(void **state)
{
	struct fixture *f = *state;
	char access_id[CRYPT_ACCESS_ID_SIZE + 1], id[TOKEN_ID_LEN + 1];
	const struct token *admin = token_book_admin(f->book);
	struct token draft = {.privileges = PRIV_READ_JOB,
			      .forwho = BYTES("x"),
			      .expires_ms = f->hand.wall_ms + 1000};
	assert_int_equal(token_book_add(f->book, admin, &draft, BYTES("here"), access_id, id, NULL),
			 0);
	assert_int_equal(bearer(f, "10.0.0.1", access_id), 0);
	f->hand.wall_ms += 999;
	assert_int_equal(bearer(f, "10.0.0.1", access_id), 0);
	f->hand.wall_ms += 1;
	assert_int_equal(bearer(f, "10.0.0.1", access_id), SL_E_UNKNOWN_CALLER);
	token_unref(admin);
}

#define each(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		each(the_default_password_is_for_this_machine_only),
		each(a_changed_password_ends_the_old_one),
		each(the_password_outlives_a_restart),
		each(wrong_tokens_are_slowed_right_ones_are_not),
		each(many_addresses_do_not_grow_the_table),
		each(tokens_expire),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
