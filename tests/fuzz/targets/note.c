/* The notes of a run directory: whatever stands in one, it is called corrupt, or what it says is
 * within its limits, and written again it is read as the same. Input: a byte that says which note,
 * then the note. */
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/local/cgroup.h"
#include "runtime/local/record.h"

static const char *const names[] = {"started", "outcome", "cgroup"};

static void put(int dir, const char *name, const uint8_t *at, size_t len)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	fuzz_holds(fd >= 0 && write(fd, at, len) == (ssize_t)len);
	close(fd);
}

static void of_start(int dir)
{
	struct started s, again;
	if (started_read(dir, &s))
		return;
	fuzz_holds(s.pid > 0 && s.ms >= 0);
	fuzz_holds(started_write(dir, &s) == 0 && started_read(dir, &again) == 0);
	fuzz_holds(s.pid == again.pid && s.slots == again.slots && s.ms == again.ms);
}

static void of_outcome(int dir)
{
	struct outcome o, again;
	if (outcome_read(dir, &o))
		return;
	fuzz_holds(outcome_reason_name(o.reason) && o.started_ms >= 0 && o.finished_ms >= 0);
	fuzz_holds(strlen(o.message) < sizeof(o.message));
	fuzz_holds(outcome_write(dir, &o) == 0 && outcome_read(dir, &again) == 0);
	fuzz_holds(o.code == again.code && o.signal == again.signal && o.reason == again.reason);
	fuzz_holds(o.started_ms == again.started_ms && o.finished_ms == again.finished_ms);
	for (size_t i = 0; o.message[i] || again.message[i]; i++)
		fuzz_holds(o.message[i] == again.message[i] ||
			   (again.message[i] == ' ' && (unsigned char)o.message[i] < 128));
}

static void of_group(int dir)
{
	struct cgroups all, again;
	cgroup_note_read(dir, &all);
	fuzz_holds(all.n <= CGROUP_PLACES_MAX);
	for (unsigned i = 0; i < all.n; i++) {
		fuzz_holds(all.place[i].path[0] == '/' && !strchr(all.place[i].path, '\n'));
		fuzz_holds(strlen(all.place[i].path) < CGROUP_PATH_MAX);
		fuzz_holds(all.place[i].parts <= CGROUP_ALL);
	}
	unlinkat(dir, "cgroup", 0);
	fuzz_holds(cgroup_note_write(dir, &all) == 0);
	cgroup_note_read(dir, &again);
	fuzz_holds(again.n == all.n);
	for (unsigned i = 0; i < all.n; i++) {
		fuzz_holds(all.place[i].parts == again.place[i].parts);
		fuzz_holds(all.place[i].v2 == again.place[i].v2);
		fuzz_holds(strcmp(all.place[i].path, again.place[i].path) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	static void (*const of[])(int dir) = {of_start, of_outcome, of_group};
	char path[] = "/tmp/fuzz_note.XXXXXX";
	if (len == 0)
		return 0;
	fuzz_holds(mkdtemp(path));
	int dir = open(path, O_RDONLY | O_DIRECTORY);
	size_t which = at[0] % countof(of);
	put(dir, names[which], at + 1, len - 1);
	of[which](dir);
	for (size_t i = 0; i < countof(names); i++)
		unlinkat(dir, names[i], 0);
	close(dir);
	fuzz_holds(rmdir(path) == 0);
	return 0;
}
