/* What is to start: groups become parties that wait for their slots, and get them. */
#include "core/base/crash.h"
#include "runtime/local/internal.h"

/** The attempt of one start; NULL: it is known already, or (`*bad`) there is no room. */
static struct attempt *take_up(struct local *l, struct start *s, bool *bad)
{
	struct attempt *a;
	if (follow_known(l, &s->name))
		return NULL;
	*bad = attempts_add(&l->attempts, &s->name, &a) != 0;
	if (*bad)
		return NULL;
	a->body = take_ptr(&s->body);
	a->head = take_ptr(&s->head);
	a->head_len = s->head_len;
	return a;
}

static void begin(struct local *l, struct attempt *a)
{
	a->state = ATTEMPT_ASKED;
	link_line_up(l, a);
}

/** Nothing of it starts. */
static void give_up(struct local *l, struct party *p)
{
	struct list members;
	list_init(&members);
	for (struct list *at; (at = list_pop(&p->members));)
		list_push(&members, at);
	for (struct list *at; (at = list_pop(&members));) {
		struct attempt *a = container_of(at, struct attempt, member);
		a->party = NULL;
		follow_failed(l, a, "out of memory");
	}
	party_free(p);
}

static void line_up(struct local *l, struct party *p)
{
	const struct attempt *first = container_of(p->members.next, struct attempt, member);
	int32_t priority = first->body->priority;
	for (struct list *at = p->members.next; at != &p->members; at = at->next) {
		const struct attempt *a = container_of(at, struct attempt, member);
		if (a->body->priority > priority)
			priority = a->body->priority;
	}
	if (queue_add(&l->queue, p, priority))
		give_up(l, p);
}

static void start_each(struct local *l, struct start *s)
{
	bool bad = false;
	struct attempt *a = take_up(l, s, &bad);
	struct party *p = a ? party_create(&s->name) : NULL;
	if (p) {
		party_join(p, a, a->body->cost);
		line_up(l, p);
	} else if (a) {
		follow_failed(l, a, "out of memory");
	} else if (bad) {
		follow_refused(l, &s->name);
	}
}

static void start_together(struct local *l, struct order *o)
{
	bool bad = false;
	struct party *p = party_create(&o->start[0].name);
	for (size_t i = 0; p && i < o->starts && !bad; i++) {
		struct attempt *a = take_up(l, &o->start[i], &bad);
		if (a)
			party_join(p, a, a->body->cost);
	}
	if (p && !bad && list_empty(&p->members)) {
		party_free(p);
	} else if (p && !bad) {
		line_up(l, p);
	} else {
		for (size_t i = 0; i < o->starts; i++)
			if (!attempts_find(&l->attempts, &o->start[i].name))
				follow_refused(l, &o->start[i].name);
		if (p)
			give_up(l, p);
	}
}

/** Those with which it belongs hold slots and may wait for it: it must not wait for theirs. */
static void rejoin(struct local *l, struct start *s)
{
	bool bad = false;
	struct attempt *a = take_up(l, s, &bad);
	if (bad)
		follow_refused(l, &s->name);
	if (!a)
		return;
	a->slots = a->body->cost;
	queue_hold(&l->queue, a->slots);
	begin(l, a);
}

void starts_take(struct local *l, struct order *o)
{
	crash_at(CRASH_LOCAL_START_TAKEN);
	if (o->how == START_TOGETHER) {
		start_together(l, o);
		return;
	}
	for (size_t i = 0; i < o->starts; i++) {
		if (o->how == START_REJOIN)
			rejoin(l, &o->start[i]);
		else
			start_each(l, &o->start[i]);
	}
}

void starts_fill_slots(struct local *l)
{
	struct party *p;
	if (!__atomic_load_n(&l->recovered, __ATOMIC_ACQUIRE))
		return;
	while (!link_gone(l) && (p = queue_next(&l->queue))) {
		for (struct list *at; (at = list_pop(&p->members));) {
			struct attempt *a = container_of(at, struct attempt, member);
			a->party = NULL;
			begin(l, a);
		}
		party_free(p);
	}
}
