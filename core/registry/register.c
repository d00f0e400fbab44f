/* Registering a feature, and replacing one. Everything is checked before anything is
 * written; what is written is published when it is on disk. */
#include "core/registry/internal.h"

#include "net/target.h"

#include <stdio.h>

enum { OVERLAPS_SHOWN = 10 };

struct registering {
	struct registry *registry;
	const struct feature_caller *caller;
	const struct feature *old; /* the present one of that name, or NULL */
	struct full_feature *new;
	struct reading reading;
	bool key_made;
	struct json_object *warnings;
	struct sl_error *err;
};

/* ---- may this caller do that? ---- */

static int check_author(const struct feature_caller *caller, const char *author,
			struct sl_error *err)
{
	if (!caller->author.len || bytes_is(caller->author, author))
		return 0;
	return sl_fail(err, SL_E_DENIED, "author: this token registers features of %.*s only",
		       BYTES_FMT(caller->author));
}

static int check_match(const struct registering *q, int64_t if_match)
{
	if (if_match < 0)
		return 0;
	if (!q->old)
		return sl_fail(q->err, SL_E_CONFLICT,
			       "If-Match: there is no feature of that name yet");
	if ((uint64_t)if_match != q->old->revision)
		return sl_fail(q->err, SL_E_CONFLICT,
			       "If-Match: the feature is at revision %llu now, not %lld",
			       (unsigned long long)q->old->revision, (long long)if_match);
	return 0;
}

static size_t plugins_of(const struct registry_ref *ref)
{
	size_t n = 0;
	for (int type = 0; type < PLUGIN_TYPES; type++)
		n += ref->count[type];
	return n;
}

static int check_room(const struct registering *q, const struct registry_ref *now)
{
	const struct registry_config *config = &q->registry->config;
	size_t plugins = plugins_of(now) - (q->old ? q->old->plugins : 0) + q->new->pub.plugins;
	if (!q->old && now->features >= config->features_max)
		return sl_fail(q->err, SL_E_BUSY, "there are %zu features already, the limit",
			       config->features_max);
	if (plugins > config->plugins_max)
		return sl_fail(q->err, SL_E_BUSY, "that would make %zu plugins, the limit is %zu",
			       plugins, config->plugins_max);
	return 0;
}

/* ---- secrets ---- */

static bool place_known(const struct feature *old, struct bytes place)
{
	for (uint32_t i = 0; i < old->plugins; i++)
		for (uint32_t k = 0; k < old->plugin[i].addresses; k++) {
			struct target t;
			if (target_split(bytes_str(old->plugin[i].address[k]), &t, NULL) == 0 &&
			    bytes_eq(t.place, place))
				return true;
		}
	return false;
}

/* Does every address go where the last revision's went? Only then may it keep secrets. */
static bool places_kept(const struct feature *old, const struct feature *new)
{
	for (uint32_t i = 0; i < new->plugins; i++)
		for (uint32_t k = 0; k < new->plugin[i].addresses; k++) {
			struct target t;
			if (target_split(bytes_str(new->plugin[i].address[k]), &t, NULL) != 0 ||
			    !place_known(old, t.place))
				return false;
		}
	return true;
}

static int make_signing_key(struct registering *q)
{
	uint8_t key[SIGNING_KEY_MADE];
	crypt_random(key, sizeof(key));
	int rc = arena_copy(q->new->arena, bytes_of(key, sizeof(key)), &q->new->pub.signing_key);
	crypt_wipe(key, sizeof(key));
	q->key_made = true;
	return rc;
}

/* A rotation goes on over a replacement. */
static int keep_keys(struct registering *q)
{
	struct feature *f = &q->new->pub;
	int rc = arena_copy(q->new->arena, q->old->signing_key, &f->signing_key);
	if (!rc && q->old->old_key.len)
		rc = arena_copy(q->new->arena, q->old->old_key, &f->old_key);
	f->old_key_until_ms = q->old->old_key_until_ms;
	return rc;
}

static int settle_secrets(struct registering *q)
{
	struct feature *f = &q->new->pub;
	bool lost = q->old && q->old->secrets_lost;
	bool kept = q->old && !lost && places_kept(q->old, f);
	if (lost && !q->reading.has_authorization)
		return sl_fail(q->err, SL_E_INVALID,
			       "authorization: send authorization again (\"\" for none): the "
			       "stored one cannot be read with the key file that is there now");
	if (!q->reading.has_authorization && q->old && *q->old->authorization) {
		if (!kept)
			return sl_fail(
				q->err, SL_E_INVALID,
				"authorization: send authorization again: a callAddress goes to "
				"a host or port that the last revision did not have");
		f->authorization = arena_strdup(q->new->arena, bytes_str(q->old->authorization));
		if (!f->authorization)
			return SL_E_NO_MEMORY;
	}
	if (q->reading.has_signing_key)
		return 0;
	return kept ? keep_keys(q) : make_signing_key(q);
}

