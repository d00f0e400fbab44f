/* Jobs in the store that wait for a plugin, seen from the loop: which plugins have such
 * lines, and when how many of them go on.
 *
 * There are two (core/ledger/line.h). *Parked* jobs wait for a place: while there are any
 * the caller's line for the plugin is held, and each place that comes free is theirs, in
 * order. Jobs that *wait for an answer* have timers of their own; when the plugin answers
 * anybody they are let go in a pass, in order, a few at first and more with each answer,
 * never more than there are places; a failure ends the pass. While the plugin's breaker is
 * open the first of them is its probe.
 *
 * The loop keeps about 400 bytes for each plugin that somebody waits for, whatever the
 * length of the lines.
 *
 * Layer 2. Threads: the loop's; a look into the store goes through the writer. */
#pragma once

#include "core/driver/internal.h"
#include "core/ledger/line.h"

struct admission;

struct line {
	struct table_node node; /* in driver->lines, by a hash of the key */
	struct list link;
	bool parked;          /* there may be parked jobs: the caller's line is held */
	bool waiting;         /* there may be some that wait for an answer, for the next pass */
	bool passing;         /* a pass goes on */
	bool busy;            /* a look into the store is on its way */
	uint32_t parking;     /* jobs on their way to be parked */
	uint32_t window;      /* in a pass: so many at once */
	uint32_t out;         /* let go in a pass, and not through with the plugin */
	bool behind;          /* `after` is set */
	struct line_at after; /* the last one let go in the pass */
	int64_t oldest_ms;    /* after a restart: since when the first parked one waited */
	int64_t retry_ms;     /* not before, monotonic */
	char key[];
};

/* ---- line.c ---- */

/** A job is to be parked: hold the caller's line. NULL: no memory, so it is not parked. */
struct line *line_park(struct driver *d, const char *key);
void line_parked(struct driver *d, struct line *line); /**< It is, or will not be; or NULL. */
/** A job is to wait for an answer. No memory: its own timer is all it has. */
void line_wait(struct driver *d, const char *key);
/** The plugin answered somebody; or it could not be asked. */
void line_answered(struct driver *d, const char *key);
void line_failed(struct driver *d, const char *key);
/** A job that was let go in a pass is through with the plugin. */
void line_out(struct line *line, int by);
struct line *line_find(struct driver *d, const char *key);
/** After a restart: what the store says. */
SL_MUST_USE int lines_recover(struct driver *d, struct store_txn *txn);
/** Whatever can go on goes on. */
void lines_turn(struct driver *d);
void lines_fini(struct driver *d);

/* ---- line_look.c ---- */

/** Let the first `parked` parked ones go on, and `waiting` of the others. */
void line_look(struct driver *d, struct line *line, uint32_t parked, uint32_t waiting);
