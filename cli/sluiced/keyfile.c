#include "cli/sluiced/keyfile.h"

#include "core/base/crash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_key(int fd, const char *path, uint8_t ret[CRYPT_KEY_SIZE], struct sl_error *err)
{
	struct stat st;
	if (fstat(fd, &st) != 0 || st.st_size != CRYPT_KEY_SIZE ||
	    read(fd, ret, CRYPT_KEY_SIZE) != CRYPT_KEY_SIZE)
		return sl_fail(err, SL_E_CORRUPT,
			       "%s is not a key (it must hold %d bytes); put the right file back",
			       path, CRYPT_KEY_SIZE);
	if (st.st_mode & 077)
		return sl_fail(err, SL_E_DENIED, "%s may be read by others: chmod 600 %s", path,
			       path);
	return 0;
}

/* Secrets that it seals are on disk soon: its name must be, before. */
static bool sync_folder(const char *data_dir)
{
	int fd = open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool good = fd >= 0 && fsync(fd) == 0;
	int why = errno;
	if (fd >= 0)
		close(fd);
	errno = why;
	return good;
}

/* Whole or not at all: written beside, flushed, then linked into its place. */
static int make_key(const char *data_dir, const char *path, uint8_t ret[CRYPT_KEY_SIZE],
		    struct sl_error *err)
{
	char beside[4200];
	snprintf(beside, sizeof(beside), "%s.new", path);
	unlink(beside);
	int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	crypt_random(ret, CRYPT_KEY_SIZE);
	bool good = fd >= 0 && write(fd, ret, CRYPT_KEY_SIZE) == CRYPT_KEY_SIZE && fsync(fd) == 0;
	int why = errno;
	if (fd >= 0)
		close(fd);
	crash_at(CRASH_START_KEY_UNNAMED);
	if (good && rename(beside, path) == 0 && sync_folder(data_dir))
		return 0;
	return sl_fail(err, SL_E_IO, "%s cannot be written: %s", path,
		       strerror(good ? errno : why));
}

int keyfile_load(const char *data_dir, uint8_t ret[CRYPT_KEY_SIZE], struct sl_error *err)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/secret.key", data_dir);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return make_key(data_dir, path, ret, err);
	if (fd < 0)
		return sl_fail(err, SL_E_IO, "%s cannot be read: %s", path, strerror(errno));
	int rc = read_key(fd, path, ret, err);
	close(fd);
	return rc;
}
