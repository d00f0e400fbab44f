/* Tokens: who may hand out what, and that the book is on disk before it says so. */
#include "core/access/token_book.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <cmocka.h>

struct hand {
	struct clock clock;
	_Atomic int64_t wall_ms;
};

static int64_t hand_wall(const struct clock *c) { return ((const struct hand *)c)->wall_ms; }
static int64_t hand_mono(const struct clock *c) { return ((const struct hand *)c)->wall_ms * 1000; }

struct fixture {
	struct hand hand;
	struct store *store;
	struct writer *writer;
	struct token_book *book;
	const struct token *admin;
};

static int start(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	f->hand.clock = (struct clock){hand_wall, hand_mono};
	f->hand.wall_ms = 1000000000;
	assert_int_equal(crypt_start(), 0);
	assert_int_equal(store_open_mem(&f->store), 0);
	assert_int_equal(writer_create(f->store, 100, &f->writer), 0);
	assert_int_equal(writer_start(f->writer), 0);
	assert_int_equal(token_book_open(f->store, f->writer, &f->hand.clock, &f->book), 0);
	f->admin = token_book_admin(f->book);
	*state = f;
	return 0;
}

static int stop(void **state)
{
	struct fixture *f = *state;
	token_unref(f->admin);
	token_book_free(f->book);
	writer_free(f->writer);
	store_close(f->store);
	free(f);
	return 0;
}

static char access_id[CRYPT_ACCESS_ID_SIZE + 1], id[TOKEN_ID_LEN + 1];

static int add(struct fixture *f, const struct token *by, struct token draft)
{
	if (!draft.forwho.len)
		draft.forwho = BYTES("x");
	return token_book_add(f->book, by, &draft, BYTES("here"), access_id, id, NULL);
}

/* Make one as the admin and find it by its access id. */
static const struct token *make(struct fixture *f, struct token draft)
{
	assert_int_equal(add(f, f->admin, draft), 0);
	const struct token *made = token_book_find(f->book, bytes_str(access_id));
	assert_non_null(made);
	return made;
}

static int update(struct fixture *f, const struct token *by, const struct token *target,
		  uint32_t privileges)
{
	return token_book_update(f->book, by, (struct token_name){.id = bytes_str(target->id)},
				 BYTES("here"), privileges, NULL);
}

static int remove_token(struct fixture *f, const struct token *by, const struct token *target)
{
	return token_book_delete(f->book, by, (struct token_name){.id = bytes_str(target->id)},
				 BYTES("here"), NULL);
}

static void names_and_synonyms(void **state)
{
	(void)state;
	assert_int_equal(privilege_parse(BYTES("register-plugin")), PRIV_REGISTER_FEATURE);
	assert_int_equal(privilege_parse(BYTES("read-plugin")), PRIV_READ_FEATURE);
	assert_int_equal(privilege_parse(BYTES("write-job")), PRIV_WRITE_JOB);
	assert_int_equal(privilege_parse(BYTES("write_feature")), PRIV_WRITE_FEATURE);
	assert_int_equal(privilege_parse(BYTES("write")), 0);
	assert_int_equal(privilege_parse(BYTES("")), 0);
	assert_string_equal(privilege_name(PRIV_REGISTER_FEATURE), "register_feature");
}

