#include "tests/unit/base/unit.h"

#include "core/base/mailbox.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

struct message {
	struct letter letter;
	unsigned sender, number;
};

static struct message *message_of(struct letter *letter)
{
	return container_of(letter, struct message, letter);
}

static void test_order(void **state SL_UNUSED)
{
	scoped(mailbox_freep) struct mailbox *box = NULL;
	struct message m[3] = {{.number = 0}, {.number = 1}, {.number = 2}};
	assert_int_equal(mailbox_create(10, NULL, NULL, &box), 0);
	assert_null(mailbox_take(box));
	for (int i = 0; i < 3; i++)
		assert_int_equal(mailbox_post(box, &m[i].letter), 0);
	struct letter *at = mailbox_take(box);
	for (unsigned i = 0; i < 3; i++, at = at->next)
		assert_int_equal(message_of(at)->number, i);
	assert_null(at);
	assert_null(mailbox_take(box));
	assert_int_equal(mailbox_post(box, &m[1].letter), 0);
	at = mailbox_wait(box);
	assert_ptr_equal(at, &m[1].letter);
	assert_null(at->next);
}

static void test_full(void **state SL_UNUSED)
{
	scoped(mailbox_freep) struct mailbox *box = NULL;
	struct message m[4];
	assert_int_equal(mailbox_create(2, NULL, NULL, &box), 0);
	assert_int_equal(mailbox_post(box, &m[0].letter), 0);
	assert_int_equal(mailbox_post(box, &m[1].letter), 0);
	assert_int_equal(mailbox_post(box, &m[2].letter), SL_E_BUSY);
	assert_int_equal(mailbox_post_always(box, &m[3].letter), 0);
	struct letter *at = mailbox_take(box);
	assert_ptr_equal(at, &m[0].letter);
	assert_ptr_equal(at->next->next, &m[3].letter);
	assert_null(at->next->next->next);
	/* Taking makes room again. */
	assert_int_equal(mailbox_post(box, &m[2].letter), 0);
	mailbox_take(box);
}

static void count(void *user) { ++*(int *)user; }

static void test_wakes_on_the_first_letter_only(void **state SL_UNUSED)
{
	scoped(mailbox_freep) struct mailbox *box = NULL;
	struct message m[4];
	int woken = 0;
	assert_int_equal(mailbox_create(2, count, &woken, &box), 0);
	assert_int_equal(mailbox_post(box, &m[0].letter), 0);
	assert_int_equal(woken, 1);
	assert_int_equal(mailbox_post(box, &m[1].letter), 0);
	assert_int_equal(mailbox_post(box, &m[2].letter), SL_E_BUSY);
	assert_int_equal(woken, 1);
	mailbox_take(box);
	assert_int_equal(mailbox_post(box, &m[2].letter), 0);
	assert_int_equal(woken, 2);
	mailbox_take(box);
}

static void test_closed(void **state SL_UNUSED)
{
	scoped(mailbox_freep) struct mailbox *box = NULL;
	struct message m[2];
	assert_int_equal(mailbox_create(2, NULL, NULL, &box), 0);
	assert_int_equal(mailbox_post(box, &m[0].letter), 0);
	mailbox_close(box);
	assert_int_equal(mailbox_post(box, &m[1].letter), SL_E_CANCELED);
	assert_int_equal(mailbox_post_always(box, &m[1].letter), SL_E_CANCELED);
	/* What was posted before is still delivered. */
	assert_ptr_equal(mailbox_wait(box), &m[0].letter);
	assert_null(mailbox_wait(box));
}

/* ---- threads ---- */

enum { SENDERS = 4, EACH = 5000 };

struct sender {
	pthread_t thread;
	struct mailbox *box;
	struct message message[EACH];
	unsigned number;
	atomic_uint *full;
};

static void *send_all(void *user)
{
	struct sender *s = user;
	for (unsigned i = 0; i < EACH; i++) {
		s->message[i].sender = s->number;
		s->message[i].number = i;
		while (mailbox_post(s->box, &s->message[i].letter) == SL_E_BUSY)
			atomic_fetch_add(s->full, 1);
	}
	return NULL;
}

/* Every letter arrives once, each sender's in the order of posting. */
static void test_many_senders(void **state SL_UNUSED)
{
	scoped(mailbox_freep) struct mailbox *box = NULL;
	struct sender *senders = calloc(SENDERS, sizeof(*senders));
	atomic_uint full = 0;
	assert_non_null(senders);
	assert_int_equal(mailbox_create(100, NULL, NULL, &box), 0);
	for (unsigned i = 0; i < SENDERS; i++) {
		senders[i].box = box;
		senders[i].number = i;
		senders[i].full = &full;
		assert_int_equal(pthread_create(&senders[i].thread, NULL, send_all, &senders[i]),
				 0);
	}
	unsigned next[SENDERS] = {0};
	for (unsigned got = 0; got < SENDERS * EACH;)
		for (struct letter *at = mailbox_wait(box), *after; at; at = after, got++) {
			after = at->next;
			struct message *m = message_of(at);
			assert_int_equal(m->number, next[m->sender]++);
		}
	for (unsigned i = 0; i < SENDERS; i++)
		pthread_join(senders[i].thread, NULL);
	assert_null(mailbox_take(box));
	free(senders);
}

struct waiter {
	pthread_t thread;
	struct mailbox *box;
	atomic_uint got;
};

static void *wait_for_end(void *user)
{
	struct waiter *w = user;
	for (struct letter *at; (at = mailbox_wait(w->box));)
		for (; at; at = at->next)
			atomic_fetch_add(&w->got, 1);
	return NULL;
}

/* Many rounds, so that in most of them the waiter sleeps when the box is closed: one that
 * is not woken hangs. */
static void test_close_wakes_the_waiter(void **state SL_UNUSED)
{
	for (int round = 0; round < 200; round++) {
		struct waiter w = {.got = 0};
		struct message m[3];
		assert_int_equal(mailbox_create(10, NULL, NULL, &w.box), 0);
		assert_int_equal(pthread_create(&w.thread, NULL, wait_for_end, &w), 0);
		for (int i = 0; i < 3; i++)
			assert_int_equal(mailbox_post(w.box, &m[i].letter), 0);
		while (round % 2 && atomic_load(&w.got) < 3)
			sched_yield();
		mailbox_close(w.box);
		pthread_join(w.thread, NULL);
		assert_int_equal(atomic_load(&w.got), 3);
		mailbox_free(w.box);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_wakes_on_the_first_letter_only),
		cmocka_unit_test(test_closed),
		cmocka_unit_test(test_many_senders),
		cmocka_unit_test(test_close_wakes_the_waiter),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
