#include "core/registry/internal.h"

#include "core/json/fail.h"

#include <ctype.h>
#include <stdio.h>

enum { TEXT_MAX = 4096 };

int reading_fail(struct reading *r, json_at at, enum sl_err code, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	int rc = json_vfail(r->json, at, r->err, code, fmt, args);
	va_end(args);
	return rc;
}

static const struct member *find(const struct reading *r, json_at key, const struct member *table)
{
	for (; table->name; table++)
		if (json_string_is(r->json, key, bytes_str(table->name)))
			return table;
	return NULL;
}

static bool is_null(const struct reading *r, json_at at)
{
	return json_type(r->json, at) == JSON_NULL;
}

static int check_required(struct reading *r, json_at object, const struct member *table)
{
	for (; table->name; table++) {
		json_at at = json_get(r->json, object, bytes_str(table->name));
		if (table->required && (at == JSON_NONE || is_null(r, at))) {
			scoped(buf_finip) struct buf place = {0};
			buf_init(&place, TEXT_MAX);
			json_place(r->json, object, &place);
			return sl_fail(r->err, SL_E_LACK, "%s%s%s: is required", buf_str(&place),
				       place.len ? "." : "", table->name);
		}
	}
	return 0;
}

int reading_members(struct reading *r, json_at object, const struct member *table, void *into)
{
	const struct json *j = r->json;
	if (json_type(j, object) != JSON_OBJECT)
		return reading_fail(r, object, SL_E_INVALID, "must be an object, not %s",
				    json_type_name(json_type(j, object)));
	for (json_at k = json_first(j, object); k != JSON_NONE; k = json_next(j, object, k)) {
		const struct member *member = find(r, k, table);
		if (!member)
			return reading_fail(r, k + 1, SL_E_INVALID, "unknown field");
		if (!member->read || (is_null(r, k + 1) && !member->required))
			continue;
		if (is_null(r, k + 1))
			return reading_fail(r, k + 1, SL_E_LACK, "must not be null");
		int rc = member->read(into, r, k + 1);
		if (rc)
			return rc;
	}
	return check_required(r, object, table);
}

int reading_text(struct reading *r, json_at at, size_t max, const char **ret)
{
	scoped(buf_finip) struct buf text = {0};
	struct bytes value;
	if (json_type(r->json, at) != JSON_STRING)
		return reading_fail(r, at, SL_E_INVALID, "must be a string, not %s",
				    json_type_name(json_type(r->json, at)));
	buf_init(&text, FEATURE_DOCUMENT_MAX);
	int rc = json_string(r->json, at, &text, &value);
	if (rc)
		return reading_fail(r, at, (enum sl_err)rc, "%s", sl_err_text(rc));
	if (value.len > max)
		return reading_fail(r, at, SL_E_INVALID, "is longer than %zu bytes", max);
	if (value.len && memchr(value.at, 0, value.len))
		return reading_fail(r, at, SL_E_INVALID, "must not hold a NUL character");
	*ret = arena_strdup(r->arena, value);
	return *ret ? 0 : SL_E_NO_MEMORY;
}

static int read_label(struct reading *r, json_at at, const char **ret)
{
	const char *text;
	int rc = reading_text(r, at, FEATURE_DOCUMENT_MAX, &text);
	if (rc)
		return rc;
	if (!*text)
		return reading_fail(r, at, SL_E_LACK, "must not be empty");
	bool fits = strlen(text) <= FEATURE_NAME_MAX && isalnum((unsigned char)text[0]) &&
		    isascii(text[0]);
	for (const char *c = text; *c && fits; c++)
		fits = isascii(*c) && (isalnum((unsigned char)*c) || *c == '_' || *c == '-');
	if (!fits)
		return reading_fail(r, at, SL_E_INVALID,
				    "must be 1 to %d of A-Z a-z 0-9 _ -, beginning with a letter "
				    "or digit",
				    FEATURE_NAME_MAX);
	*ret = text;
	return 0;
}

static int read_name(void *into, struct reading *r, json_at at)
{
	return read_label(r, at, &((struct feature *)into)->name);
}

static int read_author(void *into, struct reading *r, json_at at)
{
	struct feature *f = into;
	int rc = read_label(r, at, &f->author);
	if (!rc && strcmp(f->author, "all") == 0)
		return reading_fail(r, at, SL_E_INVALID, "\"all\" is reserved");
	return rc;
}

