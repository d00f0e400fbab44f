#include "cli/config.h"

#include "cli/config_table.h"
#include "cli/file.h"
#include "cli/yaml_json.h"
#include "core/base/arena.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	FILE_MAX = 1 << 20,
	DEPTH_MAX = 8,
	ARENA_MAX = 4 << 20,
	NAME_MAX_BYTES = 256,
	ELEMENTS_MAX = 1000,
};

/** A configuration file while it is read. */
struct reading {
	struct config *config;
	const char *path;
	struct json json;
	struct yaml_lines lines;
	struct sl_error *err;
};

static int wrap_place(const struct reading *r, json_at at, int rc)
{
	scoped(buf_finip) struct buf place;
	buf_init(&place, NAME_MAX_BYTES);
	json_place(&r->json, at, &place);
	bool named = place.len && !place.rc;
	unsigned line = at < r->lines.n ? r->lines.line[at] : 0;
	return sl_wrap(r->err, rc, "%s: line %u: %s%s", r->path, line, named ? buf_str(&place) : "",
		       named ? ": " : "");
}

/* ---- the file ---- */

static const struct config_section *find_section(const char *name)
{
	for (size_t i = 0; i < config_section_count; i++)
		if (strcmp(config_sections[i].name, name) == 0)
			return &config_sections[i];
	return NULL;
}

static const struct config_key *find_key(const struct config_section *section, struct bytes name)
{
	for (size_t i = 0; i < section->n; i++)
		if (bytes_is(name, section->key[i].name))
			return &section->key[i];
	return NULL;
}

/* A scalar as text: what stands in quotes, or the number or word itself. */
static int scalar_text(struct reading *r, json_at at, struct buf *to, struct bytes *ret)
{
	switch (json_type(&r->json, at)) {
	case JSON_STRING:
		return json_string(&r->json, at, to, ret);
	case JSON_NUMBER:
	case JSON_TRUE:
	case JSON_FALSE:
		*ret = json_raw(&r->json, at);
		return 0;
	case JSON_NULL:
		return sl_fail(r->err, SL_E_INVALID, "has no value");
	default:
		return sl_fail(r->err, SL_E_INVALID, "must be a single value, not %s",
			       json_type_name(json_type(&r->json, at)));
	}
}

/* Elements are decoded one by one: each must outlive the next one's decoding. */
static int list_texts(struct reading *r, json_at list, struct bytes *text, size_t *ret_n)
{
	size_t n = 0;
	for (json_at at = json_first(&r->json, list); at != JSON_NONE;
	     at = json_next(&r->json, list, at)) {
		scoped(buf_finip) struct buf word;
		buf_init(&word, FILE_MAX);
		struct bytes got;
		if (n == ELEMENTS_MAX)
			return sl_fail(r->err, SL_E_INVALID, "more than %d elements", ELEMENTS_MAX);
		int rc = scalar_text(r, at, &word, &got);
		if (rc)
			return rc;
		if (arena_copy(r->config->arena, got, &text[n++]))
			return sl_fail(r->err, SL_E_NO_MEMORY, "out of memory");
	}
	*ret_n = n;
	return 0;
}

static int read_value(struct reading *r, const struct config_key *key, json_at at)
{
	struct bytes text[ELEMENTS_MAX];
	size_t n = 1;
	scoped(buf_finip) struct buf word;
	buf_init(&word, FILE_MAX);
	bool is_list = json_type(&r->json, at) == JSON_ARRAY;
	int rc;
	if (config_is_list(key) && is_list)
		rc = list_texts(r, at, text, &n);
	else if (config_is_list(key))
		rc = sl_fail(r->err, SL_E_INVALID, "must be a list, like [a, b]");
	else
		rc = scalar_text(r, at, &word, &text[0]);
	if (!rc)
		rc = config_value_set(r->config, key, text, n, r->err);
	return rc ? wrap_place(r, at, rc) : 0;
}

static int unknown_key(struct reading *r, const struct config_section *section, json_at at)
{
	scoped(buf_finip) struct buf known;
	buf_init(&known, NAME_MAX_BYTES);
	for (size_t i = 0; i < section->n; i++)
		buf_addf(&known, "%s%s", i ? ", " : "", section->key[i].name);
	if (!*section->name)
		for (size_t i = 1; i < config_section_count; i++)
			if (!strchr(config_sections[i].name, '.'))
				buf_addf(&known, ", %s", config_sections[i].name);
	int rc = sl_fail(r->err, SL_E_INVALID, "unknown key; known here: %s", buf_str(&known));
	return wrap_place(r, at, rc);
}

/* The section `name` within `outer`, or NULL. */
static const struct config_section *find_inner(const char *outer, struct bytes name)
{
	char path[NAME_MAX_BYTES];
	int n = snprintf(path, sizeof(path), "%s%s%.*s", outer, *outer ? "." : "", BYTES_FMT(name));
	bool fits = name.len && n > 0 && (size_t)n < sizeof(path);
	return fits ? find_section(path) : NULL;
}

