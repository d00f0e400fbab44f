#include "core/telemetry/meter_plugins.h"

#include "core/telemetry/meter_top.h"

#include <stdlib.h>

enum { SUBSCRIBERS_MAX = 20000 };

/* The worse, the greater. */
static uint64_t badness(enum breaker_state state)
{
	return state == BREAKER_OPEN ? 2 : state == BREAKER_PROBING ? 1 : 0;
}

static void see_standing(void *user, const struct standing_view *view)
{
	uint64_t bad = badness(view->breaker);
	top_add(user, bytes_str(view->key), bad * UINT32_MAX + view->in_flight, view->in_flight,
		bad);
}

int meter_write_standings(struct standings *stages, struct standings *hooks, struct buf *to)
{
	struct meter_top *top = calloc(1, sizeof(*top));
	if (!top)
		return SL_E_NO_MEMORY;
	if (stages)
		standings_each(stages, see_standing, top);
	if (hooks)
		standings_each(hooks, see_standing, top);
	metric_head(to, "sluice_plugin_in_flight", "gauge", "Calls in flight, by plugin.");
	top_write_sum(top, "sluice_plugin_in_flight", to);
	metric_head(to, "sluice_plugin_breaker_state", "gauge",
		    "Circuit breaker: 0 closed, 1 one call probes, 2 open (not asked).");
	top_write_most(top, "sluice_plugin_breaker_state", to);
	free(top);
	return 0;
}

/* ---- LifeHooks ---- */

struct oldest {
	int64_t time_ms; /* 0: nothing waits */
};

static bool see_oldest(void *user, const struct delivery *d)
{
	struct oldest *o = user;
	o->time_ms = d->entry.time_ms;
	return false;
}

/* How old what waits longest is, in microseconds. */
static int lag_of(struct store_txn *txn, uint64_t subscriber, int64_t now_ms, uint64_t *ret)
{
	struct outbox_filter waiting = {
		.pending = true, .retrying = true, .subscriber = subscriber};
	struct outbox_place at = {0};
	struct oldest oldest = {0};
	bool end;
	int rc = outbox_walk(txn, &waiting, &at, see_oldest, &oldest, &end);
	*ret = oldest.time_ms && oldest.time_ms < now_ms
		       ? (uint64_t)(now_ms - oldest.time_ms) * 1000
		       : 0;
	return rc;
}

static int see_subscribers(struct store_txn *txn, int64_t now_ms, struct meter_top *top)
{
	struct subscriber s = {0};
	int rc = 0;
	for (int i = 0; i < SUBSCRIBERS_MAX && !rc; i++) {
		uint64_t lag_us = 0;
		rc = outbox_next(txn, s.number, &s);
		if (rc == SL_E_NOT_FOUND)
			return 0;
		if (!rc && s.pending)
			rc = lag_of(txn, s.number, now_ms, &lag_us);
		if (!rc)
			top_add(top, s.key, s.pending + s.dead, s.dead, lag_us);
	}
	return rc;
}

int meter_write_hooks(struct store_txn *txn, int64_t now_ms, struct buf *to)
{
	struct meter_top *top = calloc(1, sizeof(*top));
	if (!top)
		return SL_E_NO_MEMORY;
	int rc = see_subscribers(txn, now_ms, top);
	metric_head(to, "sluice_hook_lag_seconds", "gauge",
		    "Age of the state change that waits longest for a LifeHook.");
	top_write_most_us(top, "sluice_hook_lag_seconds", to);
	metric_head(to, "sluice_hook_dead", "gauge", "Deliveries to a LifeHook that are dead.");
	top_write_sum(top, "sluice_hook_dead", to);
	free(top);
	return rc;
}
