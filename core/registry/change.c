/* Deleting a feature, turning it on or off, and moving a plugin in its order. */
#include "core/registry/internal.h"

int registry_find(const struct registry_ref *now, struct bytes name,
		  const struct feature_caller *caller, const struct feature **ret,
		  struct sl_error *err)
{
	*ret = registry_feature(now, name);
	if (!*ret)
		return sl_fail(err, SL_E_NOT_FOUND, "there is no feature named %.*s",
			       BYTES_FMT(bytes_cut(name, 80)));
	if (caller->author.len && !bytes_is(caller->author, (*ret)->author))
		return sl_fail(err, SL_E_DENIED, "this token changes features of %.*s only",
			       BYTES_FMT(caller->author));
	return 0;
}

static int delete_locked(struct registry *r, struct bytes name, const struct feature_caller *caller,
			 struct sl_error *err)
{
	scoped(registry_dropp) const struct registry_ref *now = registry_take(r);
	const struct feature *f;
	int rc = registry_find(now, name, caller, &f, err);
	if (rc)
		return rc;
	struct recorded recorded;
	recorded_make(&recorded, r, caller, "feature.delete", name, feature_show(now, f), NULL);
	struct registry_write w = {.name = bytes_str(f->name),
				   .touches_feature = true,
				   .old_feature = f,
				   .recorded = &recorded};
	rc = registry_write(r, &w, err);
	recorded_fini(&recorded);
	return rc ? rc : registry_publish(r, f, NULL);
}

int registry_delete(struct registry *r, struct bytes name, const struct feature_caller *caller,
		    struct sl_error *err)
{
	pthread_mutex_lock(&r->changing);
	int rc = delete_locked(r, name, caller, err);
	pthread_mutex_unlock(&r->changing);
	return rc;
}

static struct json_object *show_on(bool on)
{
	struct json_object *to = jb_object();
	jb_put_bool(to, "enabled", on);
	return to;
}

static int store_turned(struct registry *r, const struct feature *old, bool on,
			const struct feature_caller *caller, struct sl_error *err)
{
	struct recorded recorded;
	scoped(feature_dropp) struct full_feature *f = NULL;
	scoped(buf_finip) struct buf record = {0};
	int rc = feature_copy(&r->config, old, &f);
	if (rc)
		return sl_fail(err, (enum sl_err)rc, "%s", sl_err_text(rc));
	f->pub.enabled = on;
	f->pub.updated_ms = clock_wall_ms(r->clock);
	buf_init(&record, FEATURE_DOCUMENT_MAX + (1 << 20));
	rc = record_write(&f->pub, r->config.secret_key, &record);
	if (rc)
		return sl_fail(err, (enum sl_err)rc, "%s", sl_err_text(rc));
	struct registry_write w = {.name = bytes_str(old->name),
				   .record = buf_bytes(&record),
				   .touches_feature = true,
				   .turned_on = on,
				   .old_feature = old,
				   .new_feature = &f->pub,
				   .recorded = &recorded};
	recorded_make(&recorded, r, caller, on ? "feature.turn-on" : "feature.turn-off", w.name,
		      show_on(old->enabled), show_on(on));
	rc = registry_write(r, &w, err);
	recorded_fini(&recorded);
	return rc ? rc : registry_publish(r, old, take_ptr(&f));
}

/* On already, and told so again: a LifeHook that has said it was gone is asked again. */
static int turn_on_again(struct registry *r, const struct feature *f, struct sl_error *err)
{
	struct registry_write w = {
		.name = bytes_str(f->name), .turned_on = true, .old_feature = f, .new_feature = f};
	int rc = registry_write(r, &w, err);
	return rc ? rc : registry_publish(r, NULL, NULL);
}

