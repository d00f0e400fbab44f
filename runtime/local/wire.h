/* What the engine and the spawner say to each other: one ask, one answer, in order.
 *
 * First they make sure of each other: greeting, settings, hello.
 *
 * Over a SOCK_SEQPACKET pair each message is of fixed size, so nothing has to be
 * framed. A replica's plan, which may be long, travels as a sealed memfd. The asker
 * keeps at most WIRE_OUT_MAX asks open, so that neither side ever blocks the other.
 *
 * Descriptors received are the receiver's, close-on-exec. Any thread, one at a time. */
#pragma once

#include "core/engine_port.h"
#include "runtime/local/cgroups.h"
#include "runtime/local/identity.h"

enum { WIRE_OUT_MAX = 16, WIRE_FDS_MAX = 2 };
enum { WIRE_SPAWNER_FD = 3 }; /**< The spawner's end, when it begins. */

/** The spawner's first message: who speaks here. Its form never changes, so that programs of any
 * two versions understand that they do not fit. */
struct wire_greeting {
	char name[20];    /**< WIRE_NAME */
	char version[44]; /**< Of the whole of Sluice; what follows is as that version has it. */
};

#define WIRE_NAME "sluice-spawner"

/** The gateway's first message, to a spawner of its own version. */
struct wire_settings {
	int64_t log_max; /**< Bytes of one log file. */
	uint32_t shield, no_cgroups;
	char cgroup[CGROUP_PATH_MAX]; /**< "": the one it is in. */
	struct identity user, keeps;
};

enum wire_kind {
	WIRE_START = 1, /**< With the plan. Answered with a pidfd and the notice pipe. */
	WIRE_STOP,      /**< End the replica of this run directory, gently first. */
	WIRE_SWEEP,     /**< Its supervisor is dead: kill what it has left behind. */
	WIRE_RELEASE,   /**< The job (of this name) is final: its work directory is ours. */
};

struct wire_ask {
	uint32_t kind;   /**< enum wire_kind. */
	int32_t session; /**< SWEEP: the session of its processes, 0 when not sure. */
	struct replica_name name;
};

struct wire_answer {
	int32_t error; /**< errno of what failed, or 0. */
	int32_t pid;   /**< START: of the supervisor. */
};

/** The answer to the settings. */
struct wire_hello {
	int32_t error;  /**< errno of what kept it from starting, or 0. */
	uint32_t parts; /**< enum cgroup_part, or-ed: what it can promise. */
	uint32_t users; /**< Replicas run as another user than it, and than the gateway. */
	char why[120];  /**< With an error: what failed. Else: what a missing part lacks. */
};

SL_BEGIN_DECLS

struct msghdr;
/** Put `n` descriptors into a message; `room`, aligned for a struct cmsghdr and of
 * CMSG_SPACE() for them, is zeroed and borrowed until it is sent. */
void wire_attach(struct msghdr *msg, void *room, const int *fds, unsigned n);

/** Send `len` bytes and `n` descriptors, which stay the caller's. 0, SL_E_CANCELED when the
 * other side is gone, SL_E_IO. */
SL_MUST_USE int wire_send(int sock, const void *at, size_t len, const int *fds, unsigned n);

/** Receive a message of exactly `len` bytes; `fds` not sent are -1. SL_E_CANCELED at the end,
 * SL_E_BUSY when nothing is there (non-blocking), SL_E_PEER for a message of another form. */
SL_MUST_USE int wire_receive(int sock, void *at, size_t len, int fds[WIRE_FDS_MAX], int flags);

/** A sealed memfd that holds the pieces one after another, or a negative code. */
SL_MUST_USE int wire_memfd(const struct bytes *piece, unsigned n, int *ret_fd);

SL_END_DECLS
