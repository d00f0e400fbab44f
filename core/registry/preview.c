/* Generations that nobody else sees: what admission would be with a feature that is off, or
 * not registered at all. */
#include "core/registry/internal.h"

static int turned_on(struct registry *r, const struct registry_ref *now, struct bytes name,
		     struct full_feature **ret, struct sl_error *err)
{
	const struct feature *f = registry_feature(now, name);
	if (!f)
		return sl_fail(err, SL_E_NOT_FOUND, "there is no feature %.*s",
			       BYTES_FMT(bytes_cut(name, 100)));
	if (f->secrets_lost)
		return sl_fail(err, SL_E_CONFLICT,
			       "the secrets of %s cannot be read with the key file that is there "
			       "now: register it again first",
			       f->name);
	int rc = feature_copy(&r->config, f, ret);
	return rc ? sl_fail(err, (enum sl_err)rc, "%s", sl_err_text(rc)) : 0;
}

int registry_preview(struct registry *r, struct bytes name, const struct json *candidate,
		     const struct feature_caller *caller, const struct registry_ref **ret,
		     const struct feature **ret_feature, struct sl_error *err)
{
	scoped(registry_dropp) const struct registry_ref *now = registry_take(r);
	struct full_feature *f = NULL;
	int rc = candidate ? registering_imagine(r, candidate, caller, now, &f, err)
			   : turned_on(r, now, name, &f, err);
	if (rc)
		return rc;
	f->pub.enabled = true;
	*ret_feature = &f->pub;
	const struct feature *old = registry_feature(now, bytes_str(f->pub.name));
	rc = registry_imagine(r, now, old, f, ret);
	return rc ? sl_fail(err, (enum sl_err)rc, "%s", sl_err_text(rc)) : 0;
}

int registry_alone(struct registry *r, const struct json *document,
		   const struct feature_caller *caller, const struct registry_ref **ret,
		   struct sl_error *err)
{
	struct full_feature *f = NULL;
	int rc = registering_imagine(r, document, caller, NULL, &f, err);
	if (rc)
		return rc;
	rc = registry_imagine(r, NULL, NULL, f, ret);
	return rc ? sl_fail(err, (enum sl_err)rc, "%s", sl_err_text(rc)) : 0;
}
