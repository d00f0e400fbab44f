#include "internal.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static const char *header_or_empty(const struct request *request, const char *name)
{
	const char *value = request->header(request->user, name);
	return value ? value : "";
}

/* A whole number of up to nine digits, or -1. */
static int64_t whole(const char *text)
{
	size_t digits = strspn(text, "0123456789");
	return digits > 0 && digits < 10 && text[digits] == '\0' ? strtoll(text, NULL, 10) : -1;
}

static int64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void read_headers(struct sluice_call *call, const struct request *request)
{
	int64_t attempt = whole(header_or_empty(request, "Sluice-Attempt"));
	int64_t left = whole(header_or_empty(request, "Sluice-Deadline-Ms"));
	call->id = header_or_empty(request, "webhook-id");
	call->plugin_key = header_or_empty(request, "Sluice-Plugin-Key");
	call->traceparent = header_or_empty(request, "traceparent");
	call->attempt = attempt > 0 ? (unsigned)attempt : 1;
	call->dry_run = strcasecmp(header_or_empty(request, "Sluice-Dry-Run"), "true") == 0;
	call->deadline_ms = left < 0 ? INT64_MAX : now_ms() + left;
}

/* json-c reads NaN and Infinity, also in its strict mode. As deep as its own reading went. */
static bool has_no_number(struct json_object *value)
{
	switch (json_object_get_type(value)) {
	case json_type_double:
		return !isfinite(json_object_get_double(value));
	case json_type_array:
		for (size_t i = 0; i < json_object_array_length(value); i++)
			if (has_no_number(json_object_array_get_idx(value, i)))
				return true;
		return false;
	case json_type_object: {
		json_object_object_foreach(value, name, member)
		{
			(void)name;
			if (has_no_number(member))
				return true;
		}
		return false;
	}
	default:
		return false;
	}
}

/* Then there is nothing to check about its UTF-8; that costs json-c a tenth of its reading. */
static bool is_ascii(const char *text, size_t len)
{
	uint64_t seen = 0, some;
	for (; len >= sizeof some; text += sizeof some, len -= sizeof some) {
		memcpy(&some, text, sizeof some);
		seen |= some;
	}
	for (; len > 0; text++, len--)
		seen |= (unsigned char)*text;
	return (seen & UINT64_C(0x8080808080808080)) == 0;
}

static struct json_object *parse(struct sluice_call *call, const struct request *request)
{
	struct json_tokener *parser = json_tokener_new_ex(DEPTH_MAX);
	if (!parser) {
		sluice_fault(call, "out of memory");
		return NULL;
	}
	bool ascii = is_ascii(request->body, request->len);
	json_tokener_set_flags(parser,
			       JSON_TOKENER_STRICT | (ascii ? 0 : JSON_TOKENER_VALIDATE_UTF8));
	struct json_object *document =
		json_tokener_parse_ex(parser, request->body, (int)request->len + 1);
	enum json_tokener_error error = json_tokener_get_error(parser);
	if (error != json_tokener_success)
		sluice_refuse(call, "the body is not JSON: %s", json_tokener_error_desc(error));
	else if (!json_object_is_type(document, json_type_object))
		sluice_refuse(call, "the body: must be an object");
	else if (has_no_number(document))
		sluice_refuse(call, "the body is not JSON: it holds what is no number");
	json_tokener_free(parser);
	if (call->answer->kind == SAID_NOTHING)
		return document;
	json_object_put(document);
	return NULL;
}

/* False after a refusal. */
static bool member(struct sluice_call *call, struct json_object *document, const char *name,
		   enum json_type type, struct json_object **ret)
{
	if (json_object_object_get_ex(document, name, ret) && json_object_is_type(*ret, type))
		return true;
	sluice_refuse(call, "%s: must be %s", name,
		      type == json_type_object ? "an object" : "a text");
	return false;
}

static const char *text_or_empty(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;
	json_object_object_get_ex(object, name, &value);
	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

static bool read_call(struct sluice_call *call, struct json_object *document)
{
	if (!member(call, document, "header", json_type_object, &call->header) ||
	    !member(call, document, "job", json_type_object, &call->job))
		return false;
	if (json_object_object_get_ex(document, "factors", &call->factors) && call->factors &&
	    !member(call, document, "factors", json_type_object, &call->factors))
		return false;
	call->job_id = text_or_empty(call->header, "jobID");
	return true;
}

static bool read_change(struct sluice_call *call, struct json_object *document)
{
	struct json_object *id, *state;
	if (!member(call, document, "id", json_type_string, &id) ||
	    !member(call, document, "current_state", json_type_string, &state))
		return false;
	call->change = document;
	call->job_id = json_object_get_string(id);
	call->state = json_object_get_string(state);
	return true;
}

bool call_read(struct sluice_call *call, enum plugin_type type, const struct request *request,
	       struct json_object **ret_document)
{
	call->job_id = call->state = "";
	read_headers(call, request);
	*ret_document = parse(call, request);
	if (!*ret_document)
		return false;
	return type == HOOK ? read_change(call, *ret_document) : read_call(call, *ret_document);
}

const char *sluice_text(const struct sluice_call *call, const char *name)
{
	struct json_object *value = NULL;
	json_object_object_get_ex(call->header, name, &value);
	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

struct json_object *sluice_object(struct json_object *from, ...)
{
	va_list names;
	const char *name;
	va_start(names, from);
	while (from && (name = va_arg(names, const char *))) {
		struct json_object *next = NULL;
		if (!json_object_object_get_ex(from, name, &next) || !next) {
			next = json_object_new_object();
			if (next && json_object_object_add(from, name, next) != 0) {
				json_object_put(next);
				next = NULL;
			}
		}
		from = json_object_is_type(next, json_type_object) ? next : NULL;
	}
	va_end(names);
	return from;
}

/* The array behind the names, or NULL: nothing is added. */
static struct json_object *list_behind(struct json_object *from, const char *first,
				       const char *second, const char *third)
{
	const char *const name[] = {first, second, third};
	for (size_t i = 0; i < 3 && name[i]; i++)
		if (!json_object_object_get_ex(from, name[i], &from))
			return NULL;
	return json_object_is_type(from, json_type_array) ? from : NULL;
}

struct json_object *sluice_container(struct json_object *taskset, size_t n)
{
	struct json_object *roles = list_behind(taskset, "spec", "roles", NULL);
	for (size_t i = 0; roles && i < json_object_array_length(roles); i++) {
		struct json_object *list = list_behind(json_object_array_get_idx(roles, i),
						       "template", "spec", "containers");
		size_t here = list ? json_object_array_length(list) : 0;
		if (n < here)
			return json_object_array_get_idx(list, n);
		n -= here;
	}
	return NULL;
}
