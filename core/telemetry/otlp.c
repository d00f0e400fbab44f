#include "core/telemetry/otlp.h"

#include "core/json/build.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum { STATUS_ERROR = 2 };

static void put_hex(struct json_object *to, const char *key, const uint8_t *at, size_t len)
{
	char text[2 * TRACE_ID_SIZE + 1];
	trace_hex(at, len, text);
	jb_put_str(to, key, text);
}

static void put_nanoseconds(struct json_object *to, const char *key, int64_t us)
{
	char text[32];
	snprintf(text, sizeof(text), "%" PRId64 "000", us > 0 ? us : 0);
	jb_put_str(to, key, text);
}

static struct json_object *attribute(const struct span_attribute *a)
{
	struct json_object *to = jb_object(), *value = jb_object();
	char number[24];
	jb_put_str(to, "key", a->key);
	snprintf(number, sizeof(number), "%" PRId64, a->number);
	jb_put_str(value, a->text ? "stringValue" : "intValue", a->text ? a->text : number);
	jb_put(to, "value", value);
	return to;
}

static void add_fact(struct json_object *list, const char *key, const char *text)
{
	jb_add(list, attribute(&(struct span_attribute){.key = key, .text = text}));
}

static bool has_parent(const struct span *s)
{
	static const uint8_t none[TRACE_SPAN_SIZE];
	return memcmp(s->parent, none, sizeof(none)) != 0;
}

static struct json_object *show(const struct span *s)
{
	struct json_object *to = jb_object(), *list = jb_array(), *status = jb_object();
	put_hex(to, "traceId", s->trace, TRACE_ID_SIZE);
	put_hex(to, "spanId", s->id, TRACE_SPAN_SIZE);
	if (has_parent(s))
		put_hex(to, "parentSpanId", s->parent, TRACE_SPAN_SIZE);
	jb_put_int(to, "flags", 1);
	jb_put_str(to, "name", s->name ? s->name : "");
	jb_put_int(to, "kind", s->kind);
	put_nanoseconds(to, "startTimeUnixNano", s->begin_us);
	put_nanoseconds(to, "endTimeUnixNano", s->end_us > s->begin_us ? s->end_us : s->begin_us);
	for (size_t i = 0; i < s->attributes; i++)
		jb_add(list, attribute(&s->attribute[i]));
	jb_put(to, "attributes", list);
	if (s->failure) {
		jb_put_int(status, "code", STATUS_ERROR);
		if (*s->failure)
			jb_put_str(status, "message", s->failure);
	}
	jb_put(to, "status", status);
	return to;
}

static struct json_object *resource(const char *version)
{
	struct json_object *to = jb_object(), *list = jb_array();
	char host[256] = "";
	add_fact(list, "service.name", "sluice");
	add_fact(list, "service.version", version);
	if (gethostname(host, sizeof(host) - 1) == 0 && host[0])
		add_fact(list, "host.name", host);
	jb_put(to, "attributes", list);
	return to;
}

int otlp_print(const struct span *const *span, size_t n, const char *version, struct buf *to)
{
	scoped(jb_freep) struct json_object *all = jb_object();
	struct json_object *resources = jb_array(), *one = jb_object(), *scopes = jb_array(),
			   *scoped_spans = jb_object(), *scope = jb_object(), *spans = jb_array();
	for (size_t i = 0; i < n; i++)
		jb_add(spans, show(span[i]));
	jb_put_str(scope, "name", "sluice");
	jb_put_str(scope, "version", version);
	jb_put(scoped_spans, "scope", scope);
	jb_put(scoped_spans, "spans", spans);
	jb_add(scopes, scoped_spans);
	jb_put(one, "resource", resource(version));
	jb_put(one, "scopeSpans", scopes);
	jb_add(resources, one);
	jb_put(all, "resourceSpans", resources);
	return jb_print(all, to);
}
