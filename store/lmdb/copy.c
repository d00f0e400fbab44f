#include "store/lmdb/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { COPY_PIECE = 256 << 10 };

struct copying {
	MDB_env *env;
	int to; /* the pipe's end that LMDB writes to */
	int rc;
};

static void *write_copy(void *user)
{
	struct copying *c = user;
	c->rc = mdb_env_copyfd2(c->env, c->to, MDB_CP_COMPACT);
	close(c->to);
	return NULL;
}

static int read_copy(int from, int (*piece)(void *user, struct bytes piece), void *user)
{
	char *at = malloc(COPY_PIECE);
	int rc = at ? 0 : SL_E_NO_MEMORY;
	while (!rc) {
		ssize_t n = read(from, at, COPY_PIECE);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			rc = n ? SL_E_IO : 0;
			break;
		}
		rc = piece(user, bytes_of(at, (size_t)n));
	}
	free(at);
	return rc;
}

/* LMDB writes into a pipe on a thread of its own, so that it can be broken off: its write
 * fails when nobody reads any more. */
int lmdb_copy(struct store *store, int (*piece)(void *user, struct bytes piece), void *user)
{
	int ends[2];
	pthread_t thread;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return SL_E_IO;
	struct copying c = {.env = lmdb_of(store)->env, .to = ends[1]};
	if (pthread_create(&thread, NULL, write_copy, &c) != 0) {
		close(ends[0]);
		close(ends[1]);
		return SL_E_NO_MEMORY;
	}
	int rc = read_copy(ends[0], piece, user);
	close(ends[0]);
	pthread_join(thread, NULL);
	return rc ? rc : lmdb_code(c.rc);
}
