/* The log: one line per event, "key=value" pairs or JSON, to a descriptor.
 *
 * A `struct log *` is passed to whoever may log; each module names itself as the
 * topic. Values that came from outside go through the `%s` of a pair and are escaped:
 * a hostile text cannot forge a line. Never tokens, secrets or bodies. Any thread;
 * each line is one write(2). */
#pragma once

#include "core/base/clock.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_LEVELS };
enum log_format { LOG_PAIRS, LOG_JSON };

struct log;

SL_BEGIN_DECLS

SL_MUST_USE int log_create(int fd, enum log_format format, enum log_level level, struct log **ret);
struct log *log_free(struct log *log);

void log_set(struct log *log, enum log_format format, enum log_level level); /**< On reload. */
bool log_wants(const struct log *log, enum log_level level);

/** Write one line: "time level topic msg key=value ...". `msg` is a fixed text; then
 * come pairs of `const char *` key and value, ended by NULL (a NULL value is left
 * out): `log_line(log, LOG_WARN, "store", "commit failed", "why", text, NULL)`.
 * A NULL log writes nothing. */
void log_line(struct log *log, enum log_level level, const char *topic, const char *msg, ...)
	__attribute__((sentinel));

const char *log_level_name(enum log_level level);
int log_level_parse(const char *name, enum log_level *ret); /**< 0 or SL_E_INVALID. */

SL_DEFINE_SCOPED(struct log, log_free)

SL_END_DECLS
