/* One generation of the registry: what is registered, in its orders, and the indexes by which
 * a job's plugins are found. Made from the one before by merging in what has come; features
 * are owned in blocks that generations share, so that a change of one of ten thousand is a
 * few copies of arrays. */
#include "core/base/hash.h"
#include "core/registry/internal.h"

#include <stdlib.h>

struct block {
	atomic_size_t refs;
	size_t n;
	struct full_feature *at[];
};

/* What a generation is made of. */
struct making {
	struct registry *r;
	struct store_txn *txn;
	const struct generation *from; /* or NULL */
	const struct feature *gone;    /* or NULL */
	struct full_feature *const *come;
	size_t n;
	struct generation *g;
};

/* ---- owning features ---- */

static size_t block_of(const struct feature *f)
{
	return hash_bytes(bytes_str(f->name), 0) % BLOCKS;
}

static void block_drop(struct block *b)
{
	if (!b || atomic_fetch_sub(&b->refs, 1) != 1)
		return;
	for (size_t i = 0; i < b->n; i++)
		feature_drop(b->at[i]);
	free(b);
}

static void block_fill(struct block *b, struct making *m, size_t which, const struct block *old)
{
	for (size_t i = 0; old && i < old->n; i++)
		if (&old->at[i]->pub != m->gone)
			b->at[b->n++] = feature_share(&old->at[i]->pub);
	for (size_t i = 0; i < m->n; i++)
		if (block_of(&m->come[i]->pub) == which)
			b->at[b->n++] = feature_share(&m->come[i]->pub);
}

static int make_block(struct making *m, size_t which, size_t come)
{
	struct block *old = m->from ? m->from->block[which] : NULL;
	bool changed = come || (m->gone && block_of(m->gone) == which);
	if (!changed) {
		m->g->block[which] = old;
		if (old)
			atomic_fetch_add(&old->refs, 1);
		return 0;
	}
	size_t most = (old ? old->n : 0) + come;
	struct block *b = malloc(sizeof(*b) + most * sizeof(b->at[0]));
	if (!b)
		return SL_E_NO_MEMORY;
	atomic_init(&b->refs, 1);
	b->n = 0;
	block_fill(b, m, which, old);
	m->g->block[which] = b;
	return 0;
}

static int make_blocks(struct making *m)
{
	size_t come[BLOCKS] = {0};
	int rc = 0;
	for (size_t i = 0; i < m->n; i++)
		come[block_of(&m->come[i]->pub)]++;
	for (size_t which = 0; !rc && which < BLOCKS; which++)
		rc = make_block(m, which, come[which]);
	return rc;
}

/* ---- by name ---- */

static int by_name(const void *a, const void *b)
{
	const struct feature *const *x = a, *const *y = b;
	return strcmp((*x)->name, (*y)->name);
}

static int make_names(struct making *m)
{
	size_t old = m->from ? m->from->pub.features : 0, n = 0, next = 0;
	const struct feature **come = calloc(m->n + 1, sizeof(struct feature *));
	const struct feature **all = calloc(old + m->n + 1, sizeof(struct feature *));
	m->g->pub.feature = all;
	if (!come || !all) {
		free(come);
		return SL_E_NO_MEMORY;
	}
	for (size_t i = 0; i < m->n; i++)
		come[i] = &m->come[i]->pub;
	qsort(come, m->n, sizeof(struct feature *), by_name);
	for (size_t i = 0; i < old; i++) {
		const struct feature *f = m->from->pub.feature[i];
		while (next < m->n && strcmp(come[next]->name, f->name) < 0)
			all[n++] = come[next++];
		if (f != m->gone)
			all[n++] = f;
	}
	while (next < m->n)
		all[n++] = come[next++];
	free(come);
	m->g->pub.features = n;
	return 0;
}

/* ---- in order of execution ---- */

static int by_rank(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return strcmp(x->plugin->key, y->plugin->key);
}

static struct ranked ranked_of(struct making *m, const struct plugin *p)
{
	return (struct ranked){p, order_rank(m->txn, p->type, p->key),
			       selector_number(p->selector)};
}

