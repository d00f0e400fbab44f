#include "core/base/mailbox.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

struct mailbox {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	struct letter *first, **last;
	size_t n, max;
	bool closed;
	void (*wake)(void *user);
	void *user;
};

int mailbox_create(size_t max, void (*wake)(void *user), void *user, struct mailbox **ret)
{
	struct mailbox *box = calloc(1, sizeof(*box));
	if (!box)
		return SL_E_NO_MEMORY;
	box->max = max;
	box->wake = wake;
	box->user = user;
	box->last = &box->first;
	pthread_mutex_init(&box->lock, NULL);
	pthread_cond_init(&box->filled, NULL);
	*ret = box;
	return 0;
}

struct mailbox *mailbox_free(struct mailbox *box)
{
	if (!box)
		return NULL;
	assert(!box->first);
	pthread_cond_destroy(&box->filled);
	pthread_mutex_destroy(&box->lock);
	free(box);
	return NULL;
}

static int post(struct mailbox *box, struct letter *letter, size_t max)
{
	pthread_mutex_lock(&box->lock);
	int rc = box->closed ? SL_E_CANCELED : box->n >= max ? SL_E_BUSY : 0;
	bool was_empty = !box->first;
	if (!rc) {
		letter->next = NULL;
		*box->last = letter;
		box->last = &letter->next;
		box->n++;
		if (was_empty)
			pthread_cond_signal(&box->filled);
	}
	pthread_mutex_unlock(&box->lock);
	if (!rc && was_empty && box->wake)
		box->wake(box->user);
	return rc;
}

int mailbox_post(struct mailbox *box, struct letter *letter) { return post(box, letter, box->max); }

int mailbox_post_always(struct mailbox *box, struct letter *letter)
{
	return post(box, letter, SIZE_MAX);
}

static struct letter *take_all(struct mailbox *box)
{
	struct letter *first = box->first;
	box->first = NULL;
	box->last = &box->first;
	box->n = 0;
	return first;
}

struct letter *mailbox_take(struct mailbox *box)
{
	pthread_mutex_lock(&box->lock);
	struct letter *first = take_all(box);
	pthread_mutex_unlock(&box->lock);
	return first;
}

struct letter *mailbox_wait(struct mailbox *box)
{
	pthread_mutex_lock(&box->lock);
	while (!box->first && !box->closed)
		pthread_cond_wait(&box->filled, &box->lock);
	struct letter *first = take_all(box);
	pthread_mutex_unlock(&box->lock);
	return first;
}

void mailbox_close(struct mailbox *box)
{
	pthread_mutex_lock(&box->lock);
	box->closed = true;
	pthread_cond_broadcast(&box->filled);
	pthread_mutex_unlock(&box->lock);
}
