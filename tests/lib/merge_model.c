#include "tests/lib/merge_model.h"

#include "core/increment/internal.h"
#include "core/increment/quantity.h"

enum { TEXT_MAX = 1 << 24 };

struct spots {
	struct spot of[MODEL_PARTS_MAX];
};

static bool there(struct spot s) { return s.at != JSON_NONE && json_type(s.j, s.at) != JSON_NULL; }
static bool is(struct spot s, enum json_type type)
{
	return there(s) && json_type(s.j, s.at) == type;
}
static bool is_list(struct spot s) { return is(s, JSON_ARRAY); }
static bool is_object(struct spot s) { return is(s, JSON_OBJECT); }

static struct spot spot_of(const struct json *j, json_at at)
{
	struct spot s = {j, at};
	return there(s) ? s : (struct spot){j, JSON_NONE};
}

static uint32_t count(struct spot s) { return is_list(s) ? json_count(s.j, s.at) : 0; }

static struct spot element(struct spot list, uint32_t i)
{
	return (struct spot){list.j, json_element(list.j, list.at, i)};
}

/* The member with the key that another document has at `key`. */
static struct spot member(struct spot object, const struct json *other, json_at key)
{
	if (is_object(object))
		for (json_at k = json_first(object.j, object.at); k != JSON_NONE;
		     k = json_next(object.j, object.at, k))
			if (json_equal(object.j, k, other, key))
				return spot_of(object.j, k + 1);
	return (struct spot){object.j, JSON_NONE};
}

static struct spot named(struct spot object, const char *name)
{
	if (!is_object(object))
		return (struct spot){object.j, JSON_NONE};
	json_at at = json_get(object.j, object.at, bytes_str(name));
	return at == JSON_NONE ? (struct spot){object.j, at} : spot_of(object.j, at);
}

static bool text_is(struct spot s, const char *text)
{
	return is(s, JSON_STRING) && json_string_is(s.j, s.at, bytes_str(text));
}

static bool same_scalar(struct spot a, struct spot b) { return json_equal(a.j, a.at, b.j, b.at); }

/* ---- values ---- */

/* As JSON, a null member being none. */
bool merge_model_alike(struct spot a, struct spot b)
{
	if (json_type(a.j, a.at) != json_type(b.j, b.at))
		return false;
	if (is_list(a)) {
		if (count(a) != count(b))
			return false;
		for (uint32_t i = 0; i < count(a); i++)
			if (!merge_model_alike(element(a, i), element(b, i)))
				return false;
		return true;
	}
	if (!is_object(a))
		return same_scalar(a, b);
	for (int turn = 0; turn < 2; turn++) {
		struct spot x = turn ? b : a, y = turn ? a : b;
		for (json_at k = json_first(x.j, x.at); k != JSON_NONE;
		     k = json_next(x.j, x.at, k)) {
			struct spot one = spot_of(x.j, k + 1), other = member(y, x.j, k);
			if (there(one) && (!there(other) || !merge_model_alike(one, other)))
				return false;
		}
	}
	return true;
}

static void write_value(struct buf *to, struct spot s)
{
	const char *between = "";
	if (is_object(s)) {
		buf_add_char(to, '{');
		for (json_at k = json_first(s.j, s.at); k != JSON_NONE;
		     k = json_next(s.j, s.at, k)) {
			if (json_type(s.j, k + 1) == JSON_NULL)
				continue;
			buf_add_str(to, between);
			between = ",";
			buf_add_bytes(to, json_raw(s.j, k));
			buf_add_char(to, ':');
			write_value(to, (struct spot){s.j, k + 1});
		}
		buf_add_char(to, '}');
	} else if (is_list(s)) {
		buf_add_char(to, '[');
		for (uint32_t i = 0; i < count(s); i++) {
			buf_add_str(to, i ? "," : "");
			write_value(to, element(s, i));
		}
		buf_add_char(to, ']');
	} else {
		buf_add_bytes(to, json_raw(s.j, s.at));
	}
}

/* ---- places ---- */

static bool matches(const char *path, const char *pattern)
{
	while (*path && *pattern) {
		if (pattern[0] == '*') {
			path += strcspn(path, "/");
			pattern++;
		} else if (*path++ != *pattern++) {
			return false;
		}
	}
	return *path == *pattern;
}

#define POD "/spec/roles/*/template/spec"

