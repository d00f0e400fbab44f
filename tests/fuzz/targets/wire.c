/* What comes over the socket between the gateway and its spawner: a message is taken whole, with
 * its descriptors, or refused, and then nothing stays open. What is put into a memfd is in it and
 * stays as it is. Input: the bytes that are expected (2), descriptors sent (1), the message. */
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/local/wire.h"
#include "tests/fuzz/send.h"

enum { HEAD = 3, MESSAGE_MAX = 4096 };

static int lowest_fd(void)
{
	int fd = open("/dev/null", O_RDONLY);
	close(fd);
	return fd;
}

static void take(int sock, const uint8_t *at, size_t len, size_t expected, unsigned n)
{
	uint8_t *room = malloc(expected ? expected : 1);
	int fds[WIRE_FDS_MAX];
	unsigned got = 0;
	fuzz_holds(room);
	int rc = wire_receive(sock, room, expected, fds, MSG_DONTWAIT);
	fuzz_holds(rc == (len == expected && n <= WIRE_FDS_MAX ? 0 : SL_E_PEER));
	for (unsigned i = 0; i < WIRE_FDS_MAX; i++)
		if (fds[i] >= 0) {
			fuzz_holds(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
			close(fds[i]);
			got++;
		}
	fuzz_holds(rc ? got == 0 : got == n);
	if (rc == 0)
		fuzz_holds(memcmp(room, at, len) == 0);
	fuzz_holds(wire_receive(sock, room, expected, fds, MSG_DONTWAIT) == SL_E_BUSY);
	free(room);
}

static void keep(const uint8_t *at, size_t len)
{
	const struct bytes piece[] = {bytes_of(at, len / 2), bytes_of(at + len / 2, len - len / 2)};
	uint8_t text[MESSAGE_MAX];
	int fd = -1;
	fuzz_holds(wire_memfd(piece, countof(piece), &fd) == 0);
	fuzz_holds(pread(fd, text, sizeof(text), 0) == (ssize_t)len);
	fuzz_holds(memcmp(text, at, len) == 0);
	fuzz_holds(pwrite(fd, "x", 1, 0) < 0 && ftruncate(fd, 0) < 0 && ftruncate(fd, 8192) < 0);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	int pair[2], before = lowest_fd();
	if (len <= HEAD || len > HEAD + MESSAGE_MAX ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return 0;
	size_t expected = 1u + (at[0] << 8 | at[1]) % MESSAGE_MAX, n = at[2] % (SEND_FDS_MAX + 1);
	if (at[2] & 128) /* else it seldom fits */
		expected = len - HEAD;
	const int fds[SEND_FDS_MAX] = {pair[0], pair[0], pair[0], pair[0]};
	if (send_any(pair[0], at + HEAD, len - HEAD, fds, (unsigned)n))
		take(pair[1], at + HEAD, len - HEAD, expected, (unsigned)n);
	keep(at + HEAD, len - HEAD);
	close(pair[0]);
	close(pair[1]);
	fuzz_holds(lowest_fd() == before);
	return 0;
}
