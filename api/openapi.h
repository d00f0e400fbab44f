/* The table of routes as OpenAPI 3.1: what openapi.json says cannot differ from what is
 * served. */
#pragma once

#include "api/route.h"

SL_BEGIN_DECLS

/** A new document, the caller's to free; NULL when memory ran out. */
struct json_object *openapi_build(const struct route_group *const *groups);

SL_END_DECLS
