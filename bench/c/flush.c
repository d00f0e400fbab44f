/* What durability costs: the store's writer beside the least a disk asks for.
 *
 * Three ways to make a record of 4 KB durable, in turn, over several rounds, as the speed
 * of a machine moves:
 *   raw      append to a file and fdatasync, record by record: one flush each
 *   alone    writer_run() from one thread: one commit, so two flushes, each
 *   together writer_run() from 64 threads: group commit
 * Prints each round's rates and ratios, then the medians. Usage: bench-flush [DIRECTORY] */
#include "core/base/clock.h"
#include "store/writer.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROUNDS = 5, THREADS = 64, RECORD = 4000, SLICE_US = 1000000, QUEUE_MAX = 1024 };

struct round {
	double raw, alone, together; /* records a second */
	double batch;                /* records a commit, together */
};

struct record {
	struct write write;
	uint32_t number;
};

struct caller {
	struct writer *writer;
	atomic_uint *next;
	int64_t until_us;
	unsigned done;
	int rc;
};

static const char payload[RECORD];

static int64_t now_us(void) { return clock_mono_us(&clock_system); }

static int append(struct write *w, struct store_txn *txn)
{
	uint32_t n = container_of(w, struct record, write)->number;
	uint8_t key[4] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
	store_put(txn, STORE_DOCS, bytes_of(key, sizeof(key)), bytes_of(payload, RECORD));
	return 0;
}

static void *call(void *user)
{
	struct caller *c = user;
	while (!c->rc && now_us() < c->until_us) {
		struct record r = {.write = {.apply = append},
				   .number = atomic_fetch_add(c->next, 1)};
		c->rc = writer_run(c->writer, &r.write);
		c->done += c->rc == 0;
	}
	return NULL;
}

/** Records a second from `threads` threads, or a negative code. */
static double run_writer(struct writer *writer, atomic_uint *next, size_t threads)
{
	struct caller caller[THREADS];
	pthread_t thread[THREADS];
	int64_t from = now_us();
	size_t started = 0;
	for (; started < threads; started++) {
		caller[started] = (struct caller){writer, next, from + SLICE_US, 0, 0};
		if (pthread_create(&thread[started], NULL, call, &caller[started]))
			break;
	}
	unsigned done = 0;
	int rc = started == threads ? 0 : SL_E_NO_MEMORY;
	for (size_t i = 0; i < started; i++) {
		pthread_join(thread[i], NULL);
		done += caller[i].done;
		rc = rc ? rc : caller[i].rc;
	}
	return rc ? rc : done * 1e6 / (double)(now_us() - from);
}

static double run_raw(int fd)
{
	int64_t from = now_us();
	unsigned done = 0;
	for (; now_us() < from + SLICE_US; done++)
		if (write(fd, payload, RECORD) != RECORD || fdatasync(fd) < 0)
			return SL_E_IO;
	return done * 1e6 / (double)(now_us() - from);
}

static double batch_since(struct writer *writer, const struct writer_stats *before)
{
	struct writer_stats now;
	writer_stats(writer, &now);
	uint64_t commits = now.commits - before->commits;
	return commits ? (double)(now.writes - before->writes) / (double)commits : 0;
}

static bool run_round(int fd, struct writer *writer, atomic_uint *next, struct round *ret)
{
	struct writer_stats before;
	ret->raw = run_raw(fd);
	ret->alone = run_writer(writer, next, 1);
	writer_stats(writer, &before);
	ret->together = run_writer(writer, next, THREADS);
	ret->batch = batch_since(writer, &before);
	return ret->raw > 0 && ret->alone > 0 && ret->together > 0;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(double *of)
{
	qsort(of, ROUNDS, sizeof(*of), by_size);
	return of[ROUNDS / 2];
}

/** What is printed: the columns of one round, or their medians. */
enum column { RAW, ALONE, TOGETHER, ALONE_TO_RAW, TOGETHER_TO_RAW, BATCH, FLUSHES, COLUMNS };

static void print_row(const char *name, const double at[COLUMNS])
{
	printf("%-7s %8.0f %8.0f %11.0f %10.2f %13.2f %7.1f %15.2f\n", name, at[RAW], at[ALONE],
	       at[TOGETHER], at[ALONE_TO_RAW], at[TOGETHER_TO_RAW], at[BATCH], at[FLUSHES]);
}

static void print_medians(double all[ROUNDS][COLUMNS])
{
	double row[COLUMNS];
	for (int c = 0; c < COLUMNS; c++) {
		double of[ROUNDS];
		for (int i = 0; i < ROUNDS; i++)
			of[i] = all[i][c];
		row[c] = median(of);
	}
	print_row("median", row);
}

static int run(const char *path, int fd, struct writer *writer)
{
	double all[ROUNDS][COLUMNS];
	atomic_uint next = 0;
	printf("%d bytes a record, %d threads together, in %s\n", RECORD, THREADS, path);
	printf("round      raw/s  alone/s  together/s  alone/raw  together/raw   batch  "
	       "flushes/record\n");
	for (int i = 0; i < ROUNDS; i++) {
		struct round r;
		char name[16];
		if (!run_round(fd, writer, &next, &r))
			return SL_E_IO;
		const double row[COLUMNS] = {
			r.raw,   r.alone,    r.together, r.alone / r.raw, r.together / r.raw,
			r.batch, 2 / r.batch};
		memcpy(all[i], row, sizeof(row));
		snprintf(name, sizeof(name), "%d", i + 1);
		print_row(name, row);
	}
	print_medians(all);
	return 0;
}

static int run_in(const char *path)
{
	scoped(store_closep) struct store *store = NULL;
	scoped(writer_freep) struct writer *writer = NULL; /* freed before the store */
	char data[512], file[512];
	snprintf(data, sizeof(data), "%s/store", path);
	snprintf(file, sizeof(file), "%s/raw", path);
	struct store_config config = {
		.path = data, .size_max = (size_t)8 << 30, .readers_max = THREADS};
	struct sl_error err = {0};
	int fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	int rc = fd < 0 ? SL_E_IO : store_open_lmdb(&config, &store, &err);
	if (!rc)
		rc = writer_create(store, QUEUE_MAX, &writer);
	if (!rc)
		rc = writer_start(writer);
	if (!rc)
		rc = run(path, fd, writer);
	if (rc)
		fprintf(stderr, "flush: %s\n", err.code ? err.text : sl_err_text(rc));
	if (fd >= 0)
		close(fd);
	return rc;
}

static void remove_all(const char *path)
{
	static const char *const name[] = {
		"raw", "store/data.mdb", "store/lock.mdb", "store/sluice.lock", "store", ""};
	for (size_t i = 0; i < countof(name); i++) {
		char file[512];
		snprintf(file, sizeof(file), "%s/%s", path, name[i]);
		remove(file);
	}
}

int main(int argc, char **argv)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/store-bench-XXXXXX", argc > 1 ? argv[1] : ".");
	if (!mkdtemp(path)) {
		perror("flush");
		return 1;
	}
	int rc = run_in(path);
	remove_all(path);
	return rc ? 1 : 0;
}
