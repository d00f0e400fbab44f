/* The two notes a supervisor leaves in its run directory: that its replica has started,
 * and how it has ended. Short "key value" lines, for programs and for people.
 *
 * A note appears whole or not at all (written aside, then renamed). The room of the
 * outcome is taken at the start, so that a full disk does not swallow an exit code.
 * `dir` is a descriptor of the run directory. */
#pragma once

#include "core/base/err.h"

enum outcome_reason {
	OUTCOME_COMPLETED,   /**< Exit code 0. */
	OUTCOME_ERROR,       /**< Another exit code. */
	OUTCOME_SIGNALED,    /**< Ended by a signal nobody here sent. */
	OUTCOME_START_ERROR, /**< A command could not be run; see the message. */
	OUTCOME_STOPPED,     /**< Ended because that was asked for. */
	OUTCOME_OOM,         /**< The kernel ended it, or a part, over its memory limit. */
};

struct outcome {
	int32_t code, signal;
	enum outcome_reason reason;
	int64_t started_ms, finished_ms; /**< Wall time; started 0: no process ever ran. */
	char message[200];
};

struct started {
	int32_t pid;    /**< Of the first process. */
	uint32_t slots; /**< Those it takes, for an engine that finds it again. */
	int64_t ms;
};

SL_BEGIN_DECLS

const char *outcome_reason_name(enum outcome_reason reason); /**< "Completed": a literal. */

/** Take the room of the outcome. 0 or SL_E_IO (errno is set). */
SL_MUST_USE int outcome_reserve(int dir);
/** Write it: it is there, also when this process ends. 0 or SL_E_IO (errno is set), then it
 * may be tried again. */
SL_MUST_USE int outcome_write(int dir, const struct outcome *outcome);
/** Flush it, so that it survives the machine, too. 0 or SL_E_IO (errno is set). */
SL_MUST_USE int outcome_flush(int dir);
/** 0; SL_E_NOT_FOUND: there is none; SL_E_CORRUPT. */
SL_MUST_USE int outcome_read(int dir, struct outcome *ret);

SL_MUST_USE int started_write(int dir, const struct started *started);
SL_MUST_USE int started_read(int dir, struct started *ret);

SL_END_DECLS
