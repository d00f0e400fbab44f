/* Calls that sleep until the store's writer has written, on a thread of their own, while
 * the caller's thread is the writer: for tests without a writer thread. */
#pragma once

#include "store/writer.h"

/** Run `fn(user)` to its end, with writer_turn() as often as it takes. What waits at the
 * writer already is written first, so that the outcome is the same each time. */
void served_run(struct writer *writer, void (*fn)(void *user), void *user);
