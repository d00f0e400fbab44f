/* The table of the increment rule, and the walk of its patterns down a document. */
#include "core/increment/internal.h"

#include "core/base/arena.h"

#include <stdlib.h>

enum { PATTERNS_MAX = 64, SEGMENTS_MAX = 16, TEXT_MAX = 64 * 1024 };

struct segment {
	struct bytes text;
	uint32_t index; /* As an element's index, or UINT32_MAX. */
	bool any;       /* "*" */
};

struct pattern {
	struct segment segment[SEGMENTS_MAX];
	uint16_t does;
	uint8_t n, list;
};

struct increment_rules {
	struct arena *text;
	struct pattern pattern[PATTERNS_MAX];
	uint32_t n;
};

#define POD "/spec/roles/*/template/spec"

static const struct row {
	const char *path;
	uint16_t does;
	uint8_t list;
} rows[] = {
	{"/kind", DOES_PROTECT, 0},
	{"/apiVersion", DOES_PROTECT, 0},
	{"/metadata/name", DOES_PROTECT, 0},
	{"/status", DOES_IGNORE, 0},
	{"/spec/engine", DOES_PROTECT | DOES_BINDER_ADDS, 0},
	{"/spec/roles", 0, LIST_BY_NAME},
	{"/spec/roles/*", DOES_OWN, 0},
	{"/spec/roles/*/replicas", DOES_PROTECT, 0},
	{"/spec/roles/*/dependsOn", 0, LIST_BY_ROLE},
	{"/spec/roles/*/eventPolicy", 0, LIST_BY_EVENT},
	{POD "/schedulerName", DOES_PROTECT | DOES_BINDER_ADDS, 0},
	{POD "/volumes", 0, LIST_BY_NAME},
	{POD "/imagePullSecrets", 0, LIST_BY_NAME},
	{POD "/tolerations", 0, LIST_BY_ALL},
};

/* What holds for containers and init containers alike. */
static const char *const containers[] = {POD "/containers", POD "/initContainers"};
static const struct row container_rows[] = {
	{"", 0, LIST_BY_NAME},           {"/*", DOES_OWN, 0},
	{"/*/command", DOES_COMMAND, 0}, {"/*/args", DOES_PROTECT, 0},
	{"/*/env", 0, LIST_BY_NAME},     {"/*/env/*", DOES_ENV, 0},
	{"/*/ports", 0, LIST_BY_PORT},   {"/*/volumeMounts", 0, LIST_BY_MOUNT_PATH},
};

bool increment_env_protected(const struct json *j, json_at name)
{
	static const char *const prefixes[] = {"SLUICE_", "TASKSET_", "TASKROLE_"};
	for (size_t i = 0; i < countof(prefixes); i++)
		if (json_string_starts(j, name, bytes_str(prefixes[i])))
			return true;
	return false;
}

/* ---- making the rules ---- */

static bool fill_segment(struct segment *to, char *text, size_t len)
{
	size_t used = 0;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		if (c == '~') {
			if (++i == len || (text[i] != '0' && text[i] != '1'))
				return false;
			c = text[i] == '0' ? '~' : '/';
		}
		text[used++] = c;
	}
	*to = (struct segment){.text = bytes_of(text, used), .index = UINT32_MAX};
	to->any = bytes_is(to->text, "*");
	uint64_t index = 0;
	for (size_t i = 0; i < used && used < 10; i++) {
		if (text[i] < '0' || text[i] > '9')
			return true;
		index = index * 10 + (uint64_t)(text[i] - '0');
	}
	if (used && used < 10)
		to->index = (uint32_t)index;
	return true;
}

/* `path`: a pointer; it is written over. */
static bool fill_pattern(struct pattern *p, char *path)
{
	if (*path != '/')
		return false;
	for (char *at = path; *at;) {
		size_t len = strcspn(++at, "/");
		if (p->n == SEGMENTS_MAX || !fill_segment(&p->segment[p->n], at, len))
			return false;
		p->n++;
		at += len;
	}
	return true;
}

