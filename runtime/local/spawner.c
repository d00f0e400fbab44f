#include "runtime/local/spawner.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORD_MAX_S = 60, PLACES = 2 };

static const char remedy[] = "install sluiced and " WIRE_NAME " together, of one version";

/* ---- the program ---- */

/** `rest` as seen from a folder without links: each "../" takes away one part of that. */
static void join(const char *folder, const char *rest, char out[PATH_MAX])
{
	size_t len = *rest == '/' ? 0 : strlen(folder);
	for (; strncmp(rest, "../", 3) == 0; rest += 3)
		while (len && folder[--len] != '/')
			;
	snprintf(out, PATH_MAX, "%.*s/%s/" WIRE_NAME, (int)len, folder, rest + (*rest == '/'));
}

/** Whoever can put a file beside ours must not have it run as us: it and the link that may lead to
 * it belong to root or to whom ours belongs, so that nobody else can put another in its place, and
 * nobody may write to it who may not write to ours. */
static int check_owner(const char *program, struct sl_error *err)
{
	struct stat ours, link, it;
	if (stat("/proc/self/exe", &ours) < 0 || lstat(program, &link) < 0 ||
	    stat(program, &it) < 0)
		return sl_fail(err, SL_E_INTERNAL, "%.250s: %s: %s", program, strerror(errno),
			       remedy);
	uid_t owner = link.st_uid != 0 && link.st_uid != ours.st_uid ? link.st_uid : it.st_uid;
	if (owner != 0 && owner != ours.st_uid)
		return sl_fail(err, SL_E_INTERNAL,
			       "%.250s belongs to user %u, neither root nor the owner of sluiced: "
			       "it is not started; %s",
			       program, (unsigned)owner, remedy);
	if (it.st_mode & ~ours.st_mode & (S_IWGRP | S_IWOTH))
		return sl_fail(err, SL_E_INTERNAL,
			       "%.250s can be written by others, who may not write to sluiced: "
			       "it is not started; chmod go-w",
			       program);
	return 0;
}

/** Where it belongs: beside the running program, or where it is installed. */
static int find_program(char out[PATH_MAX], struct sl_error *err)
{
	char folder[PATH_MAX], installed[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", folder, sizeof(folder) - 1);
	if (len < 0)
		return sl_fail(err, SL_E_INTERNAL,
			       "/proc/self/exe: %s: so " WIRE_NAME " cannot be found; mount /proc",
			       strerror(errno));
	folder[len] = 0;
	*strrchr(folder, '/') = 0;
	join(folder, SLUICE_LIBEXEC, installed);
	snprintf(out, PATH_MAX, "%s/" WIRE_NAME, folder);
	if (access(out, F_OK) == 0)
		return check_owner(out, err);
	if (access(installed, F_OK) < 0)
		return sl_fail(err, SL_E_INTERNAL, "there is neither %.180s nor %.180s: %s", out,
			       installed, remedy);
	snprintf(out, PATH_MAX, "%s", installed);
	return check_owner(out, err);
}

/** With no other descriptor than the first three and its end of the socket. */
static int set_descriptors(posix_spawn_file_actions_t *first, int sock)
{
	int rc = posix_spawn_file_actions_adddup2(first, sock, WIRE_SPAWNER_FD);
	return rc ? rc : posix_spawn_file_actions_addclosefrom_np(first, WIRE_SPAWNER_FD + 1);
}

/** All as a new process has them: also the two that the C library keeps to itself, of which
 * sigfillset() does not know, and which posix_spawn() would leave ignored. */
static int set_signals(posix_spawnattr_t *how)
{
	sigset_t all;
	memset(&all, 0xff, sizeof(all));
	int rc = posix_spawnattr_setsigdefault(how, &all);
	return rc ? rc : posix_spawnattr_setflags(how, POSIX_SPAWN_SETSIGDEF);
}

/** 0 or errno. */
static int run_program(const char *program, const char *data_dir, int sock, pid_t *ret)
{
	char name[] = WIRE_NAME;
	char *const argv[] = {name, (char *)(uintptr_t)data_dir, NULL};
	posix_spawn_file_actions_t first;
	posix_spawnattr_t how;
	int rc = posix_spawn_file_actions_init(&first);
	if (rc)
		return rc;
	rc = posix_spawnattr_init(&how);
	if (!rc)
		rc = set_descriptors(&first, sock);
	if (!rc)
		rc = set_signals(&how);
	if (!rc)
		rc = posix_spawn(ret, program, &first, &how, argv, environ);
	posix_spawnattr_destroy(&how);
	posix_spawn_file_actions_destroy(&first);
	return rc;
}

/* ---- what is said first ---- */

/** It is no use: end it. `text` gets how it had ended by itself, if it had. */
static void give_up(struct spawner *s, char text[40])
{
	int status = 0;
	kill(s->pid, SIGKILL);
	while (waitpid(s->pid, &status, 0) < 0 && errno == EINTR)
		;
	s->pid = 0;
	close(s->sock);
	s->sock = -1;
	if (WIFSIGNALED(status))
		snprintf(text, 40, "by signal %d", WTERMSIG(status));
	else
		snprintf(text, 40, "with exit status %d", WEXITSTATUS(status));
}

/** A message that did not come, or is none of ours. */
static int no_word(struct spawner *s, const char *program, int rc, struct sl_error *err)
{
	char end[40];
	give_up(s, end);
	if (rc == SL_E_CANCELED)
		return sl_fail(err, SL_E_INTERNAL, "%.250s ended %s before it was ready: %s",
			       program, end, remedy);
	if (rc == SL_E_BUSY)
		return sl_fail(err, SL_E_INTERNAL, "%.250s says nothing for %d seconds: %s",
			       program, WORD_MAX_S, remedy);
	return sl_fail(err, SL_E_INTERNAL, "%.250s is not the spawner of sluiced: %s", program,
		       remedy);
}

static int receive(int sock, void *at, size_t len)
{
	int fds[WIRE_FDS_MAX];
	int rc = wire_receive(sock, at, len, fds, 0);
	for (unsigned i = 0; !rc && i < WIRE_FDS_MAX; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return rc;
}

static int take_greeting(struct spawner *s, const char *program, const char *version,
			 struct sl_error *err)
{
	struct wire_greeting it;
	char end[40];
	int rc = receive(s->sock, &it, sizeof(it));
	if (!rc && (strncmp(it.name, WIRE_NAME, sizeof(it.name)) != 0 ||
		    !memchr(it.version, 0, sizeof(it.version))))
		rc = SL_E_PEER;
	if (rc)
		return no_word(s, program, rc, err);
	if (strcmp(it.version, version) == 0)
		return 0;
	give_up(s, end);
	return sl_fail(err, SL_E_INTERNAL, "%.250s is of version %s, sluiced of %s: %s", program,
		       it.version, version, remedy);
}

static int hand_over(struct spawner *s, const char *program, const struct wire_settings *settings,
		     struct sl_error *err)
{
	char end[40];
	int rc = wire_send(s->sock, settings, sizeof(*settings), NULL, 0);
	if (!rc)
		rc = receive(s->sock, &s->can, sizeof(s->can));
	if (rc)
		return no_word(s, program, rc, err);
	if (s->can.error == 0)
		return 0;
	give_up(s, end);
	return sl_fail(err, SL_E_INTERNAL, "spawner: %.119s: %s", s->can.why,
		       strerror(s->can.error));
}

/** Until it is ready it is waited for, but not for ever. */
static void set_patience(int sock, int seconds)
{
	struct timeval most = {.tv_sec = seconds};
	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most));
}