/* ---- what comes of it ---- */

static bool same(const struct registering *q)
{
	const struct full_feature *old = container_of(q->old, struct full_feature, pub);
	return !q->old->secrets_lost && json_equal(&old->json, 0, &q->new->json, 0) &&
	       strcmp(q->old->authorization, q->new->pub.authorization) == 0 &&
	       bytes_eq(q->old->signing_key, q->new->pub.signing_key);
}

static void warn(struct registering *q, const char *text)
{
	jb_add_bytes(q->warnings, bytes_str(text));
}

/* ---- warnings ---- */

static bool is_preset(struct bytes key)
{
	return bytes_is(key, "userID") || bytes_is(key, "jobName") || bytes_is(key, "jobID") ||
	       bytes_is(key, "jobKind");
}

/* A gate that decides by what submitters may say of themselves. */
static void warn_of_claims(struct registering *q, const struct plugin *p)
{
	char text[400];
	for (size_t i = 0; i < selector_condition_count(p->selector); i++) {
		struct condition_view c = selector_condition(p->selector, i);
		if (!c.used || is_preset(c.key))
			continue;
		snprintf(
			text, sizeof(text),
			"%s: its jobSelector looks at the header key \"%.*s\", which submitters "
			"may "
			"set as they like; decide about trust by userID or by keys that tokens set",
			p->key, BYTES_FMT(bytes_cut(c.key, 100)));
		warn(q, text);
	}
}

/* Would a job that one exclusive plugin is made for also match the other one? */
static bool overlaps(const struct plugin *p, const struct plugin *other,
		     struct selector_scratch *scratch)
{
	const struct selector *a = p->selector, *b = other->selector;
	return (selector_meets(b, a, scratch) && selector_meets(a, a, scratch)) ||
	       (selector_meets(a, b, scratch) && selector_meets(b, b, scratch));
}

static void warn_of_overlap(struct registering *q, const struct plugin *p,
			    const struct registry_ref *now, struct selector_scratch *scratch)
{
	char text[800];
	size_t n = 0;
	for (size_t i = 0; i < now->count[p->type]; i++) {
		const struct plugin *other = now->ordered[p->type][i];
		if (other->feature == q->old || !overlaps(p, other, scratch) ||
		    ++n > OVERLAPS_SHOWN)
			continue;
		snprintf(
			text, sizeof(text),
			"%s may match the same jobs as %s; a job that two of this type match fails",
			p->key, other->key);
		warn(q, text);
	}
	if (n > OVERLAPS_SHOWN) {
		snprintf(text, sizeof(text), "%s may match the same jobs as %zu more", p->key,
			 n - OVERLAPS_SHOWN);
		warn(q, text);
	}
}

static void warn_of_selectors(struct registering *q, const struct registry_ref *now)
{
	scoped(selector_scratch_freep) struct selector_scratch *scratch = NULL;
	struct selector_limits limits = {SELECTOR_REGEX_VALUE_MAX, SELECTOR_STEPS_MAX};
	if (selector_scratch_create(&limits, &scratch))
		return;
	for (uint32_t i = 0; i < q->new->pub.plugins; i++) {
		const struct plugin *p = &q->new->pub.plugin[i];
		if (p->type == PLUGIN_GATE)
			warn_of_claims(q, p);
		else if (p->type == PLUGIN_TRANSLATOR || p->type == PLUGIN_BINDER)
			warn_of_overlap(q, p, now, scratch);
	}
}

static void settle_enabled(struct registering *q)
{
	struct feature *f = &q->new->pub;
	int said = q->reading.enabled;
	if (q->old) {
		f->enabled = q->old->enabled;
		if (said >= 0 && said != f->enabled)
			warn(q, f->enabled ? "enabled: ignored, the feature stays on; turn it off "
					     "with PUT /v1/features/turn-off/{name}"
					   : "enabled: ignored, the feature stays off; turn it on "
					     "with PUT /v1/features/turn-on/{name}");
	} else {
		f->enabled = said == 1 && q->caller->may_write;
		if (said == 1 && !f->enabled)
			warn(q, "enabled: ignored, a token with write_feature must turn it on");
	}
}

static int refuse_replacement(const struct registering *q)
{
	if (!q->old || q->caller->may_write || !q->old->enabled)
		return 0;
	return sl_fail(q->err, SL_E_DENIED,
		       "the feature is on; changing it needs the privilege write_feature");
}

