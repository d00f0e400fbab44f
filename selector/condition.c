#include "selector/condition.h"

#include "selector/expression/lex.h"

#include <stdio.h>

enum { SHOWN_MAX = 40 };

int condition_fail_at(const struct json *json, json_at at, const char *member, int code,
		      struct sl_error *err)
{
	if (!err || !code)
		return code;
	scoped(buf_finip) struct buf place;
	buf_init(&place, sizeof(err->text));
	json_place(json, at, &place);
	if (member)
		buf_addf(&place, "%s%s", place.len ? "." : "", member);
	return place.len ? sl_wrap(err, code, "%s: ", buf_str(&place)) : code;
}

/* As much of a text from outside as a message has room for, cut between characters. */
static struct bytes shown(struct bytes text)
{
	if (text.len <= SHOWN_MAX)
		return text;
	text.len = SHOWN_MAX;
	while (text.len && (((const uint8_t *)text.at)[text.len] & 0xc0) == 0x80)
		text.len--;
	return text;
}

/* ---- the members ---- */

static int read_text(const struct json *json, json_at at, struct arena *arena, struct bytes *ret,
		     struct sl_error *err)
{
	if (json_type(json, at) == JSON_NULL)
		return 0;
	if (json_type(json, at) != JSON_STRING)
		return sl_fail(err, SL_E_INVALID, "must be a string, not %s",
			       json_type_name(json_type(json, at)));
	scoped(buf_finip) struct buf decoded;
	buf_init(&decoded, json_raw(json, at).len);
	struct bytes text;
	int rc = json_string(json, at, &decoded, &text);
	if (!rc)
		rc = arena_copy(arena, text, ret);
	return rc ? sl_fail(err, SL_E_NO_MEMORY, "out of memory") : 0;
}

static int check_name(struct bytes name, struct sl_error *err)
{
	if (name.len == 0)
		return sl_fail(err, SL_E_LACK, "a condition needs a name");
	if (name.len > SELECTOR_NAME_MAX)
		return sl_fail(err, SL_E_INVALID, "is longer than %d characters",
			       SELECTOR_NAME_MAX);
	if (!lexer_is_name(name))
		return sl_fail(err, SL_E_INVALID,
			       "\"%.*s\" is no name: letters, digits and \"_\", no digit first",
			       BYTES_FMT(shown(name)));
	return 0;
}

static int check_key(struct bytes key, struct sl_error *err)
{
	return key.len ? 0 : sl_fail(err, SL_E_LACK, "must name a key of the header");
}

struct members {
	struct bytes match;
	json_at name, key, expect, match_at;
};

static int read_member(const struct json *json, json_at key, struct arena *arena,
		       struct condition *c, struct members *m, struct sl_error *err)
{
	const struct {
		struct bytes name;
		struct bytes *text;
		json_at *at;
	} known[] = {
		{BYTES("name"), &c->name, &m->name},
		{BYTES("key"), &c->key, &m->key},
		{BYTES("expect"), &c->expect, &m->expect},
		{BYTES("match"), &m->match, &m->match_at},
	};
	for (size_t i = 0; i < countof(known); i++) {
		if (!json_string_is(json, key, known[i].name))
			continue;
		int rc = read_text(json, key + 1, arena, known[i].text, err);
		if (!rc && json_type(json, key + 1) != JSON_NULL)
			*known[i].at = key + 1;
		return condition_fail_at(json, key + 1, NULL, rc, err);
	}
	return condition_fail_at(json, key + 1, NULL, sl_fail(err, SL_E_INVALID, "unknown field"),
				 err);
}

/* ---- what `expect` means ---- */

static unsigned flag_of(char c)
{
	static const char letters[] = "imsx";
	const char *at = strchr(letters, c);
	return c && at ? 1u << (at - letters) : 0;
}

/* The first "/" behind the opening one that no backslash escapes; 0 if there is none. */
static size_t closing_slash(struct bytes expect)
{
	const char *at = expect.at;
	for (size_t i = 1; i < expect.len; i++) {
		if (at[i] == '/')
			return i;
		if (at[i] == '\\')
			i++;
	}
	return 0;
}

/* `text` with "\/" written as "/", in place: it is the arena's own copy. */
static struct bytes plain_slashes(char *text, size_t len)
{
	size_t to = 0;
	for (size_t from = 0; from < len; from++) {
		if (text[from] == '\\' && from + 1 < len) {
			if (text[from + 1] != '/')
				text[to++] = text[from];
			from++;
		}
		text[to++] = text[from];
	}
	return bytes_of(text, to);
}

static int fail_slash(struct bytes expect, const char *why, struct sl_error *err)
{
	return sl_fail(err, SL_E_INVALID,
		       "begins with \"/\" and is no pattern: %s; for a text that begins with a "
		       "slash write \"\\%.*s\" or add \"match\": \"exact\"",
		       why, BYTES_FMT(shown(expect)));
}

