#include "tests/lib/sim_engine.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static struct sim_engine *of(struct engine *e) { return container_of(e, struct sim_engine, base); }
static struct sim_replica *at(const struct list *l)
{
	return container_of(l, struct sim_replica, link);
}

static bool same_replica(const struct replica_name *a, const struct replica_name *b)
{
	return uuid_eq(a->job, b->job) && a->role == b->role && a->index == b->index;
}

static struct sim_replica *find(const struct sim_engine *e, const struct replica_name *name)
{
	for (struct list *l = e->replicas.next; l != &e->replicas; l = l->next)
		if (same_replica(&at(l)->name, name) && at(l)->name.attempt == name->attempt)
			return at(l);
	return NULL;
}

static void wrong(struct sim_engine *e, const struct replica_name *n, const char *what)
{
	char id[UUID_TEXT_SIZE];
	if (!e->wrong[0])
		snprintf(e->wrong, sizeof(e->wrong), "job %s role %u replica %u attempt %u: %s",
			 uuid_format(n->job, id), n->role, n->index, n->attempt, what);
}

/* ---- messages ---- */

static void send(struct sim_engine *e, const struct engine_report *report)
{
	struct sim_message *m = calloc(1, sizeof(*m));
	assert(m);
	m->report = *report;
	m->at_ms = clock_wall_ms(&e->clock->base) + seeded_below(e->random, e->late_ms + 1);
	list_push(&e->messages, &m->link);
}

static void tell(struct sim_engine *e, const struct sim_replica *r)
{
	struct engine_report report = {.name = r->name, .pid = 1};
	if (r->state < SIM_RUNNING || !e->report || e->cut)
		return;
	report.change = r->state == SIM_RUNNING ? REPLICA_STARTED
			: r->lost               ? REPLICA_LOST
						: REPLICA_ENDED;
	report.reason = r->state == SIM_RUNNING ? "Started" : r->code ? "Error" : "Completed";
	report.exit = (struct replica_exit){
		.code = r->code, .started_ms = r->started_ms, .finished_ms = r->finished_ms};
	do
		send(e, &report);
	while (seeded_chance(e->random, e->repeat_percent));
}

static void deliver(struct sim_engine *e, int64_t now)
{
	for (struct list *l = e->messages.next, *next; l != &e->messages; l = next) {
		struct sim_message *m = container_of(l, struct sim_message, link);
		next = l->next;
		if (m->at_ms > now)
			continue;
		list_remove(l);
		e->report(e->user, &m->report);
		free(m);
	}
}

static void lose_messages(struct sim_engine *e)
{
	for (struct list *l; (l = list_pop(&e->messages));)
		free(container_of(l, struct sim_message, link));
}

void sim_engine_cut(struct sim_engine *e, bool cut)
{
	if (cut == e->cut)
		return;
	e->cuts += cut;
	e->cut = cut;
	lose_messages(e);
	for (struct list *l = e->replicas.next; l != &e->replicas && !cut; l = l->next)
		if (at(l)->life == e->life)
			tell(e, at(l));
}

/* ---- room ---- */

static uint32_t taken(const struct sim_engine *e)
{
	uint32_t n = 0;
	for (struct list *l = e->replicas.next; l != &e->replicas; l = l->next)
		n += at(l)->state == SIM_COMING || at(l)->state == SIM_RUNNING;
	return n;
}

static uint32_t members(const struct sim_engine *e, uint64_t party)
{
	uint32_t n = 0;
	for (struct list *l = e->replicas.next; l != &e->replicas; l = l->next)
		n += at(l)->party == party && at(l)->state == SIM_WAITING;
	return n;
}

static void let_in(struct sim_engine *e, uint64_t party, int64_t now)
{
	for (struct list *l = e->replicas.next; l != &e->replicas; l = l->next) {
		struct sim_replica *r = at(l);
		if (r->party != party || r->state != SIM_WAITING)
			continue;
		int64_t wait = now - r->start_ms;
		r->state = SIM_COMING;
		r->start_ms += wait > 0 ? wait : 0;
		r->end_ms += wait > 0 ? wait : 0;
	}
}

