/* What a supervisor needs to run one replica, in flat bytes: no JSON below the engine.
 *
 * A plan is a head (of the replica: its names and own environment) followed by a body
 * (of the role: grace, containers). The body is built once a role and used for all its
 * replicas. The engine builds both, they travel as one memfd, and the supervisor reads
 * them where they lie; the numbers are in the machine's own order, since both ends are
 * programs of one version. Reading (plan_read.c) trusts nothing: damage is SL_E_CORRUPT.
 *
 * A container: command and args as argv; env as "NAME=value", the last of a name wins.
 * Strings hold no NUL. Any thread. */
#pragma once

#include "core/base/buf.h"
#include "core/engine_port.h"
#include "runtime/local/cgroup.h"

enum {
	PLAN_CONTAINERS_MAX = 64,
	PLAN_WORDS_MAX = 4096, /**< argv entries, and env entries, of one container. */
	PLAN_VOLUMES_MAX = 64,
	PLAN_BYTES_MAX = 4 << 20,
	PLAN_GRACE_MAX_S = 3600,
	PLAN_ROLE_MAX = 63, /**< Characters of a role's name: a DNS label. */
};

struct plan_container {
	struct bytes name; /**< Of the container; "" where it has none. */
	const char *cwd;   /**< "" for the work directory. */
	uint32_t argc, envc;
	const char *argv, *env; /**< The first string; the next ones follow its NUL. */
	struct limits limits;
	bool init;
};

struct plan {
	struct replica_name name;
	const char *role, *taskset;
	uint32_t envc;
	const char *env; /**< As in a container; wins over the containers' own. */
	uint32_t volumec;
	const char *volumes; /**< Pairs of strings: name and path, "" for an emptyDir. */
	uint32_t slots;      /**< It takes; a number for the engine alone. */
	uint32_t grace_s;
	uint32_t containers;
	struct bytes rest; /**< For plan_next(). */
};

SL_BEGIN_DECLS

/** Is this a name (of a role, of a volume) that may be part of a file name? */
bool plan_role_ok(struct bytes role);

/** The role's part from its PodTemplateSpec. SL_E_INVALID, SL_E_TOO_BIG with words. */
SL_MUST_USE int plan_build_body(struct bytes pod, uint32_t grace_s, struct buf *to,
				uint32_t *ret_slots, struct sl_error *err);
/** The replica's part. */
SL_MUST_USE int plan_build_head(const struct replica_spec *spec, struct buf *to,
				struct sl_error *err);

/** Look at a whole plan, which stays the caller's and must outlive `ret`. */
SL_MUST_USE int plan_open(struct bytes text, struct plan *ret);
/** The next container, init containers first; false after the last one. */
bool plan_next(struct plan *plan, struct plan_container *ret);

/** The string after `text`. */
static inline const char *plan_after(const char *text) { return text + strlen(text) + 1; }

SL_END_DECLS
