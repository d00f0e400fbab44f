/* Another signing key for a feature; the old one signs too for a while. */
#include "core/registry/internal.h"

static int new_key(struct full_feature *f, struct bytes text, struct sl_error *err)
{
	uint8_t made[SIGNING_KEY_MADE];
	if (text.len) {
		int rc = record_signing_key(text, f->arena, &f->pub.signing_key);
		return rc == SL_E_INVALID
			       ? sl_fail(err, rc,
					 "signingKey: must be whsec_ and the base64 of %d to %d "
					 "bytes; leave it out to have one made",
					 SIGNING_KEY_MIN, SIGNING_KEY_MAX)
			       : rc;
	}
	crypt_random(made, sizeof(made));
	int rc = arena_copy(f->arena, bytes_of(made, sizeof(made)), &f->pub.signing_key);
	crypt_wipe(made, sizeof(made));
	return rc;
}

/* The keys themselves stay out. */
static struct json_object *show_change(const struct feature *f)
{
	struct json_object *to = jb_object();
	jb_put_time(to, "updatedAt", f->updated_ms);
	if (f->old_key.len)
		jb_put_time(to, "oldKeyUntil", f->old_key_until_ms);
	return to;
}

static int store(struct registry *r, const struct feature *old, struct full_feature *f,
		 const struct feature_caller *caller, struct sl_error *err)
{
	struct recorded recorded;
	scoped(buf_finip) struct buf record = {0};
	struct registry_write w = {.name = bytes_str(old->name),
				   .touches_feature = true,
				   .old_feature = old,
				   .new_feature = &f->pub};
	buf_init(&record, FEATURE_DOCUMENT_MAX + (1 << 20));
	int rc = record_write(&f->pub, r->config.secret_key, &record);
	if (rc)
		return rc;
	w.record = buf_bytes(&record);
	recorded_make(&recorded, r, caller, "feature.rotate-key", w.name, show_change(old),
		      show_change(&f->pub));
	w.recorded = &recorded;
	rc = registry_write(r, &w, err);
	recorded_fini(&recorded);
	return rc;
}

static void show(struct registry *r, struct bytes name, struct json_object **payload)
{
	scoped(registry_dropp) const struct registry_ref *now = registry_take(r);
	scoped(buf_finip) struct buf key = {0};
	const struct feature *f = registry_feature(now, name);
	buf_init(&key, 256);
	*payload = feature_show(now, f);
	record_show_signing_key(f->signing_key, &key);
	jb_put_bytes(*payload, "signingKey", buf_bytes(&key));
	if (f->old_key.len)
		jb_put_time(*payload, "oldKeyUntil", f->old_key_until_ms);
}

/* The key that is there already changes nothing: the same request may come twice. */
static int rotate_locked(struct registry *r, struct bytes name, struct bytes key,
			 uint32_t overlap_s, const struct feature_caller *caller,
			 struct json_object **payload, struct sl_error *err)
{
	scoped(registry_dropp) const struct registry_ref *now = registry_take(r);
	scoped(feature_dropp) struct full_feature *f = NULL;
	const struct feature *old;
	int rc = registry_find(now, name, caller, &old, err);
	if (rc)
		return rc;
	if (old->secrets_lost)
		return sl_fail(err, SL_E_CONFLICT,
			       "its secrets cannot be read with the key file that is there now; "
			       "register the feature again with its authorization and a new "
			       "signingKey");
	rc = feature_copy(&r->config, old, &f);
	if (!rc)
		rc = new_key(f, key, err);
	if (!rc && !bytes_eq(f->pub.signing_key, old->signing_key)) {
		int64_t now_ms = clock_wall_ms(r->clock);
		f->pub.old_key = (struct bytes){"", 0};
		f->pub.old_key_until_ms = overlap_s ? now_ms + overlap_s * 1000ll : 0;
		f->pub.updated_ms = now_ms;
		if (overlap_s)
			rc = arena_copy(f->arena, old->signing_key, &f->pub.old_key);
		if (!rc)
			rc = store(r, old, f, caller, err);
		if (!rc)
			rc = registry_publish(r, old, take_ptr(&f));
	}
	if (!rc)
		show(r, name, payload);
	return rc && !(err && err->code) ? sl_fail(err, (enum sl_err)rc, "%s", sl_err_text(rc))
					 : rc;
}

int registry_rotate(struct registry *r, struct bytes name, struct bytes key, uint32_t overlap_s,
		    const struct feature_caller *caller, struct json_object **payload,
		    struct sl_error *err)
{
	pthread_mutex_lock(&r->changing);
	int rc = rotate_locked(r, name, key, overlap_s, caller, payload, err);
	pthread_mutex_unlock(&r->changing);
	return rc;
}