/* NULL: an other list. */
static const char *key_of(const char *path)
{
	static const char *const table[][2] = {
		{"/spec/roles", "name"},
		{"/spec/roles/*/dependsOn", "role"},
		{"/spec/roles/*/eventPolicy", "event"},
		{POD "/volumes", "name"},
		{POD "/imagePullSecrets", "name"},
		{POD "/tolerations", "all"},
		{POD "/containers", "name"},
		{POD "/initContainers", "name"},
		{POD "/containers/*/env", "name"},
		{POD "/initContainers/*/env", "name"},
		{POD "/containers/*/ports", "port"},
		{POD "/initContainers/*/ports", "port"},
		{POD "/containers/*/volumeMounts", "mountPath"},
		{POD "/initContainers/*/volumeMounts", "mountPath"},
	};
	for (size_t i = 0; i < countof(table); i++)
		if (matches(path, table[i][0]))
			return table[i][1];
	return NULL;
}

static bool is_command(const char *path)
{
	return matches(path, POD "/containers/*/command") ||
	       matches(path, POD "/initContainers/*/command");
}

static bool is_quantity(const char *path)
{
	static const char *const words[] = {"/limits", "/requests", "/sizeLimit"};
	for (size_t i = 0; i < countof(words); i++)
		for (const char *at = strstr(path, words[i]); at; at = strstr(at + 1, words[i])) {
			char behind = at[strlen(words[i])];
			if (behind == '/' || behind == '\0')
				return true;
		}
	return false;
}

static size_t step_key(struct merge_model *m, const struct json *j, json_at key)
{
	scoped(buf_finip) struct buf held = {0};
	struct bytes text = {NULL, 0};
	size_t back = m->path.len;
	buf_init(&held, TEXT_MAX);
	buf_add_char(&m->path, '/');
	if (json_string(j, key, &held, &text) == 0)
		for (size_t i = 0; i < text.len; i++) {
			char c = ((const char *)text.at)[i];
			if (c == '~' || c == '/')
				buf_add_str(&m->path, c == '~' ? "~0" : "~1");
			else
				buf_add_char(&m->path, c);
		}
	return back;
}

static size_t step_index(struct merge_model *m, uint32_t i)
{
	size_t back = m->path.len;
	buf_addf(&m->path, "/%u", i);
	return back;
}

/* ---- the keys of elements ---- */

static struct spot role_of(struct spot e) { return is(e, JSON_STRING) ? e : named(e, "role"); }

static bool has_key(const char *key, struct spot e)
{
	if (strcmp(key, "all") == 0)
		return true;
	if (strcmp(key, "role") == 0)
		return is(role_of(e), JSON_STRING) &&
		       (!there(named(e, "on")) || is(named(e, "on"), JSON_STRING));
	if (strcmp(key, "port") == 0)
		return is(named(e, "containerPort"), JSON_NUMBER) &&
		       (!there(named(e, "protocol")) || is(named(e, "protocol"), JSON_STRING));
	return is(named(e, key), JSON_STRING);
}

static bool same_or_default(struct spot a, struct spot b, const char *otherwise)
{
	if (there(a) && there(b))
		return same_scalar(a, b);
	return there(a) ? text_is(a, otherwise) : !there(b) || text_is(b, otherwise);
}

static bool same_key(const char *key, struct spot a, struct spot b)
{
	if (strcmp(key, "all") == 0)
		return merge_model_alike(a, b);
	if (strcmp(key, "role") == 0)
		return same_scalar(role_of(a), role_of(b)) &&
		       same_or_default(named(a, "on"), named(b, "on"), "succeeded");
	if (strcmp(key, "port") == 0)
		return same_scalar(named(a, "containerPort"), named(b, "containerPort")) &&
		       same_or_default(named(a, "protocol"), named(b, "protocol"), "TCP");
	return same_scalar(named(a, key), named(b, key));
}

static bool well_keyed(const char *key, struct spot list)
{
	for (uint32_t i = 0; i < count(list); i++) {
		if (!has_key(key, element(list, i)))
			return false;
		for (uint32_t k = 0; k < i; k++)
			if (same_key(key, element(list, i), element(list, k)))
				return false;
	}
	return true;
}

/* ---- what is new ---- */

static void clash(struct merge_model *m, const struct spots *s, size_t a, size_t b)
{
	char path[192], one[96], other[96];
	increment_cut(buf_bytes(&m->path), path, sizeof(path));
	increment_show(s->of[a].j, s->of[a].at, one, sizeof(one));
	increment_show(s->of[b].j, s->of[b].at, other, sizeof(other));
	buf_addf(&m->conflicts, "%s: %s adds %s and %s adds %s\n", path, m->plugin[a], one,
		 m->plugin[b], other);
}

static bool same_amount(struct merge_model *m, struct spot a, struct spot b)
{
	scoped(buf_finip) struct buf x = {0}, y = {0};
	struct bytes p = json_raw(a.j, a.at), q = json_raw(b.j, b.at);
	bool sizes = (is(a, JSON_NUMBER) || is(a, JSON_STRING)) &&
		     (is(b, JSON_NUMBER) || is(b, JSON_STRING));
	buf_init(&x, TEXT_MAX);
	buf_init(&y, TEXT_MAX);
	if (!sizes || !is_quantity(buf_str(&m->path)))
		return false;
	if ((is(a, JSON_STRING) && json_string(a.j, a.at, &x, &p) != 0) ||
	    (is(b, JSON_STRING) && json_string(b.j, b.at, &y, &q) != 0))
		return false;
	return quantity_equal(p, q);
}

