#include "runtime/local/queue.h"

#include "runtime/local/attempts.h"

#include <math.h>
#include <stdlib.h>

enum { BUCKETS = 4096, PLAIN_WORTH = 1000 };

/** The parties of one job that wait. */
struct queue_job {
	struct heap_node node;
	struct uuid id;
	struct heap parties;
	struct queue_job *next; /* in its bucket */
};

/* ---- the order ---- */

double queue_worth(int32_t priority)
{
	double p = fabs((double)priority);
	double worth = p <= PLAIN_WORTH ? p : PLAIN_WORTH * (1 + log2(p / PLAIN_WORTH));
	return priority < 0 ? -worth : worth;
}

static bool party_before(const struct heap_node *a_node, const struct heap_node *b_node)
{
	const struct party *a = container_of(a_node, struct party, node);
	const struct party *b = container_of(b_node, struct party, node);
	if (a->rank_ms != b->rank_ms)
		return a->rank_ms < b->rank_ms;
	return a->role != b->role ? a->role < b->role : a->index < b->index;
}

static const struct party *first_of(const struct queue_job *job)
{
	return container_of(heap_first(&job->parties), struct party, node);
}

static bool job_before(const struct heap_node *a_node, const struct heap_node *b_node)
{
	const struct queue_job *a = container_of(a_node, struct queue_job, node);
	const struct queue_job *b = container_of(b_node, struct queue_job, node);
	int64_t a_ms = first_of(a)->rank_ms, b_ms = first_of(b)->rank_ms;
	return a_ms != b_ms ? a_ms < b_ms : memcmp(a->id.at, b->id.at, sizeof(a->id.at)) < 0;
}

/* ---- parties ---- */

struct party *party_create(const struct replica_name *first)
{
	struct party *p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->role = first->role;
	p->index = first->index;
	list_init(&p->members);
	return p;
}

struct party *party_free(struct party *p)
{
	for (struct list *at; p && (at = list_pop(&p->members));)
		container_of(at, struct attempt, member)->party = NULL;
	free(p);
	return NULL;
}

void party_join(struct party *p, struct attempt *a, uint32_t cost)
{
	a->party = p;
	a->cost = cost;
	p->needs += cost;
	list_push(&p->members, &a->member);
}

/* ---- jobs ---- */

/** The tail of a job's id is random. */
static struct queue_job **bucket_of(const struct queue *q, const struct uuid *id)
{
	uint32_t h;
	memcpy(&h, id->at + 12, sizeof(h));
	return &q->bucket[h % BUCKETS];
}

static struct queue_job *find(const struct queue *q, const struct uuid *id)
{
	struct queue_job *job = *bucket_of(q, id);
	while (job && !uuid_eq(job->id, *id))
		job = job->next;
	return job;
}

static struct queue_job *job_free(struct queue_job *job)
{
	if (job)
		heap_fini(&job->parties);
	free(job);
	return NULL;
}

/** Not in the line yet: it has no party. */
static struct queue_job *job_create(struct queue *q, const struct uuid *id)
{
	struct queue_job *job =
		heap_reserve(&q->jobs, q->jobs.n + 1) ? NULL : calloc(1, sizeof(*job));
	if (!job)
		return NULL;
	job->id = *id;
	heap_init(&job->parties, party_before);
	return job;
}

static void take_out(struct queue *q, struct party *p)
{
	struct queue_job *job = p->job;
	heap_remove(&job->parties, &p->node);
	p->job = NULL;
	q->parties--;
	if (job->parties.n) {
		heap_moved(&q->jobs, &job->node);
		return;
	}
	heap_remove(&q->jobs, &job->node);
	struct queue_job **at = bucket_of(q, &job->id);
	while (*at != job)
		at = &(*at)->next;
	*at = job->next;
	job_free(job);
}

/* ---- the line ---- */

static int add(struct queue *q, struct party *p, const struct uuid *id)
{
	struct queue_job *job = find(q, id);
	struct queue_job *fresh = job ? NULL : job_create(q, id);
	if (!job && !fresh)
		return SL_E_NO_MEMORY;
	p->job = job ? job : fresh;
	int rc = heap_reserve(&p->job->parties, p->job->parties.n + 1);
	if (rc) {
		p->job = job_free(fresh);
		return rc;
	}
	heap_push(&p->job->parties, &p->node);
	if (fresh) {
		struct queue_job **bucket = bucket_of(q, id);
		fresh->next = *bucket;
		*bucket = fresh;
		heap_push(&q->jobs, &fresh->node);
	} else {
		heap_moved(&q->jobs, &job->node);
	}
	q->parties++;
	return 0;
}

