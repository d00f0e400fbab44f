/* Places where a test may end the process, or hold one of its threads.
 *
 * Every place between a promise and what keeps it has a name in CRASH_POINT_MAP: between
 * an acceptance and its answer, a stage and the next, a commit and what follows from it. In
 * a build with the option `crash_points` the environment picks one:
 *
 *	SLUICE_CRASH_AT=NAME[:NTH[:hold]]   at the NTH time (default: 1) this process comes
 *	                                    there it ends as by kill -9; with `hold` the thread
 *	                                    that came there stays until DIR/NAME.hold is removed
 *	SLUICE_CRASH_DIR=DIR                where it is counted: DIR/NAME gets a byte each time
 *
 * `SLUICE_CRASH_AT=*` only counts, all of them. Without the option (release builds)
 * crash_at() is nothing. tests/integration/test_crash_points.py goes over the whole table.
 *
 * Layer 0. Threads: any. No state of its own; what cannot be counted is not hit. */
#pragma once

#include "core/base/base.h"

#define CRASH_POINT_MAP(X)                                                                         \
	/* starting */                                                                             \
	X(START_STORE_OPEN, "start-store-open")                                                    \
	X(START_KEY_UNNAMED, "start-key-unnamed")                                                  \
	X(START_KEY_MADE, "start-key-made")                                                        \
	X(START_ENGINES_OPEN, "start-engines-open")                                                \
	X(START_RECOVERED, "start-recovered")                                                      \
	X(START_TAKEN_IN, "start-taken-in")                                                        \
	X(START_RUN_FOUND, "start-run-found")                                                      \
	X(START_READY, "start-ready")                                                              \
	/* every write */                                                                          \
	X(WRITER_TAKEN, "writer-taken")                                                            \
	X(WRITER_APPLIED, "writer-applied")                                                        \
	X(WRITER_GUEST, "writer-guest")                                                            \
	X(WRITER_COMMITTED, "writer-committed")                                                    \
	X(WRITER_TOLD, "writer-told")                                                              \
	/* a submission */                                                                         \
	X(SUBMIT_CHECKED, "submit-checked")                                                        \
	X(SUBMIT_APPLIED, "submit-applied")                                                        \
	X(SUBMIT_COMMITTED, "submit-committed")                                                    \
	X(SUBMIT_POSTED, "submit-posted")                                                          \
	X(SUBMIT_UNANSWERED, "submit-unanswered")                                                  \
	X(RERUN_LINKED, "rerun-linked")                                                            \
	X(ANSWER_MADE, "answer-made")                                                              \
	X(ANSWER_SENT, "answer-sent")                                                              \
	/* admission: stages, calls, the end */                                                    \
	X(ADMISSION_BEGUN, "admission-begun")                                                      \
	X(CALL_BEFORE, "call-before")                                                              \
	X(CALL_SENT, "call-sent")                                                                  \
	X(CALL_ANSWERED, "call-answered")                                                          \
	X(CALL_JUDGED, "call-judged")                                                              \
	X(STAGE_OVER, "stage-over")                                                                \
	X(STAGE_COMPOSED, "stage-composed")                                                        \
	X(PROGRESS_APPLIED, "progress-applied")                                                    \
	X(PROGRESS_WRITTEN, "progress-written")                                                    \
	X(SUSPEND_DECIDED, "suspend-decided")                                                      \
	X(VERDICT_WRITTEN, "verdict-written")                                                      \
	X(HAND_OVER_DECIDED, "hand-over-decided")                                                  \
	X(HAND_OVER_WRITTEN, "hand-over-written")                                                  \
	X(RUN_BEGUN, "run-begun")                                                                  \
	/* a TaskSet at work */                                                                    \
	X(RUN_UNSAVED, "run-unsaved")                                                              \
	X(RUN_SAVED, "run-saved")                                                                  \
	X(RUN_LAUNCHED, "run-launched")                                                            \
	X(REPORT_TAKEN, "report-taken")                                                            \
	X(REPORT_JUDGED, "report-judged")                                                          \
	X(END_APPLIED, "end-applied")                                                              \
	X(END_WRITTEN, "end-written")                                                              \
	X(END_FORGOTTEN, "end-forgotten")                                                          \
	/* the engine local */                                                                     \
	X(LOCAL_START_TAKEN, "local-start-taken")                                                  \
	X(LOCAL_SPAWN_BEFORE, "local-spawn-before")                                                \
	X(LOCAL_SPAWN_ASKED, "local-spawn-asked")                                                  \
	X(LOCAL_FOLLOWED, "local-followed")                                                        \
	X(LOCAL_STARTED, "local-started")                                                          \
	X(LOCAL_STOP_TAKEN, "local-stop-taken")                                                    \
	X(LOCAL_STOP_ASKED, "local-stop-asked")                                                    \
	X(LOCAL_ENDED, "local-ended")                                                              \
	X(LOCAL_REPORTED, "local-reported")                                                        \
	X(LOCAL_FORGETS, "local-forgets")                                                          \
	/* the engine null */                                                                      \
	X(NULL_STARTED, "null-started")                                                            \
	X(NULL_ENDED, "null-ended")                                                                \
	/* LifeHooks */                                                                            \
	X(HOOK_BEFORE, "hook-before")                                                              \
	X(HOOK_SENT, "hook-sent")                                                                  \
	X(HOOK_ANSWERED, "hook-answered")                                                          \
	X(HOOK_APPLIED, "hook-applied")                                                            \
	X(HOOK_SAVED, "hook-saved")                                                                \
	X(REDELIVER_WRITTEN, "redeliver-written")                                                  \
	/* what people ask */                                                                      \
	X(STOP_APPLIED, "stop-applied")                                                            \
	X(STOP_COMMITTED, "stop-committed")                                                        \
	X(STOP_TOLD, "stop-told")                                                                  \
	X(RESUME_APPLIED, "resume-applied")                                                        \
	X(RESUME_COMMITTED, "resume-committed")                                                    \
	X(RESUME_POSTED, "resume-posted")                                                          \
	X(DUE_APPLIED, "due-applied")                                                              \
	X(DUE_COMMITTED, "due-committed")                                                          \
	X(HOLD_APPLIED, "hold-applied")                                                            \
	X(HOLD_COMMITTED, "hold-committed")                                                        \
	X(ERASE_APPLIED, "erase-applied")                                                          \
	X(ERASE_COMMITTED, "erase-committed")                                                      \
	X(ERASE_CLEARED, "erase-cleared")                                                          \
	X(ERASE_ORDERED, "erase-ordered")                                                          \
	X(ERASE_FILES_GONE, "erase-files-gone")                                                    \
	X(FEATURE_UNWRITTEN, "feature-unwritten")                                                  \
	X(FEATURE_APPLIED, "feature-applied")                                                      \
	X(FEATURE_WRITTEN, "feature-written")                                                      \
	X(FEATURE_PUBLISHED, "feature-published")                                                  \
	X(TOKEN_UNWRITTEN, "token-unwritten")                                                      \
	X(TOKEN_APPLIED, "token-applied")                                                          \
	X(TOKEN_WRITTEN, "token-written")                                                          \
	X(PASSWORD_UNWRITTEN, "password-unwritten")                                                \
	X(PASSWORD_WRITTEN, "password-written")                                                    \
	/* a store of an older format */                                                           \
	X(MOVE_BEGUN, "move-begun")                                                                \
	X(MOVE_COPIED, "move-copied")                                                              \
	X(MOVE_KEPT, "move-kept")                                                                  \
	X(MOVE_APPLIED, "move-applied")                                                            \
	X(MOVE_COMMITTED, "move-committed")                                                        \
	/* the log of changes; backup and restore */                                               \
	X(AUDIT_APPLIED, "audit-applied")                                                          \
	X(BACKUP_BEGUN, "backup-begun")                                                            \
	X(BACKUP_COPIED, "backup-copied")                                                          \
	X(BACKUP_UNNAMED, "backup-unnamed")                                                        \
	X(BACKUP_NAMED, "backup-named")                                                            \
	X(RESTORE_COPIED, "restore-copied")                                                        \
	X(RESTORE_CHECKED, "restore-checked")                                                      \
	X(RESTORE_KEY_ASIDE, "restore-key-aside")                                                  \
	X(RESTORE_KEY_PUT, "restore-key-put")                                                      \
	X(RESTORE_NAMED, "restore-named")                                                          \
	X(RESTORE_EXCHANGED, "restore-exchanged")                                                  \
	X(RESTORE_DONE, "restore-done")                                                            \
	/* those who start and watch replicas */                                                   \
	X(SPAWNER_ASKED, "spawner-asked")                                                          \
	X(SPAWNER_FORKED, "spawner-forked")                                                        \
	X(SUPERVISOR_BEGUN, "supervisor-begun")                                                    \
	X(SUPERVISOR_NOTED, "supervisor-noted")                                                    \
	X(SUPERVISOR_OVER, "supervisor-over")                                                      \
	X(SUPERVISOR_WRITTEN, "supervisor-written")                                                \
	/* stopping */                                                                             \
	X(STOPPING, "stopping")                                                                    \
	X(STOP_DRAINED, "stop-drained")                                                            \
	X(STOP_LOOP_OVER, "stop-loop-over")                                                        \
	X(STOP_WRITER_OVER, "stop-writer-over")

enum crash_point {
#define X(id, text) CRASH_##id,
	CRASH_POINT_MAP(X)
#undef X
		CRASH_POINTS
};

SL_BEGIN_DECLS

#ifdef SLUICE_CRASH_POINTS
/** This place was reached. Returns unless the environment says otherwise. */
void crash_at(enum crash_point point);
#else
static inline void crash_at(enum crash_point point SL_UNUSED) {}
#endif

/** Write the names to standard output, one a line; -1 in a build without them. */
int crash_list(void);

SL_END_DECLS