static void nobody_gives_more_than_they_hold(void **state)
{
	struct fixture *f = *state;
	const struct token *by =
		make(f, (struct token){.privileges = PRIV_WRITE_TOKEN | PRIV_READ_JOB});
	assert_int_equal(add(f, by, (struct token){.privileges = PRIV_READ_JOB}), 0);
	assert_int_equal(add(f, by, (struct token){.privileges = PRIV_READ_JOB | PRIV_WRITE_JOB}),
			 SL_E_DENIED);
	assert_int_equal(add(f, by, (struct token){.privileges = PRIV_ADMIN}), SL_E_INVALID);
	assert_int_equal(add(f, f->admin, (struct token){.privileges = PRIV_ADMIN}), SL_E_INVALID);
	assert_int_equal(add(f, f->admin, (struct token){.privileges = 0}), SL_E_LACK);
	assert_int_equal(add(f, f->admin,
			     (struct token){.privileges = PRIV_READ_JOB, .forwho = BYTES("admin")}),
			 SL_E_INVALID);
	const struct token *more = make(f, (struct token){.privileges = PRIV_WRITE_JOB});
	assert_int_equal(update(f, by, more, PRIV_READ_JOB), SL_E_DENIED);
	assert_int_equal(remove_token(f, by, more), SL_E_DENIED);
	const struct token *less = make(f, (struct token){.privileges = PRIV_READ_JOB});
	assert_int_equal(update(f, by, less, PRIV_WRITE_JOB), SL_E_DENIED);
	assert_int_equal(update(f, f->admin, less, PRIV_ADMIN), SL_E_INVALID);
	assert_int_equal(update(f, f->admin, less, 0), SL_E_LACK);
	assert_int_equal(update(f, by, less, PRIV_WRITE_TOKEN), 0);
	assert_int_equal(remove_token(f, by, less), 0);
	assert_int_equal(remove_token(f, by, less), SL_E_NOT_FOUND);
	token_unref(by);
	token_unref(more);
	token_unref(less);
}

static void user_tokens_hold_job_privileges_only(void **state)
{
	struct fixture *f = *state;
	struct token draft = {.privileges = PRIV_READ_JOB | PRIV_WRITE_JOB | PRIV_RESUME_JOB,
			      .user_id = BYTES("ann")};
	const struct token *bound = make(f, draft);
	assert_true(bytes_is(bound->user_id, "ann"));
	static const uint32_t never[] = {PRIV_READ_FEATURE, PRIV_WRITE_FEATURE,
					 PRIV_REGISTER_FEATURE, PRIV_READ_TOKEN, PRIV_WRITE_TOKEN};
	for (size_t i = 0; i < countof(never); i++) {
		draft.privileges = never[i] | PRIV_READ_JOB;
		assert_int_equal(add(f, f->admin, draft), SL_E_INVALID);
		assert_int_equal(update(f, f->admin, bound, never[i]), SL_E_INVALID);
	}
	token_unref(bound);
}

static void bindings_are_handed_on(void **state)
{
	struct fixture *f = *state;
	uint32_t set = PRIV_WRITE_TOKEN | PRIV_REGISTER_FEATURE;
	const struct token *by =
		make(f, (struct token){.privileges = set,
				       .author = BYTES("ann"),
				       .header = BYTES("{\"team\":\"a\",\"n\":1.0}")});
	assert_int_equal(add(f, by, (struct token){.privileges = set}), 0);
	const struct token *child = token_book_find(f->book, bytes_str(access_id));
	assert_true(bytes_is(child->author, "ann"));
	assert_true(bytes_is(child->header, "{\"team\":\"a\",\"n\":1.0}"));
	assert_int_equal(add(f, by, (struct token){.privileges = set, .author = BYTES("bob")}),
			 SL_E_DENIED);
	assert_int_equal(add(f, by,
			     (struct token){.privileges = set,
					    .author = BYTES("ann"),
					    .header = BYTES("{\"n\":1}")}),
			 0);
	assert_int_equal(
		add(f, by, (struct token){.privileges = set, .header = BYTES("{\"team\":\"b\"}")}),
		SL_E_DENIED);
	assert_int_equal(
		add(f, by, (struct token){.privileges = set, .header = BYTES("{\"other\":\"a\"}")}),
		SL_E_DENIED);
	/* Not bound, but not the admin either: no header keys of one's own. */
	const struct token *free_one = make(f, (struct token){.privileges = set});
	assert_int_equal(
		add(f, free_one, (struct token){.privileges = set, .header = BYTES("{\"a\":1}")}),
		SL_E_DENIED);
	assert_int_equal(
		add(f, free_one, (struct token){.privileges = set, .author = BYTES("bob")}), 0);
	/* A bound one does not reach around its binding through another's token. */
	assert_int_equal(update(f, by, free_one, set), SL_E_DENIED);
	assert_int_equal(remove_token(f, by, free_one), SL_E_DENIED);
	assert_int_equal(update(f, by, child, PRIV_WRITE_TOKEN), 0);
	token_unref(by);
	token_unref(child);
	token_unref(free_one);
}

