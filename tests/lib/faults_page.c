#include "tests/lib/faults.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* System calls themselves: the functions of these names may be the ones that fail. */
static struct faults *map(void)
{
	const char *path = getenv("FAULTS_FILE");
	int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0) : -1;
	if (fd < 0)
		return NULL;
	void *at = mmap(NULL, sizeof(struct faults), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return at == MAP_FAILED ? NULL : at;
}

struct faults *faults_page(void)
{
	static struct faults *page;
	static bool looked;
	if (!__atomic_load_n(&looked, __ATOMIC_ACQUIRE)) {
		__atomic_store_n(&page, map(), __ATOMIC_RELEASE);
		__atomic_store_n(&looked, true, __ATOMIC_RELEASE);
	}
	return __atomic_load_n(&page, __ATOMIC_ACQUIRE);
}

static bool take(int32_t *number)
{
	int32_t now = __atomic_load_n(number, __ATOMIC_RELAXED);
	while (now > 0)
		if (__atomic_compare_exchange_n(number, &now, now - 1, false, __ATOMIC_RELAXED,
						__ATOMIC_RELAXED))
			return true;
	return false;
}

int fault_due(enum fault which)
{
	struct faults *page = faults_page();
	struct fault_slot *s = page ? &page->slot[which] : NULL;
	if (!s)
		return 0;
	__atomic_add_fetch(&s->seen, 1, __ATOMIC_RELAXED);
	int32_t count = __atomic_load_n(&s->count, __ATOMIC_ACQUIRE);
	if (!count || take(&s->skip) || (count > 0 && !take(&s->count)))
		return 0;
	__atomic_add_fetch(&s->hits, 1, __ATOMIC_RELAXED);
	return s->error;
}
