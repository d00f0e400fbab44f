/* Features as they are stored, read for tools, without a registry. */
#include "core/registry/internal.h"

static int read_one(struct bytes name, struct bytes record, const uint8_t *secret_key,
		    registry_stored_fn each, void *user)
{
	scoped(feature_dropp) struct full_feature *f = NULL;
	struct registry_config config = {.secret_key = secret_key};
	struct registry_stored stored = {.name = name};
	struct sl_error err = {0};
	int rc = record_read(&config, record, &f, &stored.sealed, &err);
	if (rc == SL_E_NO_MEMORY)
		return rc;
	if (!rc)
		stored.feature = &f->pub;
	stored.why = err.code ? err.text : sl_err_text(rc);
	each(user, &stored);
	return 0;
}

int registry_read_stored(struct store_txn *txn, const uint8_t *secret_key, registry_stored_fn each,
			 void *user)
{
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	struct bytes key, val;
	int rc = store_cursor_open(txn, STORE_FEATURES, &c);
	if (!rc)
		rc = store_seek(c, BYTES(""), &key, &val);
	while (!rc) {
		rc = read_one(key, val, secret_key, each, user);
		if (!rc)
			rc = store_next(c, &key, &val);
	}
	return rc == SL_E_NOT_FOUND ? 0 : rc;
}
