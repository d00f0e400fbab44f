/* Where a restored store goes: it, and the key that comes with it, take their names in a
 * data directory, and what had them is kept beside. It fails as if nothing had been tried.
 *
 * One thread. Functions tell what fails and return an enum ctl_exit. */
#pragma once

#include "cli/sluicectl/ctl.h"
#include "core/base/crypt.h"

#include <limits.h>

enum { PLACE_STAMP_SIZE = 32 };

struct place {
	const char *data;
	char store[PATH_MAX], key[PATH_MAX]; /**< The names. */
	char fresh[PATH_MAX];                /**< The store that is to get its name. */
	char old_store[PATH_MAX + 64], old_key[PATH_MAX + 64];
	char stamp[PLACE_STAMP_SIZE]; /**< Behind what is kept. */
	int lock;                     /**< Of the store that was there; -1: there was none. */
	bool key_changed, had_key;
};

SL_BEGIN_DECLS

int place_name(struct place *p, const char *data);
/** Make the data directory; a store in it must not be used by anybody, from now until
 * place_fini(), and is refused unless `force`. */
int place_look(struct place *p, bool force);
/** The store in `fresh`, and `key` when not NULL, get their names. */
int place_take(struct place *p, const uint8_t *key);
void place_fini(struct place *p);

SL_END_DECLS
