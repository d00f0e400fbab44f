/* What a store refuses to open, and that it leaves it as it was. */
#include "tests/unit/store/files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 4096 };

/** Opening must fail with these words and change neither the file nor the directory. */
static void assert_refused(const char *path, const char *why)
{
	char file[128];
	char *before = malloc(FILE_MAX_SIZE), *after = malloc(FILE_MAX_SIZE);
	assert_true(before && after);
	size_t len = read_all(data_file(path, file), before);
	unsigned names = names_in(path);
	for (int read_only = 0; read_only < 2; read_only++) {
		struct store_config config = {path, SIZE_MAX_HERE, 4, read_only, false, NULL};
		struct store *s = NULL;
		struct sl_error err = {0};
		assert_int_equal(store_open_lmdb(&config, &s, &err), SL_E_CORRUPT);
		assert_null(s);
		assert_non_null(strstr(err.text, path));
		if (!strstr(err.text, why))
			fail_msg("expected \"%s\" in: %s", why, err.text);
		assert_int_equal(read_all(file, after), len);
		assert_memory_equal(before, after, len);
		assert_int_equal(names_in(path), names);
	}
	free(before);
	free(after);
}

/** Damage a copy of a good file and see it refused. */
static void with_bytes(const char *path, size_t at, const void *what, size_t len, const char *why)
{
	char file[128], *good = malloc(FILE_MAX_SIZE), *bad = malloc(FILE_MAX_SIZE);
	assert_true(good && bad);
	size_t size = read_all(data_file(path, file), good);
	memcpy(bad, good, size);
	memcpy(bad + at, what, len);
	write_all(file, bad, size);
	assert_refused(path, why);
	write_all(file, good, size);
	free(good);
	free(bad);
}

static void other_files_are_refused(void **state)
{
	(void)state;
	static const char text[] = "dear diary, this is not a database at all, not even a bit\n";
	char path[64], file[128], *garbage = malloc(10 * PAGE);
	assert_non_null(garbage);
	srand(7);
	for (int i = 0; i < 10 * PAGE; i++)
		garbage[i] = (char)rand();
	dir_make(path);
	write_all(data_file(path, file), text, sizeof(text) - 1);
	assert_refused(path, "not a store");
	write_all(file, "x", 1);
	assert_refused(path, "not a store");
	write_all(file, garbage, 10 * PAGE);
	assert_refused(path, "not a store");
	free(garbage);
	dir_remove(path);
}

static void a_cut_off_file_is_refused(void **state)
{
	(void)state;
	char path[64], file[128];
	make_store(path);
	struct stat st;
	assert_int_equal(stat(data_file(path, file), &st), 0);
	assert_int_equal(truncate(file, st.st_size - 1), 0);
	assert_refused(path, "damaged");
	for (off_t size = st.st_size - PAGE; size > 0; size -= PAGE) {
		assert_int_equal(truncate(file, size), 0);
		assert_refused(path, "damaged");
	}
	assert_int_equal(truncate(file, PAGE / 2), 0);
	assert_refused(path, "damaged");
	assert_int_equal(truncate(file, 20), 0);
	assert_refused(path, "not a store");
	dir_remove(path);
}

/** The page that is missing is the last one of a large value: every tree is whole. */
static void a_cut_off_value_is_refused(void **state)
{
	(void)state;
	static const char large[40000];
	char path[64], file[128];
	struct store *s;
	struct store_txn *txn;
	struct stat st;
	make_store(path);
	assert_int_equal(store_at(path, SIZE_MAX_HERE, &s, NULL), 0);
	for (int i = 0; i < 6; i++) /* so that single pages come from the free ones */
		assert_int_equal(put_one(s, STORE_DOCS, "00001", i % 2 ? "1" : "2"), 0);
	assert_int_equal(store_begin(s, STORE_WRITE, &txn), 0);
	store_put(txn, STORE_DOCS, BYTES("large"), bytes_of(large, sizeof(large)));
	assert_int_equal(store_commit(&txn), 0);
	store_close(s);
	assert_int_equal(stat(data_file(path, file), &st), 0);
	assert_int_equal(truncate(file, st.st_size - PAGE), 0);
	assert_refused(path, "cut off");
	dir_remove(path);
}

