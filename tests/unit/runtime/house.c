#include "house.h"

#include "runtime/local/rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static void note(void *user, const struct engine_report *report)
{
	struct house *h = user;
	pthread_mutex_lock(&h->lock);
	if (h->n < HOUSE_REPORTS_MAX)
		h->report[h->n++] = *report;
	pthread_cond_broadcast(&h->more);
	pthread_mutex_unlock(&h->lock);
}

static void note_loss(void *user)
{
	struct house *h = user;
	pthread_mutex_lock(&h->lock);
	h->spawner_losses++;
	pthread_cond_broadcast(&h->more);
	pthread_mutex_unlock(&h->lock);
}

void house_start(struct house *h, const struct house_options *o)
{
	char data[160];
	struct sl_error err = {0};
	snprintf(data, sizeof(data), "%s/data", h->dir);
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->more, NULL);
	h->n = 0;
	h->spawner_losses = 0;
	struct spawner_config s = {.version = SLUICE_VERSION,
				   .program = SPAWNER,
				   .data_dir = data,
				   .log_max = o->log_max ? o->log_max : 64 << 20,
				   .shield = !o->no_shield,
				   .no_cgroups = o->no_cgroups};
	struct local_config c = {.data_dir = data,
				 .slots = o->slots ? o->slots : 1000,
				 .ageing_ms = 60000,
				 .grace_s = 5};
	struct local_hooks hooks = {note, note_loss, h};
	if (spawner_start(&s, &h->spawner, &err) ||
	    local_create(&c, &h->spawner, &hooks, &h->engine, &err))
		fail_msg("%s", err.text);
	h->engine->ops->recovered(h->engine);
}

void house_open(struct house *h, const struct house_options *options)
{
	char path[160];
	memset(h, 0, sizeof(*h));
	snprintf(h->dir, sizeof(h->dir), "/tmp/sluice-house-XXXXXX");
	assert_non_null(mkdtemp(h->dir));
	snprintf(path, sizeof(path), "%s/side", h->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	struct id_source ids;
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	id_source_init(&ids, (struct uuid){{0}});
	h->job = id_next(&ids, now.tv_sec * 1000 + now.tv_nsec / 1000000);
	memcpy(h->job.at + 12, &now.tv_nsec, 4);
	house_start(h, options);
}

void house_stop(struct house *h)
{
	h->engine = engine_free(h->engine);
	spawner_stop(&h->spawner);
	pthread_cond_destroy(&h->more);
	pthread_mutex_destroy(&h->lock);
}

static void remove_tree(const char *path)
{
	pid_t pid = fork();
	if (pid == 0) {
		execlp("rm", "rm", "-rf", path, (char *)NULL);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
}

void house_close(struct house *h)
{
	house_stop(h);
	remove_tree(h->dir);
	while (waitpid(-1, NULL, WNOHANG) > 0) /* orphans, where the test takes them */
		;
}

static int setup(void **state, const struct house_options *options)
{
	struct house *h = calloc(1, sizeof(*h));
	assert_non_null(h);
	house_open(h, options);
	*state = h;
	return 0;
}

int house_setup(void **state) { return setup(state, &(struct house_options){0}); }

int house_setup_without_cgroups(void **state)
{
	return setup(state, &(struct house_options){.no_cgroups = true});
}

int house_teardown(void **state)
{
	house_close(*state);
	free(*state);
	return 0;
}

struct replica_name house_name(const struct house *h, uint32_t index)
{
	return (struct replica_name){.job = h->job, .role = 2, .index = index};
}

void house_run(struct house *h, uint32_t index, const char *pod, ...)
{
	char *text, side[160];
	va_list args;
	va_start(args, pod);
	int len = vasprintf(&text, pod, args);
	va_end(args);
	assert_true(len > 0);
	snprintf(side, sizeof(side), "SIDE=%s/side", h->dir);
	const char *env[] = {"GIVEN=by the core", side, NULL};
	struct replica_spec spec = {.name = house_name(h, index),
				    .pod = bytes_of(text, (size_t)len),
				    .role_name = BYTES("worker"),
				    .taskset_name = BYTES("demo"),
				    .env = env};
	struct replica_group group = {START_EACH, 1, &spec};
	assert_int_equal(h->engine->ops->start(h->engine, &group), 0);
	free(text);
}

void house_sh(struct house *h, uint32_t index, const char *script)
{
	house_run(h, index,
		  "{\"spec\":{\"containers\":[{\"name\":\"c\",\"command\":[\"sh\",\"-c\"],"
		  "\"args\":[\"%s\"]}]}}",
		  script);
}

static bool is_it(const struct house *h, size_t i, uint32_t index, enum replica_change change)
{
	return h->report[i].name.index == index && h->report[i].change == change;
}

unsigned house_count(struct house *h, uint32_t index, enum replica_change change)
{
	unsigned n = 0;
	pthread_mutex_lock(&h->lock);
	for (size_t i = 0; i < h->n; i++)
		n += is_it(h, i, index, change);
	pthread_mutex_unlock(&h->lock);
	return n;
}

struct engine_report house_wait(struct house *h, uint32_t index, enum replica_change change)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += HOUSE_DEADLINE_S;
	struct engine_report found = {0};
	bool have = false;
	pthread_mutex_lock(&h->lock);
	for (int rc = 0; !have && rc == 0;) {
		for (size_t i = 0; !have && i < h->n; i++) {
			have = is_it(h, i, index, change);
			if (have)
				found = h->report[i];
		}
		if (!have)
			rc = pthread_cond_timedwait(&h->more, &h->lock, &until);
	}
	pthread_mutex_unlock(&h->lock);
	if (!have)
		fail_msg("replica %u never reported %d", index, (int)change);
	return found;
}

int house_code(struct house *h, uint32_t index)
{
	return house_wait(h, index, REPLICA_ENDED).exit.code;
}

void house_ask_stop(struct house *h, uint32_t index)
{
	struct replica_name name = house_name(h, index);
	h->engine->ops->stop(h->engine, &name);
}

pid_t house_supervisor(const struct house *h, uint32_t index)
{
	char data[160];
	struct replica_name name = house_name(h, index);
	snprintf(data, sizeof(data), "%s/data", h->dir);
	int at = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC), pidfd;
	int dir = rundir_open(at, &name);
	assert_true(dir >= 0);
	int pid = rundir_holder(dir, &pidfd);
	assert_true(pid > 0);
	close(pidfd);
	close(dir);
	close(at);
	return pid;
}

