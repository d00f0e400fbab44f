#include "tests/unit/core/increment_rows.h"

static void test_words_go_in_front_of_a_command(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{CMD("'run','x'"), CMD("'nice','run','x'"), NULL, 1},
		{CMD("'run','x'"), CMD("'run','x'"), NULL, 0},
		{CMD("'run','x'"), CMD("'run','x','y'"), AT_CMD, 0},
		{CMD("'run','x'"), CMD("'run','y'"), AT_CMD "/1", 0},
		{CMD("'run','x'"), CMD("'x'"), AT_CMD, 0},
		{CMD("'run'"), CMD("1,'run'"), AT_CMD, 0},
		{CMD("'sh','-c','x'"), CMD("'tini','--','sh','-c','x'"), NULL, 1},
		/* One of both forms. */
		{CMD("'sh','-c','x'"), CMD("'tini','--','sh','-c','y; x'"), AT_CMD, 0},
		{CMD(""), CMD("'x'"), AT_CMD, 0},
		{CON(""), CMD("'x'"), AT_CMD, 0},
		{CON(",'command':null"), CMD("'x'"), AT_CMD, 0},
		{CON(",'args':['x']"), CON(",'args':['x','y']"), AT_CON "/args/1", 0},
		{CON(""), CON(",'args':['x']"), AT_CON "/args", 0},
		{POD("'initContainers':[{'name':'i','command':['a']}]"),
		 POD("'initContainers':[{'name':'i','command':['a','b']}]"),
		 AT_POD "/initContainers/0/command", 0},
		/* A command elsewhere is an other list. */
		{CON(",'livenessProbe':{'exec':{'command':['a']}}"),
		 CON(",'livenessProbe':{'exec':{'command':['a','b']}}"), NULL, 1},
		{CON(",'livenessProbe':{'exec':{'command':['a']}}"),
		 CON(",'livenessProbe':{'exec':{'command':['b','a']}}"),
		 AT_CON "/livenessProbe/exec/command/0", 0},
	};
	CHECK(rows);
}

static void test_a_script_gets_parts_in_front(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{SH("x"), SH("a;x"), NULL, 1},
		{SH("x"), SH("a ; \\t x"), NULL, 1},
		{SH("x"), SH("a && x"), NULL, 1},
		{SH("x"), SH("a\\nx"), NULL, 1},
		{SH("x"), SH("a &&\\n  x"), NULL, 1},
		{SH("x"), SH("a # why\\n  x"), NULL, 1},
		{SH("x"), SH("cat <<E\\nb\\nE\\nx"), NULL, 1},
		{SH("x"), SH("a\\r\\nx"), NULL, 1},
		{SH("\\u0078"), SH("a;x"), NULL, 1},
		{SH("x"), SH("a x"), AT_CMD "/2", 0},
		{SH("x"), SH("ax"), AT_CMD "/2", 0},
		{SH("x"), SH("a & x"), AT_CMD "/2", 0},
		{SH("x"), SH("a || x"), AT_CMD "/2", 0},
		{SH("x"), SH("a | x"), AT_CMD "/2", 0},
		{SH("x"), SH("a # why; x"), AT_CMD "/2", 0},
		{SH("x"), SH("cat <<E; x"), AT_CMD "/2", 0},
		{SH("x"), SH("a \\\\\\nx"), AT_CMD "/2", 0},
		{SH("x"), SH("a \\\\;x"), AT_CMD "/2", 0},
		{SH("x"), SH("a \\\\\\\\;x"), NULL, 1},
		{SH("x"), SH("x; a"), AT_CMD "/2", 0},
		{SH("x"), SH(" x"), AT_CMD "/2", 0},
		{SH("x"), SH(""), AT_CMD "/2", 0},
		{SH("xx"), SH("x"), AT_CMD "/2", 0},
		{SH(""), SH("a;"), NULL, 1},
		{CMD("'/bin/bash','-lec','x'"), CMD("'/bin/bash','-lec','a;x'"), NULL, 1},
		{CMD("'/usr/bin/zsh','-c','x'"), CMD("'/usr/bin/zsh','-c','a;x'"), NULL, 1},
		{CMD("'dash','-c','x'"), CMD("'dash','-c','a;x'"), NULL, 1},
		{CMD("'/bin/ash','-xc','x'"), CMD("'/bin/ash','-xc','a;x'"), NULL, 1},
		{CMD("'ksh','-c','x'"), CMD("'ksh','-c','a;x'"), NULL, 1},
		{CMD("'/bin/bash','-c','x'"), CMD("'/bin/sh','-c','a;x'"), AT_CMD "/0", 0},
		{CMD("'sh','-c','x'"), CMD("'sh','-ec','x'"), AT_CMD "/1", 0},
		{CMD("'fish','-c','x'"), CMD("'fish','-c','a;x'"), AT_CMD "/2", 0},
		{CMD("'sh','-C','x'"), CMD("'sh','-C','a;x'"), AT_CMD "/2", 0},
		{CMD("'sh','--c','x'"), CMD("'sh','--c','a;x'"), AT_CMD "/2", 0},
		{CMD("'sh','c','x'"), CMD("'sh','c','a;x'"), AT_CMD "/2", 0},
		{CMD("'sh','-c','x','n'"), CMD("'sh','-c','a;x','n'"), AT_CMD "/2", 0},
	};
	CHECK(rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words_go_in_front_of_a_command),
		cmocka_unit_test(test_a_script_gets_parts_in_front),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
