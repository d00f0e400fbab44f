#include "core/base/crash.h"
#include "core/registry/internal.h"

#include <stdlib.h>
#include <time.h>

enum { PUBLISH_TRIES = 20, PUBLISH_PAUSE_NS = 10000000 };

/* ---- generations ---- */

const struct registry_ref *registry_take(struct registry *r)
{
	pthread_mutex_lock(&r->lock);
	struct generation *g = r->current;
	atomic_fetch_add(&g->refs, 1);
	pthread_mutex_unlock(&r->lock);
	return &g->pub;
}

const struct registry_ref *registry_share(const struct registry_ref *ref)
{
	struct generation *g = container_of(ref, struct generation, pub);
	atomic_fetch_add(&g->refs, 1);
	return ref;
}

const struct registry_ref *registry_drop(const struct registry_ref *ref)
{
	if (ref) {
		struct generation *g = container_of(ref, struct generation, pub);
		if (atomic_fetch_sub(&g->refs, 1) == 1)
			generation_free(g);
	}
	return NULL;
}

static void publish(struct registry *r, struct generation *g)
{
	pthread_mutex_lock(&r->lock);
	struct generation *old = r->current;
	r->current = g;
	pthread_mutex_unlock(&r->lock);
	if (old)
		registry_drop(&old->pub);
	if (r->told)
		r->told(r->told_user);
}

void registry_tell(struct registry *r, void (*told)(void *user), void *user)
{
	pthread_mutex_lock(&r->changing);
	r->told = told;
	r->told_user = user;
	pthread_mutex_unlock(&r->changing);
}

/* `with` is moved. */
static int replace(struct registry *r, const struct registry_ref *now,
		   const struct feature *replaced, struct full_feature *with, uint64_t number,
		   struct generation **ret)
{
	int rc = with ? override_load(r, with) : 0;
	if (!rc)
		rc = generation_make(r, now, replaced, &with, with != NULL, number, ret);
	feature_drop(with);
	return rc;
}

/* What is stored must come into force: a moment without memory is waited for. Longer ones are
 * told, and the same request again mends it. */
int registry_publish(struct registry *r, const struct feature *replaced, struct full_feature *with)
{
	scoped(feature_dropp) struct full_feature *keep = with;
	struct generation *g;
	const struct registry_ref *now = &r->current->pub; /* `changing` is held */
	int rc = SL_E_NO_MEMORY;
	for (int i = 0; i < PUBLISH_TRIES && rc == SL_E_NO_MEMORY; i++) {
		const struct timespec pause = {.tv_nsec = i * PUBLISH_PAUSE_NS};
		nanosleep(&pause, NULL);
		struct full_feature *again = keep ? feature_share(&keep->pub) : NULL;
		rc = replace(r, now, replaced, again, now->generation + 1, &g);
	}
	if (!rc)
		publish(r, g);
	crash_at(CRASH_FEATURE_PUBLISHED);
	return rc;
}

int registry_imagine(struct registry *r, const struct registry_ref *now,
		     const struct feature *replaced, struct full_feature *with,
		     const struct registry_ref **ret)
{
	struct generation *g;
	int rc = replace(r, now, replaced, with, now ? now->generation : 0, &g);
	if (!rc)
		*ret = &g->pub;
	return rc;
}

/* ---- look-ups ---- */