/* ---- */

/** A new one is the gateway's; one that is there is left as it is. */
static void make_data_dir(const struct spawner_config *config)
{
	if (mkdir(config->data_dir, 0700) == 0 && identity_other(&config->keeps) &&
	    chown(config->data_dir, config->keeps.uid, config->keeps.gid) < 0)
		rmdir(config->data_dir); /* what follows fails and says why */
}

static int find_data_dir(const struct spawner_config *config, char out[PATH_MAX],
			 struct sl_error *err)
{
	make_data_dir(config);
	int fd = realpath(config->data_dir, out) ? open(out, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
						 : -1;
	if (fd < 0)
		return sl_fail(err, SL_E_IO, "%s: %s", config->data_dir, strerror(errno));
	close(fd);
	return 0;
}

static int settings_of(const struct spawner_config *config, struct wire_settings *ret,
		       struct sl_error *err)
{
	*ret = (struct wire_settings){.log_max = config->log_max,
				      .shield = config->shield,
				      .no_cgroups = config->no_cgroups,
				      .user = config->user,
				      .keeps = config->keeps};
	const char *cgroup = config->cgroup ? config->cgroup : "";
	size_t len = strlen(cgroup);
	if (len >= sizeof(ret->cgroup))
		return sl_fail(err, SL_E_INVALID, "engines.local.cgroup: longer than %zu bytes",
			       sizeof(ret->cgroup) - 1);
	memcpy(ret->cgroup, cgroup, len);
	return 0;
}

static int start(const char *program, const char *data_dir, struct spawner *ret,
		 struct sl_error *err)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return sl_fail(err, SL_E_INTERNAL, "spawner: %s", strerror(errno));
	*ret = (struct spawner){.sock = pair[0]};
	int error = run_program(program, data_dir, pair[1], &ret->pid);
	close(pair[1]);
	if (!error)
		return 0;
	close(pair[0]);
	*ret = (struct spawner){.sock = -1};
	return sl_fail(err, SL_E_INTERNAL, "%.250s cannot be started: %s: %s", program,
		       strerror(error), remedy);
}

int spawner_start(const struct spawner_config *config, struct spawner *ret, struct sl_error *err)
{
	char data_dir[PATH_MAX], place[PATH_MAX];
	const char *program = config->program ? config->program : place;
	struct wire_settings settings;
	int rc = settings_of(config, &settings, err);
	if (!rc && !config->program)
		rc = find_program(place, err);
	if (!rc)
		rc = find_data_dir(config, data_dir, err);
	if (!rc)
		rc = start(program, data_dir, ret, err);
	if (rc)
		return rc;
	set_patience(ret->sock, WORD_MAX_S);
	rc = take_greeting(ret, program, config->version, err);
	if (!rc)
		rc = hand_over(ret, program, &settings, err);
	if (!rc)
		set_patience(ret->sock, 0);
	return rc;
}

void spawner_stop(struct spawner *s)
{
	if (s->pid <= 0)
		return;
	close(s->sock);
	while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
		;
	*s = (struct spawner){.sock = -1};
}
