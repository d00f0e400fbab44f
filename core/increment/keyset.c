#include "core/increment/keyset.h"

#include "core/json/keys.h"

#include <stdlib.h>

enum { FEW = 16, TEXT_MAX = 1 << 30 };

void keyset_init(struct keyset *s)
{
	*s = (struct keyset){0};
	buf_init(&s->text, TEXT_MAX);
}

void keyset_fini(struct keyset *s)
{
	buf_fini(&s->text);
	free(s->slot);
	*s = (struct keyset){0};
}

/* A slot for the text written since `from`. */
static void add_slot(struct keyset *s, size_t from)
{
	if (s->n == s->cap && !s->rc) {
		uint32_t cap = s->cap ? s->cap * 2 : FEW;
		struct keyset_slot *slot = realloc(s->slot, cap * sizeof(*slot));
		if (slot) {
			s->slot = slot;
			s->cap = cap;
		} else {
			s->rc = SL_E_NO_MEMORY;
		}
	}
	if (!s->rc && s->text.rc)
		s->rc = s->text.rc;
	if (!s->rc)
		s->slot[s->n++] = (struct keyset_slot){
			(uint32_t)from, (uint32_t)(s->text.len - from), KEYSET_NONE, KEYSET_NONE};
}

static void add_string(struct keyset *s, const struct json *j, json_at at)
{
	struct bytes text;
	size_t before = s->text.len;
	int rc = json_string(j, at, &s->text, &text);
	if (rc)
		s->rc = s->rc ? s->rc : rc;
	else if (s->text.len == before)
		buf_add_bytes(&s->text, text);
}

void keyset_add_member(struct keyset *s, const struct json *j, json_at key)
{
	size_t from = s->text.len;
	add_string(s, j, key);
	add_slot(s, from);
}

/* ---- the keys of elements ---- */

static void canonical(struct keyset *s, const struct json *j, json_at at);

/* In the order of the keys alone; a null is an absent member. */
static void canonical_object(struct keyset *s, const struct json *j, json_at at)
{
	struct json_keys keys;
	int rc = json_keys_build(j, at, &keys);
	if (rc) {
		s->rc = rc;
		return;
	}
	buf_add_char(&s->text, '{');
	for (uint32_t i = 0; i < keys.n; i++) {
		json_at key = json_keys_at(&keys, i);
		if (json_type(j, key + 1) == JSON_NULL)
			continue;
		canonical(s, j, key);
		canonical(s, j, key + 1);
	}
	buf_add_char(&s->text, '}');
	json_keys_fini(&keys);
}

/* A text that equal values share. Each string is led by its length, so nothing in it can
 * be taken for what stands around it. */
static void canonical(struct keyset *s, const struct json *j, json_at at)
{
	size_t from = s->text.len;
	switch (json_type(j, at)) {
	case JSON_OBJECT:
		canonical_object(s, j, at);
		break;
	case JSON_ARRAY:
		buf_add_char(&s->text, '[');
		for (json_at e = json_first(j, at); e != JSON_NONE; e = json_next(j, at, e))
			canonical(s, j, e);
		buf_add_char(&s->text, ']');
		break;
	case JSON_STRING:
		add_string(s, j, at);
		buf_addf(&s->text, "\"%zu;", s->text.len - from);
		break;
	case JSON_NUMBER:
		json_number_canonical(json_raw(j, at), &s->text);
		buf_add_char(&s->text, ';');
		break;
	case JSON_NULL:
	case JSON_FALSE:
	case JSON_TRUE:
		buf_add_bytes(&s->text, json_raw(j, at));
		buf_add_char(&s->text, ';');
	}
}

static bool is(const struct json *j, json_at at, enum json_type type)
{
	return at != JSON_NONE && json_type(j, at) == type;
}

static bool absent(const struct json *j, json_at at)
{
	return at == JSON_NONE || json_type(j, at) == JSON_NULL;
}

static bool add_text(struct keyset *s, const struct json *j, json_at at)
{
	if (!is(j, at, JSON_STRING))
		return false;
	add_string(s, j, at);
	return true;
}

/* A string, or `otherwise` where there is none. */
static bool add_text_or(struct keyset *s, const struct json *j, json_at at, const char *otherwise)
{
	if (!absent(j, at))
		return add_text(s, j, at);
	buf_add_str(&s->text, otherwise);
	return true;
}

