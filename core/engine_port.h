/* Port: an engine runs replicas. It knows no policy: what starts, what is tried again
 * and when a TaskSet has ended is decided above (core/policy, core/driver/run.c).
 *
 * Everything is asynchronous: a request returns at once, what became of it arrives as
 * a `struct engine_report`. Reports of one replica come in order; a report may come
 * more than once, also after a restart. Implementations: runtime/local, runtime/null;
 * docker, kubernetes and slurm are to fit behind the same words. A replica attempt is
 * named by job, role, index and attempt: starting a name that exists (running or
 * ended) is not a second start but an answer with its present state.
 *
 * Replicas are started in groups. A group that is to start together is one unit: an
 * engine that can do so itself hands it on as one (a role of it is a run of specs with
 * the same pod), another one holds it back until there is room for all of it.
 *
 * Layer 2. Threads: requests from the loop; `report` is called from any thread and
 * must only post. */
#pragma once

#include "core/base/err.h"
#include "core/base/id.h"
#include "core/base/list.h"

struct engine {
	const struct engine_ops *ops; /* first: implementations embed struct engine */
};

struct replica_name {
	struct uuid job;
	uint32_t role;    /**< Position of the role in the TaskSet. */
	uint32_t index;   /**< 0-based. */
	uint32_t attempt; /**< 0-based: starts of this replica, over all TaskSet retries. */
};

/** How to start one replica. Everything is borrowed for the length of the call. */
struct replica_spec {
	struct replica_name name;
	struct bytes pod;       /**< The role's `template` as JSON, a PodTemplateSpec. */
	struct bytes role_name; /**< For the environment and the log files. */
	struct bytes taskset_name;
	const char *const *env; /**< NULL-terminated "NAME=value" that win over the pod's. */
};

enum start_how {
	START_EACH,     /**< Each as soon as there is room for it. */
	START_TOGETHER, /**< All at one moment, when there is room for all of them. */
	START_REJOIN,   /**< Others of their group run and may wait for them: at once. */
};

/** Replicas of one job that are started by one request, in order of role and index. */
struct replica_group {
	enum start_how how;
	size_t n;
	const struct replica_spec *replica;
};

/** Where a job stands in an engine's line. Room is counted in the engine's own units. */
struct engine_place {
	uint32_t place, of;         /**< From 1; jobs that wait. */
	uint32_t needs, free, room; /**< For what starts next of it; now; in all. */
};

enum replica_change {
	REPLICA_STARTED, /**< Its first process (init containers included) runs. */
	REPLICA_ENDED,   /**< `exit` says how; nothing of it is left. */
	REPLICA_LOST,    /**< Its end cannot be known (reboot, supervisor killed). */
	REPLICA_REFUSED, /**< It could not be started and never will: why is in `message`. */
	JOB_ERASED,      /**< Answers erase(); what could not be removed is in `message`. */
};

struct replica_exit {
	int32_t code;   /**< Exit code; 128 + signal when ended by one. */
	int32_t signal; /**< 0 when it exited by itself. */
	int64_t started_ms, finished_ms;
};

/** Where a replica runs, in the engine's own words; "" where it has none. */
struct replica_site {
	char pod[64];       /**< Its name there. */
	char ip[46];        /**< Under which it is reached. */
	char host_ip[46];   /**< Of the machine. */
	char container[80]; /**< "docker://...", "process://123". */
};

struct engine_report {
	struct replica_name name;
	enum replica_change change;
	struct replica_exit exit; /**< Times as far as known; 0 otherwise. */
	const char *reason;       /**< Short: "Completed", "Error", "OOMKilled"; a literal. */
	/** For a person. Of STARTED: what this engine cannot promise here, such as a limit;
	 * the job's log tells it once. */
	char message[200];
	int32_t pid;              /**< Of the first process, or 0. */
	struct replica_site site; /**< STARTED. */
};

typedef void (*engine_report_fn)(void *user, const struct engine_report *report);

/** One who wants to hear when a job's logs have grown. Its memory is the follower's. */
struct log_follower {
	struct uuid job;
	void (*grown)(void *user); /**< On a thread of the engine: quick, calls nothing back. */
	void *user;
	/* The engine's: */
	struct list link;
	int mark;
};

struct engine_ops {
	const char *name; /**< As in spec.engine. */
	/** Can it ever run this TaskSet (an indexed JSON text)? SL_E_INVALID with the words
	 * for the user otherwise: images it cannot run, settings it refuses. Any thread. */
	int (*check)(struct engine *e, struct bytes taskset, struct sl_error *err);
	/** Units of room that a replica of this pod takes, at least 1. Any thread. */
	uint32_t (*weight)(struct engine *e, struct bytes pod);
	/** Units that it ever holds at one time; UINT32_MAX: no limit. Any thread. */
	uint32_t (*room)(const struct engine *e);
	/** An error is for all of the group: nothing of it starts. */
	int (*start)(struct engine *e, const struct replica_group *group);
	/** End everything of one replica, SIGTERM first. Unknown or ended: nothing happens. */
	void (*stop)(struct engine *e, const struct replica_name *name);
	/** After a restart: report the present state of this attempt (STARTED, ENDED, LOST),
	 * and later its end. False: the engine has never heard of it, nothing is reported. */
	bool (*recover)(struct engine *e, const struct replica_name *name);
	/** Once, after a restart: every attempt that may still be there has been asked for. An
	 * engine that counts its room starts nothing that waits for it before this. */
	void (*recovered)(struct engine *e);
	/** Where a job stands that waits for room. False: nothing of it waits, or the engine
	 * has no line of its own. Any thread. */
	bool (*place)(struct engine *e, const struct uuid *job, struct engine_place *ret);
	/** Forget everything kept for a job that is final (not its logs). */
	void (*forget)(struct engine *e, const struct uuid *job);
	/** The log file of one stream of the newest attempt, opened for reading, or -1. Any thread.
	 */
	int (*open_log)(struct engine *e, const struct uuid *job, struct bytes role, uint32_t index,
			const char *stream);
	/** The file beside it that says when its bytes came (core/log_times.h), or -1. Any
	 * thread. NULL: never. */
	int (*open_log_times)(struct engine *e, const struct uuid *job, struct bytes role,
			      uint32_t index, const char *stream);
	/** Tell `f` from now on of logs that grow or appear. False: not yet, ask again when the
	 * job has moved; then it is not followed. Any thread. NULL: never. */
	bool (*follow_logs)(struct engine *e, struct log_follower *f);
	/** After follow_logs() said yes; afterwards `f` is not touched any more. */
	void (*unfollow_logs)(struct engine *e, struct log_follower *f);
	/** Open a file or folder of the job's work directory for reading: `path` goes down from
	 * its top ("" is that), as names with '/' between. A regular file or a folder, whatever
	 * the job has put there. SL_E_NOT_FOUND; SL_E_CONFLICT: not one that is served; with
	 * words. Any thread; may wait for the disk. NULL: the engine keeps none. */
	int (*open_artifact)(struct engine *e, const struct uuid *job, const char *path,
			     int *ret_fd, struct sl_error *err);
	/** Remove all that is kept of a job that is final: logs, artifacts, records; however
	 * often it is asked. Answered by a report, JOB_ERASED. NULL: nothing is kept. */
	void (*erase)(struct engine *e, const struct uuid *job);
	/** Stops talking; replicas go on by themselves. Returns NULL. */
	struct engine *(*free)(struct engine *e);
};

static inline struct engine *engine_free(struct engine *e) { return e ? e->ops->free(e) : NULL; }
