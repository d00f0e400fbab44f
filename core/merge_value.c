#include "core/merge_internal.h"

#include "core/keyset.h"

#include <stdlib.h>

static int no_memory(struct merge *m)
{
	return sl_fail(m->err, SL_E_NO_MEMORY, "out of memory for a merge");
}

void merge_tell(struct merge *m, uint32_t part)
{
	if (m->told)
		m->told->added(m->told->user, buf_bytes(&m->path.text), part);
}

/* ---- writing ---- */

static bool holds_null(const struct json *j, json_at at)
{
	for (json_at i = at; i < j->node[at].end; i++)
		if (json_type(j, i) == JSON_NULL)
			return true;
	return false;
}

static void write_clean(struct merge *m, const struct json *j, json_at at)
{
	enum json_type type = json_type(j, at);
	if (type != JSON_OBJECT && type != JSON_ARRAY) {
		buf_add_bytes(m->out, json_raw(j, at));
		return;
	}
	bool object = type == JSON_OBJECT, first = true;
	buf_add_char(m->out, object ? '{' : '[');
	for (json_at e = json_first(j, at); e != JSON_NONE; e = json_next(j, at, e)) {
		if (object && json_type(j, e + 1) == JSON_NULL)
			continue;
		buf_add_str(m->out, first ? "" : ",");
		first = false;
		if (object) {
			buf_add_bytes(m->out, json_raw(j, e));
			buf_add_char(m->out, ':');
		}
		write_clean(m, j, object ? e + 1 : e);
	}
	buf_add_char(m->out, object ? '}' : ']');
}

void merge_write(struct merge *m, const struct json *j, json_at at)
{
	if (holds_null(j, at))
		write_clean(m, j, at);
	else
		buf_add_bytes(m->out, json_raw(j, at));
}

/* ---- values that several parts give ---- */

static int conflict(struct merge *m, const struct given *a, const struct given *b)
{
	char path[192], one[96], other[96];
	increment_cut(buf_bytes(&m->path.text), path, sizeof(path));
	increment_show(merge_answer(m, a->part), a->at, one, sizeof(one));
	increment_show(merge_answer(m, b->part), b->at, other, sizeof(other));
	return sl_fail(m->err, SL_E_CONFLICT, "%s: %.*s adds %s and %.*s adds %s", path,
		       BYTES_FMT(m->part[a->part].plugin), one, BYTES_FMT(m->part[b->part].plugin),
		       other);
}

static bool all_are(const struct merge *m, const struct given *given, size_t n, enum json_type type)
{
	for (size_t i = 0; i < n; i++)
		if (json_type(merge_answer(m, given[i].part), given[i].at) != type)
			return false;
	return true;
}

/* All children of the given containers, part by part. */
static struct given *children_of(const struct merge *m, const struct given *given, size_t n,
				 size_t *ret_n)
{
	size_t room = 1, used = 0;
	for (size_t i = 0; i < n; i++)
		room += json_count(merge_answer(m, given[i].part), given[i].at);
	struct given *child = calloc(room, sizeof(*child));
	for (size_t i = 0; child && i < n; i++) {
		const struct json *j = merge_answer(m, given[i].part);
		const struct increment_rules *rules = m->part[given[i].part].increment->rules;
		json_at in = given[i].at;
		bool object = json_type(j, in) == JSON_OBJECT;
		uint32_t index = 0;
		for (json_at e = json_first(j, in); e != JSON_NONE; e = json_next(j, in, e)) {
			struct given c = {.part = given[i].part, .key = JSON_NONE, .at = e};
			if (object) {
				c.key = e;
				c.at = e + 1;
				c.place = place_member(rules, given[i].place, j, e);
			} else {
				c.place = place_element(rules, given[i].place, index++);
			}
			if (!object || json_type(j, c.at) != JSON_NULL)
				child[used++] = c;
		}
	}
	*ret_n = used;
	return child;
}

static int merge_containers(struct merge *m, const struct given *given, size_t n,
			    enum list_key list, const char *brackets)
{
	size_t children = 0;
	struct given *child = children_of(m, given, n, &children);
	if (!child)
		return no_memory(m);
	for (size_t i = 0; i < n && children == 0; i++)
		merge_tell(m, given[i].part);
	buf_add_char(m->out, brackets[0]);
	int rc = merge_children(m, child, children, list, "", 0);
	buf_add_char(m->out, brackets[1]);
	free(child);
	return rc;
}

