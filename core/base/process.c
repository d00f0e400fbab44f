#include "core/base/process.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/** Fields of /proc/self/stat, proc(5). */
struct stat_line {
	unsigned long long user, system, started, bytes; /* the first three in ticks */
	long threads, pages;
};

static bool read_line(const char *path, char *to, size_t size)
{
	FILE *file = fopen(path, "re");
	bool good = file && fgets(to, (int)size, file);
	if (file)
		fclose(file);
	return good;
}

static bool read_stat(struct stat_line *ret)
{
	char line[1024];
	if (!read_line("/proc/self/stat", line, sizeof(line)))
		return false;
	/* The name in parentheses may hold anything. */
	const char *rest = strrchr(line, ')');
	return rest && sscanf(rest,
			      ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d "
			      "%*d %*d %ld %*d %llu %llu %ld",
			      &ret->user, &ret->system, &ret->threads, &ret->started, &ret->bytes,
			      &ret->pages) == 6;
}

/* When the machine was started, as Unix seconds. */
static uint64_t boot_s(void)
{
	struct timespec now, up;
	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_BOOTTIME, &up);
	return (uint64_t)(now.tv_sec - up.tv_sec);
}

static void write_stat(struct buf *to)
{
	struct stat_line s;
	long ticks = sysconf(_SC_CLK_TCK), page = sysconf(_SC_PAGESIZE);
	if (!read_stat(&s) || ticks <= 0 || page <= 0)
		return;
	uint64_t tick_us = 1000000 / (uint64_t)ticks;
	metric_head(to, "process_cpu_seconds_total", "counter", "Time of processors used.");
	metric_sample_us(to, "process_cpu_seconds_total", "", (s.user + s.system) * tick_us);
	metric_single(to, "process_resident_memory_bytes", "gauge", "Resident memory.",
		      (uint64_t)s.pages * (uint64_t)page);
	metric_single(to, "process_virtual_memory_bytes", "gauge",
		      "Virtual memory; the store's reserved address space is in it.", s.bytes);
	metric_single(to, "process_threads", "gauge", "Threads.", (uint64_t)s.threads);
	metric_single(to, "process_start_time_seconds", "gauge", "Start, as Unix time.",
		      boot_s() + s.started / (uint64_t)ticks);
}

static void write_descriptors(struct buf *to)
{
	uint64_t open = 0;
	struct rlimit limit;
	DIR *dir = opendir("/proc/self/fd");
	for (struct dirent *e; dir && (e = readdir(dir));)
		open += e->d_name[0] != '.';
	if (dir) {
		closedir(dir);
		metric_single(to, "process_open_fds", "gauge", "Open file descriptors.", open - 1);
	}
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		metric_single(to, "process_max_fds", "gauge",
			      "File descriptors that may be open at one time.", limit.rlim_cur);
}

void process_write(struct buf *to)
{
	write_stat(to);
	write_descriptors(to);
}
