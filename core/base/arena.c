#include "core/base/arena.h"

#include <stdalign.h>
#include <stdlib.h>

/* The first block comes with the arena, in a size that malloc() has at hand: most arenas need
 * no other. */
enum { FIRST_SIZE = 912, BLOCK_SIZE = 8192, ALIGN = alignof(max_align_t) };

struct block {
	struct block *next;
	size_t size, used;
	alignas(max_align_t) char at[];
};

struct arena {
	struct block *head;
	size_t used, max;
	alignas(max_align_t) char first[sizeof(struct block) + FIRST_SIZE];
};

static struct block *first_of(struct arena *a) { return (struct block *)(void *)a->first; }

int arena_create(size_t max, struct arena **ret)
{
	struct arena *a = malloc(sizeof(*a));
	if (!a)
		return SL_E_NO_MEMORY;
	a->head = first_of(a);
	*a->head = (struct block){.size = FIRST_SIZE};
	a->used = 0;
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
		if (b != first_of(a))
			free(b);
	}
	free(a);
	return NULL;
}

static struct block *block_for(struct arena *a, size_t len)
{
	if (a->head->size - a->head->used >= len)
		return a->head;
	bool large = len > BLOCK_SIZE / 2;
	size_t size = large ? len : BLOCK_SIZE;
	struct block *b = malloc(sizeof(*b) + size);
	if (!b)
		return NULL;
	*b = (struct block){.next = a->head, .size = size};
	/* A large piece goes behind the head, so that the head's room is not lost. */
	if (large) {
		b->next = a->head->next;
		a->head->next = b;
	} else {
		a->head = b;
	}
	return b;
}

static void *take(struct arena *a, size_t len)
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
	return at;
}

void *arena_alloc(struct arena *a, size_t len)
{
	void *at = take(a, len);
	return at ? memset(at, 0, len) : NULL;
}

char *arena_strdup(struct arena *a, struct bytes text)
{
	char *at = take(a, text.len + 1);
	if (!at)
		return NULL;
	if (text.len)
		memcpy(at, text.at, text.len);
	at[text.len] = '\0';
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