static void nothing_outlives_its_creator(void **state)
{
	struct fixture *f = *state;
	int64_t end = f->hand.wall_ms + 5000;
	const struct token *by =
		make(f, (struct token){.privileges = PRIV_WRITE_TOKEN | PRIV_READ_JOB,
				       .expires_ms = end});
	assert_int_equal(add(f, by, (struct token){.privileges = PRIV_READ_JOB}), 0);
	const struct token *child = token_book_find(f->book, bytes_str(access_id));
	assert_int_equal(child->expires_ms, end);
	assert_int_equal(
		add(f, by, (struct token){.privileges = PRIV_READ_JOB, .expires_ms = end + 1}),
		SL_E_DENIED);
	assert_int_equal(
		add(f, by, (struct token){.privileges = PRIV_READ_JOB, .expires_ms = end - 1}), 0);
	assert_int_equal(
		add(f, f->admin,
		    (struct token){.privileges = PRIV_READ_JOB, .expires_ms = f->hand.wall_ms}),
		SL_E_INVALID);
	/* Nor does it make a lasting one stronger. */
	const struct token *lasting = make(f, (struct token){.privileges = PRIV_READ_JOB});
	assert_int_equal(update(f, by, lasting, PRIV_READ_JOB | PRIV_WRITE_TOKEN), SL_E_DENIED);
	token_unref(by);
	token_unref(child);
	token_unref(lasting);
}

static void count_one(void *user, const struct token *token)
{
	(void)token;
	++*(int *)user;
}

static void the_book_outlives_a_restart(void **state)
{
	struct fixture *f = *state;
	const struct token *one = make(f, (struct token){.privileges = PRIV_READ_JOB,
							 .forwho = BYTES("a\"\xc3\xa4\n"),
							 .note = BYTES("n"),
							 .user_id = BYTES("u"),
							 .header = BYTES("{\"k\":[1]}")});
	char text[CRYPT_ACCESS_ID_SIZE + 1];
	memcpy(text, access_id, sizeof(text));
	const struct token *gone = make(f, (struct token){.privileges = PRIV_READ_JOB});
	assert_int_equal(remove_token(f, f->admin, gone), 0);
	f->hand.wall_ms += 3 * 60000;
	token_unref(token_book_find(f->book, bytes_str(text)));
	assert_int_equal(token_book_flush(f->book), 0);

	struct token_book *again;
	int n = 0;
	assert_int_equal(token_book_open(f->store, f->writer, &f->hand.clock, &again), 0);
	assert_null(token_book_find(again, bytes_str(access_id)));
	token_book_list(again, f->admin, count_one, &n);
	assert_int_equal(n, 1);
	f->hand.wall_ms += 60000;
	const struct token *found = token_book_find(again, bytes_str(text));
	assert_non_null(found);
	assert_string_equal(found->id, one->id);
	assert_int_equal(found->privileges, PRIV_READ_JOB);
	assert_true(bytes_is(found->forwho, "a\"\xc3\xa4\n"));
	assert_true(bytes_is(found->user_id, "u"));
	assert_true(bytes_is(found->header, "{\"k\":[1]}"));
	assert_int_equal(found->created_ms, one->created_ms);
	assert_int_equal(token_used_ms(found) % 60000, 0);
	assert_int_equal(token_used_ms(found), f->hand.wall_ms - f->hand.wall_ms % 60000);
	token_unref(found);
	token_unref(one);
	token_unref(gone);
	token_book_free(again);
}