static bool add_port(struct keyset *s, const struct json *j, json_at element)
{
	json_at port = json_get(j, element, BYTES("containerPort"));
	if (!is(j, port, JSON_NUMBER))
		return false;
	json_number_canonical(json_raw(j, port), &s->text);
	buf_add_char(&s->text, '/');
	return add_text_or(s, j, json_get(j, element, BYTES("protocol")), "TCP");
}

static bool add_role(struct keyset *s, const struct json *j, json_at element)
{
	json_at role = is(j, element, JSON_STRING) ? element : json_get(j, element, BYTES("role"));
	if (!add_text(s, j, role))
		return false;
	buf_add_char(&s->text, '\0');
	return add_text_or(s, j, json_get(j, element, BYTES("on")), "succeeded");
}

bool keyset_add_element(struct keyset *s, enum list_key by, const struct json *j, json_at element)
{
	static const char *const member[] = {
		[LIST_BY_NAME] = "name",
		[LIST_BY_MOUNT_PATH] = "mountPath",
		[LIST_BY_EVENT] = "event",
	};
	size_t from = s->text.len;
	bool found = false;
	switch (by) {
	case LIST_BY_NAME:
	case LIST_BY_MOUNT_PATH:
	case LIST_BY_EVENT:
		found = add_text(s, j, json_get(j, element, bytes_str(member[by])));
		break;
	case LIST_BY_PORT:
		found = add_port(s, j, element);
		break;
	case LIST_BY_ROLE:
		found = add_role(s, j, element);
		break;
	case LIST_BY_ALL:
		canonical(s, j, element);
		found = true;
		break;
	case LIST_PLAIN:
		break;
	}
	if (found)
		add_slot(s, from);
	return found;
}

/* ---- which are the same ---- */

static void link_few(struct keyset *s)
{
	for (uint32_t i = 0; i < s->n; i++) {
		s->slot[i].first = i;
		s->slot[i].next = KEYSET_NONE;
		for (uint32_t k = i; k-- > 0;) {
			if (!bytes_eq(keyset_key(s, k), keyset_key(s, i)))
				continue;
			s->slot[i].first = s->slot[k].first;
			s->slot[k].next = i;
			break;
		}
	}
}

static int by_key(const void *a, const void *b, void *set)
{
	const struct keyset *s = (const struct keyset *)set;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	int c = bytes_cmp(keyset_key(s, x), keyset_key(s, y));
	return c ? c : (x > y) - (x < y);
}

int keyset_link(struct keyset *s)
{
	if (s->rc || s->text.rc)
		return s->rc ? s->rc : s->text.rc;
	if (s->n <= FEW) {
		link_few(s);
		return 0;
	}
	uint32_t *order = malloc(s->n * sizeof(*order));
	if (!order)
		return SL_E_NO_MEMORY;
	for (uint32_t i = 0; i < s->n; i++)
		order[i] = i;
	qsort_r(order, s->n, sizeof(*order), by_key, s);
	for (uint32_t i = 0; i < s->n; i++) {
		struct keyset_slot *slot = &s->slot[order[i]];
		bool again = i && bytes_eq(keyset_key(s, order[i - 1]), keyset_key(s, order[i]));
		slot->first = again ? s->slot[order[i - 1]].first : order[i];
		slot->next = KEYSET_NONE;
		if (again)
			s->slot[order[i - 1]].next = order[i];
	}
	free(order);
	return 0;
}

int keyset_of_list(struct keyset *s, enum list_key by, const struct json *j, json_at list,
		   json_at *ret_bad, bool *ret_twice)
{
	uint32_t i = 0;
	*ret_bad = JSON_NONE;
	*ret_twice = false;
	for (json_at at = json_first(j, list); at != JSON_NONE; at = json_next(j, list, at)) {
		if (!keyset_add_element(s, by, j, at)) {
			*ret_bad = at;
			return s->rc;
		}
	}
	int rc = keyset_link(s);
	if (rc)
		return rc;
	for (json_at at = json_first(j, list); at != JSON_NONE; at = json_next(j, list, at), i++) {
		if (s->slot[i].first != i) {
			*ret_bad = at;
			*ret_twice = true;
			return 0;
		}
	}
	return 0;
}
