#include "api/handlers/schemas.h"
#include "core/job.h"

static const char *state_word(int i) { return job_state_name((enum job_state)i); }

const struct schema schema_job_state = {
	.name = "JobState", .word = state_word, .words = JOB_STATES};

#define WHY                                                                                        \
	MEMBER("reason", TEXT, 0, "Why it is where it is."),                                       \
		MEMBER("reasonCode", TEXT, 0, "Likewise, for programs; gates add theirs."),        \
		MEMBER("since", TIME, 0, "From when on."),                                         \
		MEMBER("plugin", TEXT, SHAPE_MAYBE, "Key of the one that it is because of."),      \
		MEMBER("next", TIME, SHAPE_MAYBE, "Then something happens by itself.")
#define RERUN                                                                                      \
	MEMBER("rerunOf", UUID, SHAPE_MAYBE, "The job that it is a rerun of."),                    \
		MEMBER("rerunAs", UUID, SHAPE_MAYBE, "Its newest rerun.")

static const struct schema_member summary_members[] = {
	MEMBER("jobID", UUID, 0, NULL),
	MEMBER("jobName", TEXT, 0, NULL),
	MEMBER("jobKind", TEXT, 0, NULL),
	MEMBER("userID", TEXT, 0, NULL),
	MEMBER_OF("state", schema_job_state, 0, NULL),
	MEMBER("createdAt", TIME, 0, NULL),
	MEMBER("finishedAt", TIME, SHAPE_NULL, NULL),
	WHY,
	RERUN,
	{0},
};
const struct schema schema_job_summary = {.name = "JobSummary", .member = summary_members};

/* ---- detail ---- */

#define RUN_STATES "waiting running succeeded failed stopped"

static const struct schema_member queue_members[] = {
	MEMBER("place", INT, 0, "From 1."),
	MEMBER("of", INT, 0, NULL),
	MEMBER("needs", INT, 0, "Places on the engine."),
	MEMBER("free", INT, 0, NULL),
	MEMBER("room", INT, 0, "All its places."),
	{0},
};
static const struct schema queue = {
	.name = "EnginePlace", .help = "Where it stands in line.", .member = queue_members};

static const struct schema_member job_members[] = {
	MEMBER("id", UUID, 0, NULL),
	MEMBER("name", TEXT, 0, NULL),
	MEMBER("type", TEXT, 0, "Its kind."),
	MEMBER_OF("state", schema_job_state, 0, NULL),
	MEMBER("userID", TEXT, 0, NULL),
	MEMBER("createdAt", TIME, 0, NULL),
	MEMBER("startAt", TIME, SHAPE_NULL, NULL),
	MEMBER("finishedAt", TIME, SHAPE_NULL, NULL),
	MEMBER("totalRetriedCount", INT, 0, "Retries of all its replicas."),
	MEMBER("exitCode", INT, SHAPE_NULL, "Of one that has ended by itself."),
	MEMBER("exitDiagnostics", TEXT, 0, "As reason."),
	WHY,
	RERUN,
	MEMBER_OF("queue", queue, SHAPE_MAYBE, "While it waits at its engine."),
	MEMBER("stopping", BOOL, SHAPE_MAYBE, "true: it was told to stop."),
	{0},
};
static const struct schema job = {.name = "Job", .member = job_members};

static const struct schema_member cluster_members[] = {MEMBER("identity", TEXT, 0, NULL), {0}};
static const struct schema cluster = {.name = "Cluster", .member = cluster_members};

static const struct schema_member replica_members[] = {
	MEMBER("index", INT, 0, NULL),
	MEMBER_WORD("state", RUN_STATES, 0, NULL),
	MEMBER("retriedCount", INT, 0, NULL),
	MEMBER("startAt", TIME, SHAPE_NULL, NULL),
	MEMBER("finishedAt", TIME, SHAPE_NULL, NULL),
	MEMBER("containerID", TEXT, 0, NULL),
	MEMBER("containerHostIP", TEXT, 0, NULL),
	MEMBER("exitCode", INT, SHAPE_NULL, NULL),
	MEMBER("exitDiagnostics", TEXT, 0, "Its termination message, or why it ended."),
	MEMBER("next", TIME, SHAPE_MAYBE, "Of its next attempt."),
	{0},
};
static const struct schema replica = {.name = "Replica", .member = replica_members};

static const struct schema_member task_members[] = {
	MEMBER("name", TEXT, 0, "Of the role."),
	MEMBER("image", ANY, 0, "As in the TaskSet, and so the next one and resource."),
	MEMBER_WORD("state", RUN_STATES, 0, NULL),
	MEMBER("reason", TEXT, SHAPE_MAYBE, "What it waits for."),
	MEMBER_WORD("reasonCode", "waiting_for_dependency waiting_for_slot", SHAPE_MAYBE, NULL),
	MEMBER("command", ANY, 0, NULL),
	MEMBER("replicaAmount", INT, 0, NULL),
	MEMBER("maxFailedTaskCount", INT, 0, NULL),
	MEMBER("minSucceededTaskCount", INT, 0, NULL),
	MEMBER("resource", ANY, 0, NULL),
	MEMBER_OF("replicas", replica, SHAPE_LIST, NULL),
	{0},
};
static const struct schema task = {.name = "Task", .help = "A role.", .member = task_members};

