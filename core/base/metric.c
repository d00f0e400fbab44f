#include "core/base/metric.h"

#include <inttypes.h>
#include <stdio.h>

#define MS 1000
#define S  (1000 * MS)

const struct metric_scale metric_seconds = {S,
					    18,
					    {100, 500, MS, 5 * MS / 2, 5 * MS, 10 * MS, 25 * MS,
					     50 * MS, 100 * MS, 250 * MS, 500 * MS, S, 5 * S / 2,
					     5 * S, 10 * S, 30 * S, 60 * S, 300 * S}};
const struct metric_scale metric_quick_seconds = {
	S, 12, {5, 10, 25, 50, 100, 250, 500, MS, 5 * MS, 25 * MS, 100 * MS, 500 * MS}};
const struct metric_scale metric_numbers = {1, 9, {1, 2, 4, 8, 16, 32, 64, 128, 256}};

void metric_observe(struct metric_histogram *h, const struct metric_scale *scale, uint64_t value)
{
	size_t i = 0;
	while (i < scale->n && value > scale->edge[i])
		i++;
	__atomic_fetch_add(&h->bucket[i], 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&h->sum, value, __ATOMIC_RELAXED);
}

/* ---- the text ---- */

static void add_escaped(struct buf *to, struct bytes text, bool quotes)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = ((const char *)text.at)[i];
		if (c == '\\' || (quotes && c == '"'))
			buf_add_char(to, '\\');
		if (c == '\n')
			buf_add_str(to, "\\n");
		else
			buf_add_char(to, c);
	}
}

void metric_head(struct buf *to, const char *name, const char *type, const char *help)
{
	buf_addf(to, "# HELP %s ", name);
	add_escaped(to, bytes_str(help), false);
	buf_addf(to, "\n# TYPE %s %s\n", name, type);
}

void metric_label(struct buf *labels, const char *key, struct bytes value)
{
	buf_addf(labels, "%s%s=\"", labels->len ? "," : "", key);
	add_escaped(labels, value, true);
	buf_add_char(labels, '"');
}

static void add_name(struct buf *to, const char *name, const char *labels)
{
	buf_add_str(to, name);
	if (*labels)
		buf_addf(to, "{%s}", labels);
	buf_add_char(to, ' ');
}

/* Exact, and the same in every locale: no floating point. */
static void add_scaled(struct buf *to, uint64_t value, uint64_t unit)
{
	char text[32];
	buf_addf(to, "%" PRIu64, value / unit);
	if (value % unit == 0)
		return;
	snprintf(text, sizeof(text), "%06" PRIu64, value % unit); /* the unit is a million */
	size_t len = strlen(text);
	while (text[len - 1] == '0')
		len--;
	buf_addf(to, ".%.*s", (int)len, text);
}

void metric_sample(struct buf *to, const char *name, const char *labels, uint64_t value)
{
	add_name(to, name, labels);
	buf_addf(to, "%" PRIu64 "\n", value);
}

void metric_sample_us(struct buf *to, const char *name, const char *labels, uint64_t us)
{
	add_name(to, name, labels);
	add_scaled(to, us, S);
	buf_add_char(to, '\n');
}

void metric_sample_histogram(struct buf *to, const char *name, const char *labels,
			     const struct metric_scale *scale, const struct metric_histogram *h)
{
	uint64_t count = 0;
	const char *comma = *labels ? "," : "";
	for (size_t i = 0; i <= scale->n; i++) {
		count += __atomic_load_n(&h->bucket[i], __ATOMIC_RELAXED);
		buf_addf(to, "%s_bucket{%s%sle=\"", name, labels, comma);
		if (i < scale->n)
			add_scaled(to, scale->edge[i], scale->unit);
		else
			buf_add_str(to, "+Inf");
		buf_addf(to, "\"} %" PRIu64 "\n", count);
	}
	buf_addf(to, *labels ? "%s_sum{%s} " : "%s_sum%s ", name, labels);
	add_scaled(to, __atomic_load_n(&h->sum, __ATOMIC_RELAXED), scale->unit);
	buf_addf(to, *labels ? "\n%s_count{%s} " : "\n%s_count%s ", name, labels);
	buf_addf(to, "%" PRIu64 "\n", count);
}

void metric_single(struct buf *to, const char *name, const char *type, const char *help,
		   uint64_t value)
{
	metric_head(to, name, type, help);
	metric_sample(to, name, "", value);
}
