/* What the API counts of its requests, by route and status.
 *
 * The label of a route is its pattern ("/v1/job/detail/{jobID}"), never what a caller sent,
 * so there are as many as the table of routes has; a request that found no route counts as
 * `none`. Counting takes no lock and no memory. Any thread. */
#pragma once

#include "api/route.h"
#include "core/base/metric.h"

struct http_meter;

SL_BEGIN_DECLS

/** `groups` is borrowed. */
SL_MUST_USE int http_meter_create(const struct route_group *const *groups, struct http_meter **ret);
struct http_meter *http_meter_free(struct http_meter *m);

/** A request was answered, `us` after it was there as a whole. `route` may be NULL, and so
 * may be the meter. */
void http_meter_observe(struct http_meter *m, const struct route *route, unsigned status,
			uint64_t us);
void http_meter_write(const struct http_meter *m, struct buf *to);

SL_DEFINE_SCOPED(struct http_meter, http_meter_free)

SL_END_DECLS
