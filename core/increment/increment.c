#include "core/increment/internal.h"

#include "core/increment/keyset.h"
#include "core/increment/quantity.h"
#include "core/json/keys.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const not_added = "may not be added";
static const char *const not_changed = "may not be changed";
static const char *const not_removed = "may not be removed";

/* ---- the words of a violation ---- */

void increment_cut(struct bytes from, char *to, size_t size)
{
	size_t len = from.len;
	const char *at = (const char *)from.at;
	if (len >= size)
		for (len = size - 4; len && ((uint8_t)at[len] & 0xc0) == 0x80;)
			len--;
	snprintf(to, size, "%.*s%s", (int)len, at ? at : "", len < from.len ? "..." : "");
}

void increment_show(const struct json *j, json_at at, char *to, size_t size)
{
	scoped(buf_finip) struct buf text = {0};
	buf_init(&text, (size_t)1 << 30);
	json_compact(j, at, &text);
	increment_cut(text.rc ? json_raw(j, at) : buf_bytes(&text), to, size < 84 ? size : 84);
}

int increment_violate(struct walk *w, const char *why, json_at b, json_at a)
{
	struct increment_violation v = {.old_text = "nothing", .new_text = "nothing"};
	scoped(buf_finip) struct buf path = {0};
	buf_init(&path, (size_t)1 << 30);
	json_pointer(b != JSON_NONE ? w->base : w->answer, b != JSON_NONE ? b : a, &path);
	increment_cut(path.len ? buf_bytes(&path) : BYTES("/"), v.path, sizeof(v.path));
	snprintf(v.why, sizeof(v.why), "%s", why);
	if (b != JSON_NONE)
		increment_show(w->base, b, v.old_text, sizeof(v.old_text));
	if (a != JSON_NONE)
		increment_show(w->answer, a, v.new_text, sizeof(v.new_text));
	if (w->violation)
		*w->violation = v;
	return sl_fail(w->err, SL_E_CONFLICT, "%s: %s (old: %s; new: %s)", v.path, v.why,
		       v.old_text, v.new_text);
}

/* Written alike, so nobody need know what it is. */
static bool unchanged(const struct walk *w, json_at b, json_at a)
{
	return bytes_eq(json_raw(w->base, b), json_raw(w->answer, a));
}

/* ---- the list of additions ---- */

int increment_record(struct walk *w, const struct addition *addition)
{
	struct increment *to = w->to;
	if (to->n == to->cap) {
		uint32_t cap = to->cap ? to->cap * 2 : 16;
		struct addition *list = realloc(to->list, cap * sizeof(*list));
		if (!list)
			return sl_fail(w->err, SL_E_NO_MEMORY, "out of memory for additions");
		to->list = list;
		to->cap = cap;
	}
	to->list[to->n++] = *addition;
	return 0;
}

/* ---- scalars ---- */

static struct bytes scalar_text(const struct json *j, json_at at, struct buf *held)
{
	struct bytes text = json_raw(j, at);
	if (json_type(j, at) == JSON_STRING && json_string(j, at, held, &text) != 0)
		return bytes_of(NULL, 0);
	return text;
}

static bool may_be_quantity(const struct json *j, json_at at)
{
	return json_type(j, at) == JSON_NUMBER || json_type(j, at) == JSON_STRING;
}

bool increment_scalars_equal(const struct json *a, json_at at, const struct json *b, json_at bt,
			     bool quantity)
{
	if (json_type(a, at) >= JSON_ARRAY || json_type(b, bt) >= JSON_ARRAY)
		return false;
	if (json_equal(a, at, b, bt))
		return true;
	if (!quantity || !may_be_quantity(a, at) || !may_be_quantity(b, bt))
		return false;
	scoped(buf_finip) struct buf x, y;
	buf_init(&x, 4096);
	buf_init(&y, 4096);
	return quantity_equal(scalar_text(a, at, &x), scalar_text(b, bt, &y));
}