const struct feature *registry_feature(const struct registry_ref *ref, struct bytes name)
{
	size_t low = 0, high = ref->features;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = bytes_cmp(bytes_str(ref->feature[mid]->name), name);
		if (c == 0)
			return ref->feature[mid];
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

const struct plugin *registry_plugin(const struct registry_ref *ref, struct bytes key)
{
	/* <type>.<feature>.<author>...: the feature's name is its second part. */
	const char *at = key.at, *end = at + key.len;
	const char *name = key.len ? memchr(at, '.', key.len) : NULL;
	const char *stop = name ? memchr(name + 1, '.', (size_t)(end - name - 1)) : NULL;
	if (!stop)
		return NULL;
	const struct feature *f =
		registry_feature(ref, bytes_of(name + 1, (size_t)(stop - name - 1)));
	for (uint32_t i = 0; f && i < f->plugins; i++)
		if (bytes_is(key, f->plugin[i].key))
			return &f->plugin[i];
	return NULL;
}

size_t registry_sequence(const struct registry_ref *ref, const struct plugin *plugin)
{
	uint32_t number = selector_number(plugin->selector);
	size_t place = number < ref->places ? ref->place[number] : 0;
	bool here = place && place <= ref->count[plugin->type] &&
		    ref->ordered[plugin->type][place - 1] == plugin;
	return here ? place : 0;
}

/* ---- writing ---- */

static int apply(struct write *w, struct store_txn *txn)
{
	struct registry_write *q = container_of(w, struct registry_write, write);
	q->cleared = false;
	if (q->overridden.len) {
		int bad = override_write(q, txn);
		bool changed = q->override->set || q->cleared;
		return bad || !changed ? bad : recorded_apply(q->recorded, txn);
	}
	int rc = recorded_apply(q->recorded, txn);
	if (!rc)
		rc = order_apply(q, txn);
	if (!rc)
		rc = hooked_apply(q, txn);
	if (rc || !q->touches_feature)
		return rc;
	if (q->record.len)
		store_put(txn, STORE_FEATURES, q->name, q->record);
	else
		store_del(txn, STORE_FEATURES, q->name);
	crash_at(CRASH_FEATURE_APPLIED);
	return 0;
}

int registry_write(struct registry *r, struct registry_write *w, struct sl_error *err)
{
	w->write.apply = apply;
	crash_at(CRASH_FEATURE_UNWRITTEN);
	int rc = writer_run(r->writer, &w->write);
	crash_at(CRASH_FEATURE_WRITTEN);
	return rc ? sl_fail(err, (enum sl_err)rc, "the change could not be stored: %s",
			    sl_err_text(rc))
		  : 0;
}

/* ---- life ---- */

struct loading {
	struct full_feature **list;
	size_t n, cap;
};

static void drop_list(struct loading *q)
{
	for (size_t i = 0; i < q->n; i++)
		feature_drop(q->list[i]);
	free(q->list);
}

static int add_loaded(struct loading *q, struct full_feature *f)
{
	if (q->n == q->cap) {
		size_t cap = q->cap ? q->cap * 2 : 64;
		struct full_feature **list =
			reallocarray(q->list, cap, sizeof(struct full_feature *));
		if (!list) {
			feature_drop(f);
			return SL_E_NO_MEMORY;
		}
		q->list = list;
		q->cap = cap;
	}
	q->list[q->n++] = f;
	return 0;
}

static int load_all(struct registry *r, struct loading *q, struct sl_error *err)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	struct bytes key, val;
	int rc = store_begin(r->store, STORE_READ, &txn);
	if (!rc)
		rc = store_cursor_open(txn, STORE_FEATURES, &c);
	if (rc)
		return rc;
	for (rc = store_seek(c, BYTES(""), &key, &val); rc == 0; rc = store_next(c, &key, &val)) {
		struct full_feature *f;
		bool sealed;
		rc = record_read(&r->config, val, &f, &sealed, err);
		if (!rc)
			override_apply(txn, f);
		if (!rc)
			rc = add_loaded(q, f);
		if (rc)
			return sl_wrap(err, rc, "feature %.*s: ", BYTES_FMT(key));
	}
	return rc == SL_E_NOT_FOUND ? 0 : rc;
}

void registry_reconfigure(struct registry *r, uint32_t timeout_ms, uint32_t retries)
{
	__atomic_store_n(&r->config.timeout_ms, timeout_ms, __ATOMIC_RELAXED);
	__atomic_store_n(&r->config.retries, retries, __ATOMIC_RELAXED);
}

int registry_create(const struct registry_config *config, struct store *store,
		    struct writer *writer, const struct clock *clock, struct registry **ret,
		    struct sl_error *err)
{
	scoped(registry_freep) struct registry *r = calloc(1, sizeof(*r));
	struct loading q = {0};
	if (!r)
		return SL_E_NO_MEMORY;
	r->config = *config;
	r->store = store;
	r->writer = writer;
	r->clock = clock;
	pthread_mutex_init(&r->changing, NULL);
	pthread_mutex_init(&r->lock, NULL);
	int rc = selector_pool_create(&r->pool);
	if (!rc)
		rc = load_all(r, &q, err);
	if (!rc)
		rc = generation_make(r, NULL, NULL, q.list, q.n, 1, &r->current);
	drop_list(&q);
	if (rc) {
		return err && err->code ? rc : sl_fail(err, (enum sl_err)rc, "%s", sl_err_text(rc));
	}
	*ret = take_ptr(&r);
	return 0;
}

struct registry *registry_free(struct registry *r)
{
	if (!r)
		return NULL;
	if (r->current)
		registry_drop(&r->current->pub);
	selector_pool_free(r->pool);
	pthread_mutex_destroy(&r->changing);
	pthread_mutex_destroy(&r->lock);
	free(r);
	return NULL;
}
