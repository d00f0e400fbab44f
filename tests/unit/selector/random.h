/* Random selectors and jobs, out of few keys and texts, so that they meet often. */
#pragma once

#include "tests/unit/selector/util.h"

struct dice {
	uint64_t state;
};

static inline uint32_t roll(struct dice *d, uint32_t sides)
{
	d->state += UINT64_C(0x9e3779b97f4a7c15);
	uint64_t z = d->state;
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((z ^ z >> 31) >> 16) % sides;
}

#define PICK(dice, list) (list)[roll((dice), (uint32_t)countof(list))]

static const char *const random_keys[] = {
	"k",        "kind", "user", "a.b", "a",        "a.b.c", "list.0", "list.12",
	"list.1.x", ".",    "a.",   "",    "k\\u00e9", "list",  "never",
};
static const char *const random_texts[] = {
	"x",
	"y",
	"12",
	"true",
	"admin",
	"master",
	"Master",
	"team-0001",
	"team-0002",
	"admin master",
	"k\\u00e9",
	"",
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaa!",
	"a-very-long-value-0123456789",
	"no-such",
	"[1]",
};
static const char *const random_patterns[] = {
	"/x/",          "/^x$/",
	"/y|x/",        "/^/",
	"/^$/",         "/admin|master/",
	"/MASTER/i",    "/team-[0-9]+/",
	"/team-0001/",  "/^(?:team|master)-000[12]$/",
	"/(?i)Admin/",  "/m.ster/",
	"/ad(min)+/",   "/ad(min)?x/",
	"/[a-z]{5}/",   "/(a+)+$/",
	"/(a|aa)+b/",   "/(.*)*x/",
	"/\\\\d\\\\d/", "/very-long/",
	"/0123/",       "/k\\u00e9/",
	"/KEY|sk/i",    "/(?=admin)a/",
	"/a{0}x/",      "/!$/",
	"/12?3?/",      "/s/i",
};

static inline void random_name(struct dice *d, char *to) { snprintf(to, 8, "c%u", roll(d, 4)); }

/* `!`, `&&`, `||`, parentheses over c0 .. c3. */
static inline void random_expression(struct dice *d, struct buf *to, unsigned depth)
{
	char name[8];
	switch (roll(d, depth ? 6 : 2)) {
	case 2:
		buf_add_str(to, "!(");
		random_expression(d, to, depth - 1);
		buf_add_char(to, ')');
		return;
	case 3:
	case 4:
	case 5: {
		const char *link = roll(d, 5) < 3 ? " && " : " || ";
		buf_add_char(to, '(');
		random_expression(d, to, depth - 1);
		for (unsigned n = 1 + roll(d, 2); n; n--) {
			buf_add_str(to, link);
			random_expression(d, to, depth - 1);
		}
		buf_add_char(to, ')');
		return;
	}
	default:
		random_name(d, name);
		buf_addf(to, "%s%s", roll(d, 4) ? "" : "!", name);
	}
}

static inline struct selector *random_selector(struct dice *d)
{
	scoped(buf_finip) struct buf text = {0};
	buf_init(&text, 1 << 16);
	buf_add_str(&text, "{'conditions': [");
	for (unsigned i = 0; i < 4; i++) {
		bool pattern = roll(d, 2);
		const char *key = PICK(d, random_keys);
		const char *expect = pattern ? PICK(d, random_patterns) : PICK(d, random_texts);
		buf_addf(&text, "%s{'name': 'c%u', 'key': '%s', 'expect': '%s'%s}", i ? "," : "", i,
			 *key ? key : "k", expect, pattern ? "" : ", 'match': 'exact'");
	}
	buf_add_str(&text, "], 'expression': '");
	if (roll(d, 40))
		random_expression(d, &text, 3);
	else
		buf_add_char(&text, '*');
	buf_add_str(&text, "'}");
	return compiled(buf_str(&text));
}

static inline void random_value(struct dice *d, struct buf *to, unsigned depth)
{
	static const char *const names[] = {"a", "b", "c", "", "x", "b.c", "\\u0062", "0"};
	unsigned n = roll(d, 4), what = roll(d, depth ? 12 : 8);
	if (what < 5) {
		buf_addf(to, "'%s'", PICK(d, random_texts));
	} else if (what < 8) {
		static const char *const others[] = {"12", "1.5", "true", "null", "[1]", "{}"};
		buf_add_str(to, PICK(d, others));
	} else if (what < 10) {
		buf_add_char(to, '{');
		for (unsigned i = 0, from = roll(d, 7); i < n && from + i < countof(names); i++) {
			if (from + i == 6 && from <= 1)
				break; /* "b" again */
			buf_addf(to, "%s'%s': ", i ? "," : "", names[from + i]);
			random_value(d, to, depth - 1);
		}
		buf_add_char(to, '}');
	} else {
		buf_add_char(to, '[');
		n = roll(d, 3) ? n : 14;
		for (unsigned i = 0; i < n; i++) {
			buf_add_str(to, i ? "," : "");
			random_value(d, to, depth - 1);
		}
		buf_add_char(to, ']');
	}
}

/* Header information; some keys are missing. */
static inline struct doc random_job(struct dice *d)
{
	scoped(buf_finip) struct buf text = {0};
	buf_init(&text, 1 << 20);
	buf_add_str(&text, "{'other': 1");
	for (size_t i = 0; i < countof(random_keys); i++) {
		const char *dot = strchr(random_keys[i], '.');
		if (!roll(d, 3) || (dot && roll(d, 8))) /* paths are rarely names */
			continue;
		buf_addf(&text, ", '%s': ", random_keys[i]);
		random_value(d, &text, 3);
	}
	buf_add_char(&text, '}');
	return doc_of(buf_str(&text));
}
