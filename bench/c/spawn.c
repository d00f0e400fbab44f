/* spawn N FILE: N times the least that running `true` durably can cost: an append and
 * fdatasync (it was accepted), posix_spawn, wait, an append and fdatasync (its outcome).
 * Prints the microseconds of each. */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { RECORD = 512 };

extern char **environ;

static double now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int note(int fd)
{
	char record[RECORD];
	memset(record, 'x', sizeof(record));
	return write(fd, record, sizeof(record)) == RECORD ? fdatasync(fd) : -1;
}

static int run_true(void)
{
	char path[] = "/bin/true";
	char *argv[] = {path, NULL};
	pid_t pid;
	int status;
	if (posix_spawn(&pid, path, NULL, NULL, argv, environ) || waitpid(pid, &status, 0) < 0)
		return -1;
	return status;
}

int main(int argc, char **argv)
{
	long n = argc == 3 ? strtol(argv[1], NULL, 10) : 0;
	int fd = n > 0 ? open(argv[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
	if (fd < 0) {
		fprintf(stderr, "usage: spawn N FILE\n");
		return 1;
	}
	for (long i = 0; i < n; i++) {
		double began = now_us();
		if (note(fd) || run_true() || note(fd)) {
			perror("spawn");
			return 1;
		}
		printf("%.1f\n", now_us() - began);
	}
	close(fd);
	return 0;
}
