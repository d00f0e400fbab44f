#include "selector/index/index.h"

#include "selector/index/parts.h"

#include <stdlib.h>

enum { PART_SMALL = 256, PART_RATIO = 4 };

/* ---- life ---- */

static int make(size_t words, struct selector_index **ret)
{
	struct selector_index *x = calloc(1, sizeof(*x) + words * sizeof(x->alive[0]));
	if (!x)
		return SL_E_NO_MEMORY;
	atomic_init(&x->refs, 1);
	x->words = words;
	*ret = x;
	return 0;
}

int selector_index_create(struct selector_pool *pool, struct selector_index **ret)
{
	int rc = make(0, ret);
	if (!rc)
		(*ret)->pool = pool;
	return rc;
}

struct selector_index *selector_index_share(const struct selector_index *index)
{
	struct selector_index *x = (struct selector_index *)(uintptr_t)index;
	atomic_fetch_add(&x->refs, 1);
	return x;
}

struct selector_index *selector_index_free(struct selector_index *x)
{
	if (!x || atomic_fetch_sub(&x->refs, 1) != 1)
		return NULL;
	for (uint32_t i = 0; i < x->n; i++)
		segment_free(x->part[i].segment);
	free(x);
	return NULL;
}

struct selector_index_view selector_index_view(const struct selector_index *x)
{
	struct selector_index_view v = {.parts = x->n, .bytes = sizeof(*x) + x->words * 8};
	for (uint32_t i = 0; i < x->n; i++) {
		const struct segment *s = x->part[i].segment;
		v.selectors += x->part[i].live;
		v.bytes += segment_size(s);
		for (uint32_t k = 0; k < s->n_always; k++)
			v.always += index_lives(x, s->number[s->always[k]]);
	}
	return v;
}

/* ---- another one ---- */

struct gathered {
	struct selector **at;
	uint32_t n;
};

static void count_living(struct selector_index *x)
{
	for (uint32_t i = 0; i < x->n; i++) {
		const struct segment *s = x->part[i].segment;
		x->part[i].live = 0;
		for (uint32_t k = 0; k < s->n; k++)
			x->part[i].live += index_lives(x, s->number[k]);
	}
}

static void gather(const struct selector_index *x, const struct segment *s, struct gathered *to)
{
	for (uint32_t k = 0; k < s->n; k++)
		if (index_lives(x, s->number[k]))
			to->at[to->n++] = s->selector[k];
}

/* A part stays as it is if it is much larger than what would be made anew, and most of it is
 * still wanted. So there are few parts, and each selector is put into another few times. */
static bool stays(const struct part *p, uint32_t n)
{
	uint32_t least = n * PART_RATIO > PART_SMALL ? n * PART_RATIO : PART_SMALL;
	return p->live >= least && p->live * 2 >= p->segment->n;
}

/* Parts that do not stay are put together with what has come. */
static int put_together(struct selector_index *x, struct gathered *all)
{
	struct part kept[PARTS_MAX];
	uint32_t n = 0;
	bool whole = x->n == PARTS_MAX;
	for (uint32_t i = x->n; i-- > 0;) {
		if (stays(&x->part[i], all->n) && !whole) {
			kept[n++] = x->part[i];
		} else {
			gather(x, x->part[i].segment, all);
			x->gone[x->n_gone++] = x->part[i].segment;
		}
	}
	x->n = 0;
	while (n > 0)
		x->part[x->n++] = kept[--n];
	if (!all->n)
		return 0;
	struct segment *made;
	int rc = segment_build(all->at, all->n, &made);
	if (!rc)
		x->part[x->n++] = (struct part){made, all->n};
	return rc;
}

/* Those that are gone no longer live; what has come is the first that is gathered. */
static void mark(struct selector_index *x, struct selector *const *gone, size_t n_gone,
		 struct selector *const *come, size_t n_come, struct gathered *all)
{
	for (size_t i = 0; i < n_gone; i++)
		if (gone[i]->number / 64 < x->words)
			x->alive[gone[i]->number / 64] &= ~(UINT64_C(1) << gone[i]->number % 64);
	if (n_gone)
		count_living(x);
	for (size_t i = 0; i < n_come; i++)
		all->at[all->n++] = come[i];
}

static void settle(struct selector_index *x, struct pool_numbers top, const struct gathered *all)
{
	for (uint32_t i = 0; i < all->n; i++)
		x->alive[all->at[i]->number / 64] |= UINT64_C(1) << all->at[i]->number % 64;
	x->top = top;
	x->name_lengths = 0;
	for (uint32_t i = 0; i < x->n; i++)
		x->name_lengths |= x->part[i].segment->name_lengths;
}

static void let_go(struct selector_index *x)
{
	while (x->n_gone)
		segment_free(x->gone[--x->n_gone]);
}

int selector_index_change(const struct selector_index *from, struct selector *const *gone,
			  size_t n_gone, struct selector *const *come, size_t n_come,
			  struct selector_index **ret)
{
	struct pool_numbers top = pool_numbers(from->pool);
	scoped(selector_index_freep) struct selector_index *x = NULL;
	size_t most = n_come;
	for (uint32_t i = 0; i < from->n; i++)
		most += from->part[i].segment->n;
	struct gathered all = {.at = calloc(most ? most : 1, sizeof(struct selector *))};
	int rc = all.at ? make((top.selectors + 63) / 64, &x) : SL_E_NO_MEMORY;
	if (!rc) {
		x->pool = from->pool;
		memcpy(x->alive, from->alive, from->words * sizeof(from->alive[0]));
		for (; x->n < from->n; x->n++) {
			x->part[x->n] = from->part[x->n];
			segment_share(x->part[x->n].segment);
		}
		mark(x, gone, n_gone, come, n_come, &all);
		rc = put_together(x, &all);
	}
	if (!rc)
		settle(x, top, &all);
	if (x)
		let_go(x);
	free(all.at);
	if (!rc)
		*ret = take_ptr(&x);
	return rc;
}
