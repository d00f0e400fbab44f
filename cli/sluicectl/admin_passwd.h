/* The admin's password where no gateway can be asked. One thread. */
#pragma once

#include "core/base/base.h"

SL_BEGIN_DECLS

/** Write it into the store of the data directory `data`, durably. Returns an enum ctl_exit;
 * what went wrong has been told. */
int admin_passwd_offline(const char *data, struct bytes password);

SL_END_DECLS