static int store(struct registering *q, const struct registry_ref *now)
{
	scoped(buf_finip) struct buf record = {0};
	struct feature *f = &q->new->pub;
	struct registry_write w = {.name = bytes_str(f->name),
				   .touches_feature = true,
				   .present = &q->registry->current->pub,
				   .old_feature = q->old,
				   .new_feature = f};
	f->updated_ms = clock_wall_ms(q->registry->clock);
	f->created_ms = q->old ? q->old->created_ms : f->updated_ms;
	f->revision = q->old ? q->old->revision + 1 : 1;
	buf_init(&record, FEATURE_DOCUMENT_MAX + (1 << 20));
	int rc = record_write(f, q->registry->config.secret_key, &record);
	if (!rc)
		rc = override_load(q->registry, q->new); /* not stored with it, but shown */
	if (rc)
		return sl_fail(q->err, (enum sl_err)rc, "%s", sl_err_text(rc));
	w.record = buf_bytes(&record);
	struct recorded recorded;
	recorded_make(&recorded, q->registry, q->caller, "feature.register", w.name,
		      q->old ? feature_show(now, q->old) : NULL, feature_show(now, f));
	w.recorded = &recorded;
	rc = registry_write(q->registry, &w, q->err);
	recorded_fini(&recorded);
	return rc ? rc : registry_publish(q->registry, q->old, take_ptr(&q->new));
}

static void fill_payload(struct registering *q, const char *name, struct json_object **payload)
{
	scoped(registry_dropp) const struct registry_ref *ref = registry_take(q->registry);
	const struct feature *f = registry_feature(ref, bytes_str(name));
	*payload = feature_show(ref, f);
	if (q->key_made || q->reading.has_signing_key) {
		scoped(buf_finip) struct buf key = {0};
		buf_init(&key, 256);
		record_show_signing_key(f->signing_key, &key);
		jb_put_bytes(*payload, "signingKey", buf_bytes(&key));
	}
	jb_put(*payload, "warnings", take_ptr(&q->warnings));
}

static int check(struct registering *q, const struct registry_ref *now, int64_t if_match)
{
	const struct feature *f = &q->new->pub;
	q->old = registry_feature(now, bytes_str(f->name));
	int rc = check_author(q->caller, f->author, q->err);
	if (!rc && q->old && strcmp(q->old->author, f->author) != 0)
		rc = sl_fail(q->err, SL_E_CONFLICT,
			     "name: %s is a feature of the author %s already", f->name,
			     q->old->author);
	if (!rc)
		rc = check_match(q, if_match);
	if (!rc)
		rc = settle_secrets(q);
	if (!rc)
		rc = check_room(q, now);
	return rc ? rc : feature_join(q->registry, q->new, q->err);
}

/* What would come of it. */
int registering_imagine(struct registry *r, const struct json *document,
			const struct feature_caller *caller, const struct registry_ref *now,
			struct full_feature **ret, struct sl_error *err)
{
	struct registering q = {.registry = r, .caller = caller, .err = err};
	q.reading.err = err;
	int rc = feature_make(&r->config, document, &q.new, &q.reading);
	if (!rc)
		rc = now ? check(&q, now, -1) : settle_secrets(&q);
	if (rc)
		feature_drop(q.new);
	else
		*ret = q.new;
	return rc;
}

static int register_locked(struct registering *q, int64_t if_match, struct json_object **payload)
{
	scoped(registry_dropp) const struct registry_ref *now = registry_take(q->registry);
	int rc = check(q, now, if_match);
	if (rc)
		return rc;
	char name[FEATURE_NAME_MAX + 1];
	snprintf(name, sizeof(name), "%s", q->new->pub.name);
	settle_enabled(q);
	warn_of_selectors(q, now);
	if (!q->old || !same(q)) {
		rc = refuse_replacement(q);
		if (!rc)
			rc = store(q, now);
	}
	if (!rc)
		fill_payload(q, name, payload);
	return rc;
}

int registry_register(struct registry *r, const struct json *document,
		      const struct feature_caller *caller, int64_t if_match,
		      struct json_object **payload, struct sl_error *err)
{
	struct registering q = {.registry = r, .caller = caller, .err = err};
	q.reading.err = err;
	int rc = feature_make(&r->config, document, &q.new, &q.reading);
	if (rc)
		return rc;
	q.warnings = jb_array();
	pthread_mutex_lock(&r->changing);
	rc = register_locked(&q, if_match, payload);
	pthread_mutex_unlock(&r->changing);
	feature_drop(q.new);
	jb_free(q.warnings);
	return rc;
}
