#include "selector/index/pool.h"

#include "core/base/hash.h"
#include "selector/internal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* Numbers from 0, the ones given back first. */
struct numbers {
	uint32_t *back; /* room for `top` of them */
	uint32_t n, cap, top;
};

struct shared {
	struct shared *next;
	uint64_t hash;
	uint32_t id, refs;
	uint32_t key;  /* of a condition: its key's number */
	uint32_t form; /* of a condition: kind and flags */
	struct regex *regex;
	size_t len;
	char text[];
};

struct table {
	struct shared **bucket;
	size_t buckets, n;
	struct numbers numbers;
};

struct selector_pool {
	pthread_mutex_t lock;
	size_t refs; /* the owner and each selector that joined */
	struct table keys, conditions;
	struct numbers selectors;
	size_t patterns;
};

/* ---- numbers ---- */

static int numbers_take(struct numbers *n, uint32_t *ret)
{
	if (n->n) {
		*ret = n->back[--n->n];
		return 0;
	}
	if (n->top == n->cap) { /* so that giving back cannot fail */
		uint32_t cap = n->cap ? n->cap * 2 : 64;
		uint32_t *back = reallocarray(n->back, cap, sizeof(*back));
		if (!back)
			return SL_E_NO_MEMORY;
		n->back = back;
		n->cap = cap;
	}
	*ret = n->top++;
	return 0;
}

static void numbers_give(struct numbers *n, uint32_t id) { n->back[n->n++] = id; }

/* ---- tables ---- */

static int table_grow(struct table *t)
{
	size_t buckets = t->buckets ? t->buckets * 2 : 64;
	struct shared **at = calloc(buckets, sizeof(struct shared *));
	if (!at)
		return SL_E_NO_MEMORY;
	for (size_t i = 0; i < t->buckets; i++)
		for (struct shared *e = t->bucket[i], *next; e; e = next) {
			next = e->next;
			e->next = at[e->hash & (buckets - 1)];
			at[e->hash & (buckets - 1)] = e;
		}
	free(t->bucket);
	t->bucket = at;
	t->buckets = buckets;
	return 0;
}

static int table_add(struct table *t, struct bytes text, uint64_t hash, struct shared **ret)
{
	int rc = t->n == t->buckets ? table_grow(t) : 0;
	struct shared *e = rc ? NULL : malloc(sizeof(*e) + text.len);
	uint32_t id;
	if (!e || numbers_take(&t->numbers, &id)) {
		free(e);
		return SL_E_NO_MEMORY;
	}
	*e = (struct shared){.hash = hash, .id = id, .len = text.len};
	if (text.len)
		memcpy(e->text, text.at, text.len);
	e->next = t->bucket[hash & (t->buckets - 1)];
	t->bucket[hash & (t->buckets - 1)] = e;
	t->n++;
	*ret = e;
	return 0;
}

static void table_drop(struct table *t, struct shared *e)
{
	if (--e->refs)
		return;
	struct shared **at = &t->bucket[e->hash & (t->buckets - 1)];
	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	t->n--;
	numbers_give(&t->numbers, e->id);
	regex_free(e->regex);
	free(e);
}

static int table_find(struct table *t, uint32_t key, uint32_t form, struct bytes text,
		      struct shared **ret)
{
	uint64_t hash = hash_bytes(text, (uint64_t)key << 32 | form);
	struct shared *e = t->buckets ? t->bucket[hash & (t->buckets - 1)] : NULL;
	while (e && !(e->hash == hash && e->key == key && e->form == form &&
		      bytes_eq(bytes_of(e->text, e->len), text)))
		e = e->next;
	if (!e) {
		int rc = table_add(t, text, hash, &e);
		if (rc)
			return rc;
		e->key = key;
		e->form = form;
	}
	e->refs++;
	*ret = e;
	return 0;
}

/* ---- joining ---- */

