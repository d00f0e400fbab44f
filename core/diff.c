#include "core/diff.h"

#include "core/increment/internal.h"
#include "core/increment/keyset.h"
#include "core/json/keys.h"

#include <stdlib.h>

enum { POINTER_MAX = 1 << 20 };

struct diffing {
	const struct json *a, *b;
	const struct increment_rules *rules;
	diff_fn each;
	void *user;
	struct buf path;
	bool over;
	int rc;
};

static void walk(struct diffing *d, json_at a, json_at b, struct place place);

static void tell(struct diffing *d, json_at a, json_at b)
{
	if (!d->over && !d->path.rc && !d->rc)
		d->over = !d->each(d->user, buf_bytes(&d->path), a, b);
}

static void add_key(struct buf *to, const struct json *j, json_at key)
{
	scoped(buf_finip) struct buf held = {0};
	struct bytes text;
	buf_init(&held, POINTER_MAX);
	buf_add_char(to, '/');
	if (json_string(j, key, &held, &text))
		return;
	for (size_t i = 0; i < text.len; i++) {
		char c = ((const char *)text.at)[i];
		if (c == '~' || c == '/')
			buf_add_str(to, c == '~' ? "~0" : "~1");
		else
			buf_add_char(to, c);
	}
}

static struct place below_member(const struct diffing *d, struct place place, json_at key)
{
	return d->rules ? place_member(d->rules, place, d->a, key) : place;
}

static struct place below_element(const struct diffing *d, struct place place, uint32_t i)
{
	return d->rules ? place_element(d->rules, place, i) : place;
}

static void walk_objects(struct diffing *d, json_at a, json_at b, struct place place)
{
	struct json_finder finder;
	size_t len = d->path.len;
	json_finder_init(&finder, d->b, b);
	for (json_at k = json_first(d->a, a); k != JSON_NONE && !d->over;
	     k = json_next(d->a, a, k)) {
		json_at other = json_finder_find(&finder, d->a, k);
		add_key(&d->path, d->a, k);
		if (other == JSON_NONE)
			tell(d, k + 1, JSON_NONE);
		else
			walk(d, k + 1, other + 1, below_member(d, place, k));
		d->path.len = len;
	}
	json_finder_fini(&finder);
	json_finder_init(&finder, d->a, a);
	for (json_at k = json_first(d->b, b); k != JSON_NONE && !d->over;
	     k = json_next(d->b, b, k)) {
		if (json_finder_find(&finder, d->b, k) != JSON_NONE)
			continue;
		add_key(&d->path, d->b, k);
		tell(d, JSON_NONE, k + 1);
		d->path.len = len;
	}
	json_finder_fini(&finder);
}

static void walk_positions(struct diffing *d, json_at a, json_at b, struct place place)
{
	json_at x = json_first(d->a, a), y = json_first(d->b, b);
	size_t len = d->path.len;
	for (uint32_t i = 0; (x != JSON_NONE || y != JSON_NONE) && !d->over; i++) {
		buf_addf(&d->path, "/%u", i);
		if (x == JSON_NONE || y == JSON_NONE)
			tell(d, x, y);
		else
			walk(d, x, y, below_element(d, place, i));
		d->path.len = len;
		x = x == JSON_NONE ? x : json_next(d->a, a, x);
		y = y == JSON_NONE ? y : json_next(d->b, b, y);
	}
}

/* ---- keyed lists ---- */

/* The elements of both lists, those of `a` first, and their keys. */
struct both {
	struct keyset keys;
	json_at *at;
	uint32_t old, all;
};

static bool has_keys(struct diffing *d, enum list_key by, const struct json *j, json_at list)
{
	struct keyset keys;
	json_at bad = JSON_NONE;
	bool twice;
	keyset_init(&keys);
	int rc = keyset_of_list(&keys, by, j, list, &bad, &twice);
	keyset_fini(&keys);
	d->rc = d->rc ? d->rc : rc;
	return !rc && bad == JSON_NONE;
}

static void take(struct both *both, enum list_key by, const struct json *j, json_at list)
{
	for (json_at e = json_first(j, list); e != JSON_NONE; e = json_next(j, list, e)) {
		both->at[both->all++] = e;
		keyset_add_element(&both->keys, by, j, e);
	}
}

/* Do those that both have stand in one order? */
static bool in_order(const struct both *both)
{
	uint32_t last = 0;
	for (uint32_t i = 0; i < both->old; i++) {
		uint32_t other = both->keys.slot[i].next;
		if (other == KEYSET_NONE)
			continue;
		if (other < last)
			return false;
		last = other;
	}
	return true;
}

static void tell_elements(struct diffing *d, const struct both *both, struct place place)
{
	size_t len = d->path.len;
	for (uint32_t i = 0; i < both->all && !d->over; i++) {
		const struct keyset_slot *slot = &both->keys.slot[i];
		uint32_t other = slot->next;
		if (i >= both->old && slot->first != i)
			continue; /* told with its old one */
		uint32_t at = i < both->old && other == KEYSET_NONE
				      ? i
				      : (i < both->old ? other : i) - both->old;
		buf_addf(&d->path, "/%u", at);
		if (i >= both->old)
			tell(d, JSON_NONE, both->at[i]);
		else if (other == KEYSET_NONE)
			tell(d, both->at[i], JSON_NONE);
		else
			walk(d, both->at[i], both->at[other], below_element(d, place, at));
		d->path.len = len;
	}
}

static void walk_keyed(struct diffing *d, json_at a, json_at b, struct place place)
{
	enum list_key by = (enum list_key)place.list;
	struct both both = {.old = json_count(d->a, a)};
	keyset_init(&both.keys);
	both.at = calloc(both.old + json_count(d->b, b) + 1, sizeof(*both.at));
	if (both.at) {
		take(&both, by, d->a, a);
		take(&both, by, d->b, b);
	}
	int rc = both.at ? keyset_link(&both.keys) : SL_E_NO_MEMORY;
	if (rc)
		d->rc = rc;
	else if (in_order(&both))
		tell_elements(d, &both, place);
	else
		tell(d, a, b);
	keyset_fini(&both.keys);
	free(both.at);
}

static void walk_arrays(struct diffing *d, json_at a, json_at b, struct place place)
{
	enum list_key by = (enum list_key)place.list;
	if (d->rules && by && has_keys(d, by, d->a, a) && has_keys(d, by, d->b, b))
		walk_keyed(d, a, b, place);
	else
		walk_positions(d, a, b, place);
}

static void walk(struct diffing *d, json_at a, json_at b, struct place place)
{
	enum json_type type = json_type(d->a, a);
	bool alike = type == json_type(d->b, b);
	if (d->over || json_equal(d->a, a, d->b, b))
		return;
	if (alike && type == JSON_OBJECT)
		walk_objects(d, a, b, place);
	else if (alike && type == JSON_ARRAY)
		walk_arrays(d, a, b, place);
	else
		tell(d, a, b);
}

int diff_documents(const struct json *a, const struct json *b, const struct increment_rules *rules,
		   diff_fn each, void *user)
{
	struct diffing d = {.a = a, .b = b, .rules = rules, .each = each, .user = user};
	struct place root = {0};
	buf_init(&d.path, POINTER_MAX);
	walk(&d, 0, 0, rules ? place_root(rules) : root);
	int rc = d.path.rc ? d.path.rc : d.rc;
	buf_fini(&d.path);
	return rc;
}
