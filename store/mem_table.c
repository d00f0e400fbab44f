#include "store/mem_table.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { LEAF_MAX = 64 };

struct entry {
	struct mem_entry pair; /* first: a mem_entry is an entry */
	atomic_uint refs;
	char data[];
};

struct leaf {
	atomic_uint refs;
	unsigned n; /* never 0 in a table */
	struct entry *at[LEAF_MAX];
};

struct mem_table {
	atomic_uint refs;
	size_t n, cap;
	struct leaf **leaf;
};

size_t mem_table_count(const struct mem_table *t)
{
	size_t n = 0;
	for (size_t i = 0; t && i < t->n; i++)
		n += t->leaf[i]->n;
	return n;
}

/* ---- references ---- */

static bool last_ref(atomic_uint *refs) { return atomic_fetch_sub(refs, 1) == 1; }

static void entry_unref(struct entry *e)
{
	if (last_ref(&e->refs))
		free(e);
}

static void leaf_unref(struct leaf *l)
{
	if (!last_ref(&l->refs))
		return;
	for (unsigned i = 0; i < l->n; i++)
		entry_unref(l->at[i]);
	free(l);
}

struct mem_table *mem_table_ref(struct mem_table *t)
{
	if (t)
		atomic_fetch_add(&t->refs, 1);
	return t;
}

struct mem_table *mem_table_unref(struct mem_table *t)
{
	if (!t || !last_ref(&t->refs))
		return NULL;
	for (size_t i = 0; i < t->n; i++)
		leaf_unref(t->leaf[i]);
	free(t->leaf);
	free(t);
	return NULL;
}

static struct entry *entry_create(struct bytes key, struct bytes val)
{
	struct entry *e = malloc(sizeof(*e) + key.len + val.len);
	if (!e)
		return NULL;
	atomic_init(&e->refs, 1);
	memcpy(e->data, key.at, key.len);
	if (val.len)
		memcpy(e->data + key.len, val.at, val.len);
	e->pair.key = bytes_of(e->data, key.len);
	e->pair.val = bytes_of(e->data + key.len, val.len);
	return e;
}

static struct leaf *leaf_create(void)
{
	struct leaf *l = calloc(1, sizeof(*l));
	if (l)
		atomic_init(&l->refs, 1);
	return l;
}

static struct mem_table *table_create(size_t cap)
{
	struct mem_table *t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	atomic_init(&t->refs, 1);
	t->cap = cap;
	t->leaf = calloc(cap, sizeof(struct leaf *));
	return t->leaf ? t : mem_table_unref(t);
}

/* ---- looking ---- */

