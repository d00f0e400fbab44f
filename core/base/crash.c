#include "core/base/crash.h"

#ifndef SLUICE_CRASH_POINTS

int crash_list(void) { return -1; }

#else

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { HOLD_LOOK_NS = 5000000 };

static const char *const names[] = {
#define X(id, text) text,
	CRASH_POINT_MAP(X)
#undef X
};

/** What the environment asks for at this point. */
struct wish {
	bool meant, count_only, hold;
	unsigned long nth;
};

static struct wish read_wish(const char *text, const char *name)
{
	struct wish w = {.nth = 1};
	size_t len = strcspn(text, ":");
	w.count_only = strcmp(text, "*") == 0;
	w.meant = w.count_only || (len == strlen(name) && strncmp(text, name, len) == 0);
	if (w.meant && text[len] == ':') {
		char *end;
		w.nth = strtoul(text + len + 1, &end, 10);
		w.hold = strcmp(end, ":hold") == 0;
	}
	return w;
}

/** How often this place was reached; 0: it cannot be counted. Others may count too. */
static unsigned long count(const char *path)
{
	struct stat st = {0};
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		return 0;
	bool good = flock(fd, LOCK_EX) == 0 && write(fd, ".", 1) == 1 && fstat(fd, &st) == 0;
	close(fd);
	return good ? (unsigned long)st.st_size : 0;
}

static void stay(const char *path)
{
	char mark[PATH_MAX];
	snprintf(mark, sizeof(mark), "%s.hold", path);
	int fd = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
	while (access(mark, F_OK) == 0) {
		struct timespec pause = {.tv_nsec = HOLD_LOOK_NS};
		nanosleep(&pause, NULL);
	}
}

void crash_at(enum crash_point point)
{
	const char *at = getenv("SLUICE_CRASH_AT"), *dir = getenv("SLUICE_CRASH_DIR");
	char path[PATH_MAX];
	if (!at || !dir)
		return;
	struct wish wish = read_wish(at, names[point]);
	if (!wish.meant)
		return;
	snprintf(path, sizeof(path), "%s/%s", dir, names[point]);
	if (count(path) != wish.nth || wish.count_only)
		return;
	if (wish.hold)
		stay(path);
	else
		kill(getpid(), SIGKILL);
}

int crash_list(void)
{
	for (size_t i = 0; i < CRASH_POINTS; i++)
		if (puts(names[i]) < 0)
			return -1;
	return 0;
}

#endif
