#include <stdlib.h>

#include "core/base/hash.h"
#include "net/http.h"

void places_init(struct places *all, unsigned active_max, unsigned active_place_max)
{
	for (size_t i = 0; i < countof(all->bucket); i++)
		list_init(&all->bucket[i]);
	list_init(&all->queues);
	all->active = 0;
	all->active_max = active_max;
	all->active_place_max = active_place_max;
}

struct place *place_take(struct places *all, struct bytes name)
{
	uint64_t hash = hash_bytes(name, 0);
	struct list *bucket = &all->bucket[hash % PLACE_BUCKETS];
	for (struct list *l = bucket->next; l != bucket; l = l->next) {
		struct place *p = container_of(l, struct place, link);
		if (p->hash == hash && bytes_eq(bytes_of(p->name, p->name_len), name)) {
			p->calls++;
			return p;
		}
	}
	struct place *p = calloc(1, sizeof(*p) + name.len + 1);
	if (!p)
		return NULL;
	p->calls = 1;
	p->hash = hash;
	p->name_len = name.len;
	memcpy(p->name, name.at, name.len);
	list_init(&p->queue);
	list_init(&p->waiting);
	list_push(bucket, &p->link);
	return p;
}

void place_drop(struct place *place)
{
	if (--place->calls > 0)
		return;
	list_remove(&place->link);
	free(place);
}

/* A place may hold as many connections as it leaves free for the others: one hung plugin
 * gets half of all, the next a quarter, and there is always room for one more. */
bool place_has_room(const struct places *all, const struct place *place)
{
	unsigned free_now = all->active_max - all->active;
	return place->active < free_now && place->active < all->active_place_max;
}

void place_wait(struct places *all, struct place *place, struct http_call *call)
{
	if (list_empty(&place->waiting))
		list_push(&all->queues, &place->queue);
	list_push(&place->waiting, &call->link);
}

void place_leave(struct place *place, struct http_call *call)
{
	list_remove(&call->link);
	if (list_empty(&place->waiting))
		list_remove(&place->queue);
}

struct http_call *places_next(struct places *all)
{
	if (all->active >= all->active_max)
		return NULL;
	for (struct list *l = all->queues.next; l != &all->queues; l = l->next) {
		struct place *place = container_of(l, struct place, queue);
		if (!place_has_room(all, place))
			continue;
		struct http_call *call = container_of(place->waiting.next, struct http_call, link);
		list_remove(&place->queue);
		list_remove(&call->link);
		if (!list_empty(&place->waiting))
			list_push(&all->queues, &place->queue);
		return call;
	}
	return NULL;
}
