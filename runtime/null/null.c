#include "runtime/null/null.h"

#include "core/base/crash.h"

#include <stdlib.h>

struct null {
	struct engine base; /* first */
	const struct clock *clock;
	engine_report_fn report;
	void *user;
};

static struct null *null_of(struct engine *e) { return container_of(e, struct null, base); }

static int check(struct engine *e SL_UNUSED, struct bytes taskset SL_UNUSED,
		 struct sl_error *err SL_UNUSED)
{
	return 0;
}

static uint32_t weight(struct engine *e SL_UNUSED, struct bytes pod SL_UNUSED) { return 1; }

static uint32_t room(const struct engine *e SL_UNUSED) { return UINT32_MAX; }

static void run_one(const struct null *n, const struct replica_name *name)
{
	int64_t now = clock_wall_ms(n->clock);
	struct engine_report r = {.name = *name,
				  .change = REPLICA_STARTED,
				  .exit = {.started_ms = now},
				  .reason = "Started"};
	n->report(n->user, &r);
	crash_at(CRASH_NULL_STARTED);
	r.change = REPLICA_ENDED;
	r.reason = "Completed";
	r.exit.finished_ms = now;
	n->report(n->user, &r);
	crash_at(CRASH_NULL_ENDED);
}

static int start(struct engine *e, const struct replica_group *group)
{
	for (size_t i = 0; i < group->n; i++)
		run_one(null_of(e), &group->replica[i].name);
	return 0;
}

static void stop(struct engine *e SL_UNUSED, const struct replica_name *name SL_UNUSED) {}

/* What it was given has succeeded, before a restart as well as after it. */
static bool recover(struct engine *e, const struct replica_name *name)
{
	run_one(null_of(e), name);
	return true;
}

static void recovered(struct engine *e SL_UNUSED) {}

static bool place(struct engine *e SL_UNUSED, const struct uuid *job SL_UNUSED,
		  struct engine_place *ret SL_UNUSED)
{
	return false;
}

static void forget(struct engine *e SL_UNUSED, const struct uuid *job SL_UNUSED) {}

static int open_log(struct engine *e SL_UNUSED, const struct uuid *job SL_UNUSED,
		    struct bytes role SL_UNUSED, uint32_t index SL_UNUSED,
		    const char *stream SL_UNUSED)
{
	return -1;
}

static struct engine *null_free(struct engine *e)
{
	free(null_of(e));
	return NULL;
}

static const struct engine_ops ops = {
	.name = "null",
	.check = check,
	.weight = weight,
	.room = room,
	.start = start,
	.stop = stop,
	.recover = recover,
	.recovered = recovered,
	.place = place,
	.forget = forget,
	.open_log = open_log,
	.free = null_free,
};

int null_create(const struct clock *clock, engine_report_fn report, void *user, struct engine **ret)
{
	struct null *n = calloc(1, sizeof(*n));
	if (!n)
		return SL_E_NO_MEMORY;
	*n = (struct null){{&ops}, clock, report, user};
	*ret = &n->base;
	return 0;
}
