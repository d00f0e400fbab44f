#include "runtime/local/record.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum { NOTE_MAX = 1024 };

static const char *const reason_names[] = {
	[OUTCOME_COMPLETED] = "Completed", [OUTCOME_ERROR] = "Error",
	[OUTCOME_SIGNALED] = "Signaled",   [OUTCOME_START_ERROR] = "StartError",
	[OUTCOME_STOPPED] = "Stopped",     [OUTCOME_OOM] = "OOMKilled",
};

const char *outcome_reason_name(enum outcome_reason reason) { return reason_names[reason]; }

static int write_at_start(int fd, const char *text, size_t len)
{
	ssize_t n = pwrite(fd, text, len, 0);
	if (n >= 0 && (size_t)n < len)
		errno = ENOSPC;
	return n == (ssize_t)len ? 0 : SL_E_IO;
}

static int close_with(int fd, int rc)
{
	int saved = errno;
	close(fd);
	errno = saved;
	return rc;
}

int outcome_reserve(int dir)
{
	char blank[NOTE_MAX];
	memset(blank, ' ', sizeof(blank));
	int fd = openat(dir, "outcome.new", O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return SL_E_IO;
	return close_with(fd, write_at_start(fd, blank, sizeof(blank)));
}

/** Write `text` aside and put it under its name. */
static int put(int dir, const char *aside, const char *name, const char *text, size_t len)
{
	int fd = openat(dir, aside, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return SL_E_IO;
	bool done = write_at_start(fd, text, len) == 0 && ftruncate(fd, (off_t)len) == 0;
	if (close_with(fd, done ? 0 : SL_E_IO))
		return SL_E_IO;
	return renameat(dir, aside, dir, name) < 0 ? SL_E_IO : 0;
}

static int read_note(int dir, const char *name, char text[NOTE_MAX + 1])
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? SL_E_NOT_FOUND : SL_E_IO;
	ssize_t n = pread(fd, text, NOTE_MAX, 0);
	if (n < 0)
		return close_with(fd, SL_E_IO);
	text[n] = 0;
	return close_with(fd, 0);
}

/** The message on one line: what is no printable ASCII or UTF-8 byte becomes a space. */
static void flatten(char *to, const char *from)
{
	for (; *from; from++)
		*to++ = iscntrl((unsigned char)*from) ? ' ' : *from;
	*to = 0;
}

int outcome_write(int dir, const struct outcome *o)
{
	char text[NOTE_MAX], message[sizeof(o->message)];
	flatten(message, o->message);
	int n = snprintf(text, sizeof(text),
			 "code %" PRId32 "\nsignal %" PRId32 "\nreason %s\nstarted %" PRId64
			 "\nfinished %" PRId64 "\nmessage:%s\nend\n",
			 o->code, o->signal, reason_names[o->reason], o->started_ms, o->finished_ms,
			 message);
	return put(dir, "outcome.new", "outcome", text, (size_t)n);
}

int outcome_flush(int dir)
{
	int fd = openat(dir, "outcome", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return SL_E_IO;
	return close_with(fd, fsync(fd) < 0 || fsync(dir) < 0 ? SL_E_IO : 0);
}

/* Up to the end of the year 9999. */
static bool is_time(int64_t ms) { return ms >= 0 && ms <= INT64_C(253402300799999); }

static int reason_of(const char *name, enum outcome_reason *ret)
{
	for (size_t i = 0; i < countof(reason_names); i++) {
		if (strcmp(name, reason_names[i]) == 0) {
			*ret = (enum outcome_reason)i;
			return 0;
		}
	}
	return SL_E_CORRUPT;
}

int outcome_read(int dir, struct outcome *ret)
{
	char text[NOTE_MAX + 1], reason[16];
	int rc = read_note(dir, "outcome", text);
	if (rc)
		return rc;
	struct outcome o = {0};
	int got = sscanf(text,
			 "code %" SCNd32 " signal %" SCNd32 " reason %15s started %" SCNd64
			 " finished %" SCNd64 " message:%199[^\n]",
			 &o.code, &o.signal, reason, &o.started_ms, &o.finished_ms, o.message);
	if (got < 5 || reason_of(reason, &o.reason) || !strstr(text, "\nend\n") ||
	    !is_time(o.started_ms) || !is_time(o.finished_ms))
		return SL_E_CORRUPT;
	*ret = o;
	return 0;
}

int started_write(int dir, const struct started *s)
{
	char text[80];
	int n = snprintf(text, sizeof(text), "pid %" PRId32 "\nslots %" PRIu32 "\nms %" PRId64 "\n",
			 s->pid, s->slots, s->ms);
	return put(dir, "started.new", "started", text, (size_t)n);
}

int started_read(int dir, struct started *ret)
{
	char text[NOTE_MAX + 1];
	int rc = read_note(dir, "started", text);
	if (rc)
		return rc;
	struct started s = {0};
	if (sscanf(text, "pid %" SCNd32 " slots %" SCNu32 " ms %" SCNd64, &s.pid, &s.slots,
		   &s.ms) != 3 ||
	    s.pid < 1 || !is_time(s.ms))
		return SL_E_CORRUPT;
	*ret = s;
	return 0;
}
