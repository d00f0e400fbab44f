#include "cli/sluicectl/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

int disk_write(int fd, struct bytes piece)
{
	const char *at = piece.at;
	while (piece.len) {
		ssize_t n = write(fd, at, piece.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		at += n;
		piece.len -= (size_t)n;
	}
	return 0;
}

int disk_flush_folder(const char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd < 0 ? -1 : fsync(fd);
	int why = errno;
	if (fd >= 0)
		close(fd);
	errno = why;
	return rc;
}

bool disk_read_key(const char *data, uint8_t ret[CRYPT_KEY_SIZE])
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/secret.key", data);
	int fd = n < PATH_MAX ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
	if (fd < 0)
		return false;
	bool whole = read(fd, ret, CRYPT_KEY_SIZE) == CRYPT_KEY_SIZE;
	close(fd);
	return whole;
}
