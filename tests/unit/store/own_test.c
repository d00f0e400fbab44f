/* Whose a store is: what everybody may write to, and what belongs to somebody else, is refused
 * in words and left alone. */
#include "tests/unit/store/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIZE = 16 << 20 };

static int set_up(void **state)
{
	static char path[64];
	struct store *s;
	dir_make(path);
	assert_int_equal(store_at(path, SIZE, &s, NULL), 0);
	assert_int_equal(put_one(s, STORE_JOBS, "a", "1"), 0);
	store_close(s);
	*state = path;
	return 0;
}

static int tear_down(void **state)
{
	chmod(*state, 0700);
	dir_remove(*state);
	return 0;
}

static void file_of(const char *path, const char *name, char ret[128])
{
	snprintf(ret, 128, "%s/%s", path, name);
}

static void assert_denied(const char *path, const char *words)
{
	struct store *s = NULL;
	struct sl_error err = {0};
	assert_int_equal(store_at(path, SIZE, &s, &err), SL_E_DENIED);
	if (!strstr(err.text, path) || !strstr(err.text, words))
		fail_msg("%s", err.text);
}

static void assert_whole(const char *path)
{
	struct store *s;
	assert_int_equal(store_at(path, SIZE, &s, NULL), 0);
	assert_true(holds(s, STORE_JOBS, "a", "1"));
	store_close(s);
}

static void what_everybody_may_write_to(void **state)
{
	const char *path = *state;
	char file[128];
	file_of(path, "data.mdb", file);
	assert_int_equal(chmod(path, 0777), 0);
	assert_denied(path, "everybody may write to it (mode 777 of the folder)");
	assert_int_equal(chmod(path, 0770), 0); /* a group's members are let in by who owns it */
	assert_int_equal(chmod(file, 0602), 0);
	assert_denied(path, "everybody may write to it (mode 602 of data.mdb)");
	assert_int_equal(chmod(file, 0660), 0);
	assert_whole(path);
}

static void a_link(void **state)
{
	const char *path = *state;
	char file[128], aside[128];
	file_of(path, "data.mdb", file);
	file_of(path, "aside", aside);
	assert_int_equal(rename(file, aside), 0);
	assert_int_equal(symlink("aside", file), 0);
	assert_denied(path, "data.mdb is a link");
	assert_int_equal(rename(aside, file), 0);
	assert_whole(path);
}

/* As somebody who is not root and not the owner. */
static int open_as_another(const char *path)
{
	struct store *s = NULL;
	struct sl_error err = {0};
	if (setgid(65534) || setuid(65534))
		return 2;
	return store_at(path, SIZE, &s, &err) == SL_E_DENIED && strstr(err.text, path) &&
			       strstr(err.text, "belongs to the user 1234 and this is user 65534")
		       ? 0
		       : 1;
}

static void somebody_else_s(void **state)
{
	const char *path = *state;
	int status;
	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(path, 1234, 1234), 0);
	assert_int_equal(chmod(path, 0755), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(open_as_another(path));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_whole(path); /* root may: it keeps and mends what others own */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_everybody_may_write_to, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_link, set_up, tear_down),
		cmocka_unit_test_setup_teardown(somebody_else_s, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
