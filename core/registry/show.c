#include "core/registry/internal.h"

static void show_members(struct json_object *to, const struct json *j, json_at object)
{
	for (json_at k = json_first(j, object); k != JSON_NONE; k = json_next(j, object, k))
		if (!json_string_is(j, k, BYTES("plugins"))) {
			struct bytes key = json_raw(j, k); /* ours: nothing escaped */
			jb_put_named(to, bytes_of((const char *)key.at + 1, key.len - 2),
				     jb_raw(json_raw(j, k + 1)));
		}
}

static const struct full_feature *full(const struct feature *f)
{
	return container_of(f, struct full_feature, pub);
}

struct json_object *override_show(const struct plugin_override *o)
{
	struct json_object *object = jb_object();
	if (o->set & OVERRIDE_TIMEOUT)
		jb_put_int(object, "timeoutMs", o->timeout_ms);
	if (o->set & OVERRIDE_RETRIES)
		jb_put_int(object, "retries", o->retries);
	if (o->set & OVERRIDE_IN_FLIGHT)
		jb_put_int(object, "maxInFlight", o->in_flight_max);
	if (o->set & OVERRIDE_POLICY)
		jb_put_str(object, "failurePolicy", failure_policy_name(o->policy));
	return object;
}

static struct json_object *show_plugin(const struct registry_ref *ref, const struct plugin *p,
				       uint32_t index)
{
	const struct json *j = &full(p->feature)->json;
	struct json_object *to = jb_object();
	jb_put_str(to, "key", p->key);
	show_members(to, j, json_element(j, json_get(j, 0, BYTES("plugins")), index));
	size_t sequence = registry_sequence(ref, p);
	if (sequence) /* else it is not in force yet */
		jb_put_int(to, "sequence", (int64_t)sequence);
	if (p->override.set)
		jb_put(to, "override", override_show(&p->override));
	return to;
}

struct json_object *plugin_show(const struct registry_ref *ref, const struct plugin *p)
{
	struct json_object *to = show_plugin(ref, p, (uint32_t)(p - p->feature->plugin));
	const struct json *j = &full(p->feature)->json;
	json_at selector = json_get(j, 0, BYTES("jobSelector"));
	json_at own = json_get(j,
			       json_element(j, json_get(j, 0, BYTES("plugins")),
					    (uint32_t)(p - p->feature->plugin)),
			       BYTES("jobSelector"));
	if (own == JSON_NONE && selector != JSON_NONE) /* the one it has by default */
		jb_put_raw(to, "jobSelector", json_raw(j, selector));
	jb_put_bool(to, "enabled", p->feature->enabled);
	return to;
}

struct json_object *feature_show(const struct registry_ref *ref, const struct feature *f)
{
	struct json_object *to = jb_object(), *list = jb_array();
	show_members(to, &full(f)->json, 0);
	jb_put_bool(to, "enabled", f->enabled);
	jb_put_str(to, "authorization", *f->authorization ? "***" : "");
	jb_put_int(to, "revision", (int64_t)f->revision);
	jb_put_time(to, "createdAt", f->created_ms);
	jb_put_time(to, "updatedAt", f->updated_ms);
	for (uint32_t i = 0; i < f->plugins; i++)
		jb_add(list, show_plugin(ref, &f->plugin[i], i));
	jb_put(to, "plugins", list);
	return to;
}
