/* The one function of a fuzz target: take any bytes, and stop the program if something
 * that must hold does not. Linked with libFuzzer or with replay_main.c. */
#pragma once

#include "core/base/base.h"

#include <stdio.h>
#include <stdlib.h>

SL_BEGIN_DECLS

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

SL_END_DECLS

/** As assert(), and never compiled away. */
#define fuzz_holds(condition)                                                                      \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__,           \
				#condition);                                                       \
			abort();                                                                   \
		}                                                                                  \
	} while (0)
