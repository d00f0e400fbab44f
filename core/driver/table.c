#include "core/driver/table.h"

#include <assert.h>
#include <stdlib.h>

int table_init(struct table *t, size_t buckets)
{
	*t = (struct table){.bucket = calloc(buckets, sizeof(*t->bucket)), .buckets = buckets};
	return t->bucket ? 0 : SL_E_NO_MEMORY;
}

void table_fini(struct table *t)
{
	free(t->bucket);
	*t = (struct table){0};
}

/* The last bytes of a UUIDv7 are random. */
static struct table_node **bucket_of(const struct table *t, struct uuid id)
{
	uint64_t tail;
	memcpy(&tail, id.at + 8, sizeof(tail));
	return &t->bucket[(tail ^ tail >> 32) & (t->buckets - 1)];
}

struct table_node *table_get(const struct table *t, struct uuid id)
{
	struct table_node *node = *bucket_of(t, id);
	while (node && !uuid_eq(node->id, id))
		node = node->next;
	return node;
}

void table_put(struct table *t, struct table_node *node)
{
	struct table_node **head = bucket_of(t, node->id);
	node->next = *head;
	*head = node;
	t->n++;
}

void table_remove(struct table *t, struct table_node *node)
{
	struct table_node **at = bucket_of(t, node->id);
	while (*at != node) {
		assert(*at);
		at = &(*at)->next;
	}
	*at = node->next;
	t->n--;
}

struct table_node *table_any(const struct table *t)
{
	for (size_t i = 0; t->n && i < t->buckets; i++)
		if (t->bucket[i])
			return t->bucket[i];
	return NULL;
}
