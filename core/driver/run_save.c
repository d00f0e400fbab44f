/* What the store is told of a run. What comes up in one turn is one change; that replicas
 * have started waits a little longer, since the end of short ones follows soon. */
#include "core/base/crash.h"
#include "core/driver/run.h"

enum { STARTED_BEHIND_MS = 10 };

/* ---- one change at a time, so that they reach the store in their order ---- */

static void written(struct driver *d, struct change *c, int rc)
{
	struct run *r = run_find(d, c->id);
	if (!r || r->serial != c->owner || d->closed)
		return;
	r->writing = false;
	if (rc) {
		driver_log(d, LOG_ERROR, c->id, "what became of a running job was not written",
			   "why", sl_err_text(rc));
		run_lose(r);
		return;
	}
	run_carry_on(r, c);
}

static struct told *told_of(const struct run *r, uint32_t role, uint32_t index)
{
	size_t at = index;
	for (uint32_t i = 0; i < role; i++)
		at += r->set->role[i].replicas;
	return &r->told[at];
}

static void let_go(struct run *r, const struct change *c)
{
	for (const struct replica_change_record *n = c->replica; n; n = n->next)
		told_of(r, n->role, n->index)->record = NULL;
}

static void submit(struct run *r)
{
	behind_remove(&r->behind);
	if (r->writing || !r->next)
		return;
	let_go(r, r->next);
	r->writing = true;
	r->soon = false;
	r->next->owner = r->serial;
	r->next->then = written;
	crash_at(CRASH_RUN_UNSAVED);
	change_submit(take_ptr(&r->next));
}

void run_write(struct run *r)
{
	struct driver *d = r->driver;
	if (r->writing || !r->next)
		return;
	if (r->soon)
		behind_remove(&r->behind);
	behind_put(r->soon ? &d->runs_soon : &d->runs_behind, &r->behind,
		   clock_mono_ms(d->parts.clock) + (r->soon ? 0 : STARTED_BEHIND_MS));
}

void run_write_due(struct driver *d)
{
	int64_t now_ms = atomic_load(&d->ending) ? INT64_MAX : clock_mono_ms(d->parts.clock);
	struct behind *b;
	while ((b = behind_take(&d->runs_soon, INT64_MAX)) ||
	       (b = behind_take(&d->runs_behind, now_ms)))
		submit(container_of(b, struct run, behind));
}

/* ---- replicas ---- */

static const char *outcome_of(const struct replica *replica)
{
	switch (replica->state) {
	case REPLICA_RUNNING:
		return "started";
	case REPLICA_SUCCEEDED:
	case REPLICA_FAILED:
	case REPLICA_STOPPED:
		return replica_state_name(replica->state);
	case REPLICA_IDLE:
		return replica->attempts ? "to be tried again" : NULL;
	default:
		return NULL;
	}
}

/* A replica is stored more often than something becomes of it. */
static uint64_t becomes(const struct replica *replica)
{
	return (uint64_t)replica->attempts << 8 | (uint64_t)replica->state;
}

void run_told(struct run *r, uint32_t role, uint32_t index, const struct replica *stored)
{
	told_of(r, role, index)->becomes = becomes(stored);
}

static void add_replica_event(struct run *r, struct change *c, const struct policy_fx *fx,
			      const struct replica *replica)
{
	const char *outcome = outcome_of(replica);
	struct told *told = told_of(r, fx->role, fx->index);
	if (!outcome || told->becomes == becomes(replica))
		return;
	told->becomes = becomes(replica);
	struct event event = {.time_ms = driver_now(r->driver),
			      .type = EVENT_REPLICA,
			      .state = r->state,
			      .stage = EVENT_NO_STAGE,
			      .index = (int32_t)fx->index,
			      .code = replica->code,
			      .outcome = bytes_str(outcome),
			      .role = r->set->role[fx->role].name,
			      .reason = bytes_str(replica->message)};
	change_add_event(c, &event);
}

