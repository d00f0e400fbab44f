/* What the selector's tests share. JSON is written with ' for ", to be readable in C. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "selector/selector.h"

struct doc {
	char *text;
	struct json json;
};

static inline void doc_fini(struct doc *d)
{
	json_fini(&d->json);
	free(d->text);
	*d = (struct doc){0};
}

static inline struct doc doc_of(const char *text)
{
	static const struct json_limits limits = {1 << 20, 64};
	struct doc d = {.text = strdup(text)};
	assert_non_null(d.text);
	for (char *c = d.text; *c; c++)
		if (*c == '\'')
			*c = '"';
	struct sl_error err = {0};
	if (json_parse(&d.json, bytes_str(d.text), &limits, &err) != 0)
		fail_msg("%s: %s", d.text, err.text);
	return d;
}

static inline void scratch_of(size_t value_max, uint32_t steps, struct selector_scratch **ret)
{
	struct selector_limits limits = {value_max, steps};
	assert_int_equal(selector_scratch_create(&limits, ret), 0);
}

static inline void default_scratch(struct selector_scratch **ret)
{
	scratch_of(SELECTOR_REGEX_VALUE_MAX, SELECTOR_STEPS_MAX, ret);
}

/* A feature with one plugin; NULL leaves a selector out. */
static inline int compile(const char *feature, const char *own, struct selector **ret,
			  struct sl_error *err)
{
	char *text;
	assert_true(asprintf(&text, "{%s%s%s'plugins': [{%s%s}]}", feature ? "'jobSelector': " : "",
			     feature ? feature : "", feature ? ", " : "",
			     own ? "'jobSelector': " : "", own ? own : "") > 0);
	struct doc d = doc_of(text);
	free(text);
	json_at plugin = json_element(&d.json, json_get(&d.json, 0, BYTES("plugins")), 0);
	struct selector_source theirs = {&d.json, json_get(&d.json, 0, BYTES("jobSelector"))};
	struct selector_source mine = {&d.json, json_get(&d.json, plugin, BYTES("jobSelector"))};
	int rc = selector_compile(theirs, mine, ret, err);
	doc_fini(&d);
	return rc;
}

static inline struct selector *compiled(const char *own)
{
	struct selector *s = NULL;
	struct sl_error err = {0};
	if (compile(NULL, own, &s, &err) != 0)
		fail_msg("%s: %s", own, err.text);
	return s;
}

static inline enum verdict match_with(const struct selector *s, struct selector_scratch *scratch,
				      const char *header, struct sl_error *err)
{
	struct doc d = doc_of(header);
	enum verdict v = selector_match(s, scratch, &d.json, err);
	doc_fini(&d);
	return v;
}

static inline enum verdict match(const char *own, const char *header)
{
	scoped(selector_freep) struct selector *s = compiled(own);
	scoped(selector_scratch_freep) struct selector_scratch *scratch = NULL;
	default_scratch(&scratch);
	struct sl_error err = {0};
	return match_with(s, scratch, header, &err);
}

/* `own` is refused with `code`, and the words hold each of the parts (NULL: none). */
static inline void refuse(const char *feature, const char *own, int code, const char *part,
			  const char *part2)
{
	struct selector *s = NULL;
	struct sl_error err = {0};
	int rc = compile(feature, own, &s, &err);
	if (rc != code || err.code != code || s)
		fail_msg("%s: gave %s (%s), not %s", own ? own : feature, sl_err_name(rc), err.text,
			 sl_err_name(code));
	if (!strstr(err.text, part) || (part2 && !strstr(err.text, part2)))
		fail_msg("%s: \"%s\" does not hold \"%s\", \"%s\"", own ? own : feature, err.text,
			 part, part2 ? part2 : "");
}
