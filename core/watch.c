#include "core/watch.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum { BUCKETS = 64 };

struct bucket {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	struct list ears;
};

struct watch {
	struct bucket bucket[BUCKETS];
	unsigned held_max;
	atomic_uint held;
	atomic_bool ended; /* set before the buckets are woken */
};

static int bucket_init(struct bucket *b)
{
	pthread_condattr_t attr;
	list_init(&b->ears);
	if (pthread_condattr_init(&attr))
		return SL_E_NO_MEMORY;
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	int rc = pthread_cond_init(&b->moved, &attr);
	pthread_condattr_destroy(&attr);
	return rc || pthread_mutex_init(&b->lock, NULL) ? SL_E_NO_MEMORY : 0;
}

int watch_create(unsigned held_max, struct watch **ret)
{
	struct watch *w = calloc(1, sizeof(*w));
	int rc = w ? 0 : SL_E_NO_MEMORY;
	for (int i = 0; !rc && i < BUCKETS; i++)
		rc = bucket_init(&w->bucket[i]);
	if (rc) {
		free(w);
		return rc;
	}
	w->held_max = held_max;
	*ret = w;
	return 0;
}

struct watch *watch_free(struct watch *w)
{
	if (!w)
		return NULL;
	for (int i = 0; i < BUCKETS; i++) {
		pthread_cond_destroy(&w->bucket[i].moved);
		pthread_mutex_destroy(&w->bucket[i].lock);
	}
	free(w);
	return NULL;
}

int watch_enter(struct watch *w)
{
	if (atomic_fetch_add(&w->held, 1) < w->held_max)
		return 0;
	watch_leave(w);
	return SL_E_UNAVAILABLE;
}

void watch_leave(struct watch *w) { atomic_fetch_sub(&w->held, 1); }

/* The end of an id is random. */
static struct bucket *bucket_of(struct watch *w, struct uuid job)
{
	return &w->bucket[job.at[sizeof(job.at) - 1] % BUCKETS];
}

static struct timespec from_now(uint32_t ms)
{
	struct timespec at;
	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += ms / 1000;
	at.tv_nsec += (long)(ms % 1000) * 1000000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_nsec -= 1000000000;
		at.tv_sec++;
	}
	return at;
}

void watch_wait(struct watch *w, struct uuid job, uint32_t most_ms, watch_look_fn look, void *user)
{
	struct bucket *b = bucket_of(w, job);
	struct timespec until = from_now(most_ms);
	int rc = 0;
	pthread_mutex_lock(&b->lock);
	while (!look(user) && !atomic_load(&w->ended) && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&b->moved, &b->lock, &until);
	pthread_mutex_unlock(&b->lock);
}

static void wake(struct bucket *b)
{
	pthread_mutex_lock(&b->lock);
	pthread_cond_broadcast(&b->moved);
	pthread_mutex_unlock(&b->lock);
}

void watch_tell(struct watch *w, struct uuid job)
{
	struct bucket *b = bucket_of(w, job);
	wake(b);
	pthread_mutex_lock(&b->lock);
	for (struct list *l = b->ears.next; l != &b->ears; l = l->next) {
		struct watch_ear *ear = container_of(l, struct watch_ear, link);
		if (uuid_eq(ear->job, job))
			ear->heard(ear->user);
	}
	pthread_mutex_unlock(&b->lock);
}

void watch_listen(struct watch *w, struct watch_ear *ear)
{
	struct bucket *b = bucket_of(w, ear->job);
	pthread_mutex_lock(&b->lock);
	list_push(&b->ears, &ear->link);
	pthread_mutex_unlock(&b->lock);
}

void watch_unlisten(struct watch *w, struct watch_ear *ear)
{
	struct bucket *b = bucket_of(w, ear->job);
	pthread_mutex_lock(&b->lock);
	list_remove(&ear->link);
	pthread_mutex_unlock(&b->lock);
}

void watch_end(struct watch *w)
{
	atomic_store(&w->ended, true);
	for (int i = 0; i < BUCKETS; i++)
		wake(&w->bucket[i]);
}
