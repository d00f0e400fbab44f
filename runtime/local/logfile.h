/* One stream of a replica, from a pipe into a log file of limited size.
 *
 * The file is logs/JOB/ROLE.INDEX.STREAM.log below the data directory and goes on over
 * attempts. What comes over the limit, or finds the disk full, is read, counted and
 * dropped, so that the replica never waits for its log; a last line says how much. Beside it
 * lies ROLE.INDEX.STREAM.times: when its bytes came, to a tenth of a second, and ever coarser
 * the longer the log gets in many small pieces (it stays below a quarter of the limit).
 *
 * Owned and used by one supervisor. */
#pragma once

#include "core/base/id.h"

enum { LOGFILE_PATH_SIZE = 192 };

struct logfile {
	int in;    /**< The pipe's reading end, or -1. */
	int out;   /**< The file, or -1: everything is dropped. */
	int times; /**< What came when (core/log_times.h), or -1. */
	int64_t noted_ms, times_size;
	int64_t max, size;
	uint64_t dropped;
};

/** One that is not open yet. */
#define LOGFILE_NONE ((struct logfile){.in = -1, .out = -1, .times = -1})

SL_BEGIN_DECLS

/** Relative to the data directory. Returns `out`; the role must be plan_role_ok(). */
const char *logfile_path(struct uuid job, struct bytes role, uint32_t index, const char *stream,
			 char out[LOGFILE_PATH_SIZE]);

/** The file of its times, beside it. */
const char *logfile_times_path(struct uuid job, struct bytes role, uint32_t index,
			       const char *stream, char out[LOGFILE_PATH_SIZE]);

/** Open its file, before or after its first pipe is made and before anything is copied. Never
 * fails: a log that cannot be opened is one that drops everything. */
void logfile_open(struct logfile *log, int data, const char *path, int64_t max);

/** A new pipe into the log; its writing end is the caller's. -1 with errno. */
SL_MUST_USE int logfile_pipe(struct logfile *log);
/** Copy what is there. False at the pipe's end or when there is nothing more just now. */
bool logfile_copy(struct logfile *log);
/** Copy the rest, close the pipe. */
void logfile_drain(struct logfile *log);
/** Write the last line if one is due, close the file. */
void logfile_close(struct logfile *log);

SL_END_DECLS
