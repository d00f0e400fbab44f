#include "core/base/arena.h"

#include <stdalign.h>
#include <stdlib.h>

enum { BLOCK_SIZE = 8192, ALIGN = alignof(max_align_t) };

struct block {
	struct block *next;
	size_t size, used;
	alignas(max_align_t) char at[];
};

struct arena {
	struct block *head;
	size_t used, max;
};

int arena_create(size_t max, struct arena **ret)
{
	struct arena *a = calloc(1, sizeof(*a));
	if (!a)
		return SL_E_NO_MEMORY;
	a->max = max;
	*ret = a;
	return 0;
}

struct arena *arena_free(struct arena *a)
{
	if (!a)
		return NULL;
	for (struct block *b = a->head, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	free(a);
	return NULL;
}

static struct block *block_for(struct arena *a, size_t len)
{
	if (a->head && a->head->size - a->head->used >= len)
		return a->head;
	size_t size = len > BLOCK_SIZE ? len : BLOCK_SIZE;
	struct block *b = malloc(sizeof(*b) + size);
	if (!b)
		return NULL;
	*b = (struct block){.next = a->head, .size = size};
	/* A large piece goes behind the head, so that the head's room is not lost. */
	if (a->head && len > BLOCK_SIZE / 2) {
		b->next = a->head->next;
		a->head->next = b;
	} else {
		a->head = b;
	}
	return b;
}

void *arena_alloc(struct arena *a, size_t len)
{
	if (len > a->max)
		return NULL;
	len = (len + ALIGN - 1) / ALIGN * ALIGN;
	if (len > a->max - a->used)
		return NULL;
	struct block *b = block_for(a, len);
	if (!b)
		return NULL;
	void *at = b->at + b->used;
	b->used += len;
	a->used += len;
	return memset(at, 0, len);
}

char *arena_strdup(struct arena *a, struct bytes text)
{
	char *at = arena_alloc(a, text.len + 1);
	if (at && text.len)
		memcpy(at, text.at, text.len);
	return at;
}

int arena_copy(struct arena *a, struct bytes from, struct bytes *ret)
{
	char *at = arena_strdup(a, from);
	if (!at)
		return SL_E_NO_MEMORY;
	*ret = bytes_of(at, from.len);
	return 0;
}

size_t arena_used(const struct arena *a) { return a->used; }
