/* Sending over a socket as somebody who keeps to nothing: wire_send() would refuse to. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
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
	if (n) {
		msg.msg_control = control.room;
		msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
		struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(head), fds, n * sizeof(int));
	}
	return sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len;
}