static bool says_more(struct spot dependency)
{
	for (json_at k = is_object(dependency) ? json_first(dependency.j, dependency.at)
					       : JSON_NONE;
	     k != JSON_NONE; k = json_next(dependency.j, dependency.at, k))
		if (json_type(dependency.j, k + 1) != JSON_NULL &&
		    !json_string_is(dependency.j, k, BYTES("role")) &&
		    !json_string_is(dependency.j, k, BYTES("on")))
			return true;
	return false;
}

/* May both be added at this place? `within`: the key of the list it is an element of. */
static bool go_together(struct merge_model *m, const char *within, struct spot a, struct spot b)
{
	const char *key = key_of(buf_str(&m->path));
	if (is_object(a) && is_object(b))
		return true;
	if (within && strcmp(within, "role") == 0)
		return !says_more(a) && !says_more(b);
	if (is_list(a) && is_list(b) && key && well_keyed(key, a) && well_keyed(key, b))
		return true;
	return merge_model_alike(a, b) || same_amount(m, a, b);
}

static void merge_new(struct merge_model *m, const char *within, const struct spots *s);

/* Members that no object of the base has, from those of the answers. */
static void new_members(struct merge_model *m, struct spot base, const struct spots *s,
			const char *between)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct json *j = s->of[i].j;
		if (!is_object(s->of[i]))
			continue;
		for (json_at k = json_first(j, s->of[i].at); k != JSON_NONE;
		     k = json_next(j, s->of[i].at, k)) {
			struct spots same = {0};
			bool seen = !there(spot_of(j, k + 1)) || there(member(base, j, k));
			for (size_t p = 0; p < m->n; p++) {
				same.of[p] = member(s->of[p], j, k);
				seen = seen || (p < i && there(same.of[p]));
			}
			size_t back = step_key(m, j, k);
			if (!seen && strcmp(buf_str(&m->path), "/status") != 0) {
				buf_add_str(&m->out, between);
				between = ",";
				buf_add_bytes(&m->out, json_raw(j, k));
				buf_add_char(&m->out, ':');
				merge_new(m, NULL, &same);
			}
			m->path.len = back;
		}
	}
}

static struct spot with_key(const char *key, struct spot list, struct spot like)
{
	for (uint32_t i = 0; i < count(list); i++)
		if (same_key(key, element(list, i), like))
			return element(list, i);
	return (struct spot){list.j, JSON_NONE};
}

/* Elements behind the first `old` of each list, merged by key. */
static void new_elements(struct merge_model *m, const char *key, const struct spots *s,
			 uint32_t old)
{
	uint32_t index = old;
	for (size_t i = 0; i < m->n; i++)
		for (uint32_t e = old; e < count(s->of[i]); e++) {
			struct spots same = {0};
			bool seen = false;
			for (size_t p = 0; p < m->n; p++) {
				same.of[p] = with_key(key, s->of[p], element(s->of[i], e));
				seen = seen || (p < i && there(same.of[p]));
			}
			if (seen)
				continue;
			buf_add_str(&m->out, index ? "," : "");
			size_t back = step_index(m, index++);
			merge_new(m, key, &same);
			m->path.len = back;
		}
}

static void merge_new(struct merge_model *m, const char *within, const struct spots *s)
{
	const char *key = key_of(buf_str(&m->path));
	size_t n = 0, first = 0;
	bool clashed = false;
	for (size_t i = m->n; i-- > 0;)
		if (there(s->of[i])) {
			first = i;
			n++;
		}
	for (size_t i = 0; i < m->n; i++)
		for (size_t k = 0; k < i; k++)
			if (there(s->of[i]) && there(s->of[k]) &&
			    !go_together(m, within, s->of[k], s->of[i])) {
				clash(m, s, k, i);
				clashed = true;
			}
	if (clashed)
		return;
	bool list = key && is_list(s->of[first]) && well_keyed(key, s->of[first]);
	if (n == 1 || (!is_object(s->of[first]) && !list)) {
		write_value(&m->out, s->of[first]);
	} else if (list) {
		buf_add_char(&m->out, '[');
		new_elements(m, key, s, 0);
		buf_add_char(&m->out, ']');
	} else {
		buf_add_char(&m->out, '{');
		new_members(m, (struct spot){m->base, JSON_NONE}, s, "");
		buf_add_char(&m->out, '}');
	}
}

/* ---- what was there ---- */

static void merge_old(struct merge_model *m, struct spot base, const struct spots *s);