static void drop_condition(struct selector_pool *p, struct condition *c)
{
	if (c->shared) {
		p->patterns -= c->shared->refs == 1 && c->kind == CONDITION_REGEX;
		table_drop(&p->conditions, c->shared);
	}
	if (c->shared_key)
		table_drop(&p->keys, c->shared_key);
	c->shared = c->shared_key = NULL;
}

/* One compiled pattern for all that are equal. */
static void share_regex(struct selector_pool *p, struct condition *c)
{
	if (!c->shared->regex) {
		c->shared->regex = regex_share(c->regex);
		p->patterns++;
		return;
	}
	regex_free(c->regex);
	c->regex = regex_share(c->shared->regex);
}

static int add_condition(struct selector_pool *p, struct condition *c)
{
	int rc = table_find(&p->keys, 0, 0, c->key, &c->shared_key);
	if (!rc)
		rc = table_find(&p->conditions, c->shared_key->id,
				(uint32_t)c->kind << 16 | c->flags, c->text, &c->shared);
	if (rc)
		return rc;
	c->key_id = c->shared_key->id;
	c->id = c->shared->id;
	if (c->kind == CONDITION_REGEX)
		share_regex(p, c);
	return 0;
}

static int join(struct selector_pool *p, struct selector *s, struct sl_error *err)
{
	int rc = 0;
	for (unsigned i = 0; !rc && i < s->n; i++)
		if (s->condition[i].used)
			rc = add_condition(p, &s->condition[i]);
	if (!rc && p->patterns > SELECTOR_PATTERNS_MAX)
		rc = sl_fail(err, SL_E_BUSY,
			     "with this there would be more than %d different patterns, the "
			     "limit: let plugins share patterns, or compare whole values",
			     SELECTOR_PATTERNS_MAX);
	if (!rc)
		rc = numbers_take(&p->selectors, &s->number);
	for (unsigned i = 0; rc && i < s->n; i++)
		drop_condition(p, &s->condition[i]);
	return rc;
}

int selector_join(struct selector *s, struct selector_pool *pool, const void *owner,
		  struct sl_error *err)
{
	if (s->pool)
		return 0;
	pthread_mutex_lock(&pool->lock);
	int rc = join(pool, s, err);
	if (!rc) {
		pool->refs++;
		s->pool = pool;
		s->owner = owner;
	}
	pthread_mutex_unlock(&pool->lock);
	return rc;
}

/* ---- life ---- */

int selector_pool_create(struct selector_pool **ret)
{
	struct selector_pool *p = calloc(1, sizeof(*p));
	if (!p)
		return SL_E_NO_MEMORY;
	pthread_mutex_init(&p->lock, NULL);
	p->refs = 1;
	*ret = p;
	return 0;
}

/* `lock` is held, and is not when it returns. */
static void drop(struct selector_pool *p)
{
	bool last = --p->refs == 0;
	pthread_mutex_unlock(&p->lock);
	if (!last)
		return;
	pthread_mutex_destroy(&p->lock);
	free(p->keys.bucket);
	free(p->conditions.bucket);
	free(p->keys.numbers.back);
	free(p->conditions.numbers.back);
	free(p->selectors.back);
	free(p);
}

void pool_leave(struct selector_pool *p, struct selector *s)
{
	pthread_mutex_lock(&p->lock);
	for (unsigned i = 0; i < s->n; i++)
		drop_condition(p, &s->condition[i]);
	numbers_give(&p->selectors, s->number);
	drop(p);
}

struct selector_pool *selector_pool_free(struct selector_pool *pool)
{
	if (pool) {
		pthread_mutex_lock(&pool->lock);
		drop(pool);
	}
	return NULL;
}

struct pool_numbers pool_numbers(struct selector_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	struct pool_numbers n = {pool->keys.numbers.top, pool->conditions.numbers.top,
				 pool->selectors.top};
	pthread_mutex_unlock(&pool->lock);
	return n;
}

size_t selector_pool_patterns(struct selector_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	size_t n = pool->patterns;
	pthread_mutex_unlock(&pool->lock);
	return n;
}

uint32_t selector_number(const struct selector *s) { return s->number; }
