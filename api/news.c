#include "api/news.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

/* What waking one reader costs everybody else, and how long a reader waits at most. */
enum { PAUSE_EACH_US = 50, PAUSE_MOST_US = 5000 };

struct news {
	pthread_mutex_t lock;
	struct list listeners;
	atomic_uint n;
	atomic_bool told, ending;
	sem_t something;
	pthread_t thread;
};

static void wake_all(struct news *news)
{
	pthread_mutex_lock(&news->lock);
	for (struct list *l = news->listeners.next; l != &news->listeners; l = l->next)
		stream_wake(container_of(l, struct listener, link)->stream);
	pthread_mutex_unlock(&news->lock);
}

/* Readers that are woken keep the processors busy: the more there are, the less often. */
static void pause_for(unsigned readers)
{
	long us = readers < PAUSE_MOST_US / PAUSE_EACH_US ? (long)readers * PAUSE_EACH_US
							  : PAUSE_MOST_US;
	const struct timespec pause = {.tv_nsec = us * 1000};
	nanosleep(&pause, NULL);
}

static void *run(void *user)
{
	struct news *news = user;
	pthread_setname_np(pthread_self(), "sluice-news");
	for (;;) {
		while (sem_wait(&news->something) != 0)
			;
		if (atomic_load(&news->ending))
			return NULL;
		atomic_store(&news->told, false); /* what is told from here on is told again */
		wake_all(news);
		pause_for(atomic_load(&news->n));
	}
}

int news_create(struct news **ret)
{
	struct news *news = calloc(1, sizeof(*news));
	if (!news)
		return SL_E_NO_MEMORY;
	list_init(&news->listeners);
	pthread_mutex_init(&news->lock, NULL);
	sem_init(&news->something, 0, 0);
	if (pthread_create(&news->thread, NULL, run, news)) {
		pthread_mutex_destroy(&news->lock);
		sem_destroy(&news->something);
		free(news);
		return SL_E_NO_MEMORY;
	}
	*ret = news;
	return 0;
}

struct news *news_free(struct news *news)
{
	if (!news)
		return NULL;
	atomic_store(&news->ending, true);
	sem_post(&news->something);
	pthread_join(news->thread, NULL);
	pthread_mutex_destroy(&news->lock);
	sem_destroy(&news->something);
	free(news);
	return NULL;
}

void news_tell(struct news *news)
{
	if (atomic_load(&news->n) && !atomic_exchange(&news->told, true))
		sem_post(&news->something);
}

void news_enter(struct news *news, struct listener *l)
{
	pthread_mutex_lock(&news->lock);
	list_push(&news->listeners, &l->link);
	atomic_fetch_add(&news->n, 1);
	pthread_mutex_unlock(&news->lock);
}

void news_leave(struct news *news, struct listener *l)
{
	pthread_mutex_lock(&news->lock);
	list_remove(&l->link);
	atomic_fetch_sub(&news->n, 1);
	pthread_mutex_unlock(&news->lock);
}
