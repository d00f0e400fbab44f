/* The log: one line per event, "key=value" pairs or JSON, to a descriptor.
 *
 * A `struct log *` is passed to whoever may log; each module names itself as the topic, one
 * of LOG_TOPIC_MAP, and each topic may have a level of its own. Values that came from
 * outside go through the `%s` of a pair and are escaped and cut: a hostile text cannot forge
 * a line. Of one message at most LOG_BURST lines are written within LOG_WINDOW_MS, so that
 * nobody from outside can fill a disk with it; the next one says how many were left out
 * (`suppressed`). Debug lines are all written. Never tokens, secrets or bodies. Any thread;
 * each line is one write(2). */
#pragma once

#include "core/base/clock.h"
#include "core/base/metric.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_LEVELS };
enum log_format { LOG_PAIRS, LOG_JSON };

enum { LOG_BURST = 100, LOG_WINDOW_MS = 10000, LOG_VALUE_MAX = 1000 };

#define LOG_TOPIC_MAP(X)                                                                           \
	X(api)                                                                                     \
	X(config)                                                                                  \
	X(driver)                                                                                  \
	X(engine)                                                                                  \
	X(hooks)                                                                                   \
	X(otel)                                                                                    \
	X(registry)                                                                                \
	X(sluiced)                                                                                 \
	X(store)                                                                                   \
	X(tokens)

struct log;

SL_BEGIN_DECLS

SL_MUST_USE int log_create(int fd, enum log_format format, enum log_level level, struct log **ret);
struct log *log_free(struct log *log);

/** At the start and on reload. `levels`: "TOPIC=LEVEL" each, over `level`; what is malformed
 * counts for nothing. */
void log_set(struct log *log, enum log_format format, enum log_level level,
	     const char *const *levels, size_t n);
bool log_wants(const struct log *log, enum log_level level, const char *topic);

/** Write one line: "time level topic msg key=value ...". `msg` is a fixed text; then
 * come pairs of `const char *` key and value, ended by NULL (a NULL value is left
 * out): `log_line(log, LOG_WARN, "store", "commit failed", "why", text, NULL)`.
 * A NULL log writes nothing. */
void log_line(struct log *log, enum log_level level, const char *topic, const char *msg, ...)
	__attribute__((sentinel));

bool log_is_topic(struct bytes name);
void log_topics(struct buf *to); /**< Append their names, with commas. */
/** Append how many lines were written and suppressed. A NULL log has none. */
void log_write_metrics(const struct log *log, struct buf *to);

const char *log_level_name(enum log_level level);
int log_level_parse(const char *name, enum log_level *ret); /**< 0 or SL_E_INVALID. */

SL_DEFINE_SCOPED(struct log, log_free)

SL_END_DECLS
