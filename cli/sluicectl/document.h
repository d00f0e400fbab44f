/* A file from a person, YAML or JSON, as JSON. One thread. */
#pragma once

#include "cli/sluicectl/ctl.h"
#include "core/json/index.h"

struct document {
	struct buf text; /**< The JSON: the file itself, byte for byte, when it was JSON. */
	struct json json;
};

SL_BEGIN_DECLS

/** Read `path` ("-": standard input); zero `ret` before, document_fini() after. */
int document_load(const char *path, struct document *ret);
void document_fini(struct document *d);
static inline void document_finip(struct document *d) { document_fini(d); }

SL_END_DECLS