static void damaged_pages_are_refused(void **state)
{
	(void)state;
	char path[64], zero[PAGE] = {0}, noise[PAGE];
	memset(noise, 0xA5, sizeof(noise));
	make_store(path);
	with_bytes(path, 16, zero, 4, "not a store");
	with_bytes(path, PAGE + 16, zero, 4, "damaged");
	with_bytes(path, 20, "\2", 1, "another layout");
	with_bytes(path, 40, noise, 4, "page size");
	/* Everything behind the meta pages, or the top page of just one tree. */
	char file[128], *good = malloc(FILE_MAX_SIZE);
	assert_non_null(good);
	size_t size = read_all(data_file(path, file), good);
	unsigned refused = 0;
	for (size_t at = 2 * PAGE; at + PAGE <= size; at += PAGE) {
		struct store *s = NULL;
		char *bad = malloc(size);
		assert_non_null(bad);
		memcpy(bad, good, size);
		memcpy(bad + at, noise, PAGE);
		write_all(file, bad, size);
		struct store_config config = {path, SIZE_MAX_HERE, 4, true, false, NULL};
		refused += store_open_lmdb(&config, &s, NULL) == SL_E_CORRUPT;
		store_close(s);
		free(bad);
	}
	assert_true(refused >= STORE_TABLES + 1);
	free(good);
	dir_remove(path);
}

static void a_newer_format_is_refused(void **state)
{
	(void)state;
	char path[64];
	struct store *s;
	make_store(path);
	assert_int_equal(store_at(path, SIZE_MAX_HERE, &s, NULL), 0);
	assert_int_equal(put_one(s, STORE_META, "store.format", "4"), 0);
	store_close(s);
	assert_refused(path, "format 4");
	dir_remove(path);
}

static void a_store_without_its_marks_is_refused(void **state)
{
	(void)state;
	static const char *const number[] = {"", "0", "-1", "1x", "99999999999999999999"};
	char path[64];
	struct store *s;
	for (size_t i = 0; i < countof(number); i++) {
		make_store(path);
		assert_int_equal(store_at(path, SIZE_MAX_HERE, &s, NULL), 0);
		assert_int_equal(put_one(s, STORE_META, "store.format", number[i]), 0);
		store_close(s);
		assert_refused(path, "format");
		dir_remove(path);
	}
	make_store(path);
	assert_int_equal(store_at(path, SIZE_MAX_HERE, &s, NULL), 0);
	assert_int_equal(put_one(s, STORE_META, "store.magic", "molasses"), 0);
	store_close(s);
	assert_refused(path, "another program");
	dir_remove(path);
}

static void a_database_of_another_program_is_refused(void **state)
{
	(void)state;
	char path[64], file[128], *at = malloc(FILE_MAX_SIZE);
	assert_non_null(at);
	make_store(path);
	/* The same layout, but no table is called "meta". */
	size_t size = read_all(data_file(path, file), at);
	unsigned renamed = 0;
	for (size_t i = 0; i + 8 < size; i++)
		if (memcmp(at + i, "\2\0\4\0meta", 8) == 0) {
			memcpy(at + i + 4, "mfta", 4);
			renamed++;
		}
	assert_true(renamed > 0);
	write_all(file, at, size);
	assert_refused(path, "another program");
	snprintf(file, sizeof(file), "%s/sluice.lock", path);
	assert_int_equal(unlink(file), 0);
	assert_refused(path, "another program"); /* and no lock file is made */
	free(at);
	dir_remove(path);
}

static void a_directory_with_other_files_is_refused(void **state)
{
	(void)state;
	char path[64], file[128];
	struct store *s = NULL;
	struct sl_error err = {0};
	dir_make(path);
	snprintf(file, sizeof(file), "%s/thesis.txt", path);
	write_all(file, "chapter 1", 9);
	assert_int_equal(store_at(path, SIZE_MAX_HERE, &s, &err), SL_E_CORRUPT);
	assert_non_null(strstr(err.text, "thesis.txt"));
	assert_int_equal(names_in(path), 3);
	assert_int_equal(store_at(file, SIZE_MAX_HERE, &s, &err), SL_E_IO);
	dir_remove(path);
}

