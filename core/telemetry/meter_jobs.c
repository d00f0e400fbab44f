#include "core/telemetry/meter_jobs.h"

#include <stdlib.h>

enum { PLUGIN_MAX = 255, LABELS_MAX = 1024, STATES = JOB_SUCCEEDED };

/* Ours; what else a gate gives is `other` where its plugin is. */
static const char *const codes[] = {
	"in_admission",
	"held",
	"gate_suspended",
	"gate_stopped",
	"gate_gone",
	"plugin_unavailable",
	"plugin_timeout",
	"plugin_bad_answer",
	"selector_error",
	"no_translator",
	"ambiguous_plugins",
	"increment_violation",
	"decorator_conflict",
	"budget_exhausted",
	"invalid_taskset",
	"engine_unknown",
	"engine_refused",
	"waiting_for_slot",
	"waiting_for_dependency",
	"running",
	"internal_error",
	"other",
};

enum { CODES = countof(codes) };

struct holder {
	char plugin[PLUGIN_MAX];
	size_t len;
	uint64_t jobs;
};

/** Both walks over the groups: who holds most, then the series. */
struct survey {
	struct buf *to;
	struct holder top[METER_JOBS_PLUGINS], now;
	size_t tops, series;
	bool now_is_top;
	uint64_t rest[STATES][CODES];
};

static struct bytes holder_name(const struct holder *h) { return bytes_of(h->plugin, h->len); }

static void set_holder(struct holder *h, struct bytes plugin)
{
	h->len = plugin.len < PLUGIN_MAX ? plugin.len : PLUGIN_MAX;
	memcpy(h->plugin, plugin.at, h->len);
	h->jobs = 0;
}

/* ---- who holds most ---- */

static void settle(struct survey *s)
{
	if (!s->now.jobs)
		return;
	size_t least = 0;
	if (s->tops < METER_JOBS_PLUGINS) {
		s->top[s->tops++] = s->now;
		return;
	}
	for (size_t i = 1; i < s->tops; i++)
		if (s->top[i].jobs < s->top[least].jobs)
			least = i;
	if (s->top[least].jobs < s->now.jobs)
		s->top[least] = s->now;
}

/* Groups of one plugin come one behind the other. */
static void rank(void *user, const struct job_group *g, uint64_t jobs)
{
	struct survey *s = user;
	if (!g->plugin.len || bytes_is(g->plugin, "other"))
		return;
	if (!bytes_eq(g->plugin, holder_name(&s->now))) {
		settle(s);
		set_holder(&s->now, g->plugin);
	}
	s->now.jobs += jobs;
}

static bool is_top(struct survey *s, struct bytes plugin)
{
	if (!plugin.len)
		return true;
	if (bytes_eq(plugin, holder_name(&s->now)))
		return s->now_is_top;
	set_holder(&s->now, plugin);
	s->now_is_top = false;
	for (size_t i = 0; i < s->tops && !s->now_is_top; i++)
		s->now_is_top = bytes_eq(plugin, holder_name(&s->top[i]));
	return s->now_is_top;
}

/* ---- the series ---- */

static void write_one(struct survey *s, enum job_state state, struct bytes code,
		      struct bytes plugin, uint64_t jobs)
{
	scoped(buf_finip) struct buf labels = {0};
	buf_init(&labels, LABELS_MAX);
	metric_label(&labels, "state", bytes_str(job_state_name(state)));
	metric_label(&labels, "reason_code", code);
	metric_label(&labels, "plugin", plugin);
	metric_sample(s->to, "sluice_unfinished_jobs", buf_str(&labels), jobs);
}

static void show(void *user, const struct job_group *g, uint64_t jobs)
{
	struct survey *s = user;
	size_t code = 0;
	if (is_top(s, g->plugin) && s->series < METER_JOBS_SERIES) {
		s->series++;
		write_one(s, g->state, g->code, g->plugin, jobs);
		return;
	}
	while (code + 1 < CODES && !bytes_is(g->code, codes[code]))
		code++;
	s->rest[g->state][code] += jobs;
}

static int write_unfinished(struct store_txn *txn, struct survey *s)
{
	metric_head(s->to, "sluice_unfinished_jobs", "gauge",
		    "Unfinished jobs by state, reason code and the plugin that holds them.");
	int rc = ledger_groups(txn, METER_JOBS_GROUPS, rank, s);
	settle(s);
	set_holder(&s->now, BYTES(""));
	if (!rc)
		rc = ledger_groups(txn, METER_JOBS_GROUPS, show, s);
	for (int state = 0; state < STATES; state++)
		for (size_t code = 0; code < CODES; code++)
			if (s->rest[state][code])
				write_one(s, (enum job_state)state, bytes_str(codes[code]),
					  BYTES("other"), s->rest[state][code]);
	return rc;
}

int meter_write_jobs(struct store_txn *txn, struct buf *to)
{
	struct survey *s = calloc(1, sizeof(*s));
	if (!s)
		return SL_E_NO_MEMORY;
	s->to = to;
	metric_head(to, "sluice_jobs", "gauge", "Jobs that are kept, by state.");
	for (int state = 0; state < JOB_STATES; state++) {
		scoped(buf_finip) struct buf labels = {0};
		buf_init(&labels, LABELS_MAX);
		metric_label(&labels, "state", bytes_str(job_state_name((enum job_state)state)));
		metric_sample(to, "sluice_jobs", buf_str(&labels),
			      ledger_count_state(txn, (enum job_state)state));
	}
	int rc = write_unfinished(txn, s);
	free(s);
	return rc;
}
