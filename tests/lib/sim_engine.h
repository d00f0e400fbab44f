/* An engine of the simulation: replicas are entries with a time to start and a time to end.
 *
 * It outlives the driver, as real replicas outlive the gateway: after a "crash" another
 * driver is attached and asks for what it remembers. It reports late, more than once, and
 * sometimes that a replica is lost. It checks what the port promises: no start of a name
 * twice by one driver, and no two attempts of one replica at once. One thread. */
#pragma once

#include "core/base/list.h"
#include "core/engine_port.h"
#include "tests/lib/fake_clock.h"
#include "tests/lib/seeded.h"

enum sim_replica_state { SIM_COMING, SIM_RUNNING, SIM_OVER };

struct sim_replica {
	struct list link;
	struct replica_name name;
	enum sim_replica_state state;
	unsigned life; /**< Of the driver that started it (last). */
	bool lost, stopping;
	int64_t start_ms, end_ms, started_ms, finished_ms;
	int32_t code;
	int64_t told_ms; /* reports before this time are on their way */
};

struct sim_engine {
	struct engine base; /* first */
	const struct fake_clock *clock;
	struct seeded *random;
	engine_report_fn report;
	void *user;
	struct list replicas;
	unsigned life; /**< Counts attached drivers. */
	uint32_t fail_percent, lose_percent, repeat_percent, slow_ms;
	char wrong[200]; /**< A broken promise, or "". */
};

void sim_engine_init(struct sim_engine *e, const struct fake_clock *clock, struct seeded *random);
void sim_engine_fini(struct sim_engine *e);
/** From now on report to this one; NULL: nobody listens. */
void sim_engine_attach(struct sim_engine *e, engine_report_fn report, void *user);
/** Let everything that is due by now happen. */
void sim_engine_turn(struct sim_engine *e);
/** Replicas of this job that are not over. */
size_t sim_engine_alive(const struct sim_engine *e, struct uuid job);
/** Whether some attempt of this replica ended well. */
bool sim_engine_succeeded(const struct sim_engine *e, struct uuid job, uint32_t role,
			  uint32_t index);
