/* What the parts of the local engine share: local.c (the port; the core's loop), starts.c
 * (groups that are to start, and their slots), follow.c (attempts and events) and link.c
 * (asks to the spawner), these on the engine's thread.
 *
 * The loop hands over orders through the mailbox; everything else belongs to one side,
 * as the struct says. */
#pragma once

#include "core/base/mailbox.h"
#include "runtime/local/attempts.h"
#include "runtime/local/local.h"
#include "runtime/local/queue.h"
#include "runtime/local/record.h"
#include "runtime/local/wire.h"

#include <pthread.h>

enum order_kind { ORDER_START, ORDER_STOP, ORDER_RECOVER, ORDER_RECOVERED, ORDER_FORGET };

/** One replica to start. */
struct start {
	struct replica_name name;
	struct plan_body *body; /**< Owned. */
	char *head;
	size_t head_len;
};

struct order {
	struct letter letter; /* first */
	enum order_kind kind;
	struct replica_name name; /**< FORGET: of the job only. */
	enum start_how how;       /**< START, as the next two; owned. */
	struct start *start;
	size_t starts;
	struct list link; /**< FORGET, or a RECOVER that is tried again: in its line. */
	unsigned tries;
	bool stop; /**< RECOVER: and then stop it. */
};

/** An ask that the spawner has not answered yet. */
struct asked {
	struct attempt *attempt; /**< NULL: nobody waits for the answer any more. */
	enum wire_kind kind;
};

struct local {
	struct engine base; /* first */
	struct local_config config;
	struct local_hooks hooks;
	char *data_dir;
	char **host_paths, **classes;
	struct logwatch *logwatch;
	struct remover *remover;
	int data, sock, epoll, wake;
	struct mailbox *box;
	pthread_t thread;
	bool has_thread;
	bool spawner_gone; /**< Atomic: written by the engine's thread. */
	bool quit;         /**< Atomic: written by local_free(). */

	/* The loop's. */
	struct plan_body *last_body;
	char *last_pod;
	size_t last_pod_len;

	/* The engine's thread's. */
	struct attempts attempts;
	struct list due; /**< Attempts for which the spawner has to be asked something. */
	struct asked asked[WIRE_OUT_MAX];
	unsigned asked_first, asked_n;
	struct queue queue; /**< Its place of a job: any thread. */
	bool recovered;     /**< Atomic. Who holds slots is known: others may have the rest. */
	struct list forgets;
	struct list again;   /**< RECOVER orders for which descriptors or memory were short. */
	int64_t again_at_ms; /**< Monotonic: when they are tried again. */
	struct watch on_wake, on_spawner;
	bool users;      /**< Replicas run as a user of their own. */
	char lacks[200]; /**< What replicas here are not limited by; "" for nothing. */
};

SL_BEGIN_DECLS

struct order *order_free(struct order *order);

/* ---- local.c ---- */
/** All of it but its thread. */
SL_MUST_USE int local_make(const struct local_config *config, const struct spawner *spawner,
			   const struct local_hooks *hooks, struct local **ret,
			   struct sl_error *err);

/* ---- starts.c ---- */
/** Take over what is to start; its order is the caller's. */
void starts_take(struct local *l, struct order *o);
/** Start whoever is next in line, as long as there are slots. */
void starts_fill_slots(struct local *l);

/* ---- follow.c ---- */
void *follow_thread(void *local);
/** One event, and what follows from it; without `sleep` only if it is there. */
void follow_turn(struct local *l, bool sleep);
void follow_report(struct local *l, const struct engine_report *report);
/** The spawner has started its supervisor; the descriptors are handed over. */
void follow_begin(struct local *l, struct attempt *a, int pidfd, int notice);
/** Is there such an attempt already, or what one has left? Then that is reported. */
bool follow_known(struct local *l, const struct replica_name *name);
/** There is no room or memory to take it up. */
void follow_refused(struct local *l, const struct replica_name *name);
/** It could not be started. */
void follow_failed(struct local *l, struct attempt *a, const char *why);
/** What was left of it is gone: it is lost. */
void follow_lost(struct local *l, struct attempt *a);

/* ---- link.c ---- */
/** Put it in the line: its state and wants say what the spawner will be asked. */
void link_line_up(struct local *l, struct attempt *a);
void link_push(struct local *l);                            /**< Send what may be sent. */
void link_receive(struct local *l);                         /**< Take the answers that are there. */
void link_forget(struct local *l, const struct attempt *a); /**< It goes away. */
bool link_gone(const struct local *l);
bool link_has_room(const struct local *l); /**< For an ask that is not in the line. */
/** The job is final: its work directory becomes the gateway's. Only with link_has_room(). */
void link_release(struct local *l, struct uuid job);

SL_END_DECLS
