#include "core/json/internal.h"

#include <stdlib.h>

void json_keys_fini(struct json_keys *keys)
{
	free(keys->slot);
	*keys = (struct json_keys){0};
}

static uint32_t hash_of(uint64_t slot) { return (uint32_t)(slot >> 32); }

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static int by_content(const void *a, const void *b, void *json)
{
	const struct json *j = (const struct json *)json;
	return json_text_cmp(json_text_of(j, (json_at) * (const uint64_t *)a),
			     json_text_of(j, (json_at) * (const uint64_t *)b));
}

/* Where hashes are equal the content decides, so that no choice of keys makes a search
 * or the look for duplicates longer than n log n. */
static void sort(const struct json *j, uint64_t *slot, uint32_t n)
{
	qsort(slot, n, sizeof(*slot), by_value);
	for (uint32_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && hash_of(slot[end]) == hash_of(slot[i]); end++)
			;
		if (end - i > 1)
			qsort_r(slot + i, end - i, sizeof(*slot), by_content, (void *)(uintptr_t)j);
	}
}

int json_keys_build(const struct json *j, json_at object, struct json_keys *ret)
{
	uint32_t n = j->node[object].n, i = 0;
	uint64_t *slot = malloc((n ? n : 1) * sizeof(*slot));
	if (!slot)
		return SL_E_NO_MEMORY;
	for (json_at at = object + 1; i < n; at = j->node[at + 1].end)
		slot[i++] = (uint64_t)json_text_hash(json_text_of(j, at)) << 32 | at;
	sort(j, slot, n);
	*ret = (struct json_keys){slot, n};
	return 0;
}

json_at json_keys_find(const struct json_keys *keys, const struct json *j, struct json_text key)
{
	uint32_t hash = json_text_hash(key), low = 0, high = keys->n;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		uint64_t slot = keys->slot[mid];
		int c = hash_of(slot) != hash ? (hash_of(slot) < hash ? -1 : 1)
					      : json_text_cmp(json_text_of(j, (json_at)slot), key);
		if (c == 0)
			return (json_at)slot;
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return JSON_NONE;
}

json_at json_find_key(const struct json *j, json_at object, struct json_text key)
{
	for (json_at at = object + 1, end = j->node[object].end; at < end; at = j->node[at + 1].end)
		if (json_text_eq(json_text_of(j, at), key))
			return at;
	return JSON_NONE;
}

/* Equal for equal keys; of different ones few have the same. */
static uint32_t sketch(const struct json *j, json_at key)
{
	const struct json_node *node = &j->node[key];
	const uint8_t *at = (const uint8_t *)j->text.at + node->off;
	return node->len << 16 | (uint32_t)at[1] << 8 | at[node->len - 2];
}

static json_at duplicate_of_few(const struct json *j, json_at object)
{
	uint32_t seen[JSON_FEW_MEMBERS], n = 0;
	bool escaped = false; /* Then a sketch says nothing. */
	for (json_at at = object + 1, end = j->node[object].end; at < end;
	     at = j->node[at + 1].end) {
		uint32_t mine = seen[n] = sketch(j, at);
		bool alike = escaped |= j->node[at].escaped;
		for (uint32_t i = 0; i < n; i++)
			alike |= seen[i] == mine;
		if (alike && json_find_key(j, object, json_text_of(j, at)) != at)
			return at;
		n++;
	}
	return JSON_NONE;
}

static json_at duplicate_in(const struct json *j, const struct json_keys *keys)
{
	json_at first = JSON_NONE;
	for (uint32_t i = 1; i < keys->n; i++) {
		uint64_t a = keys->slot[i - 1], b = keys->slot[i];
		if (hash_of(a) != hash_of(b) || by_content(&a, &b, (void *)(uintptr_t)j) != 0)
			continue;
		json_at later = (json_at)a > (json_at)b ? (json_at)a : (json_at)b;
		if (later < first)
			first = later;
	}
	return first;
}

int json_keys_duplicate(const struct json *j, json_at object, json_at *ret)
{
	if (j->node[object].n <= JSON_FEW_MEMBERS) {
		*ret = duplicate_of_few(j, object);
		return 0;
	}
	struct json_keys keys;
	int rc = json_keys_build(j, object, &keys);
	if (rc)
		return rc;
	*ret = duplicate_in(j, &keys);
	json_keys_fini(&keys);
	return 0;
}

void json_finder_init(struct json_finder *f, const struct json *j, json_at object)
{
	*f = (struct json_finder){.j = j, .object = object, .next = object + 1};
}

void json_finder_fini(struct json_finder *f) { json_keys_fini(&f->keys); }

/* Without memory for a table a large object is searched key by key. */
static json_at search(struct json_finder *f, struct json_text key)
{
	if (!f->keys.slot && (f->j->node[f->object].n <= JSON_FEW_MEMBERS ||
			      json_keys_build(f->j, f->object, &f->keys) != 0))
		return json_find_key(f->j, f->object, key);
	return json_keys_find(&f->keys, f->j, key);
}

json_at json_finder_find(struct json_finder *f, const struct json *other, json_at key)
{
	struct json_text text = json_text_of(other, key);
	json_at at = f->next;
	if (at >= f->j->node[f->object].end || !json_text_eq(json_text_of(f->j, at), text))
		at = search(f, text);
	if (at != JSON_NONE)
		f->next = f->j->node[at + 1].end;
	return at;
}
