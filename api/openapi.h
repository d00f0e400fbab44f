/* The table of routes as OpenAPI 3.1: what openapi.json says cannot differ from what is
 * served. */
#pragma once

#include "api/route.h"

SL_BEGIN_DECLS

/** A new document, the caller's to free; NULL when memory ran out. */
struct json_object *openapi_build(const struct route_group *const *groups);
/** Its text. It takes milliseconds: once, not for whoever asks. */
SL_MUST_USE int openapi_print(const struct route_group *const *groups, struct buf *to);

SL_END_DECLS
