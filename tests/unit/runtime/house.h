/* A small gateway around the local engine for tests: a data directory of its own, a
 * spawner, an engine, and a list of what it reported. Waiting is done on the reports,
 * with a deadline that only a fault reaches. */
#pragma once

#include "runtime/local/local.h"

#include <pthread.h>

enum { HOUSE_REPORTS_MAX = 4096, HOUSE_DEADLINE_S = 60 };

struct house {
	char dir[128]; /**< Holds data/ and side/; side/ is for what replicas leave behind. */
	struct spawner spawner;
	struct engine *engine;
	struct uuid job;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct engine_report report[HOUSE_REPORTS_MAX];
	size_t n;
	unsigned spawner_losses;
};

struct house_options {
	uint32_t slots;  /**< 0: plenty. */
	int64_t log_max; /**< 0: plenty. */
	bool no_shield;
	bool no_cgroups; /**< As where none is writable. */
};

void house_open(struct house *h, const struct house_options *options);
/** Engine and spawner only, over the directory and job of `h`, as after a restart. */
void house_start(struct house *h, const struct house_options *options);
void house_stop(struct house *h);
void house_close(struct house *h); /**< Stops, and removes the directory. */

/** For cmocka: `*state` is a new house with the usual options; and its end. */
int house_setup(void **state);
int house_setup_without_cgroups(void **state);
int house_teardown(void **state);

struct replica_name house_name(const struct house *h, uint32_t index);

/** Start replica `index` with this PodTemplateSpec (a format). */
void house_run(struct house *h, uint32_t index, const char *pod, ...) SL_PRINTF(3, 4);
/** As above for the usual pod: one container that runs `sh -c SCRIPT` (no double quotes in it). */
void house_sh(struct house *h, uint32_t index, const char *script);

/** The first report of this change, waited for; fails the test at the deadline. */
struct engine_report house_wait(struct house *h, uint32_t index, enum replica_change change);
/** Wait for ENDED and give its exit code. */
int house_code(struct house *h, uint32_t index);
unsigned house_count(struct house *h, uint32_t index, enum replica_change change);

void house_ask_stop(struct house *h, uint32_t index);
/** The supervisor of a replica that runs, from the lock of its run directory. */
pid_t house_supervisor(const struct house *h, uint32_t index);

/** The whole of a log, to be freed. */
char *house_log(struct house *h, uint32_t index, const char *stream);
/** A file of side/, to be freed; NULL if it is not there. */
char *house_side(const struct house *h, const char *name);
int32_t house_pid_in(const struct house *h, const char *name); /**< A number in such a file. */
void house_wait_side(const struct house *h, const char *name); /**< Until it is there. */
void house_touch(const struct house *h, const char *name);     /**< Make an empty one. */
void house_assert_line(const char *text, const char *line);    /**< Is it one of the lines? */
bool house_alive(int32_t pid); /**< Is there such a process, and no zombie? */
