#include "cli/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 65536 };

static int check_file(int fd, const char *path, enum file_privacy privacy, struct sl_error *err)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return sl_fail(err, SL_E_IO, "%s: %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return sl_fail(err, SL_E_INVALID, "%s: is a directory", path);
	if (privacy == FILE_ANY)
		return 0;
	if (st.st_uid != geteuid())
		return sl_fail(err, SL_E_DENIED, "%s: belongs to somebody else", path);
	if (st.st_mode & 077)
		return sl_fail(err, SL_E_DENIED,
			       "%s: holds a token but others may read it (mode %04o): chmod 600 %s",
			       path, (unsigned)st.st_mode & 07777, path);
	return 0;
}

static int read_all(int fd, const char *path, struct buf *to, struct sl_error *err)
{
	char piece[PIECE];
	for (;;) {
		ssize_t n = read(fd, piece, sizeof(piece));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return sl_fail(err, SL_E_IO, "%s: %s", path, strerror(errno));
		if (n == 0)
			return 0;
		buf_add(to, piece, (size_t)n);
		if (to->rc == SL_E_TOO_BIG)
			return sl_fail(err, SL_E_TOO_BIG, "%s: larger than %zu bytes", path,
				       to->max);
		if (to->rc)
			return sl_fail(err, (enum sl_err)to->rc, "%s: %s", path,
				       sl_err_text(to->rc));
	}
}

int file_read(const char *path, enum file_privacy privacy, struct buf *to, struct sl_error *err)
{
	if (strcmp(path, "-") == 0)
		return read_all(STDIN_FILENO, "standard input", to, err);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return sl_fail(err,
			       errno == ENOENT   ? SL_E_NOT_FOUND
			       : errno == EACCES ? SL_E_DENIED
						 : SL_E_IO,
			       "%s: %s", path, strerror(errno));
	int rc = check_file(fd, path, privacy, err);
	if (!rc)
		rc = read_all(fd, path, to, err);
	close(fd);
	return rc;
}
