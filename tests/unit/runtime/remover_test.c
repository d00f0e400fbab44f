/* Removing trees: what their owner closed, and that nothing outside is touched. */
#include "runtime/local/remover.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { NOBODY = 65534 };

/* As one whom the modes of folders hold: root they do not. */
static int remove_as_nobody(int at)
{
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(geteuid() == 0 && setuid(NOBODY) ? 2 : remove_tree(at, "tree", NULL) ? 1 : 0);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void give(int at, const char *path)
{
	if (geteuid() == 0)
		assert_int_equal(fchownat(at, path, NOBODY, -1, AT_SYMLINK_NOFOLLOW), 0);
}

static void make_folder(int at, const char *path)
{
	assert_int_equal(mkdirat(at, path, 0700), 0);
	give(at, path);
}

static void closed_folders_go_and_links_are_not_followed(void **state)
{
	(void)state;
	char top[] = "/tmp/sluice-remover-XXXXXX";
	struct stat st;
	assert_non_null(mkdtemp(top));
	int at = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(at >= 0);
	give(at, ".");
	const char *const folder[] = {"outside", "tree", "tree/closed", "tree/closed/in"};
	for (size_t i = 0; i < countof(folder); i++)
		make_folder(at, folder[i]);
	assert_int_equal(symlinkat("../../outside", at, "tree/closed/link"), 0);
	assert_int_equal(fchmodat(at, "outside", 0, 0), 0);
	assert_int_equal(fchmodat(at, "tree/closed/in", 0, 0), 0);
	assert_int_equal(fchmodat(at, "tree/closed", 0, 0), 0);
	assert_int_equal(fchmodat(at, "tree", 0, 0), 0);
	assert_int_equal(remove_as_nobody(at), 0);
	assert_int_equal(faccessat(at, "tree", F_OK, AT_SYMLINK_NOFOLLOW), -1);
	assert_int_equal(fstatat(at, "outside", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_mode & 07777, 0);
	/* A tree that is a link itself is refused. */
	assert_int_equal(symlinkat("outside", at, "tree"), 0);
	assert_int_equal(remove_as_nobody(at), 1);
	assert_int_equal(fstatat(at, "outside", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_mode & 07777, 0);
	assert_int_equal(unlinkat(at, "tree", 0), 0);
	assert_int_equal(unlinkat(at, "outside", AT_REMOVEDIR), 0);
	close(at);
	assert_int_equal(rmdir(top), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(closed_folders_go_and_links_are_not_followed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