int queue_add(struct queue *q, struct party *p, int32_t priority)
{
	const struct attempt *first = container_of(p->members.next, struct attempt, member);
	p->rank_ms = uuid_time_ms(first->name.job) -
		     (int64_t)(queue_worth(priority) * (double)q->ageing_ms);
	pthread_mutex_lock(&q->lock);
	int rc = add(q, p, &first->name.job);
	pthread_mutex_unlock(&q->lock);
	return rc;
}

/** A gang from a time of more slots starts when all that are left are free. */
static uint32_t most_of(const struct queue *q, uint32_t needs)
{
	return needs < q->slots ? needs : q->slots;
}

static struct party *next(struct queue *q)
{
	struct heap_node *node = heap_first(&q->jobs);
	if (!node)
		return NULL;
	struct queue_job *job = container_of(node, struct queue_job, node);
	struct party *p = container_of(heap_first(&job->parties), struct party, node);
	if (q->free < (int64_t)most_of(q, p->needs))
		return NULL;
	take_out(q, p);
	for (struct list *l = p->members.next; l != &p->members; l = l->next) {
		struct attempt *a = container_of(l, struct attempt, member);
		a->slots = a->cost;
	}
	q->free -= p->needs;
	return p;
}

struct party *queue_next(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	struct party *p = next(q);
	pthread_mutex_unlock(&q->lock);
	return p;
}

void queue_leave(struct queue *q, struct attempt *a)
{
	struct party *p = a->party;
	if (!p)
		return;
	pthread_mutex_lock(&q->lock);
	list_remove(&a->member);
	a->party = NULL;
	p->needs -= a->cost;
	if (list_empty(&p->members)) {
		if (p->job)
			take_out(q, p);
		party_free(p);
	}
	pthread_mutex_unlock(&q->lock);
}

void queue_hold(struct queue *q, uint32_t slots)
{
	pthread_mutex_lock(&q->lock);
	q->free -= slots;
	pthread_mutex_unlock(&q->lock);
}

void queue_release(struct queue *q, uint32_t slots)
{
	pthread_mutex_lock(&q->lock);
	q->free += slots;
	pthread_mutex_unlock(&q->lock);
}

/* ---- to be seen ---- */

static bool place(const struct queue *q, const struct uuid *id, struct engine_place *ret)
{
	const struct queue_job *job = find(q, id);
	if (!job)
		return false;
	*ret = (struct engine_place){.place = 1,
				     .of = (uint32_t)q->jobs.n,
				     .needs = first_of(job)->needs,
				     .free = q->free > 0 ? (uint32_t)q->free : 0,
				     .room = q->slots};
	for (size_t i = 1; i <= q->jobs.n; i++)
		ret->place += job_before(q->jobs.at[i], &job->node);
	return true;
}

bool queue_place(struct queue *q, const struct uuid *job, struct engine_place *ret)
{
	pthread_mutex_lock(&q->lock);
	bool waits = place(q, job, ret);
	pthread_mutex_unlock(&q->lock);
	return waits;
}

/* ---- life ---- */

int queue_init(struct queue *q, uint32_t slots, int64_t ageing_ms)
{
	*q = (struct queue){.slots = slots, .ageing_ms = ageing_ms, .free = slots};
	heap_init(&q->jobs, job_before);
	pthread_mutex_init(&q->lock, NULL);
	q->bucket = calloc(BUCKETS, sizeof(struct queue_job *));
	return q->bucket ? 0 : SL_E_NO_MEMORY;
}

void queue_fini(struct queue *q)
{
	while (q->jobs.n) {
		struct queue_job *job = container_of(q->jobs.at[1], struct queue_job, node);
		struct party *p = container_of(heap_first(&job->parties), struct party, node);
		take_out(q, p);
		party_free(p);
	}
	heap_fini(&q->jobs);
	free(q->bucket);
	q->bucket = NULL;
	pthread_mutex_destroy(&q->lock);
}
