/* Sending over a socket as somebody who keeps to nothing: wire_send() would refuse to. */
#pragma once

#include "runtime/local/wire.h"

#include <sys/socket.h>

enum { SEND_FDS_MAX = 4 };

/** One message of any length, with any number of descriptors. Is all of it on its way? */
static inline bool send_any(int sock, const void *at, size_t len, const int *fds, unsigned n)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(SEND_FDS_MAX * sizeof(int))];
	} control = {0};
	struct iovec piece = {(void *)(uintptr_t)at, len};
	struct msghdr msg = {.msg_iov = &piece, .msg_iovlen = 1};
	wire_attach(&msg, control.room, fds, n);
	return sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len;
}
