/* One job in admission: what it holds in memory, and the parts that work on it.
 *
 * An admission owns everything it points to but the driver. It begins with an `admit`
 * (the job and its documents out of the store), runs its pipeline's effects, tells the
 * store behind, and ends with one last change; after that it is freed.
 *
 * Layer 2; parts of the driver only. Threads: the loop, where nothing else is said. */
#pragma once

#include "core/calls/answer.h"
#include "core/driver/behind.h"
#include "core/driver/change.h"
#include "core/driver/observe.h"
#include "core/increment/merge.h"
#include "core/ledger/kept.h"
#include "core/pipeline.h"
#include "core/progress.h"

/* ---- admit.c ---- */

struct line;

struct admit {
	struct note note;
	struct arena *arena; /* holds everything below */
	struct job job;
	struct bytes header, submitted, taskset, factors, provenance, progress;
	bool counted; /* already in driver->in_admission */
	bool by_timer;
	bool fed;               /* by intake.c: perhaps it is in memory already */
	bool turn;              /* it was parked, and its turn has come with job.plugin */
	bool recovered;         /* it was asked about when the process ended: before those parked */
	struct line *line;      /* or it was let go, since that plugin answers again */
	atomic_size_t *charged; /* driver->documents, with `weight`, until it is freed */
	size_t weight;
};

SL_MUST_USE int admit_create(struct admit **ret);
struct admit *admit_free(struct admit *a);
/** Nothing comes of it: free, and its place, if it has one, is given back. */
struct admit *admit_drop(struct driver *d, struct admit *a);
/** Count what it and its admission hold as documents in memory, once. */
void admit_charge(struct driver *d, struct admit *a);
/** Copy everything of job `id` out of the store. */
SL_MUST_USE int admit_load(struct store_txn *txn, struct uuid id, struct admit **ret);
/** Nothing can be made of what is stored of a job in admission: it fails. */
SL_MUST_USE int admit_give_up(struct store_txn *txn, struct job *job, int64_t now_ms);
SL_DEFINE_SCOPED(struct admit, admit_free)

/* ---- admission.c ---- */

struct admission;
struct previewing;

enum { OWN_BYTES_MAX = 64 << 20 }; /* of a document that we made */

struct step { /* one plugin of the plan */
	struct admission *admission;
	uint32_t index;
	ask_id ask;
	struct buf body; /* its answer, kept until the stage is composed */
	struct json answer;
	bool answered;
	bool timed_out;
	uint32_t used_ms;
	uint8_t span[TRACE_SPAN_SIZE]; /* of its call */
	const char *code;              /* when it failed: the reason code */
	char words[600];               /* and why */
	struct gate_reply gate;
	struct increment increment; /* decorators and the binder: what was added */
};

struct stage_given { /* what a stage was given: core/ledger/kept.h */
	struct kept_stage record;
	struct buf patch;
	bool dirty;
};

struct admission {
	struct table_node node;
	struct driver *driver;
	struct previewing *preview; /* nothing of it is stored or started; NULL: a real job */
	struct admit *from;         /* owned: job and documents as loaded */
	struct job job;             /* facts; strings borrowed from `from` */
	uint32_t moves;             /* as the store has it, changes on their way included */
	enum job_state state;       /* likewise: preparing, or suspended while asked again */
	char id_text[UUID_TEXT_SIZE];
	struct progress progress;
	struct json header;
	struct buf taskset_text; /* the TaskSet as it stands */
	struct json taskset;
	bool has_taskset, taskset_dirty, factors_dirty, provenance_dirty;
	struct buf provenance; /* who added what: elements of a JSON array */
	struct buf factors;
	const struct registry_ref *registry;
	struct plan *plan;
	struct pipeline *pipeline;
	struct step *step;
	struct stage_given given[PLUGIN_STAGES];
	unsigned stale;  /* stages, bit by bit: change.h */
	struct buf body; /* the request of the present stage */
	uint32_t body_stage;
	bool body_old;    /* what it is made of has changed since */
	int64_t began_ms; /* monotonic */
	struct observed observed;
	uint32_t waited_ms;        /* for places at plugins: no active time */
	uint32_t stage_waited_ms;  /* of it in the present stage: the longest of its calls */
	struct arena *event_arena; /* events not yet written */
	struct change_event *event, **event_end;
	uint64_t serial; /* of its life: an answer to an earlier one is not taken for its own */
	bool writing;    /* a progress change is on its way */
	bool dirty;      /* there is newer progress */
	struct behind behind;  /* in driver->behind, while that waits */
	struct admit *resumed; /* a resume that came while a plugin was asked again */
	bool short_of_memory;  /**< What a stage changed could not be noted. */
	bool overtaken;        /* a resume was written before the answer that lets it go on */
	bool turn;             /* it goes in front of all others (of a parked one: at its plugin) */
	int64_t parked_ms;     /* its place in the line, if it was there in this stage already */
	struct line *line;     /* of the plugin that it was let go for, until that has answered */
	bool line_asked;
	bool ended;          /* its last change is made */
	struct change *last; /* and waits for the one on its way, or NULL */
	struct run *run;     /* it is handed over with that, or NULL */
	const char *fault;   /* reason code of a stage that could not be composed */
	struct bytes fault_plugin;
	char fault_words[600];
};

