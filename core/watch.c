#include "core/watch.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum { BUCKETS = 64 };

struct bucket {
	pthread_mutex_t lock;
	struct list sleepers, ears;
};

/** In watch_wait(), on its stack. */
struct sleeper {
	struct list link;
	struct uuid job;
	sem_t moved;
};

struct watch {
	struct bucket bucket[BUCKETS];
	unsigned held_max;
	atomic_uint held;
	atomic_bool ended; /* set before the buckets are woken */
};

static int bucket_init(struct bucket *b)
{
	list_init(&b->sleepers);
	list_init(&b->ears);
	return pthread_mutex_init(&b->lock, NULL) ? SL_E_NO_MEMORY : 0;
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
	for (int i = 0; i < BUCKETS; i++)
		pthread_mutex_destroy(&w->bucket[i].lock);
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

static void link_to(struct bucket *b, struct list *head, struct list *link)
{
	pthread_mutex_lock(&b->lock);
	list_push(head, link);
	pthread_mutex_unlock(&b->lock);
}

static void unlink_from(struct bucket *b, struct list *link)
{
	pthread_mutex_lock(&b->lock);
	list_remove(link);
	pthread_mutex_unlock(&b->lock);
}

/* False: the time is over. */
static bool sleep_until(struct sleeper *s, const struct timespec *until)
{
	int rc;
	do
		rc = sem_clockwait(&s->moved, CLOCK_MONOTONIC, until);
	while (rc && errno == EINTR);
	return rc == 0;
}

void watch_wait(struct watch *w, struct uuid job, uint32_t most_ms, watch_look_fn look, void *user)
{
	struct bucket *b = bucket_of(w, job);
	struct sleeper s = {.job = job};
	struct timespec until = from_now(most_ms);
	bool in_time = true;
	sem_init(&s.moved, 0, 0);
	link_to(b, &b->sleepers, &s.link);
	while (!look(user) && !atomic_load(&w->ended) && in_time)
		in_time = sleep_until(&s, &until);
	unlink_from(b, &s.link);
	sem_destroy(&s.moved);
}

void watch_tell(struct watch *w, struct uuid job)
{
	struct bucket *b = bucket_of(w, job);
	pthread_mutex_lock(&b->lock);
	for (struct list *l = b->sleepers.next; l != &b->sleepers; l = l->next) {
		struct sleeper *s = container_of(l, struct sleeper, link);
		if (uuid_eq(s->job, job))
			sem_post(&s->moved);
	}
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
	link_to(b, &b->ears, &ear->link);
}

void watch_unlisten(struct watch *w, struct watch_ear *ear)
{
	unlink_from(bucket_of(w, ear->job), &ear->link);
}

static void wake(struct bucket *b)
{
	pthread_mutex_lock(&b->lock);
	for (struct list *l = b->sleepers.next; l != &b->sleepers; l = l->next)
		sem_post(&container_of(l, struct sleeper, link)->moved);
	pthread_mutex_unlock(&b->lock);
}

void watch_end(struct watch *w)
{
	atomic_store(&w->ended, true);
	for (int i = 0; i < BUCKETS; i++)
		wake(&w->bucket[i]);
}
