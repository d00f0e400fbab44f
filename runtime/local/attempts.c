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

int attempts_add(struct attempts *t, const struct replica_name *name, struct attempt **ret)
{
	if (t->n >= t->max)
		return SL_E_BUSY;
	struct attempt *a = calloc(1, sizeof(*a));
	if (!a)
		return SL_E_NO_MEMORY;
	struct attempt **bucket = bucket_of(t, name);
	a->name = *name;
	a->pidfd = a->notice = -1;
	a->on_pidfd = (struct watch){WATCH_PIDFD, a};
	a->on_notice = (struct watch){WATCH_NOTICE, a};
	list_init(&a->due);
	list_init(&a->member);
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
	list_remove(&a->due);
	attempt_free(a);
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