static void fill_room(struct sim_engine *e, int64_t now)
{
	if (!e->recovered)
		return;
	for (struct list *l = e->replicas.next; l != &e->replicas; l = l->next) {
		if (at(l)->state != SIM_WAITING)
			continue;
		if (taken(e) + members(e, at(l)->party) > SIM_ROOM)
			return; /* the first in line is waited for */
		let_in(e, at(l)->party, now);
	}
}

/* ---- the port ---- */

static int check(struct engine *e SL_UNUSED, struct bytes taskset, struct sl_error *err)
{
	if (memmem(taskset.at, taskset.len, "refuse-me", 9))
		return sl_fail(err, SL_E_INVALID, "this engine does not take it");
	return 0;
}

static void check_alone(struct sim_engine *e, const struct replica_name *name)
{
	for (struct list *l = e->replicas.next; l != &e->replicas; l = l->next)
		if (same_replica(&at(l)->name, name) && at(l)->state != SIM_OVER)
			wrong(e, name, "started while another attempt is alive");
}

static uint32_t weight(struct engine *e SL_UNUSED, struct bytes pod SL_UNUSED) { return 1; }

static uint32_t room(const struct engine *e SL_UNUSED) { return SIM_ROOM; }

/* It ended well: what is done is not done again. */
static void check_needed(struct sim_engine *e, const struct replica_spec *spec)
{
	for (struct list *l = e->replicas.next; l != &e->replicas; l = l->next) {
		const struct sim_replica *r = at(l);
		if (same_replica(&r->name, &spec->name) && r->state == SIM_OVER && r->code == 0 &&
		    !r->lost && !r->stopping && !bytes_is(spec->taskset_name, "again"))
			wrong(e, &spec->name, "started although an attempt ended well");
	}
}

static void start_one(struct sim_engine *e, const struct replica_spec *spec, enum start_how how)
{
	struct sim_replica *r = find(e, &spec->name);
	int64_t now = clock_wall_ms(&e->clock->base);
	if (r) {
		if (r->life == e->life)
			wrong(e, &spec->name, "started twice by one driver");
		r->life = e->life;
		tell(e, r);
		return;
	}
	check_alone(e, &spec->name);
	check_needed(e, spec);
	r = calloc(1, sizeof(*r));
	assert(r);
	r->name = spec->name;
	r->life = e->life;
	r->start_ms = now + seeded_below(e->random, e->slow_ms + 1);
	r->end_ms = r->start_ms + seeded_below(e->random, 4 * e->slow_ms + 1);
	r->code = seeded_chance(e->random, e->fail_percent)
			  ? 1 + (int32_t)seeded_below(e->random, 3)
			  : 0;
	r->lost = seeded_chance(e->random, e->lose_percent);
	r->state = how == START_REJOIN ? SIM_COMING : SIM_WAITING;
	r->party = how == START_TOGETHER ? e->parties : ++e->parties;
	list_push(&e->replicas, &r->link);
}

static void check_gang(struct sim_engine *e, const struct replica_group *group)
{
	const struct replica_spec *first = &group->replica[0];
	if (!bytes_is(first->taskset_name, "gang"))
		return;
	if (group->how == START_TOGETHER && group->n != SIM_GANG)
		wrong(e, &first->name, "a gang that is not whole");
	if (group->how == START_EACH && first->name.attempt == 0)
		wrong(e, &first->name, "a gang started one by one");
}

static int start(struct engine *base, const struct replica_group *group)
{
	struct sim_engine *e = of(base);
	check_gang(e, group);
	if (e->cut)
		return SL_E_UNAVAILABLE;
	e->parties++;
	e->gangs += group->how == START_TOGETHER;
	for (size_t i = 0; i < group->n; i++)
		start_one(e, &group->replica[i], group->how);
	return 0;
}

static void recovered(struct engine *e) { of(e)->recovered = true; }

static bool place(struct engine *e SL_UNUSED, const struct uuid *job SL_UNUSED,
		  struct engine_place *ret SL_UNUSED)
{
	return false;
}

static void stop(struct engine *base, const struct replica_name *name)
{
	struct sim_engine *e = of(base);
	struct sim_replica *r = find(e, name);
	if (!r || r->state == SIM_OVER || r->stopping)
		return;
	int64_t end = clock_wall_ms(&e->clock->base) + seeded_below(e->random, e->slow_ms + 1);
	r->stopping = true;
	if (r->state == SIM_WAITING)
		r->state = SIM_COMING; /* and ends before it starts */
	if (end < r->end_ms) {
		r->end_ms = end;
		r->code = 143;
	}
	if (r->start_ms > r->end_ms)
		r->start_ms = r->end_ms;
}

