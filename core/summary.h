/* Why a job is where it is, in a sentence or two that its submitter understands: what holds
 * it, since when, and who or what can move it.
 *
 * For people; nothing reads it back. Layer 2, pure: any thread. */
#pragma once

#include "core/engine_port.h"
#include "core/job.h"
#include "core/plugin.h"

/** What the words are made of beside the job's record; absent things are zero. */
struct summary_facts {
	int64_t now_ms;
	int64_t wait_for_ms;       /**< How long a job waits for a plugin that stays away. */
	enum plugin_type stage;    /**< Of a job in admission: where it is. */
	struct engine_place queue; /**< Place 0: it waits in none, or the engine does not tell. */
	uint32_t replicas, replicas_running, replicas_done;
};

SL_BEGIN_DECLS

void summary_write(const struct job *job, const struct summary_facts *facts, struct buf *to);

/** "3 s", "5 min", "2 h 10 min", "3 d 4 h": a span as people say it. */
void summary_span(int64_t ms, struct buf *to);

SL_END_DECLS
