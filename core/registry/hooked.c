/* LifeHooks come and go with their features: in the transaction that stores the feature
 * its LifeHooks become subscribers of the outbox, or end to be some. */
#include "core/registry/internal.h"

#include "core/outbox.h"

static bool has(const struct feature *f, const char *key)
{
	for (uint32_t i = 0; f && i < f->plugins; i++)
		if (strcmp(f->plugin[i].key, key) == 0)
			return true;
	return false;
}

static int come(struct registry_write *w, struct store_txn *txn, const struct plugin *p)
{
	int rc = outbox_subscribe(txn, bytes_str(p->key));
	if (!rc && w->turned_on) /* one that has said it is gone is sent to again */
		rc = outbox_turned_on(txn, bytes_str(p->key));
	return rc;
}

int hooked_apply(struct registry_write *w, struct store_txn *txn)
{
	const struct feature *gone = w->old_feature, *now = w->new_feature;
	int rc = 0;
	for (uint32_t i = 0; !rc && gone && i < gone->plugins; i++)
		if (gone->plugin[i].type == PLUGIN_LIFEHOOK && !has(now, gone->plugin[i].key))
			rc = outbox_unsubscribe(txn, bytes_str(gone->plugin[i].key));
	for (uint32_t i = 0; !rc && now && i < now->plugins; i++)
		if (now->plugin[i].type == PLUGIN_LIFEHOOK)
			rc = come(w, txn, &now->plugin[i]);
	return rc;
}

bool hooked_any(const struct feature *f)
{
	for (uint32_t i = 0; i < f->plugins; i++)
		if (f->plugin[i].type == PLUGIN_LIFEHOOK)
			return true;
	return false;
}
