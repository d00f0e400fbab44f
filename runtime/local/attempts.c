#include "runtime/local/attempts.h"

#include <stdlib.h>
#include <unistd.h>

int attempts_init(struct attempts *t, size_t max)
{
	*t = (struct attempts){.max = max};
	t->bucket = calloc(ATTEMPTS_BUCKETS, sizeof(struct attempt *));
	return t->bucket ? 0 : SL_E_NO_MEMORY;
}

static struct attempt *attempt_free(struct attempt *a)
{
	if (a->pidfd >= 0)
		close(a->pidfd);
	if (a->notice >= 0)
		close(a->notice);
	plan_body_unref(a->body);
	free(a->head);
	free(a);
	return NULL;
}

void attempts_fini(struct attempts *t)
{
	for (size_t i = 0; t->bucket && i < ATTEMPTS_BUCKETS; i++) {
		for (struct attempt *a = t->bucket[i], *next; a; a = next) {
			next = a->next;
			attempt_free(a);
		}
	}
	free(t->bucket);
	free(t->queue);
	*t = (struct attempts){0};
}

bool attempts_same(const struct replica_name *a, const struct replica_name *b)
{
	return uuid_eq(a->job, b->job) && a->role == b->role && a->index == b->index &&
	       a->attempt == b->attempt;
}

/** The tail of a job's id is random; the numbers are small and spread by odd factors. */
static struct attempt **bucket_of(const struct attempts *t, const struct replica_name *n)
{
	uint32_t h;
	memcpy(&h, n->job.at + 12, sizeof(h));
	h += n->role * 0x9e3779b1U + n->index * 0x85ebca6bU + n->attempt * 0xc2b2ae35U;
	return &t->bucket[(h ^ h >> 16) % ATTEMPTS_BUCKETS];
}

struct attempt *attempts_find(const struct attempts *t, const struct replica_name *name)
{
	struct attempt *a = *bucket_of(t, name);
	while (a && !attempts_same(&a->name, name))
		a = a->next;
	return a;
}

static int make_room(struct attempts *t)
{
	if (t->n + 2 <= t->queue_cap)
		return 0;
	size_t cap = t->queue_cap ? t->queue_cap * 2 : 64;
	struct attempt **queue = realloc(t->queue, cap * sizeof(struct attempt *));
	if (!queue)
		return SL_E_NO_MEMORY;
	t->queue = queue;
	t->queue_cap = cap;
	return 0;
}

int attempts_add(struct attempts *t, const struct replica_name *name, struct attempt **ret)
{
	if (t->n >= t->max)
		return SL_E_BUSY;
	struct attempt *a = make_room(t) ? NULL : calloc(1, sizeof(*a));
	if (!a)
		return SL_E_NO_MEMORY;
	struct attempt **bucket = bucket_of(t, name);
	a->name = *name;
	a->pidfd = a->notice = -1;
	a->on_pidfd = (struct watch){WATCH_PIDFD, a};
	a->on_notice = (struct watch){WATCH_NOTICE, a};
	list_init(&a->due);
	a->next = *bucket;
	*bucket = a;
	t->n++;
	*ret = a;
	return 0;
}

void attempts_remove(struct attempts *t, struct attempt *a)
{
	struct attempt **at = bucket_of(t, &a->name);
	while (*at != a)
		at = &(*at)->next;
	*at = a->next;
	t->n--;
	if (a->place)
		attempts_unqueue(t, a);
	list_remove(&a->due);
	attempt_free(a);
}

/* ---- the queue: a binary heap ---- */

static bool before(const struct attempt *a, const struct attempt *b)
{
	return a->priority != b->priority ? a->priority > b->priority : a->arrival < b->arrival;
}

static void set(struct attempts *t, size_t place, struct attempt *a)
{
	t->queue[place] = a;
	a->place = place;
}

static void rise(struct attempts *t, size_t place)
{
	struct attempt *a = t->queue[place];
	for (; place > 1 && before(a, t->queue[place / 2]); place /= 2)
		set(t, place, t->queue[place / 2]);
	set(t, place, a);
}

static void sink(struct attempts *t, size_t place)
{
	struct attempt *a = t->queue[place];
	for (size_t child; (child = place * 2) <= t->queued; place = child) {
		if (child < t->queued && before(t->queue[child + 1], t->queue[child]))
			child++;
		if (!before(t->queue[child], a))
			break;
		set(t, place, t->queue[child]);
	}
	set(t, place, a);
}

void attempts_queue(struct attempts *t, struct attempt *a)
{
	a->arrival = ++t->arrivals;
	t->queue[++t->queued] = a;
	rise(t, t->queued);
}

struct attempt *attempts_first(const struct attempts *t) { return t->queued ? t->queue[1] : NULL; }

void attempts_unqueue(struct attempts *t, struct attempt *a)
{
	size_t place = a->place;
	struct attempt *last = t->queue[t->queued--];
	a->place = 0;
	if (last == a)
		return;
	set(t, place, last);
	rise(t, place);
	sink(t, last->place);
}

/* ---- bodies ---- */

struct plan_body *plan_body_ref(struct plan_body *body)
{
	__atomic_fetch_add(&body->refs, 1, __ATOMIC_RELAXED);
	return body;
}

struct plan_body *plan_body_unref(struct plan_body *body)
{
	if (body && __atomic_fetch_sub(&body->refs, 1, __ATOMIC_ACQ_REL) == 1)
		free(body);
	return NULL;
}
