/* What must hold of those who wait for a plugin. */
#include "core/ledger/line.h"
#include "tests/sim/sim.h"

struct counting {
	struct sim *s;
	struct store_txn *txn;
	enum line_kind kind;
	uint64_t n;
};

static bool count_line(void *user, struct bytes plugin)
{
	struct counting *q = user;
	struct line_at at[SIM_JOBS_MAX + 1];
	size_t n;
	if (ledger_line(q->txn, q->kind, plugin, NULL, at, SIM_JOBS_MAX + 1, &n) || !n)
		sim_wrong(q->s, NULL, "a line that cannot be read, or is empty");
	for (size_t i = 0; i < n; i++) {
		struct job job;
		if (ledger_get(q->txn, at[i].id, &job) ||
		    job_line_of(&job).which != (char)q->kind ||
		    job_line_of(&job).since_ms != at[i].since_ms || !bytes_eq(job.plugin, plugin))
			sim_wrong(q->s, NULL, "somebody stands in a line that is not his");
		if (i && at[i].since_ms < at[i - 1].since_ms)
			sim_wrong(q->s, NULL, "a line out of order");
	}
	q->n += n;
	return true;
}

void check_lines(struct sim *s, struct store_txn *txn, uint64_t places, uint64_t answers)
{
	struct counting q = {.s = s, .txn = txn, .kind = LINE_PLACE};
	if (ledger_lines(txn, q.kind, count_line, &q) || q.n != places)
		sim_wrong(s, NULL, "%llu stand in lines for a place, %llu jobs say so",
			  (unsigned long long)q.n, (unsigned long long)places);
	q = (struct counting){.s = s, .txn = txn, .kind = LINE_ANSWER};
	if (ledger_lines(txn, q.kind, count_line, &q) || q.n != answers)
		sim_wrong(s, NULL, "%llu stand in lines for an answer, %llu jobs say so",
			  (unsigned long long)q.n, (unsigned long long)answers);
}

/* Nobody is called before one who has waited for longer, and was parked before he was, or
 * before he came. (Who still waits in memory may be passed by one who is parked.) */
void check_turn(struct sim *s, struct sim_job *job, const char *plugin)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct line_at first;
	size_t n;
	if (store_begin(s->store, STORE_READ, &txn) ||
	    ledger_line(txn, LINE_PLACE, bytes_str(plugin), NULL, &first, 1, &n))
		sim_wrong(s, job, "the line of %s cannot be read", plugin);
	const struct sim_job *other = n ? sim_find(s, first.id) : NULL;
	if (!other || other == job || !other->parked)
		return;
	int64_t came_ms = job->parked_ms ? job->parked_ms : job->created_ms,
		seen_ms = job->parked_ms ? job->seen_ms : job->created_ms;
	if (first.since_ms < came_ms && other->seen_ms < seen_ms)
		sim_wrong(s, job,
			  "%s is called out of turn: somebody waits since %lld, it came %lld",
			  plugin, (long long)first.since_ms, (long long)came_ms);
}
