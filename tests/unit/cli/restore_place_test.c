#include "cli/sluicectl/restore_place.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct scene {
	char data[64];
	struct place place;
	uint8_t key[CRYPT_KEY_SIZE];
};

static void write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void assert_text(const char *path, const char *wanted)
{
	char text[64] = "";
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	size_t n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	assert_string_equal(text, wanted);
}

static bool there(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0;
}

static const char *in(const char *folder, const char *name)
{
	static _Thread_local char path[2 * PATH_MAX];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

/* A data directory with a store and a key, and one that is to take their place. */
static void make_scene(struct scene *s, bool with_store)
{
	snprintf(s->data, sizeof(s->data), "/tmp/place-XXXXXX");
	assert_non_null(mkdtemp(s->data));
	memset(s->key, 'n', sizeof(s->key));
	assert_int_equal(place_name(&s->place, s->data), CTL_DONE);
	assert_int_equal(mkdir(s->place.fresh, 0700), 0);
	write_text(in(s->place.fresh, "data.mdb"), "new");
	if (!with_store)
		return;
	assert_int_equal(mkdir(s->place.store, 0700), 0);
	write_text(in(s->place.store, "data.mdb"), "old");
	write_text(s->place.key, "old key");
}

static void end_scene(struct scene *s)
{
	char command[128];
	place_fini(&s->place);
	snprintf(command, sizeof(command), "rm -r %s", s->data);
	assert_int_equal(system(command), 0);
}

static void what_was_there_is_kept(void **state)
{
	(void)state;
	struct scene s;
	make_scene(&s, true);
	assert_int_equal(place_look(&s.place, false), CTL_REFUSED);
	assert_int_equal(place_look(&s.place, true), CTL_DONE);
	assert_int_equal(place_take(&s.place, s.key), CTL_DONE);
	assert_text(in(s.place.store, "data.mdb"), "new");
	assert_text(in(s.place.old_store, "data.mdb"), "old");
	assert_text(s.place.old_key, "old key");
	assert_text(s.place.key, "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn");
	assert_false(there(s.place.fresh));
	end_scene(&s);
}

/* The names cannot be changed half: a place that cannot be renamed stands for a bad disk. */
static void a_failure_leaves_all_as_it_was(void **state)
{
	(void)state;
	struct scene s;
	make_scene(&s, true);
	assert_int_equal(place_look(&s.place, true), CTL_DONE);
	strcat(s.place.fresh, "/."); /* which no rename() takes */
	assert_int_equal(place_take(&s.place, s.key), CTL_REFUSED);
	assert_text(in(s.place.store, "data.mdb"), "old");
	assert_text(s.place.key, "old key");
	assert_false(there(s.place.old_store));
	assert_false(there(s.place.old_key));
	end_scene(&s);
}

static void a_failure_leaves_nothing_where_nothing_was(void **state)
{
	(void)state;
	struct scene s;
	make_scene(&s, false);
	assert_int_equal(place_look(&s.place, false), CTL_DONE);
	strcat(s.place.fresh, "/.");
	assert_int_equal(place_take(&s.place, s.key), CTL_REFUSED);
	assert_false(there(s.place.store));
	assert_false(there(s.place.key));
	end_scene(&s);
}

static void nobody_gets_the_store_meanwhile(void **state)
{
	(void)state;
	struct scene s;
	struct sl_error err = {0};
	int fd = -1;
	make_scene(&s, true);
	assert_int_equal(place_look(&s.place, true), CTL_DONE);
	assert_int_equal(store_lock(s.place.store, &fd, &err), SL_E_CONFLICT);
	place_fini(&s.place);
	assert_int_equal(store_lock(s.place.store, &fd, &err), 0);
	assert_int_equal(place_look(&s.place, true), CTL_REFUSED);
	close(fd);
	end_scene(&s);
}

/* A gateway has made a store since it was looked: it is not taken away from it. */
static void a_store_that_came_meanwhile_stays(void **state)
{
	(void)state;
	struct scene s;
	make_scene(&s, false);
	assert_int_equal(place_look(&s.place, false), CTL_DONE);
	assert_int_equal(mkdir(s.place.store, 0700), 0);
	write_text(in(s.place.store, "data.mdb"), "another");
	assert_int_equal(place_take(&s.place, s.key), CTL_REFUSED);
	assert_text(in(s.place.store, "data.mdb"), "another");
	assert_false(there(s.place.key));
	end_scene(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_there_is_kept),
		cmocka_unit_test(a_failure_leaves_all_as_it_was),
		cmocka_unit_test(a_failure_leaves_nothing_where_nothing_was),
		cmocka_unit_test(nobody_gets_the_store_meanwhile),
		cmocka_unit_test(a_store_that_came_meanwhile_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
