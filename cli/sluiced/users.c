#include "cli/sluiced/users.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

int users_find(const struct config *config, struct users *ret, struct sl_error *err)
{
	struct users u = {0};
	int rc = identity_find(config->run.user, &u.daemon, err);
	if (rc)
		return sl_wrap(err, rc, "run.user: ");
	rc = identity_find(config->engines.local.user, &u.replicas, err);
	if (rc)
		return sl_wrap(err, rc, "engines.local.user: ");
	if (identity_other(&u.daemon) && !u.replicas.given)
		return sl_fail(err, SL_E_INVALID,
			       "run.user: %s: replicas would run as the user that sluiced is "
			       "started as, which is root; name theirs in engines.local.user",
			       config->run.user);
	u.single = u.replicas.uid == u.daemon.uid || u.replicas.uid == 0;
	*ret = u;
	return 0;
}

int users_drop(const struct users *users, const struct config *config, struct sl_error *err)
{
	if (!identity_other(&users->daemon))
		return 0;
	if (identity_become(&users->daemon) < 0)
		return sl_fail(err, SL_E_IO, "run.user: %s: %s", config->run.user, strerror(errno));
#if defined(__SANITIZE_ADDRESS__)
	prctl(PR_SET_DUMPABLE, 1); /* the leak check looks in from a thread of its own */
#endif
	if (access(config->data, R_OK | W_OK | X_OK) < 0)
		return sl_fail(err, SL_E_INVALID,
			       "data: %s: user %s (run.user) cannot write there: %s; give it the "
			       "directory: chown -R %s %s",
			       config->data, config->run.user, strerror(errno), config->run.user,
			       config->data);
	return 0;
}

/* ---- what could not be read again ---- */

struct look {
	const char *user;
	FILE *to;
};

static void look_at(void *user, const char *key, const char *path)
{
	const struct look *l = user;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		fprintf(l->to, "%s: user %s (run.user) cannot read %s: %s\n", key, l->user, path,
			strerror(errno));
	else
		close(fd);
}

/** In a process of its own, as that user; what it finds comes through the pipe. */
static _Noreturn void look_at_all(const struct users *users, const struct config *config,
				  const char *path, int out)
{
	struct look l = {config->run.user, fdopen(out, "w")};
	if (!l.to)
		_exit(1);
	if (identity_become(&users->daemon) < 0) {
		fprintf(l.to, "run.user: %s: %s\n", config->run.user, strerror(errno));
	} else {
		if (path)
			look_at(&l, "--config", path);
		config_each_file(config, look_at, &l);
	}
	fclose(l.to);
	_exit(0);
}

void users_unreadable(const struct users *users, const struct config *config, const char *path,
		      struct buf *to)
{
	int ends[2];
	char text[1024];
	ssize_t n;
	if (!identity_other(&users->daemon) || pipe2(ends, O_CLOEXEC) < 0)
		return;
	pid_t pid = fork();
	if (pid == 0)
		look_at_all(users, config, path, ends[1]);
	close(ends[1]);
	while ((n = read(ends[0], text, sizeof(text))) > 0)
		buf_add(to, text, (size_t)n);
	close(ends[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
}