/* Those of the type that have come, in their order. */
static int rank_come(struct making *m, enum plugin_type type, struct ranked **ret, size_t *ret_n)
{
	size_t n = 0;
	for (size_t i = 0; i < m->n; i++)
		for (uint32_t k = 0; k < m->come[i]->pub.plugins; k++)
			n += m->come[i]->pub.plugin[k].type == type;
	struct ranked *come = calloc(n + 1, sizeof(*come));
	if (!come)
		return SL_E_NO_MEMORY;
	*ret_n = n;
	n = 0;
	for (size_t i = 0; i < m->n; i++)
		for (uint32_t k = 0; k < m->come[i]->pub.plugins; k++)
			if (m->come[i]->pub.plugin[k].type == type)
				come[n++] = ranked_of(m, &m->come[i]->pub.plugin[k]);
	qsort(come, n, sizeof(*come), by_rank);
	*ret = come;
	return 0;
}

/* What stays and what has come, both in order. */
static size_t merge(const struct making *m, enum plugin_type type, const struct ranked *come,
		    size_t n_come, struct ranked *to)
{
	size_t old = m->from ? m->from->pub.count[type] : 0, n = 0, next = 0;
	for (size_t i = 0; i < old; i++) {
		const struct ranked *r = &m->from->ranked[type][i];
		while (next < n_come && by_rank(&come[next], r) < 0)
			to[n++] = come[next++];
		if (!m->gone || r->plugin->feature != m->gone)
			to[n++] = *r;
	}
	while (next < n_come)
		to[n++] = come[next++];
	return n;
}

/* Nothing has come or gone: the order itself is another one. */
static void rank_again(struct making *m, struct ranked *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		all[i] = ranked_of(m, all[i].plugin);
	qsort(all, n, sizeof(*all), by_rank);
}

static int make_type(struct making *m, enum plugin_type type)
{
	struct ranked *come;
	size_t n_come, old = m->from ? m->from->pub.count[type] : 0;
	int rc = rank_come(m, type, &come, &n_come);
	if (rc)
		return rc;
	struct ranked *all = calloc(old + n_come + 1, sizeof(*all));
	const struct plugin **ordered = calloc(old + n_come + 1, sizeof(struct plugin *));
	m->g->ranked[type] = all;
	m->g->pub.ordered[type] = ordered;
	if (all && ordered) {
		size_t n = merge(m, type, come, n_come, all);
		if (!m->gone && !m->n)
			rank_again(m, all, n);
		for (size_t i = 0; i < n; i++)
			ordered[i] = all[i].plugin;
		m->g->pub.count[type] = n;
	}
	free(come);
	return all && ordered ? 0 : SL_E_NO_MEMORY;
}

static int make_places(struct generation *g)
{
	uint32_t most = 0;
	for (int type = 0; type < PLUGIN_TYPES; type++)
		for (size_t i = 0; i < g->pub.count[type]; i++)
			if (g->ranked[type][i].number >= most)
				most = g->ranked[type][i].number + 1;
	uint32_t *place = calloc(most + 1, sizeof(*place));
	g->pub.place = place;
	g->pub.places = most;
	if (!place)
		return SL_E_NO_MEMORY;
	for (int type = 0; type < PLUGIN_TYPES; type++)
		for (size_t i = 0; i < g->pub.count[type]; i++)
			place[g->ranked[type][i].number] = (uint32_t)i + 1;
	return 0;
}

/* ---- how a job's are found ---- */

static bool is_hook(const struct plugin *p) { return p->type == PLUGIN_LIFEHOOK; }

/* Selectors of an enabled feature, of its LifeHooks or of all others. */
static size_t add_selectors(const struct feature *f, bool hooks, struct selector **to)
{
	size_t n = 0;
	for (uint32_t i = 0; f && f->enabled && i < f->plugins; i++)
		if (is_hook(&f->plugin[i]) == hooks)
			to[n++] = f->plugin[i].selector;
	return n;
}

