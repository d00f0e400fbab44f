/* What is counted: counters and histograms, and the Prometheus text format.
 *
 * A number is its owner's, who hands it around; there is no register of numbers. Counting
 * is one or two relaxed atomic additions: no lock, no memory. Reading is not a snapshot:
 * numbers that are counted meanwhile may be in or not, but a histogram's count is always
 * the sum of its buckets. Any thread counts and reads; a buffer belongs to one. */
#pragma once

#include "core/base/buf.h"

struct metric_counter {
	uint64_t n;
};

enum { METRIC_EDGES_MAX = 18 };

/** Upper edges of a histogram's buckets; a last one takes the rest. */
struct metric_scale {
	uint64_t unit; /**< So many of what is observed make one of what is shown. */
	size_t n;
	uint64_t edge[METRIC_EDGES_MAX];
};

struct metric_histogram {
	uint64_t bucket[METRIC_EDGES_MAX + 1];
	uint64_t sum;
};

SL_BEGIN_DECLS

/* Microseconds, shown as seconds: what takes 100 us to 5 minutes, and what is quick. */
extern const struct metric_scale metric_seconds, metric_quick_seconds;
/** How many, from 1 to 256. */
extern const struct metric_scale metric_numbers;

static inline void metric_add(struct metric_counter *c, uint64_t n)
{
	__atomic_fetch_add(&c->n, n, __ATOMIC_RELAXED);
}

static inline uint64_t metric_read(const struct metric_counter *c)
{
	return __atomic_load_n(&c->n, __ATOMIC_RELAXED);
}

void metric_observe(struct metric_histogram *h, const struct metric_scale *scale, uint64_t value);

/* ---- the text ---- */

/** "# HELP" and "# TYPE"; once, in front of a name's samples. `type`: "counter", ... */
void metric_head(struct buf *to, const char *name, const char *type, const char *help);
/** Append `key="value"` to labels (with a comma behind others); the value is escaped. */
void metric_label(struct buf *labels, const char *key, struct bytes value);
/** One sample; `labels` is "" or made by metric_label(). */
void metric_sample(struct buf *to, const char *name, const char *labels, uint64_t value);
void metric_sample_us(struct buf *to, const char *name, const char *labels, uint64_t us);
void metric_sample_histogram(struct buf *to, const char *name, const char *labels,
			     const struct metric_scale *scale, const struct metric_histogram *h);
/** Head and one sample without labels. */
void metric_single(struct buf *to, const char *name, const char *type, const char *help,
		   uint64_t value);

SL_END_DECLS