/* ---- what is wholly new ---- */

/* May nothing be added at this place? Then why. */
static const char *closed(const struct walk *w, struct place place)
{
	if (place.does & DOES_COMMAND)
		return "a command may not be added where there is none";
	if (place.frozen)
		return not_added;
	if (!(place.does & DOES_PROTECT))
		return NULL;
	bool binder = w->options->stage == INCREMENT_BINDER;
	return binder && (place.does & DOES_BINDER_ADDS) ? NULL : not_added;
}

static int check_new_object(struct walk *w, json_at a, struct place place)
{
	const struct json *j = w->answer;
	for (json_at k = json_first(j, a); k != JSON_NONE; k = json_next(j, a, k)) {
		if (json_type(j, k + 1) == JSON_NULL)
			continue;
		struct place child = place_member(w->options->rules, place, j, k);
		const char *why = closed(w, child);
		int rc = why ? increment_violate(w, why, JSON_NONE, k + 1)
			     : increment_check_new(w, k + 1, child);
		if (rc)
			return rc;
	}
	return 0;
}

/* An element that is new in its list. */
static int check_new_element(struct walk *w, json_at a, struct place place)
{
	if (place.does & DOES_OWN)
		return 0;
	if ((place.does & DOES_ENV) &&
	    increment_env_protected(w->answer, json_get(w->answer, a, BYTES("name"))))
		return increment_violate(w, "an environment name of the gateway's own", JSON_NONE,
					 a);
	const char *why = closed(w, place);
	return why ? increment_violate(w, why, JSON_NONE, a) : increment_check_new(w, a, place);
}

static int check_keys(struct walk *w, struct keyset *keys, json_at a, struct place place)
{
	json_at bad;
	bool twice;
	int rc = keyset_of_list(keys, (enum list_key)place.list, w->answer, a, &bad, &twice);
	if (rc)
		return sl_fail(w->err, (enum sl_err)rc, "out of memory for the keys of a list");
	if (bad == JSON_NONE)
		return 0;
	return increment_violate(w,
				 twice ? "an element with the key of one before it"
				       : "an element without its key",
				 JSON_NONE, bad);
}

static int check_new_array(struct walk *w, json_at a, struct place place)
{
	const struct json *j = w->answer;
	uint32_t i = 0;
	int rc = 0;
	if (place.list) {
		scoped(keyset_finip) struct keyset keys;
		keyset_init(&keys);
		rc = check_keys(w, &keys, a, place);
	}
	for (json_at e = json_first(j, a); e != JSON_NONE && !rc; e = json_next(j, a, e))
		rc = check_new_element(w, e, place_element(w->options->rules, place, i++));
	return rc;
}

int increment_check_new(struct walk *w, json_at a, struct place place)
{
	if (!place.alive && !place.list)
		return 0;
	switch (json_type(w->answer, a)) {
	case JSON_OBJECT:
		return check_new_object(w, a, place);
	case JSON_ARRAY:
		return check_new_array(w, a, place);
	default:
		return 0;
	}
}

/* ---- objects ---- */

static int add_member(struct walk *w, json_at b, json_at old, json_at k, struct place place)
{
	const char *why = closed(w, place);
	int rc = why ? increment_violate(w, why, JSON_NONE, k + 1)
		     : increment_check_new(w, k + 1, place);
	if (rc)
		return rc;
	bool null = old != JSON_NONE;
	return increment_record(w, &(struct addition){
					   .kind = null ? ADD_VALUE : ADD_MEMBER,
					   .where = null ? old + 1 : b,
					   .what = null ? k + 1 : k,
					   .place = place,
				   });
}