static char *read_all(int fd)
{
	size_t len = 0, cap = 4 << 20;
	char *text = malloc(cap + 1);
	assert_non_null(text);
	ssize_t n;
	while (len < cap && (n = read(fd, text + len, cap - len)) > 0)
		len += (size_t)n;
	close(fd);
	text[len] = 0;
	return text;
}

char *house_log(struct house *h, uint32_t index, const char *stream)
{
	int fd = h->engine->ops->open_log(h->engine, &h->job, BYTES("worker"), index, stream);
	assert_true(fd >= 0);
	return read_all(fd);
}

char *house_side(const struct house *h, const char *name)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/side/%s", h->dir, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? NULL : read_all(fd);
}

int32_t house_pid_in(const struct house *h, const char *name)
{
	char *text = house_side(h, name);
	assert_non_null(text);
	int32_t pid = (int32_t)strtol(text, NULL, 10);
	free(text);
	assert_true(pid > 1);
	return pid;
}

void house_wait_side(const struct house *h, const char *name)
{
	struct timespec now, start;
	char path[256];
	snprintf(path, sizeof(path), "%s/side/%s", h->dir, name);
	clock_gettime(CLOCK_MONOTONIC, &start);
	while (access(path, F_OK) < 0) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec - start.tv_sec > HOUSE_DEADLINE_S)
			fail_msg("%s never appeared", name);
		sched_yield();
	}
}

void house_touch(const struct house *h, const char *name)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/side/%s", h->dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
}

void house_assert_line(const char *text, const char *line)
{
	size_t len = strlen(line);
	for (const char *at = text; (at = strstr(at, line)); at += len) {
		if ((at == text || at[-1] == '\n') && (at[len] == '\n' || at[len] == 0))
			return;
	}
	fail_msg("no line '%s' in:\n%s", line, text);
}

bool house_alive(int32_t pid)
{
	char path[64], text[512], state;
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = 0;
	const char *end = strrchr(text, ')');
	return end && sscanf(end + 1, " %c", &state) == 1 && state != 'Z' && state != 'X';
}
