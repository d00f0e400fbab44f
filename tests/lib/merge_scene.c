#include "tests/lib/merge_scene.h"

enum { TEXT_MAX = 1 << 22, DEPTH = 6, KEYS = 4, BASE = SCENE_PARTS, TEXTS };

/* What a value looks like; `key`: of its elements, where the value is a list of them. */
struct shape {
	const char *key;           /* NULL: no list of objects */
	const char *const *values; /* of that key */
	const struct part_of *has; /* NULL: a scalar of any kind */
	void (*special)(struct merge_scene *, const struct shape *);
};

struct part_of {
	const char *name;
	const struct shape *shape;
};

static uint32_t below(struct merge_scene *s, uint32_t n)
{
	return s->used < s->from.len ? ((const uint8_t *)s->from.at)[s->used++] % n : 0;
}

static struct buf *text_of(struct merge_scene *s, int i)
{
	return i == BASE ? &s->base : &s->answer[i];
}

static void comma(struct buf *to)
{
	char last = to->len ? to->at[to->len - 1] : '{';
	if (last != '{' && last != '[' && last != ':')
		buf_add_char(to, ',');
}

static void key(struct buf *to, const char *name)
{
	comma(to);
	buf_addf(to, "\"%s\":", name);
}

static void all(struct merge_scene *s, const char *text)
{
	for (int i = 0; i < TEXTS; i++)
		buf_add_str(text_of(s, i), text);
}

/* ---- shapes ---- */

static void old_command(struct merge_scene *s, const struct shape *shape);
static void old_plain(struct merge_scene *s, const struct shape *shape);

static const char *const names[KEYS] = {"\"a\"", "\"b\"", "\"\\u0061b\"", "\"c\""};
static const char *const ports[KEYS] = {"80", "80.0,\"protocol\":\"UDP\"",
					"8e1,\"protocol\":\"TCP\"", "81,\"protocol\":null"};
static const char *const scalars[] = {"1",         "1.0",
				      "\"x\"",     "\"\\u0078\"",
				      "true",      "null",
				      "\"1000m\"", "\"1\"",
				      "[]",        "[1,{\"n\":null}]",
				      "[1,{}]",    "{}",
				      "{\"n\":1}", "{\"n\":1.0,\"o\":null}",
				      "{\"o\":2}"};
static const char *const depends[] = {"\"a\"",
				      "{\"role\":\"a\"}",
				      "{\"role\":\"a\",\"on\":\"succeeded\"}",
				      "{\"role\":\"b\",\"on\":\"failed\"}",
				      "{\"role\":\"a\",\"x\":1}",
				      "\"b\"",
				      "{\"role\":\"b\",\"on\":\"failed\",\"x\":2}"};

static const struct shape scalar = {0};
static const struct shape plain = {.special = old_plain};
static const struct shape command = {.special = old_command};
static const struct shape depend = {.key = "dependsOn", .values = depends};
static const struct part_of amounts[] = {{"cpu", &scalar}, {"m", &scalar}, {0}};
static const struct shape amount = {.has = amounts};
static const struct part_of resource_parts[] = {{"limits", &amount}, {"requests", &amount}, {0}};
static const struct shape resources = {.has = resource_parts};
static const struct part_of leaf_parts[] = {{"value", &scalar}, {"l", &plain}, {0}};
static const struct shape env = {.key = "name", .values = names, .has = leaf_parts};
static const struct shape mount = {.key = "mountPath", .values = names, .has = leaf_parts};
static const struct shape port = {.key = "containerPort", .values = ports, .has = leaf_parts};
static const struct shape event = {.key = "event", .values = names, .has = leaf_parts};
static const struct shape toleration = {.key = "key", .values = names, .has = leaf_parts};
static const struct part_of volume_parts[] = {{"sizeLimit", &scalar}, {"emptyDir", &amount}, {0}};
static const struct shape volume = {.key = "name", .values = names, .has = volume_parts};
static const struct part_of container_parts[] = {
	{"image", &scalar}, {"command", &command},     {"env", &env}, {"volumeMounts", &mount},
	{"ports", &port},   {"resources", &resources}, {"l", &plain}, {0}};
