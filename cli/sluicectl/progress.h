/* How far a watched job is, on standard error: its state, and for each role how many of its
 * replicas are done, run and have failed.
 *
 * On a terminal a block of lines below everything else, drawn again in its place; elsewhere
 * a line for each role whenever what it says has changed. Feed it with the answers of
 * GET /v1/job/detail. One thread. */
#pragma once

#include "cli/sluicectl/output.h"

enum { PROGRESS_ROLES_MAX = 256, PROGRESS_NAME_SIZE = 80, PROGRESS_TEXT_SIZE = 120 };

/** Zero it, set `ctl` and `roles`, and give `head` its maximum. */
struct progress {
	struct ctl *ctl;
	bool roles;      /**< Show them, on terminals. */
	bool lines;      /**< Tell them elsewhere, too. */
	struct buf head; /**< "state: reason". */
	struct {
		char name[PROGRESS_NAME_SIZE];
		char text[PROGRESS_TEXT_SIZE]; /**< "running, 1 done, ..." */
		bool news;
	} role[PROGRESS_ROLES_MAX];
	int count; /**< Roles. */
	int drawn; /**< Lines that stand on the terminal now. */
};

SL_BEGIN_DECLS

/** Take over what a detail says; true if anything is new. Prints nothing. */
bool progress_read(struct progress *p, const struct json *json, json_at detail);
/** Draw the block, or tell what is new. */
void progress_show(struct progress *p, int64_t seconds);
/** Take the block away, for other lines to be printed. */
void progress_clear(struct progress *p);

SL_END_DECLS
