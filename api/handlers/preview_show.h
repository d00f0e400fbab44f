/* What would happen to a job, as the API shows it. */
#pragma once

#include "core/json/build.h"
#include "core/preview.h"

SL_BEGIN_DECLS

/** Append the sentence that sums it up. */
void preview_summary(const struct preview *p, struct buf *to);

/** state, reason, reasonCode, plugin, next: the would-be ones. */
void preview_put_why(struct json_object *to, const struct preview *p);

/** All of it; `with_detail`: texts of bad answers too. */
struct json_object *preview_show(const struct preview *p, bool with_detail);

SL_END_DECLS