/* Fewer old members came back than there were: name the first that did not. */
static int check_missing(struct walk *w, json_at b, json_at a, struct place place)
{
	struct json_finder finder;
	int rc = 0;
	json_finder_init(&finder, w->answer, a);
	for (json_at k = json_first(w->base, b); k != JSON_NONE && !rc;
	     k = json_next(w->base, b, k)) {
		if (json_type(w->base, k + 1) == JSON_NULL ||
		    (place_member(w->options->rules, place, w->base, k).does & DOES_IGNORE))
			continue;
		json_at found = json_finder_find(&finder, w->base, k);
		if (found == JSON_NONE || json_type(w->answer, found + 1) == JSON_NULL)
			rc = increment_violate(w, not_removed, k + 1, JSON_NONE);
	}
	json_finder_fini(&finder);
	return rc;
}

static int check_object(struct walk *w, json_at b, json_at a, struct place place)
{
	const struct json *answer = w->answer;
	struct json_finder finder;
	uint32_t kept = 0;
	int rc = 0;
	json_finder_init(&finder, w->base, b);
	for (json_at k = json_first(answer, a); k != JSON_NONE && !rc;
	     k = json_next(answer, a, k)) {
		json_at old = json_finder_find(&finder, answer, k);
		if (old != JSON_NONE && unchanged(w, old + 1, k + 1)) {
			kept++;
			continue;
		}
		struct place child = place_member(w->options->rules, place, answer, k);
		if ((child.does & DOES_IGNORE) || json_type(answer, k + 1) == JSON_NULL)
			continue;
		if (old != JSON_NONE && json_type(w->base, old + 1) != JSON_NULL) {
			kept++;
			rc = increment_compare(w, old + 1, k + 1, child);
		} else {
			rc = add_member(w, b, old, k, child);
		}
	}
	json_finder_fini(&finder);
	if (!rc && !w->options->typed && kept < json_count(w->base, b))
		rc = check_missing(w, b, a, place);
	return rc;
}

/* ---- lists ---- */

static int check_plain(struct walk *w, json_at b, json_at a, struct place place)
{
	const struct increment_rules *rules = w->options->rules;
	json_at x = json_first(w->base, b), y = json_first(w->answer, a);
	uint32_t i = 0;
	for (; x != JSON_NONE; i++) {
		struct place child = place_element(rules, place, i);
		child.frozen = true;
		int rc = y == JSON_NONE ? increment_violate(w, not_removed, x, JSON_NONE)
					: increment_compare(w, x, y, child);
		if (rc)
			return rc;
		x = json_next(w->base, b, x);
		y = json_next(w->answer, a, y);
	}
	struct addition tail = {.kind = ADD_TAIL, .where = b, .what = y, .in = a};
	for (json_at e = y; e != JSON_NONE; e = json_next(w->answer, a, e)) {
		int rc = place.frozen ? increment_violate(w, not_added, JSON_NONE, e)
				      : check_new_element(w, e, place_element(rules, place, i++));
		if (rc)
			return rc;
	}
	return y == JSON_NONE ? 0 : increment_record(w, &tail);
}

bool increment_dependency_says_more(const struct json *j, json_at dependency)
{
	if (json_type(j, dependency) != JSON_OBJECT)
		return false;
	for (json_at k = json_first(j, dependency); k != JSON_NONE; k = json_next(j, dependency, k))
		if (json_type(j, k + 1) != JSON_NULL && !json_string_is(j, k, BYTES("role")) &&
		    !json_string_is(j, k, BYTES("on")))
			return true;
	return false;
}

/* The elements have the same key. A dependency may be written as a name or as an object
 * that says no more. */
static int check_same_key(struct walk *w, json_at b, json_at a, struct place list,
			  struct place place)
{
	if (unchanged(w, b, a))
		return 0;
	if ((place.does & DOES_ENV) &&
	    increment_env_protected(w->base, json_get(w->base, b, BYTES("name"))))
		place.frozen = true;
	bool objects = json_type(w->base, b) == json_type(w->answer, a);
	if (list.list != LIST_BY_ROLE || objects)
		return increment_compare(w, b, a, place);
	return increment_dependency_says_more(w->answer, a)
		       ? increment_violate(w, not_changed, b, a)
		       : 0;
}

