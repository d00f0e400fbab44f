#include "core/telemetry/meter.h"

#include "core/base/hash.h"

#include <stdlib.h>

enum { SLOTS = 256, LABELS_MAX = 1024 };

static const char *const outcome_names[METER_OUTCOMES] = {
	[METER_ANSWERED] = "answered",
	[METER_ILLEGAL] = "illegal",
	[METER_TIMEOUT] = "timeout",
	[METER_UNAVAILABLE] = "unavailable",
};

struct calls {
	struct metric_histogram took[METER_OUTCOMES];
	char plugin[]; /* its key */
};

struct meter {
	struct calls *slot[SLOTS]; /* open addressing; entries come and stay */
	unsigned plugins;
	struct metric_histogram others[METER_OUTCOMES];
	struct metric_counter decisions[GATE_PASS + 1];
	struct metric_histogram admission, stage[PLUGIN_STAGES], selector;
	struct metric_counter conflicts, failed_open;
};

const char *meter_outcome_name(enum meter_outcome outcome) { return outcome_names[outcome]; }

int meter_create(struct meter **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : SL_E_NO_MEMORY;
}

struct meter *meter_free(struct meter *m)
{
	for (size_t i = 0; m && i < SLOTS; i++)
		free(m->slot[i]);
	free(m);
	return NULL;
}

/* ---- calls ---- */

static unsigned spread(const char *key) { return hash_bytes(bytes_str(key), 0) % SLOTS; }

static struct calls *make(struct meter *m, const char *plugin)
{
	if (__atomic_fetch_add(&m->plugins, 1, __ATOMIC_RELAXED) >= METER_PLUGINS) {
		__atomic_fetch_sub(&m->plugins, 1, __ATOMIC_RELAXED);
		return NULL;
	}
	size_t size = strlen(plugin) + 1;
	struct calls *c = calloc(1, sizeof(*c) + size);
	if (c)
		memcpy(c->plugin, plugin, size);
	else
		__atomic_fetch_sub(&m->plugins, 1, __ATOMIC_RELAXED);
	return c;
}

/* Put a new one into an empty slot, unless another thread was faster. */
static struct calls *settle(struct meter *m, struct calls **slot, const char *plugin)
{
	struct calls *none = NULL, *fresh = make(m, plugin);
	if (!fresh || __atomic_compare_exchange_n(slot, &none, fresh, false, __ATOMIC_ACQ_REL,
						  __ATOMIC_ACQUIRE))
		return fresh;
	free(fresh);
	__atomic_fetch_sub(&m->plugins, 1, __ATOMIC_RELAXED);
	return none; /* what is there now */
}

/* Its own, or NULL: it is one of the others. There are always empty slots. */
static struct calls *calls_of(struct meter *m, const char *plugin)
{
	for (unsigned at = spread(plugin);; at = (at + 1) % SLOTS) {
		struct calls *c = __atomic_load_n(&m->slot[at], __ATOMIC_ACQUIRE);
		if (!c)
			c = settle(m, &m->slot[at], plugin);
		if (!c || strcmp(c->plugin, plugin) == 0)
			return c;
	}
}

void meter_call(struct meter *m, const char *plugin, enum meter_outcome outcome, uint64_t us)
{
	if (!m)
		return;
	struct calls *c = calls_of(m, plugin);
	metric_observe(c ? &c->took[outcome] : &m->others[outcome], &metric_seconds, us);
}

/* ---- the rest ---- */

void meter_decision(struct meter *m, enum gate_decision decision)
{
	if (m)
		metric_add(&m->decisions[decision], 1);
}

void meter_admission(struct meter *m, uint64_t us)
{
	if (m)
		metric_observe(&m->admission, &metric_seconds, us);
}

void meter_stage(struct meter *m, enum plugin_type stage, uint64_t us)
{
	if (m)
		metric_observe(&m->stage[stage], &metric_seconds, us);
}

void meter_selector(struct meter *m, uint64_t us)
{
	if (m)
		metric_observe(&m->selector, &metric_quick_seconds, us);
}