static const struct shape container = {.key = "name", .values = names, .has = container_parts};
static const struct part_of pod_parts[] = {
	{"containers", &container},   {"initContainers", &container}, {"volumes", &volume},
	{"tolerations", &toleration}, {"imagePullSecrets", &env},     {0}};
static const struct shape pod = {.has = pod_parts};
static const struct part_of template_parts[] = {{"spec", &pod}, {"metadata", &amount}, {0}};
static const struct shape template_shape = {.has = template_parts};
static const struct part_of role_parts[] = {{"template", &template_shape},
					    {"dependsOn", &depend},
					    {"eventPolicy", &event},
					    {"x", &scalar},
					    {0}};
static const struct shape role = {.key = "name", .values = names, .has = role_parts};
static const struct part_of spec_parts[] = {
	{"roles", &role}, {"x", &resources}, {"l", &plain}, {0}};
static const struct shape spec = {.has = spec_parts};
static const struct part_of root_parts[] = {
	{"spec", &spec}, {"status", &scalar}, {"x~/", &resources}, {"l", &plain}, {0}};
static const struct shape root = {.has = root_parts};

/* ---- what one answer adds ---- */

static void fresh(struct merge_scene *s, struct buf *to, const struct shape *shape, int depth);

static void fresh_members(struct merge_scene *s, struct buf *to, const struct shape *shape,
			  int depth)
{
	for (const struct part_of *p = shape->has; p && p->name; p++)
		if (below(s, 3) == 0 && depth > 0) {
			key(to, p->name);
			fresh(s, to, p->shape, depth - 1);
		}
}

static void element(struct merge_scene *s, struct buf *to, const struct shape *shape, uint32_t k)
{
	comma(to);
	if (!shape->has) {
		buf_add_str(to, shape->values[k]);
		return;
	}
	buf_add_char(to, '{');
	if (below(s, 64) != 1) {
		key(to, shape->key);
		buf_add_str(to, shape->values[k]);
	}
}

static uint32_t keys_of(const struct shape *shape) { return shape->has ? KEYS : countof(depends); }

/* Elements that none of the first `old` keys has, in either direction. */
static void fresh_elements(struct merge_scene *s, struct buf *to, const struct shape *shape,
			   uint32_t old, int depth)
{
	uint32_t n = keys_of(shape), turn = below(s, 2);
	for (uint32_t i = old; i < n; i++) {
		if (below(s, 3) != 1)
			continue;
		element(s, to, shape, turn ? n - 1 + old - i : i);
		if (shape->has) {
			fresh_members(s, to, shape, depth);
			buf_add_char(to, '}');
		}
	}
}

static void fresh(struct merge_scene *s, struct buf *to, const struct shape *shape, int depth)
{
	if (below(s, 24) == 1 || (!shape->has && !shape->key)) {
		buf_add_str(to, scalars[below(s, countof(scalars))]);
		return;
	}
	buf_add_char(to, shape->key ? '[' : '{');
	if (shape->key)
		fresh_elements(s, to, shape, 0, depth);
	else
		fresh_members(s, to, shape, depth);
	buf_add_char(to, shape->key ? ']' : '}');
}

/* ---- what the base has, and all answers ---- */

static void old_value(struct merge_scene *s, const struct shape *shape, int depth);

