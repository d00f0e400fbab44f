/* The small process that alone starts supervisors.
 *
 * It is forked first thing in main, while the program has one thread and has read
 * nothing from outside, so that no supervisor ever inherits what the gateway holds
 * later. It alone keeps what it takes to make cgroups and to become the user of replicas;
 * the gateway drops that after spawner_start(). It answers asks (runtime/local/asks.h) one after
 * another and ends when the gateway's end of the socket closes; the supervisors, in sessions of
 * their own, go on.
 *
 * spawner_start() and spawner_stop(): the main thread. The socket: the engine's thread. */
#pragma once

#include "runtime/local/cgroups.h"
#include "runtime/local/identity.h"
#include "runtime/local/wire.h"

#include <sys/types.h>

struct spawner {
	pid_t pid;
	int sock;              /**< SOCK_SEQPACKET, close-on-exec. */
	struct wire_hello can; /**< What it found it can do. */
};

struct spawner_config {
	const char *data_dir; /**< Made with mode 0700 if it is not there. */
	int64_t log_max;      /**< Bytes of one log file. */
	bool shield; /**< Bar replicas from the data directory; see runtime/local/shield.h. */
	const char *cgroup;    /**< The group to work below; NULL: the one we are in. */
	bool no_cgroups;       /**< Do without, as where none is writable. */
	struct identity user;  /**< Of replicas. */
	struct identity keeps; /**< Of the spawner itself, and of what it writes. */
};

SL_BEGIN_DECLS

/** Returns in the caller only. SL_E_IO with words. */
SL_MUST_USE int spawner_start(const struct spawner_config *config, struct spawner *ret,
			      struct sl_error *err);
/** Close the socket, wait for the process; after the engine is freed. */
void spawner_stop(struct spawner *spawner);

SL_END_DECLS
