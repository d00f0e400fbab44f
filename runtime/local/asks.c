#include "runtime/local/asks.h"

#include "core/base/crash.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static void close_if(int fd)
{
	if (fd >= 0)
		close(fd);
}

static bool answer(int sock, const struct wire_answer *a, const int *fds, unsigned n)
{
	return wire_send(sock, a, sizeof(*a), fds, n) == 0;
}

/** With the plan and nothing else. */
static bool serve_start(int sock, const struct asks_work *work, const int fds[WIRE_FDS_MAX])
{
	struct wire_answer a = {0};
	int ends[2] = {-1, -1}, pidfd = -1;
	crash_at(CRASH_SPAWNER_ASKED);
	if (fds[0] < 0 || fds[1] >= 0)
		a.error = EBADF;
	else if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		a.error = errno;
	else
		a.error = work->start(work->user, fds[0], ends[1], &a.pid, &pidfd);
	crash_at(CRASH_SPAWNER_FORKED);
	const int told[] = {pidfd, ends[0]};
	bool answered = answer(sock, &a, told, a.error ? 0 : countof(told));
	close_if(pidfd);
	close_if(ends[0]);
	close_if(ends[1]);
	return answered;
}

static bool serve_other(int sock, const struct asks_work *work, const struct wire_ask *ask)
{
	struct wire_answer a = {0};
	switch (ask->kind) {
	case WIRE_STOP:
		a.error = work->stop(work->user, &ask->name);
		break;
	case WIRE_SWEEP:
		if (ask->session >= 0)
			work->sweep(work->user, &ask->name, ask->session);
		else
			a.error = EINVAL;
		break;
	case WIRE_RELEASE:
		a.error = work->release(work->user, ask->name.job);
		break;
	default:
		a.error = EINVAL;
	}
	return answer(sock, &a, NULL, 0);
}

bool asks_serve(int sock, const struct asks_work *work)
{
	static const struct wire_answer no_ask = {.error = EBADMSG};
	struct wire_ask ask;
	int fds[WIRE_FDS_MAX];
	int rc = wire_receive(sock, &ask, sizeof(ask), fds, 0);
	if (rc)
		return rc == SL_E_PEER && answer(sock, &no_ask, NULL, 0);
	bool answered = ask.kind == WIRE_START ? serve_start(sock, work, fds)
					       : serve_other(sock, work, &ask);
	close_if(fds[0]);
	close_if(fds[1]);
	return answered;
}
