#include "tests/unit/store/files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

const char *data_file(const char *path, char to[128])
{
	snprintf(to, 128, "%s/data.mdb", path);
	return to;
}

size_t read_all(const char *file, char *to)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	ssize_t n = read(fd, to, FILE_MAX_SIZE);
	assert_true(n >= 0 && n < FILE_MAX_SIZE);
	close(fd);
	return (size_t)n;
}

void write_all(const char *file, const void *at, size_t len)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, at, len), (ssize_t)len);
	close(fd);
}

unsigned names_in(const char *path)
{
	DIR *d = opendir(path);
	assert_non_null(d);
	unsigned n = 0;
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

void make_store(char path[64])
{
	struct store *s;
	struct store_txn *txn;
	dir_make(path);
	assert_int_equal(store_at(path, SIZE_MAX_HERE, &s, NULL), 0);
	assert_int_equal(store_begin(s, STORE_WRITE, &txn), 0);
	for (int i = 0; i < 2000; i++) {
		char key[16], val[300];
		memset(val, 'v', sizeof(val));
		snprintf(key, sizeof(key), "%05d", i);
		store_put(txn, (enum store_table)(i % STORE_TABLES), bytes_str(key),
			  bytes_of(val, sizeof(val)));
	}
	assert_int_equal(store_commit(&txn), 0);
	store_close(s);
}
