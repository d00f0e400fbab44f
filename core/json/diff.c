#include "core/json/diff.h"

#include "core/json/keys.h"

enum { POINTER_MAX = 1 << 20 };

struct diffing {
	const struct json *a, *b;
	json_diff_fn each;
	void *user;
	struct buf path;
	bool over;
};

static void walk(struct diffing *d, json_at a, json_at b);

static void tell(struct diffing *d, json_at a, json_at b)
{
	if (!d->over && !d->path.rc)
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

static void walk_objects(struct diffing *d, json_at a, json_at b)
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
			walk(d, k + 1, other + 1);
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

static void walk_arrays(struct diffing *d, json_at a, json_at b)
{
	json_at x = json_first(d->a, a), y = json_first(d->b, b);
	size_t len = d->path.len;
	for (uint32_t i = 0; (x != JSON_NONE || y != JSON_NONE) && !d->over; i++) {
		buf_addf(&d->path, "/%u", i);
		if (x == JSON_NONE || y == JSON_NONE)
			tell(d, x, y);
		else
			walk(d, x, y);
		d->path.len = len;
		x = x == JSON_NONE ? x : json_next(d->a, a, x);
		y = y == JSON_NONE ? y : json_next(d->b, b, y);
	}
}

static void walk(struct diffing *d, json_at a, json_at b)
{
	enum json_type type = json_type(d->a, a);
	bool alike = type == json_type(d->b, b);
	if (d->over || json_equal(d->a, a, d->b, b))
		return;
	if (alike && type == JSON_OBJECT)
		walk_objects(d, a, b);
	else if (alike && type == JSON_ARRAY)
		walk_arrays(d, a, b);
	else
		tell(d, a, b);
}

int json_diff(const struct json *a, const struct json *b, json_diff_fn each, void *user)
{
	struct diffing d = {.a = a, .b = b, .each = each, .user = user};
	buf_init(&d.path, POINTER_MAX);
	walk(&d, 0, 0);
	int rc = d.path.rc;
	buf_fini(&d.path);
	return rc;
}
