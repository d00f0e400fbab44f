/* The power fails at any moment: the file as a disk may then hold it, and what was answered.
 *
 * What LMDB asks the C library to write to the data file is recorded while the writer works,
 * with the flushes between and the answers. Then the file is made as it may be after a power
 * failure at some point: what was flushed is there, of what was not any part (all of it, the
 * first writes, some writes, some sectors of 512 bytes; the file as long as it was meant to be
 * or not). The store must open, be the state after the last answered batch or after the one
 * that was being written, whole, and go on.
 *
 * SLUICE_POWER_CUTS: so many points; SLUICE_POWER_SEED: the first seed. */
#include "store/writer.h"
#include "tests/unit/store/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	CUTS = 400,
	CUTS_A_SEED = 100,
	KEYS = 96,
	BATCHES = 120,
	WRITES_MAX = 8,
	VALUE_MAX = 9600,
	EVENTS_MAX = 20000,
	IMAGE_MAX = 4 << 20,
	SECTOR = 512,
};

/* ---- what is recorded ---- */

enum event_kind { EVENT_WRITE, EVENT_THROUGH, EVENT_FLUSH, EVENT_DIR_FLUSH, EVENT_ANSWERED };

struct event {
	enum event_kind kind;
	uint64_t at;
	size_t len;
	uint8_t *bytes;
	unsigned batch; /* answered; 0: the store is open */
};

/* Only globals can be reached from what stands in the C library's place. */
static struct {
	bool on;
	char dir[64];
	size_t n;
	struct event event[EVENTS_MAX];
} tape;

static struct event *record(enum event_kind kind)
{
	assert_true(tape.n < EVENTS_MAX);
	struct event *e = &tape.event[tape.n++];
	*e = (struct event){.kind = kind};
	return e;
}

static bool is_open_at(int fd, const char *name)
{
	char link[64], path[100], got[100];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	snprintf(path, sizeof(path), "%s%s", tape.dir, name);
	ssize_t n = readlink(link, got, sizeof(got) - 1);
	got[n < 0 ? 0 : n] = '\0';
	return strcmp(got, path) == 0;
}

static void record_write(int fd, const void *from, ssize_t n, off_t at)
{
	if (!tape.on || n <= 0 || !is_open_at(fd, "/data.mdb"))
		return;
	struct event *e = record(fcntl(fd, F_GETFL) & O_DSYNC ? EVENT_THROUGH : EVENT_WRITE);
	e->at = (uint64_t)at;
	e->len = (size_t)n;
	e->bytes = malloc((size_t)n);
	assert_non_null(e->bytes);
	memcpy(e->bytes, from, (size_t)n);
}

/* The names by which LMDB calls them, whatever ours are mapped to. */
ssize_t pwrite_for_lmdb(int fd, const void *from, size_t len, off_t at) __asm__("pwrite");
ssize_t writev_for_lmdb(int fd, const struct iovec *from, int n) __asm__("writev");

ssize_t pwrite_for_lmdb(int fd, const void *from, size_t len, off_t at)
{
	ssize_t n = syscall(SYS_pwrite64, fd, from, len, at);
	record_write(fd, from, n, at);
	return n;
}

ssize_t writev_for_lmdb(int fd, const struct iovec *from, int count)
{
	off_t at = lseek(fd, 0, SEEK_CUR);
	ssize_t n = syscall(SYS_writev, fd, from, count), left = n;
	for (int i = 0; i < count && left > 0; i++) {
		ssize_t part = (ssize_t)from[i].iov_len < left ? (ssize_t)from[i].iov_len : left;
		record_write(fd, from[i].iov_base, part, at);
		at += part;
		left -= part;
	}
	return n;
}

/* Nothing is flushed indeed: here a flush is what it promises. */
int fdatasync(int fd)
{
	if (tape.on && is_open_at(fd, "/data.mdb"))
		record(EVENT_FLUSH);
	return 0;
}

int fsync(int fd)
{
	if (tape.on && is_open_at(fd, ""))
		record(EVENT_DIR_FLUSH);
	return fdatasync(fd);
}

/* ---- what is written ---- */

