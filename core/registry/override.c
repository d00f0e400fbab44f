/* What the operator sets in place of what is registered of a plugin: kept by the plugin's
 * key beside the execution order (ORDER 'o'+key), so it outlives every registration. */
#include "core/registry/internal.h"

#include "core/wire.h"

struct override_key {
	uint8_t at[1 + PLUGIN_KEY_MAX];
	size_t len;
};

static struct override_key key_of(struct bytes plugin)
{
	struct override_key k = {.at = {'o'}, .len = 1};
	plugin = bytes_cut(plugin, PLUGIN_KEY_MAX);
	memcpy(k.at + 1, plugin.at, plugin.len);
	k.len += plugin.len;
	return k;
}

static bool read_one(struct store_txn *txn, struct bytes plugin, struct plugin_override *ret)
{
	struct override_key k = key_of(plugin);
	struct bytes value;
	if (store_get(txn, STORE_ORDER, bytes_of(k.at, k.len), &value))
		return false;
	struct wire w = wire_of(value);
	struct plugin_override o = {.set = (unsigned)wire_get(&w, 1)};
	o.timeout_ms = (uint32_t)wire_get(&w, 4);
	o.retries = (uint32_t)wire_get(&w, 4);
	o.in_flight_max = (uint32_t)wire_get(&w, 4);
	o.policy = (enum failure_policy)wire_get(&w, 1);
	if (w.bad || o.policy > FAILURE_IGNORE)
		return false;
	*ret = o;
	return true;
}

static void apply_one(struct plugin *p, const struct plugin_override *o)
{
	p->override = *o;
	if (o->set & OVERRIDE_TIMEOUT)
		p->timeout_ms = o->timeout_ms;
	if (o->set & OVERRIDE_RETRIES)
		p->retries = o->retries;
	if (o->set & OVERRIDE_IN_FLIGHT)
		p->in_flight_max = o->in_flight_max;
	if (o->set & OVERRIDE_POLICY)
		p->policy = o->policy;
}

void override_apply(struct store_txn *txn, struct full_feature *f)
{
	struct plugin_override o;
	for (uint32_t i = 0; i < f->pub.plugins; i++)
		if (read_one(txn, bytes_str(f->pub.plugin[i].key), &o))
			apply_one(&f->pub.plugin[i], &o);
}

int override_load(struct registry *r, struct full_feature *f)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	int rc = store_begin(r->store, STORE_READ, &txn);
	if (!rc)
		override_apply(txn, f);
	return rc;
}

int override_write(struct registry_write *w, struct store_txn *txn)
{
	struct override_key k = key_of(w->overridden);
	const struct plugin_override *o = w->override;
	scoped(buf_finip) struct buf value = {0};
	struct bytes key = bytes_of(k.at, k.len), old;
	if (!o->set) {
		int rc = store_get(txn, STORE_ORDER, key, &old);
		if (rc)
			return rc == SL_E_NOT_FOUND ? 0 : rc;
		w->cleared = true;
		store_del(txn, STORE_ORDER, key);
		return 0;
	}
	buf_init(&value, 64);
	wire_put(&value, o->set, 1);
	wire_put(&value, o->timeout_ms, 4);
	wire_put(&value, o->retries, 4);
	wire_put(&value, o->in_flight_max, 4);
	wire_put(&value, o->policy, 1);
	store_put_buf(txn, STORE_ORDER, key, &value);
	return value.rc;
}

/* As for what is registered. */
static int check_policy(const struct plugin *p, const struct plugin_override *o,
			struct sl_error *err)
{
	bool must = p->type == PLUGIN_TRANSLATOR || p->type == PLUGIN_BINDER;
	if (!(o->set & OVERRIDE_POLICY))
		return 0;
	if (p->type == PLUGIN_LIFEHOOK)
		return sl_fail(err, SL_E_INVALID, "failurePolicy: a LifeHook has none");
	if (must && o->policy == FAILURE_IGNORE)
		return sl_fail(err, SL_E_INVALID, "failurePolicy: a %s cannot be ignored",
			       plugin_type_name(p->type));
	return 0;
}

static int override_locked(struct registry *r, struct bytes key, const struct plugin_override *o,
			   const struct feature_caller *caller, struct json_object **payload,
			   struct sl_error *err)
{
	scoped(registry_dropp) const struct registry_ref *now = registry_take(r);
	scoped(feature_dropp) struct full_feature *copy = NULL;
	const struct plugin *p = registry_plugin(now, key);
	struct registry_write w = {.overridden = key, .override = o};
	if (p && caller->author.len && !bytes_is(caller->author, p->feature->author))
		return sl_fail(err, SL_E_DENIED, "this token changes features of %.*s only",
			       BYTES_FMT(caller->author));
	if (!p && (o->set || caller->author.len || key.len > PLUGIN_KEY_MAX))
		return sl_fail(err, SL_E_NOT_FOUND, "there is no plugin %.*s",
			       BYTES_FMT(bytes_cut(key, 200)));
	int rc = p ? check_policy(p, o, err) : 0;
	if (!rc && p)
		rc = feature_copy(&r->config, p->feature, &copy);
	if (rc)
		return err && err->code ? rc : sl_fail(err, (enum sl_err)rc, "%s", sl_err_text(rc));
	struct recorded recorded;
	recorded_make(&recorded, r, caller, "plugin.override", key,
		      p && p->override.set ? override_show(&p->override) : NULL,
		      o->set ? override_show(o) : NULL);
	w.recorded = &recorded;
	rc = registry_write(r, &w, err);
	recorded_fini(&recorded);
	if (rc)
		return rc;
	if (!p)
		return w.cleared ? 0
				 : sl_fail(err, SL_E_NOT_FOUND, "there is no plugin %.*s",
					   BYTES_FMT(bytes_cut(key, 200)));
	rc = registry_publish(r, p->feature, take_ptr(&copy));
	if (rc)
		return rc;
	scoped(registry_dropp) const struct registry_ref *then = registry_take(r);
	*payload = plugin_show(then, registry_plugin(then, key));
	return 0;
}

int registry_override(struct registry *r, struct bytes key, const struct plugin_override *o,
		      const struct feature_caller *caller, struct json_object **payload,
		      struct sl_error *err)
{
	pthread_mutex_lock(&r->changing);
	int rc = override_locked(r, key, o, caller, payload, err);
	pthread_mutex_unlock(&r->changing);
	return rc;
}