/** A file may end before its last page when the pages missing are free; LMDB leaves it
 * so when the last pages were taken and given back in one transaction. */
static void a_file_that_ends_in_free_pages_opens(void **state)
{
	(void)state;
	enum { LARGE = 20000, TRIES = 200 };
	char path[64], file[128], *val = calloc(1, LARGE);
	struct store *s;
	unsigned shorter = 0;
	assert_non_null(val);
	dir_make(path);
	data_file(path, file);
	for (int i = 0; i < TRIES && shorter < 5; i++) {
		struct store_txn *txn;
		struct store_room room;
		struct stat st;
		assert_int_equal(store_at(path, SIZE_MAX_HERE, &s, NULL), 0);
		assert_int_equal(store_begin(s, STORE_WRITE, &txn), 0);
		for (int j = 0; j < 6; j++) {
			char key[16];
			snprintf(key, sizeof(key), "%d", (i * 7 + j * 3) % 40);
			store_put(txn, STORE_DOCS, bytes_str(key),
				  bytes_of(val, LARGE - (size_t)(i * 37 + j * 1501) % 15000));
			if ((i + j) % 2)
				store_del(txn, STORE_DOCS, bytes_str(key));
		}
		assert_int_equal(store_commit(&txn), 0);
		assert_int_equal(store_room(s, &room), 0);
		store_close(s);
		assert_int_equal(stat(file, &st), 0);
		/* The number of the last page, from the newer of the two meta pages. */
		char head[2 * PAGE];
		uint64_t last[2], txns[2];
		int fd = open(file, O_RDONLY | O_CLOEXEC);
		assert_int_equal(read(fd, head, sizeof(head)), sizeof(head));
		close(fd);
		for (int m = 0; m < 2; m++) {
			memcpy(&last[m], head + m * PAGE + 16 + 120, 8);
			memcpy(&txns[m], head + m * PAGE + 16 + 128, 8);
		}
		shorter += (uint64_t)st.st_size < (last[txns[1] > txns[0]] + 1) * PAGE;
	}
	assert_true(shorter > 0);
	assert_int_equal(store_at(path, SIZE_MAX_HERE, &s, NULL), 0);
	store_close(s);
	assert_int_equal(truncate(file, 8 * PAGE), 0); /* and what is not free is missed */
	assert_refused(path, "damaged");
	free(val);
	dir_remove(path);
}