struct work {
	uint64_t seed;
	unsigned short random[3];
	uint32_t numbers;
	/* What each key holds after each batch; 0: it is absent. */
	uint32_t content[BATCHES + 1][KEYS];
};

struct op {
	struct write write;
	unsigned batch, key;
	uint32_t number; /* 0: delete */
};

static unsigned below(struct work *w, unsigned limit)
{
	return (unsigned)nrand48(w->random) % limit;
}

static struct bytes value_of(uint32_t number, uint8_t to[VALUE_MAX])
{
	size_t len = 4 + number * 37 % 300 + (number % 7 == 0 ? number * 131 % 9000 : 0);
	for (size_t i = 0; i < len; i++)
		to[i] = (uint8_t)(number * 31 + i * 7);
	return bytes_of(to, len);
}

static int put_op(struct write *write, struct store_txn *txn)
{
	const struct op *op = container_of(write, struct op, write);
	uint8_t value[VALUE_MAX], key = (uint8_t)op->key;
	struct bytes k = bytes_of(&key, 1);
	if (op->number) {
		store_put(txn, STORE_EVENTS, k, value_of(op->number, value));
		store_put(txn, STORE_INDEX, k, BYTES(""));
	} else {
		store_del(txn, STORE_EVENTS, k);
		store_del(txn, STORE_INDEX, k);
	}
	store_put(txn, STORE_FEED, BYTES("batch"), bytes_of(&op->batch, sizeof(op->batch)));
	return 0;
}

static void answer(struct write *write, int rc)
{
	assert_int_equal(rc, 0);
	record(EVENT_ANSWERED)->batch = container_of(write, struct op, write)->batch;
}

static void write_batch(struct work *w, struct store *store, unsigned batch)
{
	struct op op[WRITES_MAX];
	struct writer *writer;
	unsigned n = 1 + below(w, WRITES_MAX);
	assert_int_equal(writer_create(store, WRITES_MAX, &writer), 0);
	memcpy(w->content[batch], w->content[batch - 1], sizeof(w->content[0]));
	for (unsigned i = 0; i < n; i++) {
		op[i] = (struct op){.write = {.apply = put_op, .done = answer},
				    .batch = batch,
				    .key = below(w, KEYS),
				    .number = below(w, 4) ? ++w->numbers : 0};
		w->content[batch][op[i].key] = op[i].number;
		assert_int_equal(writer_submit(writer, &op[i].write), 0);
	}
	assert_int_equal(writer_turn(writer), n);
	writer_free(writer);
}

/** Work, with a restart now and then, and record it. */
static void work_all(struct work *w)
{
	struct store *store;
	dir_make(tape.dir);
	tape.n = 0;
	tape.on = true;
	assert_int_equal(store_at(tape.dir, RIG_SIZE_MAX, &store, NULL), 0);
	record(EVENT_ANSWERED);
	for (unsigned batch = 1; batch <= BATCHES; batch++) {
		write_batch(w, store, batch);
		if (below(w, 20) == 0) {
			store_close(store);
			assert_int_equal(store_at(tape.dir, RIG_SIZE_MAX, &store, NULL), 0);
		}
	}
	tape.on = false;
	store_close(store);
	dir_remove(tape.dir);
}

static void forget_all(void)
{
	for (size_t i = 0; i < tape.n; i++)
		free(tape.event[i].bytes);
	tape.n = 0;
}

/* ---- what is left ---- */

enum left { LEFT_NONE, LEFT_ALL, LEFT_FIRST, LEFT_SOME, LEFT_SECTORS, LEFTS };
static const char *const left_names[] = {"nothing", "all", "the first writes", "some writes",
					 "some sectors"};

struct cut {
	size_t events;       /* that have happened; the next has begun */
	enum left left;      /* of what was not flushed */
	bool opened;         /* it was told that the store is open */
	unsigned answered;   /* the last batch */
	uint8_t *image;      /* the file */
	size_t len, len_max; /* as it is; as it was meant to be */
};

static void keep(struct cut *c, const struct event *e, size_t from, size_t len)
{
	memcpy(c->image + e->at + from, e->bytes + from, len);
	if (c->len < e->at + from + len)
		c->len = e->at + from + len;
}

