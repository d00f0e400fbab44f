/* What the tables of the increment tests share. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/increment/increment.h"

/* Texts are written with ' for ". */
static inline struct json parse(const char *text)
{
	static const struct json_limits wide = {1 << 24, 64};
	struct json j = {0};
	struct sl_error err = {0};
	char *copy = strdup(text);
	assert_non_null(copy);
	for (char *at = copy; *at; at++)
		*at = *at == '\'' ? '"' : *at;
	if (json_parse(&j, bytes_str(copy), &wide, &err) != 0)
		fail_msg("%s: %s", text, err.text);
	return j;
}

static inline void drop(struct json *j)
{
	free((void *)(uintptr_t)j->text.at);
	json_fini(j);
}

struct row {
	const char *base, *answer;
	const char *path; /* Of the violation, or NULL: legal. */
	uint32_t n;       /* Additions, where it is legal. */
};

static inline void check_row(const struct row *row, const struct increment_options *options)
{
	scoped(drop) struct json base = parse(row->base);
	scoped(drop) struct json answer = parse(row->answer);
	scoped(increment_finip) struct increment got = {0};
	struct increment_violation v = {0};
	struct sl_error err = {0};
	int rc = increment_check(&base, &answer, options, &got, &v, &err);
	if (rc != (row->path ? SL_E_CONFLICT : 0))
		fail_msg("%s\n%s\n%d %s", row->base, row->answer, rc, err.text);
	if (!row->path && got.n != row->n)
		fail_msg("%s\n%s\n%u additions", row->base, row->answer, got.n);
	if (row->path && strcmp(row->path, v.path) != 0)
		fail_msg("%s\n%s\n%s", row->base, row->answer, err.text);
	if (row->path && (!strstr(err.text, v.path) || !strstr(err.text, v.old_text) ||
			  !strstr(err.text, v.new_text) || !v.why[0]))
		fail_msg("words: %s", err.text);
}

static inline void check_rows(const struct row *row, size_t n, enum increment_stage stage,
			      bool typed, const char *const *protect)
{
	scoped(increment_rules_freep) struct increment_rules *rules = NULL;
	assert_int_equal(increment_rules_create(protect, &rules, NULL), 0);
	struct increment_options options = {rules, stage, typed};
	for (size_t i = 0; i < n; i++)
		check_row(&row[i], &options);
}
#define CHECK(rows)                  check_rows(rows, countof(rows), INCREMENT_DECORATOR, false, NULL)
#define CHECK_AS(rows, stage, typed) check_rows(rows, countof(rows), stage, typed, NULL)

#define POD(inside)  "{'spec':{'roles':[{'name':'r','template':{'spec':{" inside "}}}]}}"
#define CON(inside)  POD("'containers':[{'name':'c'" inside "}]")
#define ROLE(inside) "{'spec':{'roles':[{'name':'r'" inside "}]}}"
#define AT_POD       "/spec/roles/0/template/spec"
#define AT_CON       AT_POD "/containers/0"
#define CMD(inside)  CON(",'command':[" inside "]")
#define AT_CMD       AT_CON "/command"
#define SH(script)   CMD("'sh','-c','" script "'")
