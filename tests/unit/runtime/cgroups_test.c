/* Finding cgroups, and what is written into them, in made-up trees: version 1, version 2,
 * both, in a container, not writable. (The real ones are local_limits_test's.) */
#include "runtime/local/cgroup.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct tree {
	char root[64];
	struct cgroups all;
};

static void put(const struct tree *t, const char *path, const char *text)
{
	char full[512];
	snprintf(full, sizeof(full), "%s%s", t->root, path);
	for (char *slash = strchr(full + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		mkdir(full, 0755);
		*slash = '/';
	}
	FILE *file = fopen(full, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	fclose(file);
}

/** What a file holds; "-" when there is none. */
static const char *get(const struct tree *t, const char *path, char out[256])
{
	char full[512];
	snprintf(full, sizeof(full), "%s%s", t->root, path);
	FILE *file = fopen(full, "re");
	if (!file)
		return "-";
	size_t n = fread(out, 1, 255, file);
	out[n] = 0;
	fclose(file);
	return out;
}

static void assert_holds(const struct tree *t, const char *path, const char *want)
{
	char got[256];
	assert_string_equal(get(t, path, got), want);
}

static int open_tree(void **state)
{
	struct tree *t = calloc(1, sizeof(*t));
	assert_non_null(t);
	snprintf(t->root, sizeof(t->root), "/tmp/sluice-cgroups-XXXXXX");
	assert_non_null(mkdtemp(t->root));
	*state = t;
	return 0;
}

static int remove_one(const char *path, const struct stat *st SL_UNUSED, int kind SL_UNUSED,
		      struct FTW *at SL_UNUSED)
{
	return remove(path);
}

static int close_tree(void **state)
{
	struct tree *t = *state;
	nftw(t->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(t);
	return 0;
}

static const struct cgroup_place *place_of(const struct tree *t, unsigned part)
{
	for (unsigned i = 0; i < t->all.n; i++)
		if (t->all.place[i].parts & part)
			return &t->all.place[i];
	fail_msg("no place for %u: %s", part, t->all.why);
	return NULL;
}

static void assert_place(const struct tree *t, unsigned part, const char *want)
{
	assert_string_equal(place_of(t, part)->path + strlen(t->root), want);
}

static const struct replica_name name = {.job = {{1}}, .role = 2, .index = 3, .attempt = 4};

#define GROUP "/01000000-0000-0000-0000-000000000000-2-3-4"
#define V1    "/sys/fs/cgroup/"

static void make_v1(const struct tree *t)
{
	put(t, "/proc/self/mountinfo",
	    "30 23 0:27 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755\n"
	    "31 30 0:28 / /sys/fs/cgroup/memory rw,nosuid shared:9 - cgroup cgroup rw,memory\n"
	    "32 30 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
	    "33 30 0:30 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
	    "34 30 0:31 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer\n"
	    "35 30 0:32 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n");
	put(t, "/proc/self/cgroup",
	    "9:name=systemd:/s\n8:memory:/own/group\n4:cpuacct,cpu:/\n3:pids:/p\n2:freezer:/\n");
	put(t, V1 "memory/own/group/cgroup.procs", "");
	put(t, V1 "cpu,cpuacct/cgroup.procs", "");
	put(t, V1 "pids/p/cgroup.procs", "");
	put(t, V1 "freezer/cgroup.procs", "");
}

static void version_1_has_a_place_for_each(void **state)
{
	struct tree *t = *state;
	make_v1(t);
	cgroups_find(t->root, "", &t->all);
	assert_int_equal(cgroups_parts(&t->all), CGROUP_ALL);
	assert_string_equal(t->all.why, "");
	assert_place(t, CGROUP_MEMORY, V1 "memory/own/group/sluice");
	assert_place(t, CGROUP_CPU, V1 "cpu,cpuacct/sluice");
	assert_place(t, CGROUP_PIDS, V1 "pids/p/sluice");
	assert_place(t, CGROUP_TREE, V1 "freezer/sluice");
	assert_false(place_of(t, CGROUP_TREE)->v2);
}

static void version_1_is_limited_in_its_own_words(void **state)
{
	struct tree *t = *state;
	struct limits limits = {.memory = 64 << 20, .cpu_milli = 1500, .pids = 20};
	struct cgroup_events met;
	make_v1(t);
	cgroups_find(t->root, "", &t->all);
	assert_int_equal(cgroup_make(&t->all, &name), 0);
	put(t, V1 "memory/own/group/sluice" GROUP "/memory.limit_in_bytes", "");
	put(t, V1 "memory/own/group/sluice" GROUP "/memory.oom_control",
	    "oom_kill_disable 0\nunder_oom 0\noom_kill 7\n");
	put(t, V1 "cpu,cpuacct/sluice" GROUP "/cpu.cfs_quota_us", "");
	put(t, V1 "pids/p/sluice" GROUP "/pids.max", "");
	put(t, V1 "pids/p/sluice" GROUP "/pids.events", "max 5\n");
	assert_int_equal(cgroup_limit(&t->all, &name, &limits), 0);
	assert_holds(t, V1 "memory/own/group/sluice" GROUP "/memory.limit_in_bytes", "67108864");
	assert_holds(t, V1 "cpu,cpuacct/sluice" GROUP "/cpu.cfs_quota_us", "150000");
	assert_holds(t, V1 "pids/p/sluice" GROUP "/pids.max", "20");
	cgroup_events(&t->all, &name, &met);
	assert_int_equal(met.oom_kills, 7);
	assert_int_equal(met.pids_refused, 5);
}

#define SERVICE "/sys/fs/cgroup/system.slice/sluice.service"

/** A service that was given its group; `procs` are in it. */
static void make_v2(const struct tree *t, const char *procs)
{
	put(t, "/proc/self/mountinfo",
	    "30 23 0:27 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n");
	put(t, "/proc/self/cgroup", "0::/system.slice/sluice.service\n");
	put(t, SERVICE "/cgroup.type", "domain\n");
	put(t, SERVICE "/cgroup.procs", procs);
	put(t, SERVICE "/cgroup.controllers", "cpuset cpu io memory pids\n");
	put(t, SERVICE "/cgroup.subtree_control", "");
	put(t, SERVICE "/gateway/cgroup.procs", "");
	put(t, SERVICE "/sluice/cgroup.controllers", "cpu memory pids\n");
	put(t, SERVICE "/sluice/cgroup.subtree_control", "");
}

static void version_2_has_one_place_and_makes_room_for_it(void **state)
{
	struct tree *t = *state;
	char own[32], got[256];
	snprintf(own, sizeof(own), "%d\n", getpid());
	make_v2(t, own);
	cgroups_find(t->root, "", &t->all);
	assert_int_equal(cgroups_parts(&t->all), CGROUP_ALL);
	assert_int_equal(t->all.n, 1);
	assert_place(t, CGROUP_TREE, SERVICE "/sluice");
	assert_int_equal(strtol(get(t, SERVICE "/gateway/cgroup.procs", got), NULL, 10), getpid());
	assert_non_null(strchr(get(t, SERVICE "/cgroup.subtree_control", got), '+'));
}

static void version_2_is_limited_in_its_own_words(void **state)
{
	struct tree *t = *state;
	struct limits limits = {.memory = 1 << 30, .cpu_milli = 250, .pids = 9}, none = {0};
	struct cgroup_events met;
	make_v2(t, "");
	cgroups_find(t->root, "", &t->all);
	assert_int_equal(cgroup_make(&t->all, &name), 0);
	put(t, SERVICE "/sluice" GROUP "/memory.max", "");
	put(t, SERVICE "/sluice" GROUP "/memory.oom.group", "");
	put(t, SERVICE "/sluice" GROUP "/memory.swap.max", "");
	put(t, SERVICE "/sluice" GROUP "/cpu.max", "");
	put(t, SERVICE "/sluice" GROUP "/pids.max", "");
	put(t, SERVICE "/sluice" GROUP "/memory.events", "low 0\noom 9\noom_kill 2\n");
	assert_int_equal(cgroup_limit(&t->all, &name, &limits), 0);
	assert_holds(t, SERVICE "/sluice" GROUP "/memory.max", "1073741824");
	assert_holds(t, SERVICE "/sluice" GROUP "/memory.oom.group", "1");
	assert_holds(t, SERVICE "/sluice" GROUP "/memory.swap.max", "0");
	assert_holds(t, SERVICE "/sluice" GROUP "/cpu.max", "25000 100000");
	assert_holds(t, SERVICE "/sluice" GROUP "/pids.max", "9");
	cgroup_events(&t->all, &name, &met);
	assert_int_equal(met.oom_kills, 2);
	put(t, SERVICE "/sluice" GROUP "/cpu.max", "");
	put(t, SERVICE "/sluice" GROUP "/memory.max", "");
	assert_int_equal(cgroup_limit(&t->all, &name, &none), 0);
	assert_holds(t, SERVICE "/sluice" GROUP "/memory.max", "max");
	assert_holds(t, SERVICE "/sluice" GROUP "/cpu.max", "max 100000");
}

static void processes_of_others_are_left_where_they_are(void **state)
{
	struct tree *t = *state;
	make_v2(t, "1\n");
	cgroups_find(t->root, "", &t->all);
	assert_int_equal(cgroups_parts(&t->all), CGROUP_TREE);
	assert_non_null(strstr(t->all.why, "other processes"));
	assert_holds(t, SERVICE "/gateway/cgroup.procs", "");
	/* In a group that was configured they may be moved. */
	cgroups_find(t->root, "/system.slice/sluice.service", &t->all);
	assert_int_equal(cgroups_parts(&t->all), CGROUP_ALL);
	assert_holds(t, SERVICE "/gateway/cgroup.procs", "1");
}

static void hybrid_takes_each_where_it_is(void **state)
{
	struct tree *t = *state;
	put(t, "/proc/self/mountinfo",
	    "31 30 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
	    "33 30 0:30 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
	    "35 30 0:32 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
	put(t, "/proc/self/cgroup", "8:memory:/m\n3:pids:/\n0::/u\n");
	put(t, V1 "memory/m/cgroup.procs", "");
	put(t, V1 "pids/cgroup.procs", "");
	put(t, V1 "unified/u/cgroup.procs", "1\n");
	put(t, V1 "unified/u/cgroup.controllers", "\n");
	put(t, V1 "unified/u/cgroup.type", "domain\n");
	cgroups_find(t->root, "", &t->all);
	assert_int_equal(cgroups_parts(&t->all), CGROUP_MEMORY | CGROUP_PIDS | CGROUP_TREE);
	assert_true(place_of(t, CGROUP_TREE)->v2);
	assert_false(place_of(t, CGROUP_MEMORY)->v2);
	assert_holds(t, V1 "unified/u/gateway/cgroup.procs", "-");
}

/** A container sees its own group as the top of the mount. */
static void a_container_works_in_what_it_sees(void **state)
{
	struct tree *t = *state;
	put(t, "/proc/self/mountinfo",
	    "31 30 0:28 /docker/4711 /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
	    "33 30 0:30 /../.. /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n");
	put(t, "/proc/self/cgroup", "8:memory:/docker/4711/inner\n3:pids:/../../x\n");
	put(t, V1 "memory/inner/cgroup.procs", "");
	put(t, V1 "pids/cgroup.procs", "");
	cgroups_find(t->root, "", &t->all);
	assert_place(t, CGROUP_MEMORY, V1 "memory/inner/sluice");
	assert_place(t, CGROUP_PIDS, V1 "pids/sluice");
}

static void without_any_it_says_so(void **state)
{
	struct tree *t = *state;
	char text[64];
	cgroups_find(t->root, "", &t->all);
	assert_int_equal(t->all.n, 0);
	assert_true(*t->all.why);
	assert_string_equal(cgroups_say(0, text), "none");
	put(t, "/proc/self/mountinfo",
	    "31 30 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\ndamaged\n");
	put(t, "/proc/self/cgroup", "8:memory:/gone\nnonsense\n:\n");
	cgroups_find(t->root, "", &t->all);
	assert_int_equal(t->all.n, 0);
	assert_non_null(strstr(t->all.why, "/gone/sluice"));
	struct limits limits = {.memory = 1};
	assert_int_equal(cgroup_make(&t->all, &name), 0);
	assert_int_equal(cgroup_limit(&t->all, &name, &limits), 0);
	assert_int_equal(cgroup_join(&t->all, &name, false), 0);
	cgroup_kill(&t->all, &name);
	cgroup_remove(&t->all, &name);
}

static void the_note_is_read_back(void **state)
{
	struct tree *t = *state;
	struct cgroups again;
	make_v1(t);
	cgroups_find(t->root, "", &t->all);
	int dir = open(t->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(dir >= 0);
	cgroup_note_read(dir, &again);
	assert_int_equal(again.n, 0);
	assert_int_equal(cgroup_note_write(dir, &t->all), 0);
	cgroup_note_read(dir, &again);
	assert_int_equal(again.n, t->all.n);
	for (unsigned i = 0; i < again.n; i++) {
		assert_string_equal(again.place[i].path, t->all.place[i].path);
		assert_int_equal(again.place[i].parts, t->all.place[i].parts);
		assert_int_equal(again.place[i].v2, t->all.place[i].v2);
	}
	close(dir);
}

#define WITH_TREE(test) cmocka_unit_test_setup_teardown(test, open_tree, close_tree)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_TREE(version_1_has_a_place_for_each),
		WITH_TREE(version_1_is_limited_in_its_own_words),
		WITH_TREE(version_2_has_one_place_and_makes_room_for_it),
		WITH_TREE(version_2_is_limited_in_its_own_words),
		WITH_TREE(processes_of_others_are_left_where_they_are),
		WITH_TREE(hybrid_takes_each_where_it_is),
		WITH_TREE(a_container_works_in_what_it_sees),
		WITH_TREE(without_any_it_says_so),
		WITH_TREE(the_note_is_read_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
