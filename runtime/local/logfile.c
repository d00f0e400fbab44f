#include "runtime/local/logfile.h"

#include "core/base/clock.h"
#include "core/log_times.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 16384, NOTES_MAX = 4096, TIMES_PAUSE_MS = 100, TIMES_PARTS = 16 };

const char *logfile_path(struct uuid job, struct bytes role, uint32_t index, const char *stream,
			 char out[LOGFILE_PATH_SIZE])
{
	char id[UUID_TEXT_SIZE];
	snprintf(out, LOGFILE_PATH_SIZE, "logs/%s/%.*s.%u.%s.log", uuid_format(job, id),
		 BYTES_FMT(role), index, stream);
	return out;
}

const char *logfile_times_path(struct uuid job, struct bytes role, uint32_t index,
			       const char *stream, char out[LOGFILE_PATH_SIZE])
{
	char id[UUID_TEXT_SIZE];
	snprintf(out, LOGFILE_PATH_SIZE, "logs/%s/%.*s.%u.%s.times", uuid_format(job, id),
		 BYTES_FMT(role), index, stream);
	return out;
}

/** Make the two directories of a path. */
static void make_parents(int data, const char *path)
{
	char dir[LOGFILE_PATH_SIZE];
	snprintf(dir, sizeof(dir), "%s", path);
	for (char *slash = strchr(dir, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		mkdirat(data, dir, 0700);
		*slash = '/';
	}
}

/* An attempt that was killed may have left half a record. */
static void open_times(struct logfile *log, int data, const char *path, int flags)
{
	char beside[LOGFILE_PATH_SIZE];
	struct stat st;
	int len = (int)(strlen(path) - strlen("log"));
	if (log->out < 0 ||
	    snprintf(beside, sizeof(beside), "%.*stimes", len, path) >= (int)sizeof(beside))
		return;
	log->times = openat(data, beside, flags, 0600);
	if (log->times < 0 || fstat(log->times, &st) < 0)
		return;
	log->times_size = st.st_size - st.st_size % LOG_TIME_SIZE;
	if (log->times_size != st.st_size && ftruncate(log->times, log->times_size) < 0) {
		close(log->times);
		log->times = -1;
	}
}

/* The pause between records doubles with each sixteenth part of what they may take. */
static void note_time(struct logfile *log)
{
	uint8_t record[LOG_TIME_SIZE];
	int64_t now_ms = clock_wall_ms(&clock_system), part = log->max / 64 + 1;
	int64_t pause_ms = (int64_t)TIMES_PAUSE_MS << (log->times_size / part);
	if (log->times < 0 || log->times_size / part >= TIMES_PARTS ||
	    (log->noted_ms && now_ms - log->noted_ms < pause_ms && now_ms >= log->noted_ms))
		return;
	log_time_put(record, (struct log_time){log->size, now_ms});
	if (write(log->times, record, sizeof(record)) != sizeof(record)) {
		close(log->times); /* the disk is full: no times from here on */
		log->times = -1;
		return;
	}
	log->noted_ms = now_ms;
	log->times_size += LOG_TIME_SIZE;
}

void logfile_open(struct logfile *log, int data, const char *path, int64_t max)
{
	struct stat st;
	make_parents(data, path);
	int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY;
	*log = (struct logfile){.in = log->in, .times = -1, .max = max};
	log->out = openat(data, path, flags, 0600);
	open_times(log, data, path, flags);
	if (log->out >= 0 && fstat(log->out, &st) == 0)
		log->size = st.st_size;
}

int logfile_pipe(struct logfile *log)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	if (fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0) {
		close(ends[0]);
		close(ends[1]);
		return -1;
	}
	log->in = ends[0];
	return ends[1];
}

/** Write what fits below the limit and on the disk; the rest is counted. */
static void keep(struct logfile *log, const char *at, size_t len)
{
	int64_t room = log->max - log->size;
	size_t fits = room <= 0 || log->out < 0 ? 0 : (int64_t)len < room ? len : (size_t)room;
	size_t kept = 0;
	if (fits)
		note_time(log);
	while (kept < fits) {
		ssize_t n = write(log->out, at + kept, fits - kept);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		kept += (size_t)n;
	}
	log->size += (int64_t)kept;
	log->dropped += len - kept;
}

bool logfile_copy(struct logfile *log)
{
	char chunk[CHUNK];
	if (log->in < 0)
		return false;
	ssize_t n = read(log->in, chunk, sizeof(chunk));
	if (n > 0) {
		keep(log, chunk, (size_t)n);
		return true;
	}
	if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		close(log->in);
		log->in = -1;
	}
	return n < 0 && errno == EINTR;
}

void logfile_drain(struct logfile *log)
{
	while (logfile_copy(log))
		;
	if (log->in >= 0)
		close(log->in);
	log->in = -1;
}

void logfile_close(struct logfile *log)
{
	if (log->out >= 0 && log->dropped && log->size < log->max + NOTES_MAX) {
		char line[128];
		int n = snprintf(line, sizeof(line),
				 "\n[sluice: %" PRIu64 " bytes dropped, the log's limit is %" PRId64
				 " bytes]\n",
				 log->dropped, log->max);
		if (write(log->out, line, (size_t)n) < 0)
			log->dropped++; /* the disk is full: nobody left to tell */
	}
	if (log->out >= 0)
		close(log->out);
	if (log->times >= 0)
		close(log->times);
	log->out = log->times = -1;
}