/** Of a write that nothing has flushed. */
static void keep_part(struct cut *c, const struct event *e, struct work *w)
{
	size_t len;
	if (c->left == LEFT_ALL || (c->left == LEFT_SOME && below(w, 2)))
		keep(c, e, 0, e->len);
	if (c->left == LEFT_FIRST && below(w, 8))
		keep(c, e, 0, e->len);
	else if (c->left == LEFT_FIRST)
		c->left = LEFT_NONE;
	for (size_t i = 0; c->left == LEFT_SECTORS && i < e->len; i += len) {
		len = SECTOR - (e->at + i) % SECTOR;
		len = len < e->len - i ? len : e->len - i;
		if (below(w, 2))
			keep(c, e, i, len);
	}
}

static void make_image(struct cut *c, struct work *w)
{
	size_t flushed = 0;
	memset(c->image, 0, IMAGE_MAX);
	for (size_t i = 0; i < c->events; i++)
		if (tape.event[i].kind == EVENT_FLUSH)
			flushed = i;
	for (size_t i = 0; i <= c->events && i < tape.n; i++) {
		const struct event *e = &tape.event[i];
		if (e->kind == EVENT_ANSWERED && i < c->events) {
			c->opened = true;
			c->answered = e->batch;
		}
		if (!e->bytes)
			continue;
		assert_true(e->at + e->len <= IMAGE_MAX);
		c->len_max = e->at + e->len > c->len_max ? e->at + e->len : c->len_max;
		if (i < flushed || (e->kind == EVENT_THROUGH && i < c->events))
			keep(c, e, 0, e->len);
		else
			keep_part(c, e, w);
	}
	if (below(w, 2))
		c->len = c->len_max;
}

static void lay_out(const struct cut *c, const char *path)
{
	char file[100];
	snprintf(file, sizeof(file), "%s/data.mdb", path);
	int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, c->image, c->len), (ssize_t)c->len);
	close(fd);
}

/* ---- what must hold ---- */

/** NULL, or what is wrong. */
static const char *compare(struct store_txn *txn, const struct cut *c, const struct work *w)
{
	unsigned batch = 0;
	struct bytes key, val;
	uint8_t value[VALUE_MAX];
	uint64_t entries = 0, indexed, wanted = 0;
	scoped(store_cursor_freep) struct store_cursor *cursor = NULL;
	if (store_get(txn, STORE_FEED, BYTES("batch"), &val) == 0)
		memcpy(&batch, val.at, sizeof(batch));
	if (batch < c->answered)
		return "an answered batch is lost";
	if (batch > c->answered + 1)
		return "a batch from nowhere";
	assert_int_equal(store_cursor_open(txn, STORE_EVENTS, &cursor), 0);
	for (int rc = store_seek(cursor, BYTES(""), &key, &val); rc == 0;
	     rc = store_next(cursor, &key, &val), entries++) {
		uint32_t number = w->content[batch][*(const uint8_t *)key.at % KEYS];
		if (!number || !bytes_eq(val, value_of(number, value)))
			return "a value is not as it was put";
		if (!store_has(txn, STORE_INDEX, key))
			return "half of a write is there";
	}
	for (unsigned i = 0; i < KEYS; i++)
		wanted += w->content[batch][i] != 0;
	if (store_count(txn, STORE_INDEX, &indexed) || entries != wanted || indexed != wanted)
		return "values are missing";
	return NULL;
}

static bool is_zero(const struct cut *c)
{
	for (size_t i = 0; i < c->len; i++)
		if (c->image[i])
			return false;
	return true;
}

