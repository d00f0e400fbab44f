#include "tests/lib/served.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

struct served {
	void (*fn)(void *user);
	void *user;
	atomic_bool over;
};

static void *run(void *user)
{
	struct served *s = user;
	s->fn(s->user);
	atomic_store(&s->over, true);
	return NULL;
}

void served_run(struct writer *writer, void (*fn)(void *user), void *user)
{
	struct served s = {.fn = fn, .user = user};
	pthread_t thread;
	writer_turn(writer);
	int rc = pthread_create(&thread, NULL, run, &s);
	assert(rc == 0);
	while (!atomic_load(&s.over)) {
		if (writer_turn(writer) == 0)
			sched_yield();
	}
	pthread_join(thread, NULL);
}
