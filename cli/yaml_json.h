/* YAML in, JSON out, and back: everything that meets people may be YAML, everything
 * behind it is JSON.
 *
 * Reading follows the core schema of YAML 1.2 narrowed to what JSON can hold:
 *  - plain `null`, `~`, nothing at all; `true`, `false` (also Null NULL True TRUE ...);
 *  - plain scalars written like a JSON number become that number, digits untouched;
 *  - all others are text, also `yes`, `on`, `0644`, `0x1F`, `+1`, `.5`, `.inf`, dates;
 *  - quoted and block scalars, and whatever is tagged `!!str`, are text.
 * Keys become text. Anchors and aliases work (an alias is a copy, so the size limit
 * bounds what they can blow up to). Refused, each with its line: a second document, a
 * key twice, a key that is a list or a mapping, merge keys (`<<`), other tags.
 *
 * yaml_json.c (reading) and yaml_write.c are the only files that include <yaml.h>. Any
 * thread. */
#pragma once

#include "core/json/index.h"

struct yaml_limits {
	size_t bytes_max;   /**< Of the YAML and of the JSON. */
	unsigned depth_max; /**< Nested lists and mappings. */
};

/** The line (from 1) of each node of the JSON in the order of `struct json`: node `at` of
 * the parsed JSON stands in line[at]. */
struct yaml_lines {
	uint32_t *line;
	size_t n, cap;
};

SL_BEGIN_DECLS

/** Append the JSON of the one document in `yaml`; "null" when it holds none. `lines` may
 * be NULL, else zeroed before and yaml_lines_fini() after. SL_E_INVALID ("line 3: ..."),
 * SL_E_TOO_BIG, SL_E_NO_MEMORY; `to` is then to be thrown away. */
SL_MUST_USE int yaml_to_json(struct bytes yaml, const struct yaml_limits *limits, struct buf *to,
			     struct yaml_lines *lines, struct sl_error *err);
void yaml_lines_fini(struct yaml_lines *lines);
static inline void yaml_lines_finip(struct yaml_lines *lines) { yaml_lines_fini(lines); }

/** Append a value as a YAML document that yaml_to_json() and YAML 1.1 readers take for the
 * same value. SL_E_NO_MEMORY or SL_E_TOO_BIG. */
SL_MUST_USE int json_to_yaml(const struct json *json, json_at at, struct buf *to);

SL_END_DECLS