static void what_is_new_is_private(void **state)
{
	(void)state;
	char path[64], inner[80], file[128];
	struct store *s;
	struct stat st;
	mode_t old = umask(0);
	dir_make(path);
	snprintf(inner, sizeof(inner), "%s/data", path);
	assert_int_equal(store_at(inner, SIZE_MAX_HERE, &s, NULL), 0);
	umask(old);
	assert_int_equal(stat(inner, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	static const char *const name[] = {"data.mdb", "lock.mdb", "sluice.lock"};
	for (size_t i = 0; i < countof(name); i++) {
		snprintf(file, sizeof(file), "%s/%s", inner, name[i]);
		assert_int_equal(stat(file, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
	}
	store_close(s);
	dir_remove(path);
}

/* Where there was a store, an empty file is none that was just begun. */
static void an_empty_file_is_no_beginning(void **state)
{
	(void)state;
	char path[64], file[128];
	struct store *s = NULL;
	dir_make(path);
	struct store_config config = {path, SIZE_MAX_HERE, 4, false, true, NULL};
	write_all(data_file(path, file), "", 0);
	assert_int_equal(store_open_lmdb(&config, &s, NULL), SL_E_CORRUPT);
	config.must_be_there = false;
	assert_int_equal(store_open_lmdb(&config, &s, NULL), 0);
	store_close(s);
	dir_remove(path);
}

static void note_move(void *user, long from, const char *kept)
{
	(void)kept;
	*(long *)user = from;
}

/* As a power cut in the very first start leaves it: its length, and nothing else. */
static void zeros_are_begun_anew(void **state)
{
	(void)state;
	char path[64], file[128], zeros[10 * PAGE] = {0};
	struct store *s = NULL;
	long from = -1;
	struct store_moving moving = {.moved = note_move, .user = &from};
	dir_make(path);
	struct store_config config = {path, SIZE_MAX_HERE, 4, true, false, &moving};
	write_all(data_file(path, file), zeros, sizeof(zeros));
	assert_int_equal(store_open_lmdb(&config, &s, NULL), SL_E_CORRUPT); /* only to read */
	config.read_only = false;
	config.must_be_there = true; /* there was a store: that is damage */
	assert_int_equal(store_open_lmdb(&config, &s, NULL), SL_E_CORRUPT);
	char *found = malloc(FILE_MAX_SIZE);
	assert_int_equal(read_all(file, found), sizeof(zeros));
	assert_memory_equal(found, zeros, sizeof(zeros));
	free(found);
	config.must_be_there = false;
	zeros[sizeof(zeros) - 1] = 1; /* somebody wrote there */
	write_all(file, zeros, sizeof(zeros));
	assert_int_equal(store_open_lmdb(&config, &s, NULL), SL_E_CORRUPT);
	assert_int_equal(from, -1);
	zeros[sizeof(zeros) - 1] = 0;
	write_all(file, zeros, sizeof(zeros));
	assert_int_equal(store_open_lmdb(&config, &s, NULL), 0);
	assert_int_equal(from, 0);
	assert_int_equal(put_one(s, STORE_JOBS, "a", "1"), 0);
	store_close(s);
	assert_int_equal(store_open_lmdb(&config, &s, NULL), 0);
	assert_true(holds(s, STORE_JOBS, "a", "1"));
	store_close(s);
	dir_remove(path);
}

static void read_everything(struct store *s)
{
	struct store_txn *txn;
	volatile uint8_t sum = 0;
	assert_int_equal(store_begin(s, STORE_READ, &txn), 0);
	for (int table = 0; table < STORE_TABLES; table++) {
		struct store_cursor *c;
		struct bytes key, val;
		if (store_cursor_open(txn, (enum store_table)table, &c))
			continue;
		for (int rc = store_seek(c, BYTES(""), &key, &val); rc == 0;
		     rc = store_next(c, &key, &val))
			for (size_t i = 0; i < val.len; i++)
				sum = (uint8_t)(sum + ((const uint8_t *)val.at)[i]);
		store_cursor_free(c);
	}
	store_abort(txn);
}

/* Whatever bytes are changed: it is refused, or it can be read to its end. */
static void changed_bytes_never_crash(void **state)
{
	(void)state;
	enum { ROUNDS = 300, AT_ONCE = 8 };
	char path[64], file[128];
	make_store(path);
	char *good = malloc(FILE_MAX_SIZE), *bad = malloc(FILE_MAX_SIZE);
	assert_true(good && bad);
	size_t size = read_all(data_file(path, file), good);
	uint32_t random = 7;
	unsigned refused = 0;
	for (int round = 0; round < ROUNDS; round++) {
		memcpy(bad, good, size);
		for (int i = 0; i < 1 + round % AT_ONCE; i++) {
			random = random * 1664525 + 1013904223;
			size_t at = (round % 3 ? random % 65536 : random) % size;
			bad[at] = (char)(random >> 24);
		}
		write_all(file, bad, size);
		struct store_config config = {path, SIZE_MAX_HERE, 4, true, false, NULL};
		struct store *s = NULL;
		int rc = store_open_lmdb(&config, &s, NULL);
		if (!rc)
			read_everything(s);
		refused += rc != 0;
		store_close(s);
	}
	assert_true(refused > 0 && refused < ROUNDS);
	free(good);
	free(bad);
	dir_remove(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(other_files_are_refused),
		cmocka_unit_test(a_cut_off_file_is_refused),
		cmocka_unit_test(a_cut_off_value_is_refused),
		cmocka_unit_test(damaged_pages_are_refused),
		cmocka_unit_test(a_newer_format_is_refused),
		cmocka_unit_test(an_empty_file_is_no_beginning),
		cmocka_unit_test(zeros_are_begun_anew),
		cmocka_unit_test(changed_bytes_never_crash),
		cmocka_unit_test(a_store_without_its_marks_is_refused),
		cmocka_unit_test(a_database_of_another_program_is_refused),
		cmocka_unit_test(a_directory_with_other_files_is_refused),
		cmocka_unit_test(a_file_that_ends_in_free_pages_opens),
		cmocka_unit_test(what_is_new_is_private),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
