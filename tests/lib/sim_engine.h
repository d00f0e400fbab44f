/* An engine of the simulation: replicas are entries with a time to start and a time to end.
 *
 * It outlives the driver, as real replicas outlive the gateway: after a "crash" another
 * driver is attached and asks for what it remembers. Its reports are messages on their way:
 * they come late, not in order, more than once. When its connection is cut they are lost,
 * requests are refused, and once it is back it tells how everything stands. Room for
 * replicas is bounded; gangs wait until all of it fits.
 *
 * It checks what the port promises: no start of a name twice by one driver, no two attempts
 * of one replica at once, none after one that ended well (but in a set that is tried again
 * as a whole, named "again"), gangs (sets named "gang") whole or not at all, nothing given
 * away before it was said that all is recovered. One thread. */
#pragma once

#include "core/base/list.h"
#include "core/engine_port.h"
#include "tests/lib/fake_clock.h"
#include "tests/lib/seeded.h"

enum sim_replica_state { SIM_WAITING, SIM_COMING, SIM_RUNNING, SIM_OVER };
enum { SIM_ROOM = 6, SIM_GANG = 5 };

struct sim_replica {
	struct list link;
	struct replica_name name;
	enum sim_replica_state state;
	unsigned life; /**< Of the driver that started it (last). */
	bool lost, stopping;
	int64_t start_ms, end_ms, started_ms, finished_ms;
	int32_t code;
	uint64_t party; /**< Those of one number start together. */
};

/** A report on its way. */
struct sim_message {
	struct list link;
	struct engine_report report;
	int64_t at_ms;
};

struct sim_engine {
	struct engine base; /* first */
	const struct fake_clock *clock;
	struct seeded *random;
	engine_report_fn report;
	void *user;
	struct list replicas, messages;
	uint64_t parties;
	bool cut;       /**< Nothing comes through. */
	bool recovered; /**< The driver has asked for all it remembers. */
	unsigned life;  /**< Counts attached drivers. */
	uint32_t fail_percent, lose_percent, repeat_percent, slow_ms;
	uint32_t late_ms;     /**< Messages take up to this long. */
	unsigned gangs, cuts; /**< For the summary. */
	char wrong[200];      /**< A broken promise, or "". */
};

void sim_engine_init(struct sim_engine *e, const struct fake_clock *clock, struct seeded *random);
void sim_engine_fini(struct sim_engine *e);
/** From now on report to this one; NULL: nobody listens. */
void sim_engine_attach(struct sim_engine *e, engine_report_fn report, void *user);
/** Cut the connection, or mend it: then the state of everything is told. */
void sim_engine_cut(struct sim_engine *e, bool cut);
/** Let everything that is due by now happen. */
void sim_engine_turn(struct sim_engine *e);
/** Replicas of this job that are not over. */
size_t sim_engine_alive(const struct sim_engine *e, struct uuid job);
/** Whether some attempt of this replica ended well. */
bool sim_engine_succeeded(const struct sim_engine *e, struct uuid job, uint32_t role,
			  uint32_t index);
