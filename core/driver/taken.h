/* Jobs taken out of the store in one transaction, to be asked about again: because their
 * time has come (due.c), or their turn with a plugin (line_look.c). Those that cannot go on
 * end here instead.
 *
 * Layer 2. Threads: filled on the writer's, told and begun on the loop. The taken own what
 * they hold until taken_begin(). */
#pragma once

#include "core/driver/admission.h"

enum { TAKEN_MAX = 64 };

struct taken {
	struct admit *admit[TAKEN_MAX];
	size_t n;
	struct uuid over[TAKEN_MAX]; /**< Stopped or failed. */
	size_t overs;
	int64_t next_ms; /**< The first timer that was set, wall time, or 0. */
};

/** Empty again: a transaction may be tried twice. */
void taken_forget(struct taken *t);
/** Are there as many jobs in memory as there may be, with these? */
bool taken_is_full(const struct driver *d, const struct taken *t);

/** A suspended job is to be asked about again, unless admission is held for it. Its timer
 * stays, somewhat later, so that a crash meanwhile loses nothing. */
SL_MUST_USE int taken_add(struct driver *d, struct taken *t, struct store_txn *txn,
			  struct job *job);
/** The turn of a parked job has come. */
SL_MUST_USE int taken_add_parked(struct driver *d, struct taken *t, struct store_txn *txn,
				 struct job *job);
SL_MUST_USE int taken_expire(struct taken *t, struct store_txn *txn, struct job *job,
			     int64_t now_ms);

/** On disk: tell those who wait for jobs that are over. */
void taken_tell(struct driver *d, const struct taken *t);
/** On the loop: drop what is over, begin the others. */
void taken_begin(struct driver *d, struct taken *t);