/** The leaf that holds `key` or would. */
static size_t leaf_for(const struct mem_table *t, struct bytes key)
{
	size_t lo = 0, hi = t->n;
	while (hi - lo > 1) {
		size_t mid = (lo + hi) / 2;
		if (bytes_cmp(t->leaf[mid]->at[0]->pair.key, key) <= 0)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

/** The first entry of the leaf that is not before `key`; its `n` when all are. */
static unsigned slot_for(const struct leaf *l, struct bytes key)
{
	unsigned lo = 0, hi = l->n;
	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;
		if (bytes_cmp(l->at[mid]->pair.key, key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

const struct mem_entry *mem_table_find(const struct mem_table *t, enum mem_where where,
				       struct bytes key)
{
	if (!t || t->n == 0)
		return NULL;
	const struct leaf *last = t->leaf[t->n - 1];
	if (where == MEM_FIRST)
		return &t->leaf[0]->at[0]->pair;
	if (where == MEM_LAST)
		return &last->at[last->n - 1]->pair;
	size_t i = leaf_for(t, key);
	unsigned j = slot_for(t->leaf[i], key);
	bool there = j < t->leaf[i]->n && bytes_eq(t->leaf[i]->at[j]->pair.key, key);
	if (where == MEM_AT)
		return there ? &t->leaf[i]->at[j]->pair : NULL;
	if (where == MEM_BEFORE) {
		if (j > 0)
			return &t->leaf[i]->at[j - 1]->pair;
		return i > 0 ? &t->leaf[i - 1]->at[t->leaf[i - 1]->n - 1]->pair : NULL;
	}
	if (where == MEM_AFTER && there)
		j++;
	if (j < t->leaf[i]->n)
		return &t->leaf[i]->at[j]->pair;
	return i + 1 < t->n ? &t->leaf[i + 1]->at[0]->pair : NULL;
}

/* ---- changing ---- */

/** Make `*table` ours alone, with room for one more leaf. */
static int own_table(struct mem_table **table)
{
	struct mem_table *t = *table;
	if (t && atomic_load(&t->refs) == 1 && t->n < t->cap)
		return 0;
	struct mem_table *copy = table_create(t ? t->n + t->n / 2 + 4 : 4);
	if (!copy)
		return SL_E_NO_MEMORY;
	for (; t && copy->n < t->n; copy->n++) {
		copy->leaf[copy->n] = t->leaf[copy->n];
		atomic_fetch_add(&copy->leaf[copy->n]->refs, 1);
	}
	mem_table_unref(t);
	*table = copy;
	return 0;
}

static int own_leaf(struct leaf **leaf)
{
	struct leaf *l = *leaf;
	if (atomic_load(&l->refs) == 1)
		return 0;
	struct leaf *copy = leaf_create();
	if (!copy)
		return SL_E_NO_MEMORY;
	for (; copy->n < l->n; copy->n++) {
		copy->at[copy->n] = l->at[copy->n];
		atomic_fetch_add(&copy->at[copy->n]->refs, 1);
	}
	leaf_unref(l);
	*leaf = copy;
	return 0;
}

static void insert_leaf(struct mem_table *t, size_t i, struct leaf *l)
{
	memmove(&t->leaf[i + 1], &t->leaf[i], (t->n - i) * sizeof(struct leaf *));
	t->leaf[i] = l;
	t->n++;
}

/** Halve a full leaf; both must be ours and the table must have room. */
static int split(struct mem_table *t, size_t i)
{
	struct leaf *left = t->leaf[i], *right = leaf_create();
	if (!right)
		return SL_E_NO_MEMORY;
	right->n = left->n / 2;
	left->n -= right->n;
	memcpy(right->at, &left->at[left->n], right->n * sizeof(struct entry *));
	insert_leaf(t, i + 1, right);
	return 0;
}

static int insert(struct mem_table *t, struct entry *e)
{
	if (t->n == 0) {
		struct leaf *l = leaf_create();
		if (!l)
			return SL_E_NO_MEMORY;
		l->at[l->n++] = e;
		insert_leaf(t, 0, l);
		return 0;
	}
	size_t i = leaf_for(t, e->pair.key);
	int rc = own_leaf(&t->leaf[i]);
	if (!rc && t->leaf[i]->n == LEAF_MAX)
		rc = split(t, i);
	if (rc)
		return rc;
	struct leaf *l = t->leaf[leaf_for(t, e->pair.key)];
	unsigned j = slot_for(l, e->pair.key);
	if (j < l->n && bytes_eq(l->at[j]->pair.key, e->pair.key)) {
		entry_unref(l->at[j]);
	} else {
		memmove(&l->at[j + 1], &l->at[j], (l->n - j) * sizeof(struct entry *));
		l->n++;
	}
	l->at[j] = e;
	return 0;
}

int mem_table_put(struct mem_table **table, struct bytes key, struct bytes val)
{
	struct entry *e = entry_create(key, val);
	if (!e)
		return SL_E_NO_MEMORY;
	int rc = own_table(table);
	if (!rc)
		rc = insert(*table, e);
	if (rc)
		entry_unref(e);
	return rc;
}

int mem_table_del(struct mem_table **table, struct bytes key)
{
	if (!mem_table_find(*table, MEM_AT, key))
		return 0;
	int rc = own_table(table);
	if (rc)
		return rc;
	struct mem_table *t = *table;
	size_t i = leaf_for(t, key);
	rc = own_leaf(&t->leaf[i]);
	if (rc)
		return rc;
	struct leaf *l = t->leaf[i];
	unsigned j = slot_for(l, key);
	entry_unref(l->at[j]);
	memmove(&l->at[j], &l->at[j + 1], (--l->n - j) * sizeof(struct entry *));
	if (l->n == 0) {
		leaf_unref(l);
		memmove(&t->leaf[i], &t->leaf[i + 1], (--t->n - i) * sizeof(struct leaf *));
	}
	return 0;
}
