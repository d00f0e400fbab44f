/* A doubly linked, intrusive list; the head is a node too. Ownership of the elements
 * stays with whoever linked them. */
#pragma once

#include "core/base/base.h"

struct list {
	struct list *prev, *next;
};

static inline void list_init(struct list *head) { head->prev = head->next = head; }
static inline bool list_empty(const struct list *head) { return head->next == head; }

/** Link `node` as the last element. */
static inline void list_push(struct list *head, struct list *node)
{
	node->prev = head->prev;
	node->next = head;
	head->prev->next = node;
	head->prev = node;
}

/** Unlink; an unlinked node (list_init) may be removed again. */
static inline void list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

/** The first element, unlinked, or NULL. */
static inline struct list *list_pop(struct list *head)
{
	if (list_empty(head))
		return NULL;
	struct list *first = head->next;
	list_remove(first);
	return first;
}
