/* Giving a final job's work directory back to the gateway, where replicas run as another
 * user: folders that they closed to their group are opened to it, so that the gateway can
 * list and remove what is in them. Files stay as they were left.
 *
 * The spawner's child, as the walk may be long. No link is followed. */
#pragma once

#include "core/base/id.h"

SL_BEGIN_DECLS

/** `data` is a descriptor of the data directory. What resists stays as it is. */
void release_work(int data, struct uuid job);

SL_END_DECLS
