#include "api/http_meter.h"

#include <stdio.h>
#include <stdlib.h>

enum { LABELS_MAX = 512 };

/* A status that is not among them counts as the last. */
static const uint16_t codes[] = {200, 204, 206, 304, 400, 401, 403, 404, 405,
				 409, 410, 413, 421, 429, 431, 503, 500};

/** One pattern; several methods share it. */
struct row {
	const char *pattern;
	struct metric_counter code[countof(codes)];
};

struct http_meter {
	const struct route_group *const *groups;
	struct metric_histogram took;
	uint16_t *row_of; /* of the routes of all groups, in their order */
	size_t rows;
	struct row row[]; /* the first: no route */
};

static size_t count_routes(const struct route_group *const *groups)
{
	size_t n = 0;
	for (; *groups; groups++)
		n += (*groups)->routes;
	return n;
}

static uint16_t row_of_pattern(struct http_meter *m, const char *pattern)
{
	size_t i = 1;
	while (i < m->rows && strcmp(m->row[i].pattern, pattern) != 0)
		i++;
	if (i == m->rows)
		m->row[m->rows++].pattern = pattern;
	return (uint16_t)i;
}

int http_meter_create(const struct route_group *const *groups, struct http_meter **ret)
{
	size_t routes = count_routes(groups), n = 0;
	struct http_meter *m = calloc(1, sizeof(*m) + (routes + 1) * sizeof(m->row[0]));
	if (!m || !(m->row_of = calloc(routes + 1, sizeof(m->row_of[0])))) {
		free(m);
		return SL_E_NO_MEMORY;
	}
	m->groups = groups;
	m->row[0].pattern = "none";
	m->rows = 1;
	for (; *groups; groups++)
		for (size_t i = 0; i < (*groups)->routes; i++)
			m->row_of[n++] = row_of_pattern(m, (*groups)->route[i].pattern);
	*ret = m;
	return 0;
}

struct http_meter *http_meter_free(struct http_meter *m)
{
	if (m)
		free(m->row_of);
	free(m);
	return NULL;
}

/* ---- counting ---- */

static struct row *find_row(struct http_meter *m, const struct route *route)
{
	size_t before = 0;
	for (const struct route_group *const *g = m->groups; route && *g; g++) {
		if (route >= (*g)->route && route < (*g)->route + (*g)->routes)
			return &m->row[m->row_of[before + (size_t)(route - (*g)->route)]];
		before += (*g)->routes;
	}
	return &m->row[0];
}

void http_meter_observe(struct http_meter *m, const struct route *route, unsigned status,
			uint64_t us)
{
	size_t i = 0;
	if (!m)
		return;
	while (i + 1 < countof(codes) && codes[i] != status)
		i++;
	metric_add(&find_row(m, route)->code[i], 1);
	metric_observe(&m->took, &metric_seconds, us);
}

/* ---- the text ---- */

static void write_row(const struct row *row, struct buf *to)
{
	for (size_t i = 0; i < countof(codes); i++) {
		scoped(buf_finip) struct buf labels = {0};
		char code[8];
		uint64_t n = metric_read(&row->code[i]);
		if (!n)
			continue;
		snprintf(code, sizeof(code), "%u", codes[i]);
		buf_init(&labels, LABELS_MAX);
		metric_label(&labels, "route", bytes_str(row->pattern));
		metric_label(&labels, "code", bytes_str(code));
		metric_sample(to, "sluice_http_requests_total", buf_str(&labels), n);
	}
}

void http_meter_write(const struct http_meter *m, struct buf *to)
{
	metric_head(to, "sluice_http_requests_total", "counter",
		    "Requests to the API by the pattern of their route and the status.");
	for (size_t i = 0; i < m->rows; i++)
		write_row(&m->row[i], to);
	metric_head(to, "sluice_http_request_duration_seconds", "histogram",
		    "From the whole request to its answer, the time of ?wait included, streams "
		    "without what is streamed.");
	metric_sample_histogram(to, "sluice_http_request_duration_seconds", "", &metric_seconds,
				&m->took);
}
