#include "runtime/local/artifacts.h"

#include "runtime/local/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { PATH_SIZE = sizeof("work/") + UUID_TEXT_SIZE };

static int open_work(int data, struct uuid job)
{
	char path[PATH_SIZE], id[UUID_TEXT_SIZE];
	snprintf(path, sizeof(path), "work/%s", uuid_format(job, id));
	return openat(data, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int told(int error, struct sl_error *err)
{
	switch (error) {
	case ENOENT:
	case ENOTDIR:
	case ENAMETOOLONG:
		return sl_fail(err, SL_E_NOT_FOUND,
			       "there is no such file or folder among the job's artifacts");
	case ELOOP:
		return sl_fail(err, SL_E_CONFLICT,
			       "a link, or behind one: links are not followed; ask for what it "
			       "points to, or let the job copy it");
	case EXDEV:
	case ENOTSUP:
		return sl_fail(err, SL_E_CONFLICT,
			       "not a file or folder of the job's own: pipes, sockets, devices, "
			       "other mounts and other users' files are not served");
	case EACCES:
	case EPERM:
		return sl_fail(err, SL_E_CONFLICT,
			       "the gateway may not read it; let the job give its group the right "
			       "(chmod g+rX)");
	case EMFILE:
	case ENFILE:
		return sl_fail(err, SL_E_UNAVAILABLE, "no descriptor free; try again soon");
	case ENOMEM:
		return SL_E_NO_MEMORY;
	default:
		return sl_fail(err, SL_E_IO, "an artifact: %s", strerror(error));
	}
}

int artifacts_open(int data, struct uuid job, const char *path, int *ret_fd, struct sl_error *err)
{
	struct stat st;
	int work = open_work(data, job);
	int fd = work < 0 ? -1 : beneath_open(work, path, &st);
	int error = errno;
	if (work >= 0)
		close(work);
	if (fd < 0)
		return told(error, err);
	*ret_fd = fd;
	return 0;
}
