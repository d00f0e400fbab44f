/* The engine `null`: every replica starts and succeeds at once, and nothing runs. For
 * benchmarks, rehearsals and tests of what lies above the port.
 *
 * Keeps nothing: recover() has never heard of anything, so what was running when the
 * gateway ended is started, and succeeds, once more. */
#pragma once

#include "core/base/clock.h"
#include "core/engine_port.h"

SL_BEGIN_DECLS

/** `report` is called from within start(); `clock` is borrowed. */
SL_MUST_USE int null_create(const struct clock *clock, engine_report_fn report, void *user,
			    struct engine **ret);

SL_END_DECLS
