#include "runtime/local/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
	struct cmsghdr align;
	char room[CMSG_SPACE(WIRE_FDS_MAX * sizeof(int))];
};

void wire_attach(struct msghdr *msg, void *room, const int *fds, unsigned n)
{
	if (!n)
		return;
	msg->msg_control = room;
	msg->msg_controllen = CMSG_SPACE(n * sizeof(int));
	struct cmsghdr *head = CMSG_FIRSTHDR(msg);
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(head), fds, n * sizeof(int));
}

int wire_send(int sock, const void *at, size_t len, const int *fds, unsigned n)
{
	union control control = {0};
	struct iovec piece = {(void *)(uintptr_t)at, len};
	struct msghdr msg = {.msg_iov = &piece, .msg_iovlen = 1};
	wire_attach(&msg, control.room, fds, n);
	ssize_t sent;
	do
		sent = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent == (ssize_t)len)
		return 0;
	return errno == EPIPE || errno == ECONNRESET || errno == EBADF ? SL_E_CANCELED : SL_E_IO;
}

static void take_fds(struct msghdr *msg, int fds[WIRE_FDS_MAX])
{
	for (unsigned i = 0; i < WIRE_FDS_MAX; i++)
		fds[i] = -1;
	struct cmsghdr *head = CMSG_FIRSTHDR(msg);
	if (!head || head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
		return;
	size_t n = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(fds, CMSG_DATA(head), (n < WIRE_FDS_MAX ? n : WIRE_FDS_MAX) * sizeof(int));
}

static int reject(int fds[WIRE_FDS_MAX])
{
	for (unsigned i = 0; i < WIRE_FDS_MAX; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
	return SL_E_PEER;
}

int wire_receive(int sock, void *at, size_t len, int fds[WIRE_FDS_MAX], int flags)
{
	union control control = {0};
	struct iovec piece = {at, len};
	struct msghdr msg = {.msg_iov = &piece,
			     .msg_iovlen = 1,
			     .msg_control = control.room,
			     .msg_controllen = sizeof(control.room)};
	ssize_t got;
	do
		got = recvmsg(sock, &msg, flags | MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		msg.msg_controllen = 0;
	take_fds(&msg, fds);
	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return SL_E_BUSY;
	if (got < 0)
		return errno == ECONNRESET ? SL_E_CANCELED : SL_E_IO;
	if (got == 0) { /* the end; or a message of nothing, which may bring descriptors */
		reject(fds);
		return SL_E_CANCELED;
	}
	if ((size_t)got != len || msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		return reject(fds);
	return 0;
}

static int write_all(int fd, struct bytes b)
{
	const char *at = b.at;
	while (b.len) {
		ssize_t n = write(fd, at, b.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return errno == ENOSPC || errno == ENOMEM ? SL_E_NO_MEMORY : SL_E_IO;
		at += n;
		b.len -= (size_t)n;
	}
	return 0;
}

int wire_memfd(const struct bytes *piece, unsigned n, int *ret_fd)
{
	int fd = memfd_create("sluice-plan", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return errno == ENOMEM ? SL_E_NO_MEMORY : SL_E_IO;
	int rc = 0;
	for (unsigned i = 0; !rc && i < n; i++)
		rc = write_all(fd, piece[i]);
	int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	if (!rc && fcntl(fd, F_ADD_SEALS, seals) < 0)
		rc = SL_E_IO;
	if (rc)
		close(fd);
	else
		*ret_fd = fd;
	return rc;
}