static int read_description(void *into, struct reading *r, json_at at)
{
	return reading_text(r, at, 64 * 1024, &((struct feature *)into)->description);
}

static int read_authorization(void *into, struct reading *r, json_at at)
{
	struct feature *f = into;
	int rc = reading_text(r, at, TEXT_MAX, &f->authorization);
	if (rc)
		return rc;
	for (const char *c = f->authorization; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return reading_fail(r, at, SL_E_INVALID,
					    "must not hold control characters");
	/* "***" is what reads show: keep what is stored. */
	r->has_authorization = strcmp(f->authorization, "***") != 0;
	if (!r->has_authorization)
		f->authorization = "";
	return 0;
}

static int read_signing_key(void *into, struct reading *r, json_at at)
{
	const char *text;
	int rc = reading_text(r, at, TEXT_MAX, &text);
	if (rc || !*text)
		return rc;
	rc = record_signing_key(bytes_str(text), r->arena, &((struct feature *)into)->signing_key);
	if (rc == SL_E_INVALID)
		return reading_fail(r, at, SL_E_INVALID,
				    "must be whsec_ and the base64 of %d to %d bytes",
				    SIGNING_KEY_MIN, SIGNING_KEY_MAX);
	r->has_signing_key = rc == 0;
	return rc;
}

static int read_enabled(void *into SL_UNUSED, struct reading *r, json_at at)
{
	enum json_type type = json_type(r->json, at);
	if (type != JSON_TRUE && type != JSON_FALSE)
		return reading_fail(r, at, SL_E_INVALID, "must be true or false");
	r->enabled = type == JSON_TRUE;
	return 0;
}

/* Which they may be is asked only where a LifeHook uses them. */
static int check_state_list(struct reading *r, json_at list)
{
	const struct json *j = r->json;
	if (list == JSON_NONE || json_type(j, list) == JSON_NULL || r->stored)
		return 0;
	if (json_type(j, list) != JSON_ARRAY)
		return reading_fail(r, list, SL_E_INVALID, "must be an array, not %s",
				    json_type_name(json_type(j, list)));
	for (json_at e = json_first(j, list); e != JSON_NONE; e = json_next(j, list, e))
		if (json_type(j, e) != JSON_STRING)
			return reading_fail(r, e, SL_E_INVALID, "must be a string, not %s",
					    json_type_name(json_type(j, e)));
	return 0;
}

static int read_selector(void *into SL_UNUSED, struct reading *r, json_at at)
{
	if (json_type(r->json, at) != JSON_OBJECT)
		return reading_fail(r, at, SL_E_INVALID, "must be an object, not %s",
				    json_type_name(json_type(r->json, at)));
	r->selector = at;
	struct selector_source source = {r->json, at};
	int rc = selector_check_feature(source, r->err);
	return rc ? rc : check_state_list(r, json_get(r->json, at, BYTES("states")));
}

static int read_plugins(void *into, struct reading *r, json_at at)
{
	struct feature *f = into;
	const struct json *j = r->json;
	if (json_type(j, at) != JSON_ARRAY)
		return reading_fail(r, at, SL_E_INVALID, "must be an array, not %s",
				    json_type_name(json_type(j, at)));
	uint32_t n = json_count(j, at);
	if (!n)
		return reading_fail(r, at, SL_E_LACK, "must hold at least one plugin");
	if (n > FEATURE_PLUGINS_MAX)
		return reading_fail(r, at, SL_E_INVALID, "holds %u plugins, at most %d are allowed",
				    n, FEATURE_PLUGINS_MAX);
	f->plugin = arena_alloc(r->arena, n * sizeof(*f->plugin));
	if (!f->plugin)
		return SL_E_NO_MEMORY;
	for (json_at e = json_first(j, at); e != JSON_NONE; e = json_next(j, at, e)) {
		int rc = reading_plugin(r, e, &f->plugin[f->plugins++]);
		if (rc)
			return rc;
	}
	return 0;
}

static const struct member feature_members[] = {
	{"name", read_name, true},
	{"author", read_author, true},
	{"description", read_description, false},
	{"authorization", read_authorization, false},
	{"signingKey", read_signing_key, false},
	{"jobSelector", read_selector, false},
	{"plugins", read_plugins, true},
	{"enabled", read_enabled, false},
	{"revision", NULL, false},
	{"createdAt", NULL, false},
	{"updatedAt", NULL, false},
	{"warnings", NULL, false},
	{"oldKeyUntil", NULL, false},
	{NULL, NULL, false},
};

/* ---- what can be checked only when all members are known ---- */

static int make_key(struct reading *r, struct plugin *p, json_at at)
{
	struct feature *f = &r->feature;
	char key[PLUGIN_KEY_MAX];
	snprintf(key, sizeof(key), "%s.%s.%s%s%s", plugin_type_name(p->type), f->name, f->author,
		 *p->name ? "." : "", p->name);
	for (const struct plugin *q = f->plugin; q < p; q++)
		if (strcmp(q->key, key) == 0)
			return reading_fail(
				r, at, SL_E_INVALID,
				"name: a second plugin of type %s needs a name of its own",
				plugin_type_name(p->type));
	plugin_tag(bytes_str(key), p->tag);
	p->key = arena_strdup(r->arena, bytes_str(key));
	return p->key ? 0 : SL_E_NO_MEMORY;
}

static int read_states(struct reading *r, json_at list, uint32_t *ret)
{
	const struct json *j = r->json;
	static const uint32_t seed = 1u << 2 | 1u << 3 | 1u << 4 | 1u << 5 | 1u << 6;
	static const char *const names[] = {"preparing", "suspended", "waiting", "running",
					    "succeeded", "failed",    "stopped"};
	if (json_type(j, list) != JSON_ARRAY || !json_count(j, list))
		return reading_fail(r, list, SL_E_INVALID,
				    "must be an array with at least one state, or [\"*\"]");
	*ret = 0;
	for (json_at e = json_first(j, list); e != JSON_NONE; e = json_next(j, list, e)) {
		const char *text;
		int rc = reading_text(r, e, 64, &text);
		if (rc)
			return rc;
		uint32_t bit = strcmp(text, "*") == 0             ? seed
			       : strcasecmp(text, "PENDING") == 0 ? 4
								  : 0;
		for (unsigned i = 0; i < countof(names) && !bit; i++)
			if (strcasecmp(text, names[i]) == 0)
				bit = 1u << i;
		if (!bit)
			return reading_fail(r, e, SL_E_INVALID, "unknown state \"%s\"", text);
		*ret |= bit;
	}
	return 0;
}

static int check_states(struct reading *r, struct plugin *p, json_at plugin_at, json_at own)
{
	json_at states = json_get(r->json, own, BYTES("states"));
	if (p->type != PLUGIN_LIFEHOOK)
		return states == JSON_NONE ? 0
					   : reading_fail(r, states, SL_E_INVALID,
							  "only a LifeHook has states");
	if (states == JSON_NONE)
		states = json_get(r->json, r->selector, BYTES("states"));
	if (states == JSON_NONE)
		return reading_fail(
			r, plugin_at, SL_E_INVALID,
			"jobSelector.states: a LifeHook must say which states it wants");
	return read_states(r, states, &p->states);
}

static int finish_plugin(struct reading *r, struct plugin *p, json_at at)
{
	json_at own = json_get(r->json, at, BYTES("jobSelector"));
	if (own != JSON_NONE && json_type(r->json, own) == JSON_NULL)
		own = JSON_NONE;
	int rc = make_key(r, p, at);
	if (rc)
		return rc;
	if (own == JSON_NONE && r->selector == JSON_NONE)
		return sl_fail(r->err, SL_E_LACK,
			       "jobSelector: is required unless every plugin has its own");
	struct selector_source feature = {r->json, r->selector}, mine = {r->json, own};
	rc = selector_compile(feature, mine, &p->selector, r->err);
	return rc ? rc : check_states(r, p, at, own);
}

int reading_read(struct reading *r)
{
	struct feature *f = &r->feature;
	r->selector = JSON_NONE;
	r->enabled = -1;
	f->description = f->authorization = "";
	int rc = reading_members(r, 0, feature_members, f);
	json_at list = json_get(r->json, 0, BYTES("plugins"));
	for (uint32_t i = 0; i < f->plugins && !rc; i++)
		rc = finish_plugin(r, &f->plugin[i], json_element(r->json, list, i));
	return rc;
}

void feature_selectors_free(struct feature *f)
{
	for (uint32_t i = 0; i < f->plugins; i++)
		f->plugin[i].selector = selector_free(f->plugin[i].selector);
}
