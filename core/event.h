/* One entry in a job's log: what happened, when, and who said so.
 *
 * Stored as a small record under job id + number; numbers count from 0. Strings are
 * borrowed as in core/job.h. Layer 2, pure. */
#pragma once

#include "core/job.h"
#include "core/json/build.h"

enum event_type {
	EVENT_STATE,       /**< The job moved; `state`, `reason`, `reason_code`, `who`. */
	EVENT_CALL,        /**< A plugin answered or could not be asked. */
	EVENT_REPLICA = 3, /**< A replica started or ended; `detail`, `role`, `index`, `code`. */
	EVENT_REQUEST,     /**< Somebody asked for something: resume, stop; `who`, `reason`. */
	EVENT_NOTE,        /**< Anything else: `outcome` says what, `reason` in words. */
	EVENT_TYPES,
};

struct event {
	int64_t time_ms;
	enum event_type type;
	enum job_state state;
	uint8_t stage; /**< enum plugin_type, or EVENT_NO_STAGE. */
	uint32_t attempts, status;
	uint32_t repeats; /**< Equal ones that followed and were not kept. */
	uint64_t took_us;
	uint64_t generation; /**< Registry that a call belongs to; 0: not known. */
	int32_t index, code;
	struct bytes plugin, outcome, reason, reason_code, who, role;
	struct bytes detail; /**< First bytes of an answer that was not understood, ... */
};

enum { EVENT_NO_STAGE = 255, EVENT_DETAIL_MAX = 4096 };

/** At most this many events of a job, and bytes, are kept: the first and the last ones. */
enum { EVENTS_MAX = 1000, EVENTS_FIRST = 100, EVENTS_BYTES_MAX = 1 << 20 };

SL_BEGIN_DECLS

void event_encode(const struct event *event, struct buf *to);
SL_MUST_USE int event_decode(struct bytes record, struct event *ret);
/** As the API shows it; `with_detail`: also kept texts of bad answers. */
struct json_object *event_show(const struct event *event, uint32_t number, bool with_detail);

SL_END_DECLS
