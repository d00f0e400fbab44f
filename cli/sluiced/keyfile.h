/* The key that seals secrets at rest: a file of its own beside the store, mode 0600, made
 * at the first start. A backup of the store does not hold it. */
#pragma once

#include "core/base/crypt.h"

SL_BEGIN_DECLS

/** Read <data_dir>/secret.key, or make it. SL_E_CORRUPT: not a key; SL_E_DENIED: others may
 * read it; SL_E_IO. */
SL_MUST_USE int keyfile_load(const char *data_dir, uint8_t ret[CRYPT_KEY_SIZE],
			     struct sl_error *err);

SL_END_DECLS
