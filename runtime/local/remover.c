#include "runtime/local/remover.h"

#include "core/base/mailbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 16, NAME_SIZE = 64, WHY_SIZE = 160 };

struct order {
	struct letter letter;
	struct uuid job;
};

struct remover {
	int data;
	remover_over_fn over;
	void *user;
	struct mailbox *box;
	pthread_t thread;
	bool has_thread;
	bool stop; /* atomic */
};

/* ---- a tree ---- */

struct tree {
	int top;        /* its folder, where what lies too deep is moved */
	unsigned moved; /* how many were */
	const bool *stop;
	int error; /* the first errno */
};

static bool stopped(const struct tree *t)
{
	return t->stop && __atomic_load_n(t->stop, __ATOMIC_ACQUIRE);
}

static void note_error(struct tree *t)
{
	if (!t->error && errno != ENOENT)
		t->error = errno;
}

/* The folder itself, never what a link leads to that was put in its place meanwhile. */
static int allow_to_look(int at, const char *name)
{
	char path[NAME_SIZE];
	int fd = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int rc = chmod(path, 0700);
	int error = errno;
	close(fd);
	errno = error;
	return rc;
}

/* Its owner may have taken away the right to look into it. */
static int open_folder(int at, const char *name)
{
	int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(at, name, flags);
	if (fd < 0 && errno == EACCES && allow_to_look(at, name) == 0)
		fd = openat(at, name, flags);
	return fd;
}

static void empty_folder(struct tree *t, int fd, int depth);

static void move_up(struct tree *t, int at, const char *name)
{
	char to[NAME_SIZE];
	do
		snprintf(to, sizeof(to), ".sluice-remove-%u", t->moved++);
	while (renameat2(at, name, t->top, to, RENAME_NOREPLACE) < 0 && errno == EEXIST);
}

static void remove_entry(struct tree *t, int at, const char *name, int depth)
{
	if (unlinkat(at, name, 0) == 0 || errno == ENOENT)
		return;
	if (errno != EISDIR && errno != EPERM && errno != EACCES) {
		note_error(t);
		return;
	}
	if (unlinkat(at, name, AT_REMOVEDIR) == 0)
		return;
	if (errno == ENOTDIR)
		errno = EPERM;
	if (errno != ENOTEMPTY && errno != EEXIST) {
		note_error(t);
		return;
	}
	if (depth >= DEPTH_MAX) {
		move_up(t, at, name);
		return;
	}
	int fd = open_folder(at, name);
	if (fd < 0) {
		note_error(t);
		return;
	}
	empty_folder(t, fd, depth + 1);
	if (unlinkat(at, name, AT_REMOVEDIR) < 0 && !stopped(t))
		note_error(t);
}

/* Takes the descriptor. */
static void empty_folder(struct tree *t, int fd, int depth)
{
	DIR *list = fdopendir(fd);
	struct dirent *entry;
	if (!list) {
		note_error(t);
		close(fd);
		return;
	}
	(void)fchmod(fd, 0700); /* to be allowed to remove what is in it; if not, that is told */
	while (!stopped(t) && (entry = readdir(list)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			remove_entry(t, fd, entry->d_name, depth);
	closedir(list);
}

/* As long as folders were moved up meanwhile, there is more to do. */
static void empty_top(struct tree *t)
{
	unsigned before;
	do {
		before = t->moved;
		int fd = openat(t->top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0) {
			note_error(t);
			return;
		}
		empty_folder(t, fd, 0);
	} while (t->moved != before && !t->error && !stopped(t));
}

int remove_tree(int at, const char *name, const bool *stop)
{
	struct tree t = {.top = open_folder(at, name), .stop = stop};
	if (t.top < 0)
		return errno == ENOENT ? 0 : -1;
	empty_top(&t);
	close(t.top);
	if (!t.error && unlinkat(at, name, AT_REMOVEDIR) < 0)
		note_error(&t);
	errno = t.error;
	return t.error ? -1 : 0;
}

/* ---- the thread ---- */

static void remove_job(struct remover *r, struct uuid job)
{
	static const char *const places[] = {"logs", "work", "run"};
	char path[NAME_SIZE], id[UUID_TEXT_SIZE], why[WHY_SIZE] = "";
	for (size_t i = 0; i < countof(places); i++) {
		snprintf(path, sizeof(path), "%s/%s", places[i], uuid_format(job, id));
		if (remove_tree(r->data, path, &r->stop) && !why[0])
			snprintf(why, sizeof(why), "%s: %s", path, strerror(errno));
	}
	if (!__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE))
		r->over(r->user, job, why);
}

static void *run(void *user)
{
	struct remover *r = user;
	pthread_setname_np(pthread_self(), "sluice-remover");
	for (struct letter *at, *next; (at = mailbox_wait(r->box));)
		for (; at; at = next) {
			struct order *o = container_of(at, struct order, letter);
			next = at->next;
			if (!__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE))
				remove_job(r, o->job);
			free(o);
		}
	return NULL;
}

int remover_order(struct remover *r, struct uuid job)
{
	struct order *o = calloc(1, sizeof(*o));
	if (!o)
		return SL_E_NO_MEMORY;
	o->job = job;
	int rc = mailbox_post(r->box, &o->letter);
	if (rc)
		free(o);
	return rc;
}

struct remover *remover_free(struct remover *r)
{
	if (!r)
		return NULL;
	__atomic_store_n(&r->stop, true, __ATOMIC_RELEASE);
	if (r->box)
		mailbox_close(r->box);
	if (r->has_thread)
		pthread_join(r->thread, NULL);
	mailbox_free(r->box);
	free(r);
	return NULL;
}

/* It takes no signals: they are main's. */
static int start(struct remover *r)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r->has_thread = pthread_create(&r->thread, NULL, run, r) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r->has_thread ? 0 : SL_E_NO_MEMORY;
}

int remover_create(int data, remover_over_fn over, void *user, struct remover **ret)
{
	struct remover *r = calloc(1, sizeof(*r));
	if (!r)
		return SL_E_NO_MEMORY;
	*r = (struct remover){.data = data, .over = over, .user = user};
	int rc = mailbox_create(SIZE_MAX, NULL, NULL, &r->box);
	if (!rc)
		rc = start(r);
	if (rc) {
		remover_free(r);
		return rc;
	}
	*ret = r;
	return 0;
}
