/* The spawner's side of the wire: each ask is taken, carried out and answered, in order.
 *
 * What carrying out means is the caller's: the spawner forks and kills (spawning.c). Here is what
 * must hold whoever asks: one answer for each message, also for one that is none; nothing is
 * done that was not asked in due form; no descriptor stays open.
 *
 * Layer 3. One thread. */
#pragma once

#include "runtime/local/wire.h"

struct asks_work {
	void *user;
	/** A supervisor for this plan, with its end of the notice pipe; both stay the caller's.
	 * 0 and the process with a pidfd, or errno. */
	int (*start)(void *user, int plan, int notice, int32_t *ret_pid, int *ret_pidfd);
	int (*stop)(void *user, const struct replica_name *name); /**< 0 or errno. */
	void (*sweep)(void *user, const struct replica_name *name, int32_t session);
	int (*release)(void *user, struct uuid job); /**< 0 or errno. */
};

SL_BEGIN_DECLS

/** Wait for an ask, carry it out, answer it. False: nobody is there any more to be answered. */
SL_MUST_USE bool asks_serve(int sock, const struct asks_work *work);

SL_END_DECLS