static int add(struct increment_rules *r, const char *folder, const struct row *row,
	       struct sl_error *err)
{
	size_t a = strlen(folder), b = strlen(row->path);
	struct pattern *p = &r->pattern[r->n];
	if (r->n == PATTERNS_MAX)
		return sl_fail(err, SL_E_TOO_BIG, "too many protected paths");
	char *path = arena_alloc(r->text, a + b + 1);
	if (!path)
		return sl_fail(err, SL_E_NO_MEMORY, "out of memory for protected paths");
	memcpy(path, folder, a);
	memcpy(path + a, row->path, b);
	if (!fill_pattern(p, path))
		return sl_fail(err, SL_E_INVALID,
			       "\"%.200s\" is no path: expected a JSON pointer of at most %d parts",
			       row->path, SEGMENTS_MAX);
	p->does = row->does;
	p->list = row->list;
	r->n++;
	return 0;
}

static int fill(struct increment_rules *r, const char *const *protect, struct sl_error *err)
{
	int rc = 0;
	for (size_t i = 0; i < countof(rows) && !rc; i++)
		rc = add(r, "", &rows[i], err);
	for (size_t c = 0; c < countof(containers); c++)
		for (size_t i = 0; i < countof(container_rows) && !rc; i++)
			rc = add(r, containers[c], &container_rows[i], err);
	for (; protect && *protect && !rc; protect++)
		rc = add(r, "", &(struct row){*protect, DOES_PROTECT, 0}, err);
	return rc;
}

int increment_rules_create(const char *const *protect, struct increment_rules **ret,
			   struct sl_error *err)
{
	scoped(increment_rules_freep) struct increment_rules *r = calloc(1, sizeof(*r));
	int rc = r ? arena_create(TEXT_MAX, &r->text) : SL_E_NO_MEMORY;
	if (rc)
		return sl_fail(err, SL_E_NO_MEMORY, "out of memory for the increment rules");
	rc = fill(r, protect, err);
	if (rc == 0)
		*ret = take_ptr(&r);
	return rc;
}

struct increment_rules *increment_rules_free(struct increment_rules *r)
{
	if (r) {
		arena_free(r->text);
		free(r);
	}
	return NULL;
}

/* ---- walking ---- */

struct place place_root(const struct increment_rules *r)
{
	return (struct place){.alive = r->n == 64 ? UINT64_MAX : ((uint64_t)1 << r->n) - 1};
}

static void advance(const struct pattern *p, uint32_t i, struct place *to)
{
	if (p->n > to->depth) {
		to->alive |= (uint64_t)1 << i;
		return;
	}
	to->does |= p->does;
	if (p->list)
		to->list = p->list;
}

/* As json_string_is(); most keys differ in length or at their first character. */
static inline bool key_is(const struct json *j, json_at key, struct bytes text)
{
	const struct json_node *node = &j->node[key];
	if (!node->escaped) {
		if (node->len - 2 != text.len)
			return false;
		const char *at = (const char *)j->text.at + node->off + 1;
		if (text.len && *at != *(const char *)text.at)
			return false;
	}
	return json_string_is(j, key, text);
}

static bool is_quantity(const struct json *j, json_at key)
{
	return key_is(j, key, BYTES("limits")) || key_is(j, key, BYTES("requests")) ||
	       key_is(j, key, BYTES("sizeLimit"));
}

struct place place_member(const struct increment_rules *r, struct place from, const struct json *j,
			  json_at key)
{
	struct place to = {
		.depth = (uint8_t)(from.depth + 1),
		.frozen = from.frozen,
		.quantity = from.quantity || is_quantity(j, key),
	};
	for (uint64_t left = from.alive; left; left &= left - 1) {
		uint32_t i = (uint32_t)__builtin_ctzll(left);
		const struct segment *s = &r->pattern[i].segment[from.depth];
		if (s->any || key_is(j, key, s->text))
			advance(&r->pattern[i], i, &to);
	}
	return to;
}

struct place place_element(const struct increment_rules *r, struct place from, uint32_t index)
{
	struct place to = {
		.depth = (uint8_t)(from.depth + 1),
		.frozen = from.frozen,
		.quantity = from.quantity,
	};
	for (uint64_t left = from.alive; left; left &= left - 1) {
		uint32_t i = (uint32_t)__builtin_ctzll(left);
		const struct segment *s = &r->pattern[i].segment[from.depth];
		if (s->any || s->index == index)
			advance(&r->pattern[i], i, &to);
	}
	return to;
}