static int read_section(struct reading *r, const struct config_section *section, json_at object)
{
	if (json_type(&r->json, object) == JSON_NULL)
		return 0; /* all its keys are commented out */
	if (json_type(&r->json, object) != JSON_OBJECT)
		return wrap_place(r, object,
				  sl_fail(r->err, SL_E_INVALID, "must hold keys and values"));
	int rc = 0;
	for (json_at k = json_first(&r->json, object); k != JSON_NONE && !rc;
	     k = json_next(&r->json, object, k)) {
		scoped(buf_finip) struct buf word;
		buf_init(&word, FILE_MAX);
		struct bytes name;
		if ((rc = json_string(&r->json, k, &word, &name)))
			return rc;
		const struct config_key *key = find_key(section, name);
		const struct config_section *inner = find_inner(section->name, name);
		if (key)
			rc = read_value(r, key, k + 1);
		else if (inner)
			rc = read_section(r, inner, k + 1);
		else
			rc = unknown_key(r, section, k + 1);
	}
	return rc;
}

static int read_file(struct config *config, const char *path, struct sl_error *err)
{
	static const struct yaml_limits limits = {.bytes_max = FILE_MAX, .depth_max = DEPTH_MAX};
	static const struct json_limits json_limits = {.bytes_max = FILE_MAX, .depth_max = 64};
	struct reading r = {.config = config, .path = path, .err = err};
	scoped(buf_finip) struct buf yaml;
	scoped(buf_finip) struct buf text;
	buf_init(&yaml, FILE_MAX);
	buf_init(&text, FILE_MAX);
	int rc = file_read(path, FILE_ANY, &yaml, err);
	if (rc)
		return rc;
	rc = yaml_to_json(buf_bytes(&yaml), &limits, &text, &r.lines, err);
	if (!rc)
		rc = json_parse(&r.json, buf_bytes(&text), &json_limits, err);
	rc = rc ? sl_wrap(err, rc, "%s: ", path) : read_section(&r, find_section(""), 0);
	json_fini(&r.json);
	yaml_lines_fini(&r.lines);
	return rc;
}

/* ---- the environment and the rest ---- */

static const char *env_value(char *const *env, const char *name)
{
	size_t len = strlen(name);
	for (; env && *env; env++)
		if (strncmp(*env, name, len) == 0 && (*env)[len] == '=')
			return *env + len + 1;
	return NULL;
}

static int read_env_key(struct config *config, const struct config_section *section,
			const struct config_key *key, char *const *env, struct sl_error *err)
{
	scoped(buf_finip) struct buf name;
	buf_init(&name, NAME_MAX_BYTES);
	config_env_name(section, key, &name);
	if (name.rc)
		return sl_fail(err, (enum sl_err)name.rc, "out of memory");
	const char *value = env_value(env, buf_str(&name));
	if (!value || !*value)
		return 0;
	return sl_wrap(err, config_value_parse(config, key, value, err), "%s: ", buf_str(&name));
}

static int set_defaults(struct config *config, struct sl_error *err)
{
	int rc = 0;
	for (size_t s = 0; s < config_section_count; s++)
		for (size_t k = 0; k < config_sections[s].n && !rc; k++) {
			const struct config_key *key = &config_sections[s].key[k];
			rc = config_value_parse(config, key, key->standard, err);
		}
	return rc;
}

static int read_env(struct config *config, char *const *env, struct sl_error *err)
{
	int rc = 0;
	for (size_t s = 0; s < config_section_count; s++)
		for (size_t k = 0; k < config_sections[s].n && !rc; k++)
			rc = read_env_key(config, &config_sections[s], &config_sections[s].key[k],
					  env, err);
	return rc;
}

static int read_option(struct config *config, const char *name, const char *value,
		       struct sl_error *err)
{
	if (!value)
		return 0;
	const struct config_key *key = find_key(find_section(""), bytes_str(name));
	return sl_wrap(err, config_value_parse(config, key, value, err), "--%s: ", name);
}

static int fill(struct config *config, const struct config_source *from, struct sl_error *err)
{
	int rc = set_defaults(config, err);
	if (!rc && from->path)
		rc = read_file(config, from->path, err);
	if (!rc)
		rc = read_env(config, from->env, err);
	if (!rc)
		rc = read_option(config, "data", from->data, err);
	if (!rc)
		rc = read_option(config, "listen", from->listen, err);
	return rc;
}

int config_load(const struct config_source *from, struct config **ret, struct sl_error *err)
{
	scoped(config_freep) struct config *config = calloc(1, sizeof(*config));
	if (!config || arena_create(ARENA_MAX, &config->arena))
		return sl_fail(err, SL_E_NO_MEMORY, "out of memory");
	int rc = fill(config, from, err);
	if (rc)
		return rc;
	*ret = take_ptr(&config);
	return 0;
}

struct config *config_free(struct config *config)
{
	if (config) {
		arena_free(config->arena);
		free(config);
	}
	return NULL;
}

void config_each_file(const struct config *config,
		      void (*look)(void *user, const char *key, const char *path), void *user)
{
	static const char tail[] = "_file";
	for (size_t s = 0; s < config_section_count; s++) {
		for (size_t k = 0; k < config_sections[s].n; k++) {
			const struct config_key *key = &config_sections[s].key[k];
			const char *path, *end = key->name + strlen(key->name);
			if (key->type != CONFIG_TEXT || end - key->name < (ptrdiff_t)strlen(tail) ||
			    strcmp(end - strlen(tail), tail) != 0)
				continue;
			scoped(buf_finip) struct buf name = {0};
			buf_init(&name, NAME_MAX_BYTES);
			config_key_name(&config_sections[s], key, &name);
			memcpy(&path, (const char *)config + key->at, sizeof(path));
			if (*path)
				look(user, buf_str(&name), path);
		}
	}
}
