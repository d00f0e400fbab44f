#include "runtime/local/spare.h"

#include "runtime/local/wire.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

void spare_make(struct spare *s, const struct supervisor_config *config)
{
	int pair[2];
	if (s->pid || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return;
	pid_t pid = fork();
	if (pid == 0)
		supervisor_wait(config, pair[1]);
	close(pair[1]);
	if (pid > 0)
		*s = (struct spare){pid, pair[0]};
	else
		close(pair[0]);
}

static pid_t let_go(struct spare *s)
{
	pid_t pid = s->pid;
	close(s->sock);
	*s = (struct spare){.sock = -1};
	return pid;
}

pid_t spare_take(struct spare *s, int plan, int notice)
{
	const int fds[] = {plan, notice};
	if (!s->pid)
		return 0;
	bool sent = wire_send(s->sock, "", 1, fds, countof(fds)) == 0;
	pid_t pid = let_go(s);
	return sent ? pid : 0; /* else it is dead, or ends now */
}

void spare_reaped(struct spare *s, pid_t pid)
{
	if (s->pid && s->pid == pid)
		let_go(s);
}

void spare_end(struct spare *s)
{
	if (!s->pid)
		return;
	pid_t pid = let_go(s);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}