static const struct schema_member pod_members[] = {
	MEMBER("index", INT, 0, NULL),
	MEMBER("podIP", TEXT, 0, NULL),
	MEMBER("podUID", TEXT, 0, NULL),
	MEMBER("podName", TEXT, 0, NULL),
	MEMBER("podHostIP", TEXT, 0, NULL),
	MEMBER("podReason", TEXT, 0, "Why it ended."),
	{0},
};
static const struct schema pod = {.name = "Pod", .member = pod_members};

static const struct schema_member runtime_members[] = {
	MEMBER("name", TEXT, 0, "Of the role."),
	MEMBER("nodeSelector", ANY, 0, "As in the TaskSet."),
	MEMBER_OF("replicas", pod, SHAPE_LIST, NULL),
	MEMBER("volumeMounts", ANY, 0, "As in the TaskSet."),
	{0},
};
static const struct schema runtime = {.name = "TaskRuntimeInfo", .member = runtime_members};

static const struct schema_member platform_members[] = {
	MEMBER("platform", TEXT, 0, "The engine."),
	MEMBER("apiVersion", ANY, 0, "As in the TaskSet, and so the next one."),
	MEMBER("namespace", ANY, 0, NULL),
	MEMBER("instanceUID", TEXT, 0, NULL),
	MEMBER("configMapUID", TEXT, 0, NULL),
	MEMBER("configMapName", TEXT, 0, NULL),
	MEMBER_OF("taskRuntimeInfo", runtime, SHAPE_LIST, NULL),
	{0},
};
static const struct schema platform = {.name = "PlatformInfo", .member = platform_members};

static const struct schema_member detail_members[] = {
	MEMBER_WORD("version", "v1", 0, NULL),
	MEMBER_OF("job", job, 0, NULL),
	MEMBER_OF("cluster", cluster, 0, NULL),
	MEMBER_OF("tasks", task, SHAPE_LIST, "Its roles; none before translation."),
	MEMBER_OF("platformSpecificInfo", platform, 0, NULL),
	{0},
};
const struct schema schema_job_detail = {.name = "JobDetail", .member = detail_members};

/* ---- documents ---- */

static const struct schema_member document_members[] = {MEMBER("kind", TEXT, 0, NULL), {0}};
const struct schema schema_job_document = {.name = "JobDocument",
					   .help = "A job as its user wrote it.",
					   .member = document_members,
					   .open = true};

static const struct schema_member end_members[] = {
	MEMBER("exitCode", INT, 0, NULL),
	MEMBER("signal", INT, 0, NULL),
	MEMBER("reason", TEXT, 0, NULL),
	MEMBER("exitMessage", TEXT, 0, NULL),
	{0},
};
static const struct schema end = {.name = "TerminatedInfo", .member = end_members};

static const struct schema_member replica_status_members[] = {
	MEMBER("index", INT, 0, NULL),
	MEMBER_WORD("state", RUN_STATES, 0, NULL),
	MEMBER("startAt", TIME, SHAPE_NULL, NULL),
	MEMBER("finishAt", TIME, SHAPE_NULL, NULL),
	MEMBER("totalRetriedCount", INT, 0, NULL),
	MEMBER("podName", TEXT, 0, NULL),
	MEMBER("podIP", TEXT, 0, NULL),
	MEMBER("podHostIP", TEXT, 0, NULL),
	MEMBER("containerID", TEXT, 0, NULL),
	MEMBER_OF("terminatedInfo", end, SHAPE_MAYBE, "Once it has ended."),
	{0},
};
static const struct schema replica_status = {.name = "ReplicaStatus",
					     .member = replica_status_members};

#define PHASES "Pending Running Succeeded Failed Stopped"

static const struct schema_member role_status_members[] = {
	MEMBER("name", TEXT, 0, NULL),
	MEMBER_WORD("state", RUN_STATES, 0, NULL),
	MEMBER_WORD("phase", PHASES, 0, NULL),
	MEMBER_OF("replicaStatus", replica_status, SHAPE_LIST, NULL),
	{0},
};
static const struct schema role_status = {.name = "RoleStatus", .member = role_status_members};

static const struct schema_member status_members[] = {
	MEMBER_WORD("phase", PHASES, 0, NULL),
	MEMBER("phaseMessage", TEXT, 0, "The job's reason."),
	MEMBER_WORD("state", RUN_STATES, 0, NULL),
	MEMBER("createdAt", TIME, 0, NULL),
	MEMBER("startAt", TIME, SHAPE_NULL, NULL),
	MEMBER("finishAt", TIME, SHAPE_NULL, NULL),
	MEMBER("totalRetriedCount", INT, 0, NULL),
	MEMBER_OF("roleStatus", role_status, SHAPE_LIST, NULL),
	{0},
};
static const struct schema status = {.name = "TaskSetStatus", .member = status_members};

static const struct schema_member taskset_members[] = {
	MEMBER_WORD("kind", "TaskSet", 0, NULL),
	MEMBER("metadata", FREE, 0, NULL),
	MEMBER("spec", FREE, 0, NULL),
	MEMBER_OF("status", status, 0, NULL),
	{0},
};
const struct schema schema_taskset = {.name = "TaskSet",
				      .help = "As it was composed, with its status.",
				      .member = taskset_members,
				      .open = true};
