#include "core/hooks/internal.h"

#include "core/ledger/ledger.h"

static const struct json_limits header_limits = {4 << 20, 64};

int match_create(struct hooks *h)
{
	struct selector_limits limits = {h->config.regex_value_max, SELECTOR_STEPS_MAX};
	scoped(store_abortp) struct store_txn *txn = NULL;
	buf_init(&h->matcher.record, 1 << 16);
	int rc = selector_scratch_create(&limits, &h->matcher.scratch);
	if (!rc)
		rc = store_begin(h->parts.store, STORE_READ, &txn);
	return rc ? rc : feed_newest(txn, &h->matcher.matched);
}

void match_fini(struct hooks *h)
{
	selector_scratch_free(h->matcher.scratch);
	json_fini(&h->matcher.header);
	buf_fini(&h->matcher.record);
}

/* ---- one change ---- */

static void tell_fault(struct hooks *h, const struct feed_entry *e, const char *plugin,
		       const char *why)
{
	char id[UUID_TEXT_SIZE];
	log_line(h->parts.log, LOG_WARN, "hooks", "a LifeHook is not told of a change", "job",
		 uuid_format(e->job, id), "plugin", plugin, "why", why, NULL);
}

static int load_header(struct matcher *m, struct store_txn *txn, struct uuid job)
{
	struct bytes text;
	int rc = ledger_doc(txn, job, PART_HEADER, &text);
	/* The index borrows the text: nothing is put before all selectors were asked. */
	return rc ? rc : json_parse(&m->header, text, &header_limits, NULL);
}

static void touch(struct matcher *m, uint64_t subscriber)
{
	if (m->n && m->number[m->n - 1] == subscriber)
		return;
	if (m->n < TOUCHED_MAX)
		m->number[m->n++] = subscriber;
	else
		m->all = true;
}

static bool listens(const struct plugin *p, const struct feed_entry *e)
{
	return p->feature->enabled && p->states & 1u << e->state;
}

/* A feature that was deleted, and whose registry is still the one in force, has no
 * subscriber any more. */
static int add_for(struct hooks *h, struct store_txn *txn, const struct plugin *plugin,
		   const struct feed_entry *e)
{
	struct outbox_limits limits = hooks_limits(h);
	struct subscriber s;
	int rc = outbox_find(txn, bytes_str(plugin->key), &s);
	if (!rc)
		rc = outbox_add(txn, s.number, e, &limits);
	if (!rc)
		touch(&h->matcher, s.number);
	return rc == SL_E_NOT_FOUND ? 0 : rc;
}

/* What cannot be read of one job or subscriber does not hold up all the others; what the
 * store or memory cannot do fails the transaction. */
static int fatal(struct hooks *h, struct store_txn *txn, const struct feed_entry *e,
		 const struct plugin *plugin, int rc)
{
	if (store_failed(txn))
		return store_failed(txn);
	if (rc == SL_E_NO_MEMORY)
		return rc;
	if (rc)
		tell_fault(h, e, plugin ? plugin->key : "", sl_err_text(rc));
	return 0;
}

struct matching {
	struct hooks *hooks;
	const struct feed_entry *entry;
	struct buf matched; /* plugins */
};

static void found(void *user, const void *owner, enum verdict verdict, const struct sl_error *err)
{
	struct matching *q = user;
	const struct plugin *plugin = owner;
	if (!listens(plugin, q->entry))
		return;
	if (verdict == VERDICT_TRUE)
		buf_add(&q->matched, &plugin, sizeof(plugin));
	else
		tell_fault(q->hooks, q->entry, plugin->key, err->text);
}

static const struct plugin *matched_at(const struct matching *q, size_t i)
{
	const struct plugin *plugin;
	memcpy(&plugin, q->matched.at + i * sizeof(plugin), sizeof(plugin));
	return plugin;
}

static int add_all(struct matching *q, struct store_txn *txn)
{
	int rc = 0;
	for (size_t i = 0; !rc && i < q->matched.len / sizeof(struct plugin *); i++) {
		const struct plugin *plugin = matched_at(q, i);
		rc = fatal(q->hooks, txn, q->entry, plugin,
			   add_for(q->hooks, txn, plugin, q->entry));
	}
	return rc;
}

/* Selectors first, since the header is borrowed from the transaction. */
static int match_entry(struct hooks *h, struct store_txn *txn, const struct feed_entry *e)
{
	struct matching q = {.hooks = h, .entry = e};
	if (!(h->matcher.registry->hook_states & 1u << e->state))
		return 0;
	int rc = load_header(&h->matcher, txn, e->job);
	if (rc)
		return fatal(h, txn, e, NULL, rc);
	buf_init(&q.matched, SIZE_MAX / 2);
	rc = selector_index_match(h->matcher.registry->hooks, h->matcher.scratch,
				  &h->matcher.header, found, &q);
	if (!rc)
		rc = q.matched.rc;
	if (!rc)
		rc = add_all(&q, txn);
	buf_fini(&q.matched);
	return rc;
}

/* ---- one transaction ---- */

struct reading {
	struct hooks *hooks;
	struct feed_entry entry;
	bool found;
	int rc;
};

/* A copy of the next entry: it must outlive what is put. */
static bool take_entry(void *user, const struct feed_entry *e)
{
	struct reading *r = user;
	struct buf *record = &r->hooks->matcher.record;
	buf_reset(record);
	feed_encode(e, record);
	r->rc = record->rc ? record->rc : feed_decode(buf_bytes(record), &r->entry);
	r->entry.number = e->number;
	r->found = true;
	return false;
}

static int match_next(struct hooks *h, struct store_txn *txn)
{
	struct reading r = {.hooks = h};
	int rc = feed_read(txn, h->matcher.matching, take_entry, &r);
	if (!rc)
		rc = r.rc;
	if (!rc && r.found)
		rc = match_entry(h, txn, &r.entry);
	h->matcher.matching++;
	return rc;
}

int match_before_commit(void *user, struct store_txn *txn)
{
	struct hooks *h = user;
	struct matcher *m = &h->matcher;
	uint64_t newest;
	int rc = feed_newest(txn, &newest);
	if (rc)
		return rc;
	m->matching = m->matched;
	m->n = 0;
	m->all = false;
	if (newest <= m->matched)
		return 0;
	m->registry = registry_take(h->parts.registry);
	while (!rc && m->registry->hook_states && m->matching < newest)
		rc = match_next(h, txn);
	m->matching = newest;
	m->registry = registry_drop(m->registry);
	return rc;
}

void match_after_commit(void *user)
{
	struct hooks *h = user;
	struct matcher *m = &h->matcher;
	bool moved = m->matching > m->matched;
	m->matched = m->matching;
	if (m->n || m->all) {
		struct touched *t = &h->touched;
		pthread_mutex_lock(&t->lock);
		t->all |= m->all || t->n + m->n > TOUCHED_MAX;
		for (size_t i = 0; i < m->n && t->n < TOUCHED_MAX; i++)
			t->number[t->n++] = m->number[i];
		pthread_mutex_unlock(&t->lock);
		h->parts.executor->ops->wake(h->parts.executor);
	}
	if (moved && h->parts.moved)
		h->parts.moved(h->parts.user);
}