void admission_begin(struct driver *d, struct note *note); /* note: struct admit */
/** Nothing of it is stored. `from` is moved unless it fails. */
SL_MUST_USE int admission_begin_preview(struct driver *d, struct admit *from,
					struct previewing *preview, struct admission **ret);
struct admission *admission_free(struct admission *a); /* also out of the table */
void admission_drop(struct admission *a); /* somebody else decided: calls canceled, freed */
/** What it was to write is not written: drop it, and look for the job in the store. */
void admission_lose(struct admission *a);
/** As admission_drop(), of the job with this id if it is asked about. */
void admission_let_go(struct driver *d, struct uuid job);
/** The plugin was asked again in vain: let the resume that came meanwhile go on instead.
 * False when there is none; else `a` is gone. */
bool admission_go_on_resumed(struct admission *a);
/** The admission of this id and serial, or NULL. */
struct admission *admission_find(struct driver *d, struct uuid id, uint64_t serial);
uint32_t admission_used_ms(const struct admission *a);
/** Calls of a stage wait side by side: one has waited so long for a place. */
void admission_waited(struct admission *a, uint32_t ms);

/* ---- preview.c: admissions of which nothing is stored ---- */

const struct registry_ref *preview_registry(const struct previewing *q);
/** Take the plugins out that are not to be asked. */
SL_MUST_USE int preview_prune(struct previewing *q, struct plan *plan);
void preview_ended(struct previewing *q, struct change *c); /* c is moved */
void preview_dropped(struct previewing *q);                 /* NULL is fine */

/* ---- effects.c ---- */

void effects_run(struct admission *a, struct pl_out out);
/** Whatever the plugins' policies are: admission took too long. */
void effects_spent_budget(struct admission *a);

/* ---- ask.c, answered.c ---- */

/** SL_E_TIMEOUT: the budget is spent. ask_answered() hears what comes of it. */
int ask_plugin(struct admission *a, uint32_t stage, struct step *step);
void ask_answered(void *user, ask_id id, const struct ask_result *result);
/** It has waited long for a place: it is parked, if nothing is lost by that. */
void ask_waits(void *user, ask_id id);

/* ---- journal.c ---- */

void journal_event(struct admission *a, const struct event *event);
/** The stage has changed what those behind it are given: what was kept of them when the job
 * came so far before is no longer true. */
void journal_outdated(struct admission *a, uint32_t stage);
/** The stage's body is made: keep what it was given. */
void journal_given(struct admission *a, uint32_t stage);
/** It is the body of this earlier stage. */
void journal_given_again(struct admission *a, uint32_t stage, uint32_t before);
/** The stage has made the present TaskSet of this one. */
void journal_changed(struct admission *a, uint32_t stage, const struct json *before);
/** Progress is written behind: a little later, and with whatever comes before that. */
void journal_write(struct admission *a);
/** Write what was due by now; with `all` whatever waits. */
void journal_write_due(struct driver *d, bool all);
/** Submit its last change, behind what is on its way. */
void journal_end(struct admission *a, struct change *c);
/** Move docs, progress and events that the store has not seen into `c`. */
void journal_flush(struct admission *a, struct change *c);

/* ---- compose.c: 0, or a fault in a->fault and its words ---- */

int compose_stage(struct admission *a, uint32_t stage);
/** Is this step's answer an increment of the present TaskSet? SL_E_CONFLICT with words if not. */
int compose_check(struct admission *a, struct step *step, struct sl_error *err);
/** What a legal answer says, for the job's log; `to` needs buf_fini(). */
void compose_tell(const struct admission *a, const struct step *step, struct buf *to);
/** SL_E_INVALID for a status that is none of an answer, with what the plugin says of it:
 * that is meant for the submitter, so it goes where everybody reads. */
int compose_refusal(const struct ask_result *result, struct sl_error *err);
int compose_set_taskset(struct admission *a, const struct json *json, struct sl_error *err);

/* ---- verdict.c: carry out the last effect of a pipeline ---- */

void verdict_suspend(struct admission *a, struct step *step);
void verdict_wait(struct admission *a, struct step *step);
/** There was no place at its plugin for long: it waits in the store. */
void verdict_park(struct admission *a, struct step *step);
/** Its time came, but the gate that suspended it is off or gone. */
void verdict_gate_gone(struct admission *a);
void verdict_stop(struct admission *a, struct step *step);
void verdict_fail(struct admission *a, struct step *step, const struct plan_stage *stage);
void verdict_fail_words(struct admission *a, const char *code, const char *words);
void verdict_hand_over(struct admission *a);