/** Open it as tools do, then as the daemon does, which goes on with it. */
static const char *look(const char *path, const struct cut *c, const struct work *w,
			struct sl_error *err)
{
	const char *wrong = NULL;
	for (int read_only = c->opened; !wrong && read_only >= 0; read_only--) {
		struct store_config config = {.path = path,
					      .size_max = RIG_SIZE_MAX,
					      .readers_max = RIG_READERS,
					      .read_only = read_only,
					      .must_be_there = c->opened};
		struct store *store;
		struct store_txn *txn;
		int rc = store_open_lmdb(&config, &store, err);
		if (rc == SL_E_CORRUPT && !c->opened && !is_zero(c))
			return NULL; /* half a first start, of which nothing was told */
		if (rc)
			return err->text;
		assert_int_equal(store_begin(store, STORE_READ, &txn), 0);
		wrong = compare(txn, c, w);
		store_abort(txn);
		if (!wrong && !read_only &&
		    (put_one(store, STORE_JOBS, "a", "1") || !holds(store, STORE_JOBS, "a", "1")))
			wrong = "it does not go on";
		store_close(store);
	}
	return wrong;
}

static void cut_at(struct work *w, struct cut *c, unsigned *wrongs)
{
	char path[64];
	struct sl_error err = {0};
	enum left left = c->left;
	dir_make(path);
	make_image(c, w);
	lay_out(c, path);
	const char *wrong = look(path, c, w, &err);
	if (wrong && ++*wrongs <= 10)
		print_error("seed %llu, cut after %zu of %zu events, answered %u, left %s: %s\n",
			    (unsigned long long)w->seed, c->events, tape.n, c->answered,
			    left_names[left], wrong);
	dir_remove(path);
}

static unsigned long number_of(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);
	return text ? strtoul(text, NULL, 10) : otherwise;
}

static void nothing_answered_is_lost(void **state)
{
	(void)state;
	unsigned long cuts = number_of("SLUICE_POWER_CUTS", CUTS);
	unsigned long seed = number_of("SLUICE_POWER_SEED", 1);
	unsigned wrongs = 0;
	struct work *w = calloc(1, sizeof(*w));
	uint8_t *image = malloc(IMAGE_MAX);
	assert_true(w && image);
	for (unsigned long done = 0; done < cuts; seed++) {
		*w = (struct work){.seed = seed, .random = {0x330e, (unsigned short)seed}};
		work_all(w);
		for (unsigned i = 0; i < CUTS_A_SEED && done < cuts; i++, done++) {
			struct cut c = {.events = below(w, (unsigned)tape.n + 1),
					.left = (enum left)below(w, LEFTS),
					.image = image};
			cut_at(w, &c, &wrongs);
		}
		forget_all();
	}
	free(image);
	free(w);
	assert_int_equal(wrongs, 0);
}

/** Every moment of a first start at which only the length of the file may be on the disk. */
static void a_first_start_that_left_nothing_begins_anew(void **state)
{
	(void)state;
	unsigned wrongs = 0, zeros = 0;
	struct work *w = calloc(1, sizeof(*w));
	uint8_t *image = malloc(IMAGE_MAX);
	assert_true(w && image);
	*w = (struct work){.seed = 1, .random = {0x330e, 1}};
	work_all(w);
	for (size_t i = 0; i < tape.n && tape.event[i].kind != EVENT_ANSWERED; i++) {
		struct cut c = {.events = i, .left = LEFT_NONE, .image = image};
		cut_at(w, &c, &wrongs);
		zeros += c.len > 0 && is_zero(&c);
	}
	forget_all();
	free(image);
	free(w);
	assert_int_equal(wrongs, 0);
	assert_true(zeros > 0);
}

/** The first start is the one time that the name of the file is not on the disk yet. */
static void the_name_is_flushed_before_it_is_open(void **state)
{
	(void)state;
	struct store *store;
	dir_make(tape.dir);
	tape.on = true;
	assert_int_equal(store_at(tape.dir, RIG_SIZE_MAX, &store, NULL), 0);
	tape.on = false;
	size_t written = 0, flushed = 0;
	for (size_t i = 0; i < tape.n; i++) {
		written = tape.event[i].kind == EVENT_THROUGH ? i : written;
		flushed = tape.event[i].kind == EVENT_DIR_FLUSH ? i : flushed;
	}
	assert_true(written > 0 && flushed > written);
	store_close(store);
	forget_all();
	dir_remove(tape.dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_answered_is_lost),
		cmocka_unit_test(a_first_start_that_left_nothing_begins_anew),
		cmocka_unit_test(the_name_is_flushed_before_it_is_open),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
