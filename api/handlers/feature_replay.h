/* Replaying stored jobs through a candidate: what was, and what differs now. Shared by
 * feature_replay.c, replay_past.c and replay_compare.c; not for others.
 *
 * What was is copied into an arena, as the store is not read while plugins are asked. A
 * thread of the API. */
#pragma once

#include "api/api.h"
#include "core/event.h"
#include "core/job.h"
#include "core/preview.h"

enum { REPLAY_TEXT_MAX = 64 << 20, REPLAY_DEPTH_MAX = 80 };

enum replay_outcome {
	REPLAY_SAME,
	REPLAY_CHANGED,
	REPLAY_FAILED,
	REPLAY_UNCONCERNED,
	REPLAY_LEFT,
	REPLAY_OUTCOMES
};

/** What was, copied out of the store. */
struct replay_past {
	struct arena *arena;
	struct job job;
	struct bytes header, document, factors_given, submitted, taskset, factors;
	bool admitted, concerned;
	struct {
		struct bytes plugin, outcome;
		uint8_t stage;
	} call[256];
	size_t calls;
};

SL_BEGIN_DECLS

/** Read what the store knows of a job; `stage`: the candidate's first. `past->arena` is
 * there. SL_E_NOT_FOUND, SL_E_GONE with the words. */
SL_MUST_USE int replay_past_load(struct store *store, struct uuid id,
				 const struct feature *candidate, enum plugin_type stage,
				 struct replay_past *past, struct sl_error *err);

/** Say in `result` what differs; the bytes of its values are added to `*told`. */
SL_MUST_USE int replay_compare(enum plugin_type stage, const struct replay_past *past,
			       const struct preview *now, struct json_object *result,
			       enum replay_outcome *ret, size_t *told);
const char *replay_outcome_name(enum replay_outcome outcome);

SL_END_DECLS