static bool recover(struct engine *base, const struct replica_name *name)
{
	struct sim_engine *e = of(base);
	struct sim_replica *r = find(e, name);
	if (r) {
		r->life = e->life;
		tell(e, r);
	}
	return r != NULL;
}

static void forget(struct engine *base, const struct uuid *job)
{
	struct sim_engine *e = of(base);
	for (struct list *l = e->replicas.next; l != &e->replicas; l = l->next)
		if (uuid_eq(at(l)->name.job, *job) && at(l)->state != SIM_OVER)
			wrong(e, &at(l)->name, "forgotten while it is alive");
}

/* Answered at once: what is lost is the answer, by a crash behind it. */
static void erase(struct engine *base, const struct uuid *job)
{
	struct sim_engine *e = of(base);
	struct engine_report report = {.name.job = *job, .change = JOB_ERASED};
	for (struct list *l = e->replicas.next; l != &e->replicas; l = l->next)
		if (uuid_eq(at(l)->name.job, *job) && at(l)->state != SIM_OVER)
			wrong(e, &at(l)->name, "erased while it is alive");
	if (seeded_chance(e->random, 10))
		snprintf(report.message, sizeof(report.message), "a file remains");
	if (e->report)
		e->report(e->user, &report);
}

static int open_log(struct engine *e SL_UNUSED, const struct uuid *job SL_UNUSED,
		    struct bytes role SL_UNUSED, uint32_t index SL_UNUSED,
		    const char *stream SL_UNUSED)
{
	return -1;
}

static struct engine *no_free(struct engine *e SL_UNUSED) { return NULL; }

static const struct engine_ops ops = {.name = "sim",
				      .check = check,
				      .weight = weight,
				      .room = room,
				      .start = start,
				      .recovered = recovered,
				      .place = place,
				      .stop = stop,
				      .recover = recover,
				      .forget = forget,
				      .open_log = open_log,
				      .erase = erase,
				      .free = no_free};

void sim_engine_init(struct sim_engine *e, const struct fake_clock *clock, struct seeded *random)
{
	*e = (struct sim_engine){.base = {&ops}, .clock = clock, .random = random, .slow_ms = 2000};
	list_init(&e->replicas);
	list_init(&e->messages);
}

void sim_engine_fini(struct sim_engine *e)
{
	lose_messages(e);
	for (struct list *l; (l = list_pop(&e->replicas));)
		free(at(l));
}

void sim_engine_attach(struct sim_engine *e, engine_report_fn report, void *user)
{
	e->report = report;
	e->user = user;
	e->life++;
	e->recovered = false;
	lose_messages(e);
}

void sim_engine_turn(struct sim_engine *e)
{
	int64_t now = clock_wall_ms(&e->clock->base);
	fill_room(e, now);
	for (struct list *l = e->replicas.next; l != &e->replicas; l = l->next) {
		struct sim_replica *r = at(l);
		if (r->state == SIM_COMING && r->start_ms <= now) {
			r->state = SIM_RUNNING;
			r->started_ms = r->start_ms;
			tell(e, r);
		}
		if (r->state == SIM_RUNNING && r->end_ms <= now) {
			r->state = SIM_OVER;
			r->finished_ms = r->end_ms;
			tell(e, r);
		}
	}
	if (e->report)
		deliver(e, now);
}

size_t sim_engine_alive(const struct sim_engine *e, struct uuid job)
{
	size_t n = 0;
	for (struct list *l = e->replicas.next; l != &e->replicas; l = l->next)
		n += uuid_eq(at(l)->name.job, job) && at(l)->state != SIM_OVER;
	return n;
}

bool sim_engine_succeeded(const struct sim_engine *e, struct uuid job, uint32_t role,
			  uint32_t index)
{
	struct replica_name name = {job, role, index, 0};
	for (struct list *l = e->replicas.next; l != &e->replicas; l = l->next)
		if (same_replica(&at(l)->name, &name) && at(l)->state == SIM_OVER &&
		    at(l)->code == 0 && !at(l)->lost)
			return true;
	return false;
}
