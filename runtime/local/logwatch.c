#include "runtime/local/logwatch.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

enum {
	GATHER_MS = 10,
	EVENTS_SIZE = 64 * (sizeof(struct inotify_event) + NAME_MAX + 1),
	PATH_SIZE = 4096,
};

struct logwatch {
	int events, quit;
	char *data_dir;
	pthread_t thread;
	bool has_thread;
	pthread_mutex_t lock;
	struct list followers;
};

static struct log_follower *follower_of(struct list *l)
{
	return container_of(l, struct log_follower, link);
}

/* Removed: whoever followed it looks, and finds nothing more. */
static void tell(struct logwatch *w, const struct inotify_event *event)
{
	bool all = event->mask & IN_Q_OVERFLOW;
	for (struct list *l = w->followers.next; l != &w->followers; l = l->next) {
		struct log_follower *f = follower_of(l);
		if (!all && f->mark != event->wd)
			continue;
		if (event->mask & IN_IGNORED)
			f->mark = -1;
		f->grown(f->user);
	}
}

static void tell_all(struct logwatch *w, const char *at, size_t len)
{
	int told = -1; /* runs of the same are common */
	pthread_mutex_lock(&w->lock);
	for (size_t i = 0; i < len;) {
		const struct inotify_event *event = (const struct inotify_event *)(at + i);
		if (event->wd != told || event->mask & (IN_IGNORED | IN_Q_OVERFLOW))
			tell(w, event);
		told = event->wd;
		i += sizeof(*event) + event->len;
	}
	pthread_mutex_unlock(&w->lock);
}

static void *run(void *user)
{
	struct logwatch *w = user;
	struct pollfd fd[] = {{.fd = w->quit, .events = POLLIN},
			      {.fd = w->events, .events = POLLIN}};
	pthread_setname_np(pthread_self(), "sluice-logwatch");
	for (;;) {
		char at[EVENTS_SIZE] __attribute__((aligned(__alignof__(struct inotify_event))));
		if ((poll(fd, countof(fd), -1) < 0 && errno != EINTR) || fd[0].revents)
			return NULL;
		ssize_t n = read(w->events, at, sizeof(at));
		if (n > 0)
			tell_all(w, at, (size_t)n);
		poll(fd, 1, GATHER_MS);
	}
}

bool logwatch_follow(struct logwatch *w, struct log_follower *f)
{
	char path[PATH_SIZE], id[UUID_TEXT_SIZE];
	int n = snprintf(path, sizeof(path), "%s/logs/%s", w->data_dir, uuid_format(f->job, id));
	pthread_mutex_lock(&w->lock);
	f->mark = n < (int)sizeof(path)
			  ? inotify_add_watch(w->events, path,
					      IN_MODIFY | IN_CREATE | IN_ONLYDIR | IN_DONT_FOLLOW)
			  : -1;
	bool good = f->mark >= 0;
	if (good)
		list_push(&w->followers, &f->link);
	pthread_mutex_unlock(&w->lock);
	return good;
}

void logwatch_unfollow(struct logwatch *w, struct log_follower *f)
{
	bool others = false;
	pthread_mutex_lock(&w->lock);
	list_remove(&f->link);
	for (struct list *l = w->followers.next; l != &w->followers && !others; l = l->next)
		others = follower_of(l)->mark == f->mark;
	if (!others && f->mark >= 0)
		inotify_rm_watch(w->events, f->mark);
	pthread_mutex_unlock(&w->lock);
}

struct logwatch *logwatch_free(struct logwatch *w)
{
	if (!w)
		return NULL;
	if (w->has_thread) {
		eventfd_write(w->quit, 1);
		pthread_join(w->thread, NULL);
	}
	if (w->events >= 0)
		close(w->events);
	if (w->quit >= 0)
		close(w->quit);
	pthread_mutex_destroy(&w->lock);
	free(w->data_dir);
	free(w);
	return NULL;
}

/* It takes no signals: they are main's. */
static int start(struct logwatch *w)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int error = pthread_create(&w->thread, NULL, run, w);
	w->has_thread = error == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = error;
	return w->has_thread ? 0 : SL_E_NO_MEMORY;
}

int logwatch_create(const char *data_dir, struct logwatch **ret)
{
	struct logwatch *w = calloc(1, sizeof(*w));
	if (!w)
		return SL_E_NO_MEMORY;
	if (pthread_mutex_init(&w->lock, NULL)) {
		free(w);
		return SL_E_NO_MEMORY;
	}
	list_init(&w->followers);
	w->data_dir = strdup(data_dir);
	w->events = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	w->quit = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int rc = !w->data_dir ? SL_E_NO_MEMORY : w->events < 0 || w->quit < 0 ? SL_E_IO : start(w);
	if (rc) {
		logwatch_free(w);
		return rc;
	}
	*ret = w;
	return 0;
}
