/* The small process that alone starts supervisors, as its gateway sees it.
 *
 * It is a program of its own, `sluice-spawner`, with the C library and nothing else: it is started
 * first thing in main, while this program has one thread and has read nothing from outside, and
 * whatever it forks copies a small address space in which nothing of the gateway lies. It alone
 * keeps what it takes to make cgroups and to become the user of replicas; the gateway drops that
 * after spawner_start(). What it does is told in runtime/local/spawning.h.
 *
 * The program is looked for beside the running one and where the build installs it, nowhere else:
 * neither PATH nor the environment names what may stay root. It must be of the same version.
 *
 * spawner_start() and spawner_stop(): the main thread. The socket: the engine's thread. */
#pragma once

#include "runtime/local/wire.h"

#include <sys/types.h>

struct spawner {
	pid_t pid;
	int sock;              /**< SOCK_SEQPACKET, close-on-exec. */
	struct wire_hello can; /**< What it found it can do. */
};

struct spawner_config {
	const char *version;  /**< Ours, and so what the program's must be. */
	const char *program;  /**< NULL: where it belongs. */
	const char *data_dir; /**< Made with mode 0700 if it is not there. */
	int64_t log_max;      /**< Bytes of one log file. */
	bool shield; /**< Bar replicas from the data directory; see runtime/local/shield.h. */
	const char *cgroup;    /**< The group to work below; NULL: the one we are in. */
	bool no_cgroups;       /**< Do without, as where none is writable. */
	struct identity user;  /**< Of replicas. */
	struct identity keeps; /**< Of the spawner itself, and of what it writes. */
};

SL_BEGIN_DECLS

/** SL_E_IO: the data directory; SL_E_INVALID: a setting; SL_E_INTERNAL: there is no such program,
 * it is another one, or it cannot do its work. All with words. */
SL_MUST_USE int spawner_start(const struct spawner_config *config, struct spawner *ret,
			      struct sl_error *err);
/** Close the socket, wait for the process; after the engine is freed. */
void spawner_stop(struct spawner *spawner);

SL_END_DECLS