static int read_slashed(struct condition *c, struct arena *arena, struct sl_error *err)
{
	const char *at = c->expect.at;
	size_t close = closing_slash(c->expect);
	if (!close)
		return fail_slash(c->expect, "the closing \"/\" is missing", err);
	for (size_t i = close + 1; i < c->expect.len; i++) {
		if (!flag_of(at[i]))
			return fail_slash(c->expect,
					  "only the flags i, m, s, x may follow the second \"/\" "
					  "(within a pattern write \"\\/\")",
					  err);
		c->flags |= flag_of(at[i]);
	}
	if (close == 1)
		return fail_slash(c->expect, "it is empty (for any value at all write \"/^/\")",
				  err);
	char *copy = arena_strdup(arena, bytes_of(at + 1, close - 1));
	if (!copy)
		return sl_fail(err, SL_E_NO_MEMORY, "out of memory");
	c->kind = CONDITION_REGEX;
	c->text = plain_slashes(copy, close - 1);
	return 0;
}

static int read_literal(struct condition *c, struct sl_error *err)
{
	c->text = c->expect;
	if (bytes_starts(c->text, "\\/"))
		c->text = bytes_of((const char *)c->text.at + 1, c->text.len - 1);
	const char *at = c->text.at;
	for (size_t i = 0; i < c->text.len; i++)
		if (at[i] && strchr("^$*+?|()[]{}\\", at[i]))
			return sl_fail(err, SL_E_INVALID,
				       "holds \"%c\" but is no pattern: write \"/%.*s/\" for a "
				       "pattern, or add \"match\": \"exact\" to compare it as it "
				       "stands",
				       at[i], BYTES_FMT(shown(c->expect)));
	return 0;
}

static int read_guessed(struct condition *c, struct arena *arena, struct sl_error *err)
{
	if (c->expect.len == 0)
		return sl_fail(err, SL_E_INVALID,
			       "is empty: write \"/^/\" for any value at all, or add \"match\": "
			       "\"exact\" for the empty text");
	return bytes_starts(c->expect, "/") ? read_slashed(c, arena, err) : read_literal(c, err);
}

static int read_expect(const struct json *json, const struct members *m, struct arena *arena,
		       struct condition *c, struct sl_error *err)
{
	if (m->match_at == JSON_NONE)
		return condition_fail_at(json, m->expect, NULL, read_guessed(c, arena, err), err);
	c->text = c->expect;
	if (bytes_is(m->match, "exact"))
		return 0;
	if (!bytes_is(m->match, "regex"))
		return condition_fail_at(
			json, m->match_at, NULL,
			sl_fail(err, SL_E_INVALID, "must be \"exact\" or \"regex\""), err);
	c->kind = CONDITION_REGEX;
	if (c->text.len == 0)
		return condition_fail_at(
			json, m->expect, NULL,
			sl_fail(err, SL_E_INVALID, "is empty: write \"^\" for any value at all"),
			err);
	return 0;
}

static int check_members(const struct json *json, const struct members *m,
			 const struct condition *c, struct sl_error *err)
{
	if (m->name == JSON_NONE)
		return condition_fail_at(json, c->at, "name",
					 sl_fail(err, SL_E_LACK, "a condition needs a name"), err);
	int rc = check_name(c->name, err);
	if (rc)
		return condition_fail_at(json, m->name, NULL, rc, err);
	rc = check_key(c->key, err);
	if (rc)
		return condition_fail_at(json, c->at, "key", rc, err);
	if (m->expect == JSON_NONE)
		return condition_fail_at(json, c->at, "expect",
					 sl_fail(err, SL_E_LACK, "a condition needs an expect"),
					 err);
	return 0;
}

int condition_read(const struct json *json, json_at at, struct arena *arena, struct condition *ret,
		   struct sl_error *err)
{
	struct condition c = {.at = at};
	struct members m = {
		.name = JSON_NONE, .key = JSON_NONE, .expect = JSON_NONE, .match_at = JSON_NONE};
	if (json_type(json, at) != JSON_OBJECT)
		return condition_fail_at(json, at, NULL,
					 sl_fail(err, SL_E_INVALID, "must be an object, not %s",
						 json_type_name(json_type(json, at))),
					 err);
	int rc = 0;
	for (json_at k = json_first(json, at); !rc && k != JSON_NONE; k = json_next(json, at, k))
		rc = read_member(json, k, arena, &c, &m, err);
	if (!rc)
		rc = check_members(json, &m, &c, err);
	if (!rc)
		rc = read_expect(json, &m, arena, &c, err);
	if (!rc)
		*ret = c;
	return rc;
}

/* ---- compiled ---- */

int condition_compile(struct condition *c, const struct json *json, struct sl_error *err)
{
	if (c->kind != CONDITION_REGEX || c->regex)
		return 0;
	int rc = regex_compile(c->text, c->flags, &c->regex, err);
	return condition_fail_at(json, c->at, "expect", rc, err);
}

void condition_fini(struct condition *c) { c->regex = regex_free(c->regex); }
