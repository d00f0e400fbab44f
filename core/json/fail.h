/* An error about a value of a document, in words that begin with its place:
 *   plugins[2].callAddress: must be a string, not a number
 * Of a very long place only the beginning is told, so that the words still fit. Any thread.
 */
#pragma once
#include "core/base/err.h"
#include "core/json/index.h"

#include <stdarg.h>

/** Like sl_fail; `at` is the value meant, the root has no place. Gives `code`. */
int json_vfail(const struct json *j, json_at at, struct sl_error *err, enum sl_err code,
	       const char *fmt, va_list args) __attribute__((format(printf, 5, 0)));
