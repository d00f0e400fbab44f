/* Faults on demand, for the real daemon: what the system is asked for fails as a test says.
 *
 * tests/lib/faults.c is loaded before the C library (LD_PRELOAD) and stands in for some of
 * its calls; tests/lib/faulty_heap.c is linked into `sluiced-faulty` and stands in for the
 * allocations of our own code. Both read one page of memory that the test shares with them:
 * the file FAULTS_FILE, of FAULTS_SIZE bytes, as written by tests/integration/faults.py.
 *
 * Threads: any; the numbers are counted down without a lock. */
#pragma once

#include <stdint.h>

#define FAULT_MAP(X)                                                                               \
	X(OPEN)                                                                                    \
	X(WRITE)                                                                                   \
	X(PWRITE)                                                                                  \
	X(META) X(FDATASYNC) X(ACCEPT) X(SOCKET) X(EPOLL_CTL) X(FORK) X(MKDIR) X(ALLOC) X(THREAD)

enum fault {
#define X(name) FAULT_##name,
	FAULT_MAP(X)
#undef X
		FAULTS
};

struct fault_slot {
	int32_t skip;  /**< So many calls succeed first. */
	int32_t count; /**< Then so many fail; negative: all that follow. 0: off. */
	int32_t error; /**< With this errno. */
	int32_t hits;  /**< That have failed. */
	int32_t seen;  /**< All calls. */
	int32_t pad;
};

struct faults {
	int64_t wall_ms; /**< Added to the time of day. */
	struct fault_slot slot[FAULTS];
};

/** The shared page, or NULL: no faults. */
struct faults *faults_page(void);
/** 0: let it succeed; else the errno with which it fails. */
int fault_due(enum fault which);