/* The old element at `x` does not stand where it stood. */
static int not_in_place(struct walk *w, const struct keyset *answer, struct bytes key, json_at x,
			json_at y)
{
	for (uint32_t i = 0; i < answer->n; i++)
		if (bytes_eq(keyset_key(answer, i), key))
			return increment_violate(
				w, "old elements stay in their order, new ones come behind", x, y);
	return increment_violate(w, not_removed, x, JSON_NONE);
}

static int check_keyed(struct walk *w, const struct keyset *old, json_at b, json_at a,
		       struct place place)
{
	scoped(keyset_finip) struct keyset keys;
	keyset_init(&keys);
	int rc = check_keys(w, &keys, a, place);
	json_at x = json_first(w->base, b), y = json_first(w->answer, a);
	for (uint32_t i = 0; !rc && (x != JSON_NONE || y != JSON_NONE); i++) {
		struct place child = place_element(w->options->rules, place, i);
		if (x == JSON_NONE) {
			rc = check_new_element(w, y, child);
			struct addition element = {.kind = ADD_ELEMENT,
						   .where = b,
						   .what = y,
						   .list = place.list,
						   .place = child};
			rc = rc ? rc : increment_record(w, &element);
		} else if (y == JSON_NONE || !bytes_eq(keyset_key(old, i), keyset_key(&keys, i))) {
			rc = not_in_place(w, &keys, keyset_key(old, i), x, y);
		} else {
			rc = check_same_key(w, x, y, place, child);
		}
		x = x == JSON_NONE ? x : json_next(w->base, b, x);
		y = y == JSON_NONE ? y : json_next(w->answer, a, y);
	}
	return rc;
}

/* A list of the base whose keys are missing or the same is no keyed list: nobody could
 * say which element is meant. */
static int check_array(struct walk *w, json_at b, json_at a, struct place place)
{
	if (place.does & DOES_COMMAND)
		return increment_check_command(w, b, a, place);
	if (!place.list || place.frozen)
		return check_plain(w, b, a, place);
	scoped(keyset_finip) struct keyset old;
	json_at bad;
	bool twice;
	keyset_init(&old);
	int rc = keyset_of_list(&old, (enum list_key)place.list, w->base, b, &bad, &twice);
	if (rc)
		return sl_fail(w->err, (enum sl_err)rc, "out of memory for the keys of a list");
	return bad == JSON_NONE ? check_keyed(w, &old, b, a, place) : check_plain(w, b, a, place);
}

/* ---- values ---- */

int increment_compare(struct walk *w, json_at b, json_at a, struct place place)
{
	enum json_type type = json_type(w->base, b);
	if (unchanged(w, b, a))
		return 0;
	if (place.does & DOES_PROTECT)
		place.frozen = true;
	if (type == json_type(w->answer, a) && type == JSON_OBJECT)
		return check_object(w, b, a, place);
	if (type == json_type(w->answer, a) && type == JSON_ARRAY)
		return check_array(w, b, a, place);
	if (increment_scalars_equal(w->base, b, w->answer, a, place.quantity))
		return 0;
	return increment_violate(w, not_changed, b, a);
}

int increment_check(const struct json *base, const struct json *answer,
		    const struct increment_options *options, struct increment *ret,
		    struct increment_violation *violation, struct sl_error *err)
{
	struct walk w = {base, answer, options, ret, violation, err};
	ret->base = base;
	ret->answer = answer;
	ret->rules = options->rules;
	ret->n = 0;
	int rc = increment_compare(&w, 0, 0, place_root(options->rules));
	if (rc)
		increment_fini(ret);
	return rc;
}

void increment_fini(struct increment *i)
{
	free(i->list);
	*i = (struct increment){0};
}
