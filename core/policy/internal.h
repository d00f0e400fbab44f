/* Shared by the files of the policy; not for others.
 *
 *   policy.c         life, effects, the set as a whole, events
 *   policy_role.c    roles: how one ends, what its end does, which may start
 *   policy_gang.c    which starts form a group
 *   policy_time.c    deadlines, and when to be woken
 *   policy_stored.c  what was stored: taken up again, or only shown */
#pragma once

#include "core/base/heap.h"
#include "core/policy/policy.h"

enum role_state { ROLE_WAITING, ROLE_ACTIVE, ROLE_DONE, ROLE_BROKEN };
enum dep_state { DEP_HOLDS, DEP_OPEN, DEP_BROKEN, DEP_NEEDLESS };

/** A replica that ran out of its time, or its role's, keeps this as its reason, so that a
 * restart knows. */
#define POLICY_OVERDUE "DeadlineExceeded"

struct role_run {
	enum role_state state;
	struct replica *replica;
	bool *dirty;
	struct replica_timer *timer;
	uint32_t active, succeeded, failed; /* active: starting or running */
	bool overdue;                       /* restored: a replica of it had run out of its time */
	uint32_t stopped;                   /* restored: ended because something was decided */
	int64_t started_ms;
};

/** When a replica is tried again, or has had its time. */
struct replica_timer {
	struct heap_node node; /* not in the heap: never */
	int64_t at_ms;
	uint32_t role, index;
};

struct policy {
	const struct taskset *set;
	struct role_run *role;
	struct replica *replicas;
	bool *dirties;
	struct replica_timer *timer; /* of each replica */
	struct heap timers;
	uint32_t most, *weight; /* the engine's room; weight by role, NULL: 1 each */
	uint32_t groups;        /* formed so far */
	struct policy_fx *fx;
	size_t n_fx, cap_fx;
	uint32_t active;
	uint32_t round; /* retries of the whole set so far */
	bool running;
	enum set_outcome wanted; /* not OPEN: everything is being ended for this outcome */
	bool final_stop;         /* a person stopped it: no retry of the set */
	enum set_outcome outcome;
	int64_t started_ms, again_ms; /* again_ms: when the next round begins */
	const char *code;
	char reason[300];
	int32_t exit_code;
};

SL_BEGIN_DECLS

/* policy.c */
void policy_start_replica(struct policy *p, uint32_t role, uint32_t index);
void policy_end_role(struct policy *p, uint32_t role);
/** Everything is ended for this outcome; the first one counts. */
void policy_want(struct policy *p, enum set_outcome outcome, const char *code);

/* policy_gang.c */
#define POLICY_ALL_ROLES UINT32_MAX
/** The starts among the effects from `from` on belong together. */
void policy_form_group(struct policy *p, size_t from);
/** How one that ran before is started again. */
enum start_how policy_how_again(const struct policy *p, struct replica *r);

/* policy_role.c */
bool policy_role_ended(const struct policy *p, uint32_t role);
void policy_role_failed(struct policy *p, uint32_t role, const char *code, const char *what);
/** End it if its replicas decide it; `last`: the words for the last failure. */
void policy_judge_role(struct policy *p, uint32_t role, const char *code, const char *last);
enum dep_state policy_look_at_deps(const struct policy *p, uint32_t role);
void policy_start_role(struct policy *p, uint32_t role, int64_t now_ms);
/** Start every role whose dependencies hold; one that ends here may decide others. */
void policy_start_roles(struct policy *p, int64_t now_ms);

/* policy_time.c */
int64_t policy_sooner(int64_t a, int64_t b); /**< 0 is never. */
int64_t policy_next_wake(const struct policy *p);
void policy_check_deadlines(struct policy *p, int64_t now_ms);
SL_MUST_USE int policy_create_timers(struct policy *p);
/** The replica changed: its timer follows. */
void policy_set_timer(struct policy *p, uint32_t role, uint32_t index);
void policy_set_timers(struct policy *p); /**< All of them. */
/** Replicas whose time has come: tried again, or over their deadline. */
void policy_check_timers(struct policy *p, int64_t now_ms);

/* policy_stored.c */
void policy_recount(struct policy *p, uint32_t role);
/** Roles of which so many were stopped that they cannot succeed: they fail. */
void policy_fail_stopped(struct policy *p);

static inline bool replica_is_active(const struct replica *r)
{
	return r->state == REPLICA_STARTING || r->state == REPLICA_RUNNING;
}

SL_END_DECLS
