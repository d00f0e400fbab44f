#include "core/increment/merge_internal.h"

#include "core/increment/keyset.h"

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

/* What can be done with values that meet. A list in a container that is a plugin's own may
 * lack keys: then it is no keyed list. */
enum manner { AS_WHOLE, AS_OBJECT, AS_KEYED };

static int manner_of(struct merge *m, const struct given *g, enum manner *ret)
{
	scoped(keyset_finip) struct keyset keys = {0};
	const struct json *j = merge_answer(m, g->part);
	json_at bad;
	bool twice;
	*ret = json_type(j, g->at) == JSON_OBJECT ? AS_OBJECT : AS_WHOLE;
	if (json_type(j, g->at) != JSON_ARRAY || !g->place.list)
		return 0;
	keyset_init(&keys);
	if (keyset_of_list(&keys, (enum list_key)g->place.list, j, g->at, &bad, &twice))
		return no_memory(m);
	*ret = bad == JSON_NONE ? AS_KEYED : AS_WHOLE;
	return 0;
}

/* Equal, but that a member that is null is none. */
static int equal_but_nulls(struct merge *m, const struct given *a, const struct given *b, bool *ret)
{
	scoped(keyset_finip) struct keyset keys;
	keyset_init(&keys);
	keyset_add_element(&keys, LIST_BY_ALL, merge_answer(m, a->part), a->at);
	keyset_add_element(&keys, LIST_BY_ALL, merge_answer(m, b->part), b->at);
	if (keyset_link(&keys))
		return no_memory(m);
	*ret = keys.slot[1].first == 0;
	return 0;
}

static int agree(struct merge *m, const struct given *a, const struct given *b, bool *ret)
{
	const struct json *x = merge_answer(m, a->part), *y = merge_answer(m, b->part);
	*ret = json_equal(x, a->at, y, b->at) ||
	       increment_scalars_equal(x, a->at, y, b->at, a->place.quantity);
	if (!*ret && (holds_null(x, a->at) || holds_null(y, b->at)))
		return equal_but_nulls(m, a, b, ret);
	return 0;
}

static int merge_whole(struct merge *m, const struct given *given, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		bool same;
		int rc = agree(m, &given[0], &given[i], &same);
		if (rc || !same)
			return rc ? rc : conflict(m, &given[0], &given[i]);
	}
	for (size_t i = 0; i < n; i++)
		merge_tell(m, given[i].part);
	merge_write(m, merge_answer(m, given[0].part), given[0].at);
	return 0;
}

int merge_values(struct merge *m, const struct given *given, size_t n)
{
	enum manner first = AS_WHOLE;
	int rc = n > 1 ? manner_of(m, &given[0], &first) : 0;
	/* The two that are named are two that cannot stand together. */
	for (size_t i = 1; i < n && !rc && first != AS_WHOLE; i++) {
		enum manner other;
		rc = manner_of(m, &given[i], &other);
		if (!rc && other != first)
			rc = conflict(m, &given[0], &given[i]);
	}
	if (rc)
		return rc;
	if (first == AS_OBJECT)
		return merge_containers(m, given, n, LIST_PLAIN, "{}");
	if (first == AS_KEYED)
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

static int merge_first(struct merge *m, const struct given *same, size_t n)
{
	for (size_t i = 0; i < n; i++)
		merge_tell(m, same[i].part);
	merge_write(m, merge_answer(m, same[0].part), same[0].at);
	return 0;
}

/* Dependencies with one role and condition: objects are merged as objects; a name stands
 * for one that says no more. */
static int merge_dependency(struct merge *m, const struct given *same, size_t n)
{
	const struct given *name = NULL, *more = NULL;
	for (size_t i = 0; i < n; i++) {
		const struct json *j = merge_answer(m, same[i].part);
		if (json_type(j, same[i].at) != JSON_OBJECT)
			name = name ? name : &same[i];
		else if (!more && increment_dependency_says_more(j, same[i].at))
			more = &same[i];
	}
	if (!name)
		return merge_values(m, same, n);
	if (more)
		return name < more ? conflict(m, name, more) : conflict(m, more, name);
	return merge_first(m, same, n);
}

/* What stands under one key: in `same`, part by part. */
static int merge_child(struct merge *m, const struct given *same, size_t n, enum list_key list,
		       uint32_t index)
{
	const struct json *j = merge_answer(m, same[0].part);
	size_t back;
	int rc;
	if (list == LIST_PLAIN) {
		back = merge_path_key(&m->path, j, same[0].key);
		buf_add_bytes(m->out, json_raw(j, same[0].key));
		buf_add_char(m->out, ':');
	} else {
		back = merge_path_index(&m->path, index);
	}
	if (list == LIST_BY_ALL)
		rc = merge_first(m, same, n);
	else if (list == LIST_BY_ROLE)
		rc = merge_dependency(m, same, n);
	else
		rc = merge_values(m, same, n);
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
