/* Keys of one object looked up in another, in whatever order they stand and however many
 * there are. Where both have the same order, as they mostly do, each look-up is one
 * comparison; large objects out of order are sorted once. Layer 0, any thread. */
#pragma once

#include "core/json/index.h"

/** The keys of one object in an order that depends on the keys alone, so that equal sets
 * of keys give equal orders. */
struct json_keys {
	uint64_t *slot; /**< A hash in the upper half, the key's node in the lower. */
	uint32_t n;
};

struct json_finder {
	const struct json *j;
	json_at object, next;
	struct json_keys keys; /**< Made at the first miss in a large object. */
};

SL_BEGIN_DECLS

SL_MUST_USE int json_keys_build(const struct json *j, json_at object, struct json_keys *ret);
void json_keys_fini(struct json_keys *keys);
static inline json_at json_keys_at(const struct json_keys *keys, uint32_t i)
{
	return (json_at)keys->slot[i];
}

void json_finder_init(struct json_finder *f, const struct json *j, json_at object);
/** The key of the finder's object equal to the one at `key` in `other`, or JSON_NONE. */
json_at json_finder_find(struct json_finder *f, const struct json *other, json_at key);
void json_finder_fini(struct json_finder *f);

SL_END_DECLS
