#include "core/base/heap.h"

#include "core/base/err.h"

#include <stdlib.h>

void heap_init(struct heap *h, heap_before_fn before) { *h = (struct heap){.before = before}; }

void heap_fini(struct heap *h)
{
	free(h->at);
	*h = (struct heap){.before = h->before};
}

int heap_reserve(struct heap *h, size_t n)
{
	size_t cap = h->cap ? h->cap : 16;
	if (n < h->cap)
		return 0;
	while (cap <= n)
		cap *= 2;
	struct heap_node **at = realloc(h->at, cap * sizeof(struct heap_node *));
	if (!at)
		return SL_E_NO_MEMORY;
	h->at = at;
	h->cap = cap;
	return 0;
}

static void set(struct heap *h, size_t place, struct heap_node *node)
{
	h->at[place] = node;
	node->place = place;
}

static void rise(struct heap *h, struct heap_node *node)
{
	size_t place = node->place;
	for (; place > 1 && h->before(node, h->at[place / 2]); place /= 2)
		set(h, place, h->at[place / 2]);
	set(h, place, node);
}

static void sink(struct heap *h, struct heap_node *node)
{
	size_t place = node->place;
	for (size_t child; (child = place * 2) <= h->n; place = child) {
		if (child < h->n && h->before(h->at[child + 1], h->at[child]))
			child++;
		if (!h->before(h->at[child], node))
			break;
		set(h, place, h->at[child]);
	}
	set(h, place, node);
}

void heap_push(struct heap *h, struct heap_node *node)
{
	set(h, ++h->n, node);
	rise(h, node);
}

void heap_moved(struct heap *h, struct heap_node *node)
{
	rise(h, node);
	sink(h, node);
}

void heap_remove(struct heap *h, struct heap_node *node)
{
	size_t place = node->place;
	if (!place)
		return;
	struct heap_node *last = h->at[h->n--];
	node->place = 0;
	if (last == node)
		return;
	set(h, place, last);
	heap_moved(h, last);
}
