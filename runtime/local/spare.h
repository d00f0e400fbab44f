/* A supervisor that is there before it is needed: forked while nothing is asked, it has done
 * what is the same for all of them and waits for a plan. Forking takes longer than most of
 * what it does then.
 *
 * There is at most one, and it is only made where replicas are started. Without it, or when it
 * was killed, a supervisor is forked as it is asked for. It has no replica, holds no lock and has
 * noted nothing, so that its end at any time loses nothing; it ends when its spawner does.
 *
 * The spawner; one thread. */
#pragma once

#include "runtime/local/supervisor.h"

struct spare {
	pid_t pid; /**< 0: there is none. */
	int sock;
};

SL_BEGIN_DECLS

/** Make it, if that is possible now. */
void spare_make(struct spare *spare, const struct supervisor_config *config);
/** Give it this plan and its end of the notice pipe; both stay the caller's. The process, which is
 * no spare any more; 0: there is none. */
pid_t spare_take(struct spare *spare, int plan, int notice);
/** This child was reaped. */
void spare_reaped(struct spare *spare, pid_t pid);
/** End it, and wait for that. */
void spare_end(struct spare *spare);

SL_END_DECLS