/* A list in a container that is a plugin's own may lack keys: then it is no keyed list. */
static int all_keyed(struct merge *m, const struct given *given, size_t n, bool *ret)
{
	*ret = true;
	for (size_t i = 0; i < n && *ret; i++) {
		scoped(keyset_finip) struct keyset keys;
		json_at bad;
		bool twice;
		keyset_init(&keys);
		if (keyset_of_list(&keys, (enum list_key)given[i].place.list,
				   merge_answer(m, given[i].part), given[i].at, &bad, &twice))
			return no_memory(m);
		*ret = bad == JSON_NONE;
	}
	return 0;
}

static bool agree(struct merge *m, const struct given *a, const struct given *b)
{
	const struct json *x = merge_answer(m, a->part), *y = merge_answer(m, b->part);
	return json_equal(x, a->at, y, b->at) ||
	       increment_scalars_equal(x, a->at, y, b->at, a->place.quantity);
}

static int merge_whole(struct merge *m, const struct given *given, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (!agree(m, &given[0], &given[i]))
			return conflict(m, &given[0], &given[i]);
	for (size_t i = 0; i < n; i++)
		merge_tell(m, given[i].part);
	merge_write(m, merge_answer(m, given[0].part), given[0].at);
	return 0;
}

int merge_values(struct merge *m, const struct given *given, size_t n)
{
	bool keyed = false;
	if (n > 1 && all_are(m, given, n, JSON_OBJECT))
		return merge_containers(m, given, n, LIST_PLAIN, "{}");
	if (n > 1 && given[0].place.list && all_are(m, given, n, JSON_ARRAY)) {
		int rc = all_keyed(m, given, n, &keyed);
		if (rc)
			return rc;
	}
	if (keyed)
		return merge_containers(m, given, n, (enum list_key)given[0].place.list, "[]");
	return merge_whole(m, given, n);
}

/* ---- members and elements ---- */

static int key_all(struct merge *m, const struct given *given, size_t n, enum list_key list,
		   struct keyset *keys)
{
	for (size_t i = 0; i < n; i++) {
		const struct json *j = merge_answer(m, given[i].part);
		if (list == LIST_PLAIN)
			keyset_add_member(keys, j, given[i].key);
		else
			keyset_add_element(keys, list, j, given[i].at);
	}
	return keyset_link(keys) ? no_memory(m) : 0;
}

/* What stands under one key: in `same`, part by part. */
static int merge_child(struct merge *m, const struct given *same, size_t n, enum list_key list,
		       uint32_t index)
{
	const struct json *j = merge_answer(m, same[0].part);
	size_t back;
	int rc = 0;
	if (list == LIST_PLAIN) {
		back = merge_path_key(&m->path, j, same[0].key);
		buf_add_bytes(m->out, json_raw(j, same[0].key));
		buf_add_char(m->out, ':');
	} else {
		back = merge_path_index(&m->path, index);
	}
	if (list == LIST_BY_ALL || list == LIST_BY_ROLE) {
		for (size_t i = 0; i < n; i++)
			merge_tell(m, same[i].part);
		merge_write(m, j, same[0].at);
	} else {
		rc = merge_values(m, same, n);
	}
	merge_path_cut(&m->path, back);
	return rc;
}

int merge_children(struct merge *m, const struct given *given, size_t n, enum list_key list,
		   const char *before, uint32_t index)
{
	scoped(keyset_finip) struct keyset keys;
	keyset_init(&keys);
	int rc = key_all(m, given, n, list, &keys);
	struct given *same = calloc(n + 1, sizeof(*same));
	if (!same && !rc)
		rc = no_memory(m);
	for (uint32_t i = 0; i < n && !rc; i++) {
		size_t used = 0;
		if (keys.slot[i].first != i)
			continue;
		for (uint32_t k = i; k != KEYSET_NONE; k = keys.slot[k].next)
			same[used++] = given[k];
		buf_add_str(m->out, before);
		before = ",";
		rc = merge_child(m, same, used, list, index++);
	}
	free(same);
	return rc;
}
