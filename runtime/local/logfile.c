#include "runtime/local/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 16384, NOTES_MAX = 4096 };

const char *logfile_path(struct uuid job, struct bytes role, uint32_t index, const char *stream,
			 char out[LOGFILE_PATH_SIZE])
{
	char id[UUID_TEXT_SIZE];
	snprintf(out, LOGFILE_PATH_SIZE, "logs/%s/%.*s.%u.%s.log", uuid_format(job, id),
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

void logfile_open(struct logfile *log, int data, const char *path, int64_t max)
{
	struct stat st;
	make_parents(data, path);
	int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY;
	*log = (struct logfile){.in = -1, .max = max};
	log->out = openat(data, path, flags, 0600);
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
	log->out = -1;
}