static void last_use_is_written_behind(void **state)
{
	struct fixture *f = *state;
	const struct token *one = make(f, (struct token){.privileges = PRIV_READ_JOB});
	struct token_book *again;
	int64_t used = token_used_ms(one);
	assert_int_equal(used, f->hand.wall_ms - f->hand.wall_ms % 60000);
	assert_int_equal(token_book_flush(f->book), 0);
	f->hand.wall_ms = 0; /* so that looking it up again does not move it */
	assert_int_equal(token_book_open(f->store, f->writer, &f->hand.clock, &again), 0);
	const struct token *found = token_book_find(again, bytes_str(access_id));
	assert_int_equal(token_used_ms(found), used);
	token_unref(found);
	token_unref(one);
	token_book_free(again);
}

static void lists_show_what_the_caller_covers(void **state)
{
	struct fixture *f = *state;
	const struct token *by = make(f, (struct token){.privileges = PRIV_READ_TOKEN});
	const struct token *other = make(f, (struct token){.privileges = PRIV_WRITE_JOB});
	int n = 0;
	token_book_list(f->book, by, count_one, &n);
	assert_int_equal(n, 1);
	n = 0;
	token_book_list(f->book, f->admin, count_one, &n);
	assert_int_equal(n, 2);
	token_unref(by);
	token_unref(other);
}

static void requests_are_paced(void **state)
{
	const struct token *token;
	struct token from = {.privileges = PRIV_READ_JOB};
	int64_t now_us = 5000000;
	(void)state;
	assert_int_equal(token_create(&from, &token), 0);
	for (int i = 0; i < 4; i++)
		assert_true(token_take(token, now_us, 2, 4));
	assert_false(token_take(token, now_us, 2, 4));
	now_us += 500000;
	assert_true(token_take(token, now_us, 2, 4));
	assert_false(token_take(token, now_us, 2, 4));
	now_us += 60000000; /* What was not used does not add up. */
	for (int i = 0; i < 4; i++)
		assert_true(token_take(token, now_us, 2, 4));
	assert_false(token_take(token, now_us, 2, 4));
	token_unref(token);
}

/* ---- many at once ---- */

static void *look_up(void *user)
{
	struct fixture *f = user;
	char mine[CRYPT_ACCESS_ID_SIZE + 1];
	memcpy(mine, access_id, sizeof(mine));
	for (int i = 0; i < 2000; i++) {
		const struct token *token = token_book_find(f->book, bytes_str(mine));
		if (!token || !token_may(token, PRIV_READ_JOB | PRIV_WRITE_JOB))
			return f;
		token_unref(token);
	}
	return NULL;
}

static void lookups_and_changes_do_not_meet(void **state)
{
	struct fixture *f = *state;
	pthread_t thread[4];
	const struct token *one = make(f, (struct token){.privileges = PRIV_READ_JOB});
	for (size_t i = 0; i < countof(thread); i++)
		assert_int_equal(pthread_create(&thread[i], NULL, look_up, f), 0);
	for (int i = 0; i < 200; i++)
		assert_int_equal(update(f, f->admin, one, i % 2 ? PRIV_READ_JOB : PRIV_WRITE_JOB),
				 0);
	for (size_t i = 0; i < countof(thread); i++) {
		void *failed;
		pthread_join(thread[i], &failed);
		assert_null(failed);
	}
	token_unref(one);
}

#define each(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_synonyms),
		cmocka_unit_test(requests_are_paced),
		each(nobody_gives_more_than_they_hold),
		each(user_tokens_hold_job_privileges_only),
		each(bindings_are_handed_on),
		each(nothing_outlives_its_creator),
		each(the_book_outlives_a_restart),
		each(last_use_is_written_behind),
		each(lists_show_what_the_caller_covers),
		each(lookups_and_changes_do_not_meet),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