static void old_object(struct merge_model *m, struct spot base, const struct spots *s)
{
	const char *between = "";
	buf_add_char(&m->out, '{');
	for (json_at k = json_first(base.j, base.at); k != JSON_NONE;
	     k = json_next(base.j, base.at, k)) {
		struct spots now = {0};
		struct spot old = {base.j, k + 1};
		size_t back = step_key(m, base.j, k);
		if (there(old)) {
			buf_add_str(&m->out, between);
			between = ",";
			for (size_t i = 0; i < m->n; i++)
				now.of[i] = member(s->of[i], base.j, k);
			buf_add_bytes(&m->out, json_raw(base.j, k));
			buf_add_char(&m->out, ':');
			if (strcmp(buf_str(&m->path), "/status") == 0)
				buf_add_bytes(&m->out, json_raw(old.j, old.at));
			else
				merge_old(m, old, &now);
		}
		m->path.len = back;
	}
	new_members(m, base, s, between);
	buf_add_char(&m->out, '}');
}

static void old_list(struct merge_model *m, struct spot base, const struct spots *s)
{
	const char *key = key_of(buf_str(&m->path));
	bool keyed = key && well_keyed(key, base);
	uint32_t old = count(base), index = old;
	buf_add_char(&m->out, '[');
	for (uint32_t e = 0; e < old; e++) {
		struct spots now = {0};
		buf_add_str(&m->out, e ? "," : "");
		for (size_t i = 0; i < m->n; i++)
			now.of[i] = e < count(s->of[i]) ? element(s->of[i], e)
							: (struct spot){m->base, JSON_NONE};
		size_t back = step_index(m, e);
		if (keyed && is_object(element(base, e)))
			merge_old(m, element(base, e), &now);
		else
			write_value(&m->out, element(base, e));
		m->path.len = back;
	}
	if (keyed)
		new_elements(m, key, s, old);
	for (size_t i = 0; !keyed && i < m->n; i++)
		for (uint32_t e = old; e < count(s->of[i]); e++) {
			buf_add_str(&m->out, index++ ? "," : "");
			write_value(&m->out, element(s->of[i], e));
		}
	buf_add_char(&m->out, ']');
}

static void decoded(struct spot s, struct buf *to)
{
	struct bytes text;
	size_t before = to->len;
	if (json_string(s.j, s.at, to, &text) == 0 && to->len == before)
		buf_add_bytes(to, text);
}

/* Words before all, parts of scripts before the script. */
static void old_command(struct merge_model *m, struct spot base, const struct spots *s)
{
	scoped(buf_finip) struct buf script = {0}, old = {0}, new = {0};
	uint32_t n = count(base);
	buf_init(&script, TEXT_MAX);
	buf_init(&old, TEXT_MAX);
	buf_init(&new, TEXT_MAX);
	if (n)
		decoded(element(base, n - 1), &old);
	buf_add_char(&m->out, '[');
	for (size_t i = 0; i < m->n; i++) {
		for (uint32_t e = 0; e + n < count(s->of[i]); e++) {
			write_value(&m->out, element(s->of[i], e));
			buf_add_char(&m->out, ',');
		}
		if (n == 0 || count(s->of[i]) != n)
			continue;
		buf_reset(&new);
		decoded(element(s->of[i], n - 1), &new);
		buf_add(&script, new.at, new.len - old.len);
	}
	for (uint32_t e = 0; e + 1 < n; e++) {
		write_value(&m->out, element(base, e));
		buf_add_char(&m->out, ',');
	}
	buf_add_bytes(&script, buf_bytes(&old));
	if (n && is(element(base, n - 1), JSON_STRING))
		json_quote(&m->out, buf_bytes(&script));
	else if (n)
		write_value(&m->out, element(base, n - 1));
	buf_add_char(&m->out, ']');
}

static void merge_old(struct merge_model *m, struct spot base, const struct spots *s)
{
	if (is_object(base))
		old_object(m, base, s);
	else if (is_list(base) && is_command(buf_str(&m->path)))
		old_command(m, base, s);
	else if (is_list(base))
		old_list(m, base, s);
	else
		buf_add_bytes(&m->out, json_raw(base.j, base.at));
}

void merge_model_run(struct merge_model *m)
{
	struct spots root = {0};
	buf_init(&m->out, TEXT_MAX);
	buf_init(&m->conflicts, TEXT_MAX);
	buf_init(&m->path, TEXT_MAX);
	for (size_t i = 0; i < m->n; i++)
		root.of[i] = (struct spot){m->answer[i], 0};
	merge_old(m, (struct spot){m->base, 0}, &root);
}

void merge_model_fini(struct merge_model *m)
{
	buf_fini(&m->out);
	buf_fini(&m->conflicts);
	buf_fini(&m->path);
}
