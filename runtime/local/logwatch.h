/* Telling those who follow a job's logs that there is more: one inotify instance for all.
 *
 * A watch on the job's log directory stands for as long as anybody follows the job. News
 * are gathered for some milliseconds, so that a chatty replica does not wake its readers
 * for each line.
 *
 * Threads: logwatch_*() by any; a follower's grown() is called on the thread of this module
 * with its lock held: it must be quick and not call back. */
#pragma once

#include "core/engine_port.h"

struct logwatch;

SL_BEGIN_DECLS

/** `data_dir` is copied. */
SL_MUST_USE int logwatch_create(const char *data_dir, struct logwatch **ret);
/** Nobody may follow any more. NULL is fine; returns NULL. */
struct logwatch *logwatch_free(struct logwatch *w);

/** False: there is no such directory yet (or no watch to be had): ask again later. */
bool logwatch_follow(struct logwatch *w, struct log_follower *f);
void logwatch_unfollow(struct logwatch *w, struct log_follower *f);

SL_END_DECLS