/* Its record in `c`: of what becomes of a replica meanwhile only the last is stored. */
static struct replica_change_record *record_of(struct run *r, struct change *c,
					       const struct policy_fx *fx)
{
	struct told *told = told_of(r, fx->role, fx->index);
	if (told->record)
		return told->record;
	struct replica_change_record *record = arena_alloc(c->arena, sizeof(*record));
	if (!record) {
		c->flaw = SL_E_NO_MEMORY;
		return NULL;
	}
	*record = (struct replica_change_record){.role = fx->role, .index = fx->index};
	*c->replica_end = record;
	c->replica_end = &record->next;
	told->record = record;
	return record;
}

/* `start`: the effect before it, if that is the replica's start. */
static void save_replica(struct run *r, struct change *c, const struct policy_fx *fx,
			 const struct policy_fx *start)
{
	const struct replica *replica = policy_replica(r->policy, fx->role, fx->index);
	struct replica_change_record *record = record_of(r, c, fx);
	if (!record)
		return;
	record->replica = *replica;
	if (start) {
		record->start = true;
		record->how = start->how;
	}
	add_replica_event(r, c, fx, replica);
}

/* ---- moves ---- */

static enum job_state final_state(enum set_outcome outcome)
{
	return outcome == SET_SUCCEEDED ? JOB_SUCCEEDED
	       : outcome == SET_STOPPED ? JOB_STOPPED
					: JOB_FAILED;
}

/* What the engine cannot promise here: told once, when the job begins to run. */
static void add_note_event(const struct run *r, struct change *c)
{
	struct event event = {.time_ms = driver_now(r->driver),
			      .type = EVENT_NOTE,
			      .state = JOB_RUNNING,
			      .stage = EVENT_NO_STAGE,
			      .outcome = BYTES("engine"),
			      .reason = bytes_str(r->note)};
	if (*r->note)
		change_add_event(c, &event);
}

static void add_move(struct run *r, struct change *c, enum job_state to)
{
	change_add_move(c, to);
	r->state = to;
	r->moves++;
}

/* A job never skips `running` on its way to success. */
static void add_moves(struct run *r, struct change *c, const struct policy_out *out)
{
	bool over = out->outcome != SET_OPEN && !r->ended;
	if (r->state == JOB_WAITING && (out->running || out->outcome == SET_SUCCEEDED)) {
		add_move(r, c, JOB_RUNNING);
		c->why = change_why(JOB_RUNNING);
		add_note_event(r, c);
	}
	if (over) {
		add_move(r, c, final_state(out->outcome));
		c->why.code = change_str(c, out->reason_code);
		c->why.reason = change_str(c, out->reason);
		c->why.exit_code = out->exit_code;
		r->ended = true;
	}
}

/* ---- what the policy wants stored ---- */

static void put(struct run *r, struct change *c, const struct policy_out *out)
{
	for (size_t i = 0; i < out->n; i++)
		if (out->fx[i].kind == POLICY_SAVE)
			save_replica(r, c, &out->fx[i],
				     i > 0 && out->fx[i - 1].kind == POLICY_START ? &out->fx[i - 1]
										  : NULL);
	add_moves(r, c, out);
}

void run_put_first(struct run *r, struct change *c, const struct policy_out *out)
{
	put(r, c, out);
	let_go(r, c);
}

/* Nothing but that replicas have started. */
static bool only_started(const struct run *r, const struct policy_out *out)
{
	for (size_t i = 0; i < out->n; i++)
		if (out->fx[i].kind != POLICY_SAVE ||
		    policy_replica(r->policy, out->fx[i].role, out->fx[i].index)->state !=
			    REPLICA_RUNNING)
			return false;
	return out->outcome == SET_OPEN;
}

void run_save(struct run *r, const struct policy_out *out)
{
	if (!r->next && change_create(r->driver, r->node.id, r->moves, &r->next)) {
		driver_log(r->driver, LOG_ERROR, r->node.id, "out of memory", NULL, NULL);
		run_lose(r);
		return;
	}
	put(r, r->next, out);
	r->soon |= !only_started(r, out);
	if (!r->next->replica && !r->next->path_n && !r->next->flaw)
		r->next = change_free(r->next);
	run_write(r);
}
