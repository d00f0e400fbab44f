#include "core/telemetry/meter_top.h"

enum { LABELS_MAX = 600 };

static void add_other(struct meter_top *top, const struct top_row *row)
{
	top->others = true;
	top->other.sum += row->sum;
	if (row->most > top->other.most)
		top->other.most = row->most;
}

void top_add(struct meter_top *top, struct bytes key, uint64_t rank, uint64_t sum, uint64_t most)
{
	struct top_row row = {.rank = rank, .sum = sum, .most = most};
	struct bytes cut = bytes_cut(key, METER_TOP_KEY - 1);
	size_t least = 0;
	if (cut.len)
		memcpy(row.key, cut.at, cut.len);
	if (top->n < METER_TOP) {
		top->row[top->n++] = row;
		return;
	}
	for (size_t i = 1; i < top->n; i++)
		if (top->row[i].rank < top->row[least].rank)
			least = i;
	if (row.rank <= top->row[least].rank) {
		add_other(top, &row);
		return;
	}
	add_other(top, &top->row[least]);
	top->row[least] = row;
}

enum shown { SUM, MOST, MOST_US };

static void write_row(const char *key, const struct top_row *row, enum shown shown,
		      const char *name, struct buf *to)
{
	scoped(buf_finip) struct buf labels = {0};
	buf_init(&labels, LABELS_MAX);
	metric_label(&labels, "plugin", bytes_str(key));
	if (shown == MOST_US)
		metric_sample_us(to, name, buf_str(&labels), row->most);
	else
		metric_sample(to, name, buf_str(&labels), shown == SUM ? row->sum : row->most);
}

static void write_all(const struct meter_top *top, enum shown shown, const char *name,
		      struct buf *to)
{
	for (size_t i = 0; i < top->n; i++)
		write_row(top->row[i].key, &top->row[i], shown, name, to);
	if (top->others)
		write_row("other", &top->other, shown, name, to);
}

void top_write_sum(const struct meter_top *top, const char *name, struct buf *to)
{
	write_all(top, SUM, name, to);
}

void top_write_most(const struct meter_top *top, const char *name, struct buf *to)
{
	write_all(top, MOST, name, to);
}

void top_write_most_us(const struct meter_top *top, const char *name, struct buf *to)
{
	write_all(top, MOST_US, name, to);
}