static int make_index(struct making *m, bool hooks)
{
	struct selector *gone[FEATURE_PLUGINS_MAX];
	size_t most = 0, n = 0, n_gone = add_selectors(m->gone, hooks, gone);
	const struct selector_index *old = NULL;
	struct selector_index *made = NULL;
	scoped(selector_index_freep) struct selector_index *none = NULL;
	for (size_t i = 0; i < m->n; i++)
		most += m->come[i]->pub.plugins;
	struct selector **come = calloc(most + 1, sizeof(struct selector *));
	int rc = come ? 0 : SL_E_NO_MEMORY;
	for (size_t i = 0; !rc && i < m->n; i++)
		n += add_selectors(&m->come[i]->pub, hooks, come + n);
	if (!rc && !m->from)
		rc = selector_index_create(m->r->pool, &none);
	if (!rc)
		old = !m->from ? none : hooks ? m->from->pub.hooks : m->from->pub.stages;
	if (!rc && (n || n_gone))
		rc = selector_index_change(old, gone, n_gone, come, n, &made);
	else if (!rc)
		made = selector_index_share(old);
	free(come);
	if (!rc)
		*(hooks ? &m->g->pub.hooks : &m->g->pub.stages) = made;
	return rc;
}

static void note_states(struct generation *g)
{
	for (size_t i = 0; i < g->pub.count[PLUGIN_LIFEHOOK]; i++)
		if (g->pub.ordered[PLUGIN_LIFEHOOK][i]->feature->enabled)
			g->pub.hook_states |= g->pub.ordered[PLUGIN_LIFEHOOK][i]->states;
}

/* ---- the whole ---- */

int feature_join(struct registry *r, struct full_feature *f, struct sl_error *err)
{
	int rc = 0;
	for (uint32_t i = 0; !rc && i < f->pub.plugins; i++)
		rc = selector_join(f->pub.plugin[i].selector, r->pool, &f->pub.plugin[i], err);
	return rc;
}

static int make(struct making *m)
{
	int rc = 0;
	for (size_t i = 0; !rc && i < m->n; i++)
		rc = feature_join(m->r, m->come[i], NULL);
	if (!rc)
		rc = make_blocks(m);
	if (!rc)
		rc = make_names(m);
	for (int type = 0; !rc && type < PLUGIN_TYPES; type++)
		rc = make_type(m, (enum plugin_type)type);
	if (!rc)
		rc = make_places(m->g);
	if (!rc)
		rc = make_index(m, false);
	if (!rc)
		rc = make_index(m, true);
	if (!rc)
		note_states(m->g);
	return rc;
}

int generation_make(struct registry *r, const struct registry_ref *from, const struct feature *gone,
		    struct full_feature *const *come, size_t n, uint64_t number,
		    struct generation **ret)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct generation *g = calloc(1, sizeof(*g));
	if (!g)
		return SL_E_NO_MEMORY;
	atomic_init(&g->refs, 1);
	g->pub.generation = number;
	struct making m = {.r = r,
			   .from = from ? container_of(from, struct generation, pub) : NULL,
			   .gone = gone,
			   .come = come,
			   .n = n,
			   .g = g};
	int rc = store_begin(r->store, STORE_READ, &txn);
	m.txn = txn;
	if (!rc)
		rc = make(&m);
	if (rc)
		generation_free(g);
	else
		*ret = g;
	return rc;
}

struct generation *generation_free(struct generation *g)
{
	if (!g)
		return NULL;
	selector_index_free((struct selector_index *)(uintptr_t)g->pub.stages);
	selector_index_free((struct selector_index *)(uintptr_t)g->pub.hooks);
	for (int type = 0; type < PLUGIN_TYPES; type++) {
		free((void *)g->pub.ordered[type]);
		free(g->ranked[type]);
	}
	free((void *)(uintptr_t)g->pub.place);
	free((void *)g->pub.feature);
	for (size_t i = 0; i < BLOCKS; i++)
		block_drop(g->block[i]);
	free(g);
	return NULL;
}
