#include "core/registry/internal.h"

#include <stdlib.h>

enum { ARENA_MAX = 16 << 20, DEPTH_MAX = 72 };

/* Members that make up the document; secrets and what the gateway adds stay out. */
static const char *const feature_kept[] = {"name", "author", "description", "jobSelector", NULL};
static const char *const plugin_kept[] = {
	"pluginType", "callAddress",   "description", "jobSelector", "name",   "timeoutMs",
	"retries",    "failurePolicy", "maxInFlight", "sideEffects", "answer", NULL,
};

static void keep_members(const struct json *j, json_at object, const char *const *names,
			 struct buf *to)
{
	bool first = true;
	for (; *names; names++) {
		json_at at = json_get(j, object, bytes_str(*names));
		if (at == JSON_NONE || json_type(j, at) == JSON_NULL)
			continue;
		buf_addf(to, "%s\"%s\":", first ? "" : ",", *names);
		json_compact(j, at, to);
		first = false;
	}
}

static void normalize(const struct json *j, struct buf *to)
{
	json_at list = json_get(j, 0, BYTES("plugins"));
	buf_add_char(to, '{');
	keep_members(j, 0, feature_kept, to);
	buf_add_str(to, ",\"plugins\":[");
	for (json_at e = json_first(j, list); e != JSON_NONE; e = json_next(j, list, e)) {
		buf_add_str(to, e == json_first(j, list) ? "{" : ",{");
		keep_members(j, e, plugin_kept, to);
		buf_add_char(to, '}');
	}
	buf_add_str(to, "]}");
}

static void own(struct full_feature *f, const struct feature *from)
{
	f->pub = *from;
	for (uint32_t i = 0; i < f->pub.plugins; i++)
		f->pub.plugin[i].feature = &f->pub;
	f->pub.document = buf_bytes(&f->text);
}

int feature_make(const struct registry_config *config, const struct json *document,
		 struct full_feature **ret, struct reading *reading)
{
	static const struct json_limits limits = {FEATURE_DOCUMENT_MAX, DEPTH_MAX};
	scoped(feature_dropp) struct full_feature *f = calloc(1, sizeof(*f));
	if (!f)
		return SL_E_NO_MEMORY;
	atomic_init(&f->refs, 1);
	buf_init(&f->text, FEATURE_DOCUMENT_MAX);
	int rc = arena_create(ARENA_MAX, &f->arena);
	if (rc)
		return rc;
	reading->json = document;
	reading->config = config;
	reading->arena = f->arena;
	rc = reading_read(reading);
	f->pub = reading->feature; /* its selectors are freed with it */
	if (rc)
		return rc;
	normalize(document, &f->text);
	if (f->text.rc)
		return f->text.rc;
	own(f, &reading->feature);
	rc = json_parse(&f->json, f->pub.document, &limits, reading->err);
	if (!rc)
		*ret = take_ptr(&f);
	return rc;
}

struct full_feature *feature_share(const struct feature *f)
{
	struct full_feature *full = container_of(f, struct full_feature, pub);
	atomic_fetch_add(&full->refs, 1);
	return full;
}

struct full_feature *feature_drop(struct full_feature *f)
{
	if (!f || atomic_fetch_sub(&f->refs, 1) != 1)
		return NULL;
	feature_selectors_free(&f->pub);
	json_fini(&f->json);
	buf_fini(&f->text);
	arena_free(f->arena);
	free(f);
	return NULL;
}

static int copy_secrets(struct full_feature *to, const struct feature *from)
{
	to->pub.authorization = arena_strdup(to->arena, bytes_str(from->authorization));
	if (!to->pub.authorization)
		return SL_E_NO_MEMORY;
	int rc = arena_copy(to->arena, from->signing_key, &to->pub.signing_key);
	if (!rc)
		rc = arena_copy(to->arena, from->old_key, &to->pub.old_key);
	to->pub.old_key_until_ms = from->old_key_until_ms;
	return rc;
}

int feature_copy(const struct registry_config *config, const struct feature *f,
		 struct full_feature **ret)
{
	const struct full_feature *full = container_of(f, struct full_feature, pub);
	scoped(feature_dropp) struct full_feature *copy = NULL;
	struct reading reading = {.stored = true};
	int rc = feature_make(config, &full->json, &copy, &reading);
	if (!rc)
		rc = copy_secrets(copy, f);
	if (rc)
		return rc;
	copy->pub.enabled = f->enabled;
	copy->pub.secrets_lost = f->secrets_lost;
	copy->pub.revision = f->revision;
	copy->pub.created_ms = f->created_ms;
	copy->pub.updated_ms = f->updated_ms;
	*ret = take_ptr(&copy);
	return 0;
}
