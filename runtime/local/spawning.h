/* What the program `sluice-spawner` does: it alone forks, for the gateway that started it.
 *
 * It greets, takes its settings and tells what it can do; then it answers asks
 * (runtime/local/asks.h) one after another, and ends when the gateway's end of the socket closes;
 * the supervisors, in sessions of their own, go on.
 *
 * It is linked with the C library alone, and so is all that it calls: each fork copies its address
 * space, and it may keep rights that nothing else here has.
 *
 * Layer 3. The process's one thread. */
#pragma once

#include "core/base/base.h"

SL_BEGIN_DECLS

/** Is there a socket of a gateway, as WIRE_SPAWNER_FD? */
bool spawning_wanted(void);
/** Until the gateway is gone. `data_dir`: absolute, without links. */
void spawning_run(const char *data_dir, const char *version) __attribute__((noreturn));

SL_END_DECLS
