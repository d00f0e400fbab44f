/* Files that last: written whole, names flushed; and the key of a data directory.
 * One thread. errno says why something failed. */
#pragma once

#include "core/base/buf.h"
#include "core/base/crypt.h"

SL_BEGIN_DECLS

/** All of it, or -1. */
int disk_write(int fd, struct bytes piece);
/** Make the names in a folder survive a power cut; 0 or -1. */
int disk_flush_folder(const char *folder);
/** secret.key in `data`, when there is a whole one. */
bool disk_read_key(const char *data, uint8_t ret[CRYPT_KEY_SIZE]);

SL_END_DECLS