void meter_conflict(struct meter *m)
{
	if (m)
		metric_add(&m->conflicts, 1);
}

void meter_fail_open(struct meter *m)
{
	if (m)
		metric_add(&m->failed_open, 1);
}

/* ---- the text ---- */

static bool is_empty(const struct metric_histogram *h)
{
	for (size_t i = 0; i < countof(h->bucket); i++)
		if (__atomic_load_n(&h->bucket[i], __ATOMIC_RELAXED))
			return false;
	return true;
}

static void write_calls_of(struct buf *to, const char *plugin,
			   const struct metric_histogram took[METER_OUTCOMES])
{
	for (int i = 0; i < METER_OUTCOMES; i++) {
		scoped(buf_finip) struct buf labels = {0};
		if (is_empty(&took[i]))
			continue;
		buf_init(&labels, LABELS_MAX);
		metric_label(&labels, "plugin", bytes_str(plugin));
		metric_label(&labels, "outcome", bytes_str(outcome_names[i]));
		metric_sample_histogram(to, "sluice_plugin_call_duration_seconds", buf_str(&labels),
					&metric_seconds, &took[i]);
	}
}

static void write_calls(const struct meter *m, struct buf *to)
{
	metric_head(to, "sluice_plugin_call_duration_seconds", "histogram",
		    "Calls of a plugin with all their attempts, by what came of them.");
	for (size_t i = 0; i < SLOTS; i++) {
		const struct calls *c = __atomic_load_n(&m->slot[i], __ATOMIC_ACQUIRE);
		if (c)
			write_calls_of(to, c->plugin, c->took);
	}
	write_calls_of(to, "other", m->others);
}

static void write_decisions(const struct meter *m, struct buf *to)
{
	static const enum gate_decision shown[] = {GATE_PASS, GATE_SUSPEND, GATE_STOP};
	static const char *const labels[] = {
		[GATE_PASS] = "decision=\"pass\"",
		[GATE_SUSPEND] = "decision=\"suspend\"",
		[GATE_STOP] = "decision=\"stop\"",
	};
	metric_head(to, "sluice_decisions_total", "counter", "What gates decided.");
	for (size_t i = 0; i < countof(shown); i++)
		metric_sample(to, "sluice_decisions_total", labels[shown[i]],
			      metric_read(&m->decisions[shown[i]]));
}

static void write_stages(const struct meter *m, struct buf *to)
{
	metric_head(to, "sluice_stage_duration_seconds", "histogram",
		    "Stages of admission that called a plugin, from the first call to the end.");
	for (int i = 0; i < PLUGIN_STAGES; i++) {
		scoped(buf_finip) struct buf labels = {0};
		buf_init(&labels, LABELS_MAX);
		metric_label(&labels, "stage", bytes_str(plugin_type_name((enum plugin_type)i)));
		metric_sample_histogram(to, "sluice_stage_duration_seconds", buf_str(&labels),
					&metric_seconds, &m->stage[i]);
	}
}

void meter_write(const struct meter *m, struct buf *to)
{
	metric_head(to, "sluice_job_admission_seconds", "histogram",
		    "From taking up a job until it is handed over, suspended, stopped or failed.");
	metric_sample_histogram(to, "sluice_job_admission_seconds", "", &metric_seconds,
				&m->admission);
	write_stages(m, to);
	write_calls(m, to);
	write_decisions(m, to);
	metric_single(to, "sluice_decorator_conflicts_total", "counter",
		      "Jobs that failed because decorators contradicted each other.",
		      metric_read(&m->conflicts));
	metric_single(to, "sluice_fail_open_total", "counter",
		      "Gates that could not decide and were passed over by failurePolicy ignore.",
		      metric_read(&m->failed_open));
	metric_head(to, "sluice_selector_seconds", "histogram",
		    "Finding the plugins that a job meets, all jobSelectors together.");
	metric_sample_histogram(to, "sluice_selector_seconds", "", &metric_quick_seconds,
				&m->selector);
}