static void old_members(struct merge_scene *s, const struct shape *shape, int depth)
{
	for (const struct part_of *p = shape->has; p && p->name; p++) {
		uint32_t how = below(s, 8);
		if (how < 5 && depth > 0) {
			for (int i = 0; i < TEXTS; i++)
				key(text_of(s, i), p->name);
			old_value(s, p->shape, depth - 1);
			continue;
		}
		if (how == 5) {
			key(&s->base, p->name);
			buf_add_str(&s->base, "null");
		}
		for (int i = 0; i < SCENE_PARTS; i++)
			if (below(s, 3) && depth > 0) {
				key(&s->answer[i], p->name);
				fresh(s, &s->answer[i], p->shape, depth - 1);
			}
	}
}

static void old_list(struct merge_scene *s, const struct shape *shape, int depth)
{
	uint32_t old = below(s, 3);
	all(s, "[");
	for (uint32_t e = 0; e < old; e++) {
		for (int i = 0; i < TEXTS; i++) {
			comma(text_of(s, i));
			if (shape->has)
				buf_addf(text_of(s, i), "{\"%s\":%s", shape->key, shape->values[e]);
			else
				buf_add_str(text_of(s, i), e ? "\"z\"" : "\"y\"");
		}
		if (shape->has) {
			old_members(s, shape, depth);
			all(s, "}");
		}
	}
	for (int i = 0; i < SCENE_PARTS; i++)
		fresh_elements(s, &s->answer[i], shape, shape->has ? old : 0, depth);
	all(s, "]");
}

static void old_plain(struct merge_scene *s, const struct shape *shape SL_UNUSED)
{
	all(s, "[");
	for (uint32_t n = below(s, 3); n > 0; n--) {
		const char *text = scalars[below(s, countof(scalars))];
		for (int i = 0; i < TEXTS; i++) {
			comma(text_of(s, i));
			buf_add_str(text_of(s, i), text);
		}
	}
	for (int i = 0; i < SCENE_PARTS; i++)
		for (uint32_t n = below(s, 3); n > 1; n--) {
			comma(&s->answer[i]);
			buf_add_str(&s->answer[i], scalars[below(s, countof(scalars))]);
		}
	all(s, "]");
}

static void old_command(struct merge_scene *s, const struct shape *shape SL_UNUSED)
{
	static const char *const parts[] = {"a;", "b && ", "c # d\\n", "\\u0061\\u003b\\t", "x "};
	bool shell = below(s, 2);
	all(s, "[");
	for (int i = 0; i < SCENE_PARTS; i++)
		for (uint32_t n = below(s, 4); n > 2; n--)
			buf_addf(&s->answer[i], "\"w%d\",", i);
	all(s, shell ? "\"/bin/sh\",\"-ec\",\"" : "\"run\",\"");
	for (int i = 0; i < SCENE_PARTS; i++)
		if (shell && below(s, 2))
			buf_add_str(&s->answer[i], parts[below(s, countof(parts))]);
	all(s, "echo \\u0078\"]");
}

static void old_value(struct merge_scene *s, const struct shape *shape, int depth)
{
	if (shape->special) {
		shape->special(s, shape);
	} else if (shape->key) {
		old_list(s, shape, depth);
	} else if (shape->has) {
		all(s, "{");
		old_members(s, shape, depth);
		all(s, "}");
	} else {
		all(s, below(s, 2) ? "1" : "\"1000m\"");
	}
}

void merge_scene_make(struct merge_scene *s, struct bytes from)
{
	*s = (struct merge_scene){.from = from};
	for (int i = 0; i < TEXTS; i++)
		buf_init(text_of(s, i), TEXT_MAX);
	s->typed = below(s, 4) == 1;
	old_value(s, &root, DEPTH + 2);
	/* A program with fixed types knows less than all. */
	for (int i = 0; s->typed && i < SCENE_PARTS; i++)
		if (below(s, 3) == 1) {
			buf_reset(&s->answer[i]);
			buf_add_str(&s->answer[i], "{\"x~/\":{\"m\":1},\"y\":2}");
		}
}

void merge_scene_fini(struct merge_scene *s)
{
	for (int i = 0; i < TEXTS; i++)
		buf_fini(text_of(s, i));
}
