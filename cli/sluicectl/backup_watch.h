/* How far a backup is that the gateway makes, on terminals only: asked for every half second
 * on a connection and a thread of its own, and shown in a line that is drawn again.
 *
 * Between begin and end nothing else may write to standard error. */
#pragma once

#include "cli/sluicectl/ctl.h"

#include <pthread.h>

/** Zero it. */
struct backup_watch {
	struct ctl ctl; /* with a requester of its own */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool at_work, over, drawn;
};

SL_BEGIN_DECLS

/** What goes wrong with it is not told: it is the backup that counts. */
void backup_watch_begin(struct backup_watch *w, const struct ctl *ctl);
/** And take the line away; fine when it was not begun, or is over. */
void backup_watch_end(struct backup_watch *w);

SL_END_DECLS
