/* The engine `local`: replicas as processes on this machine.
 *
 * Its parts: the spawner (a process, spawner.h) forks a supervisor (a process each,
 * supervisor.h) for every replica attempt; this engine, in a thread of its own, tells
 * the spawner what to do and follows the supervisors by their pidfds. All that must
 * outlive the gateway lies in the run directories (rundir.h).
 *
 * Order of life: spawner_start() first thing in main, local_create() later; then
 * engine_free() and last spawner_stop(). Replicas go on by themselves. If the spawner
 * dies, running replicas are followed and stopped as before, `start` answers
 * SL_E_UNAVAILABLE and waiting replicas stay waiting: a new gateway starts them. */
#pragma once

#include "core/engine_port.h"
#include "runtime/local/spawner.h"

/** What a pod may ask for only where it is allowed. The engine takes no notice of it otherwise:
 * a replica gets no more rights than its user has. */
enum local_right {
	LOCAL_PRIVILEGED = 1,
	LOCAL_CAPABILITIES = 2,
	LOCAL_HOST_NETWORK = 4,
	LOCAL_HOST_PID = 8,
	LOCAL_HOST_IPC = 16,
	LOCAL_SERVICE_ACCOUNT = 32,
};

struct local_config {
	const char *data_dir; /**< The spawner's. Copied. */
	uint32_t slots;       /**< Replicas (or CPUs) at once; 0: the cores of this machine. */
	int64_t ageing_ms;    /**< Waiting that makes up for one point of priority (queue.h). */
	uint32_t grace_s;     /**< Where a pod does not say; usually 5. */
	bool images_ignore;   /**< Run a container's command although it names an image. */
	unsigned allow;       /**< enum local_right, or-ed. */
	const char *const
		*host_paths; /**< NULL-ended roots below which hostPath may lie. Copied. */
	const char *const *priority_classes; /**< "NAME=NUMBER", NULL-ended. Copied. */
};

struct local_hooks {
	engine_report_fn report;          /**< Any thread; must only post. */
	void (*spawner_lost)(void *user); /**< Once, from the engine's thread; may be NULL. */
	void *user;
};

SL_BEGIN_DECLS

SL_MUST_USE int local_create(const struct local_config *config, const struct spawner *spawner,
			     const struct local_hooks *hooks, struct engine **ret,
			     struct sl_error *err);

SL_END_DECLS