static int turn_locked(struct registry *r, struct bytes name, bool on,
		       const struct feature_caller *caller, struct sl_error *err)
{
	scoped(registry_dropp) const struct registry_ref *now = registry_take(r);
	const struct feature *f;
	int rc = registry_find(now, name, caller, &f, err);
	if (rc)
		return rc;
	if (f->enabled == on)
		return on && hooked_any(f) ? turn_on_again(r, f, err) : 0;
	if (on && f->secrets_lost)
		return sl_fail(err, SL_E_CONFLICT,
			       "its secrets cannot be read with the key file that is there now; "
			       "put the right secret.key back, or register the feature again with "
			       "its authorization and a new signingKey");
	return store_turned(r, f, on, caller, err);
}

int registry_turn(struct registry *r, struct bytes name, bool on,
		  const struct feature_caller *caller, struct sl_error *err)
{
	pthread_mutex_lock(&r->changing);
	int rc = turn_locked(r, name, on, caller, err);
	pthread_mutex_unlock(&r->changing);
	return rc;
}

/* What a key says of its type, before anybody looks whether there is such a plugin. */
static int check_key_type(enum plugin_type type, const char *member, struct bytes key,
			  struct sl_error *err)
{
	const char *dot = key.len ? memchr(key.at, '.', key.len) : NULL;
	enum plugin_type says;
	if (!dot ||
	    plugin_type_parse(bytes_of(key.at, (size_t)(dot - (const char *)key.at)), &says) ||
	    says == type)
		return 0;
	return sl_fail(err, SL_E_INVALID, "%s: it is a %s, not a %s", member,
		       plugin_type_name(says), plugin_type_name(type));
}

static int check_key(const struct registry_ref *now, const char *member, struct bytes key,
		     const struct feature_caller *caller, struct sl_error *err)
{
	const struct plugin *p = registry_plugin(now, key);
	if (!p)
		return sl_fail(err, SL_E_NOT_FOUND, "%s: there is no plugin %.*s", member,
			       BYTES_FMT(bytes_cut(key, 200)));
	if (caller->author.len && !bytes_is(caller->author, p->feature->author))
		return sl_fail(err, SL_E_DENIED, "%s: this token changes features of %.*s only",
			       member, BYTES_FMT(caller->author));
	return 0;
}

static struct json_object *show_place(size_t sequence, struct bytes in_front_of)
{
	struct json_object *to = jb_object();
	jb_put_int(to, "sequence", (int64_t)sequence);
	if (in_front_of.len)
		jb_put_bytes(to, "inFrontOf", in_front_of);
	return to;
}

static int order_locked(struct registry *r, enum plugin_type type, struct bytes before,
			struct bytes after, const struct feature_caller *caller,
			struct sl_error *err)
{
	scoped(registry_dropp) const struct registry_ref *now = registry_take(r);
	int rc = check_key_type(type, "beforeKey", before, err);
	if (!rc)
		rc = check_key_type(type, "afterKey", after, err);
	if (!rc && bytes_eq(before, after))
		rc = sl_fail(err, SL_E_INVALID, "afterKey: is the same plugin as beforeKey");
	if (!rc)
		rc = check_key(now, "beforeKey", before, caller, err);
	if (!rc)
		rc = check_key(now, "afterKey", after, caller, err);
	if (rc)
		return rc;
	struct recorded recorded;
	struct registry_write w = {.type = type, .before = before, .after = after, .present = now};
	size_t from = registry_sequence(now, registry_plugin(now, before));
	size_t to = registry_sequence(now, registry_plugin(now, after));
	recorded_make(&recorded, r, caller, "plugin.order", before,
		      show_place(from, (struct bytes){0}), show_place(to, after));
	w.recorded = from > to ? &recorded : NULL; /* else nothing changes */
	rc = registry_write(r, &w, err);
	recorded_fini(&recorded);
	return rc ? rc : registry_publish(r, NULL, NULL);
}

int registry_order(struct registry *r, enum plugin_type type, struct bytes before,
		   struct bytes after, const struct feature_caller *caller, struct sl_error *err)
{
	pthread_mutex_lock(&r->changing);
	int rc = order_locked(r, type, before, after, caller, err);
	pthread_mutex_unlock(&r->changing);
	return rc;
}
