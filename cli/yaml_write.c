/* The way back: json_to_yaml(). */
#include "cli/yaml_json.h"

#include <strings.h>
#include <yaml.h>

struct writer {
	yaml_emitter_t emitter;
	const struct json *json;
	struct buf *to;
	struct buf text; /**< Scratch for unescaped strings. */
	int rc;
};

static int write_piece(void *user, unsigned char *at, size_t len)
{
	struct buf *to = user;
	buf_add(to, at, len);
	return to->rc == 0;
}

static void emit(struct writer *w, yaml_event_t *event, int made)
{
	if (!made)
		w->rc = SL_E_NO_MEMORY;
	else if (w->rc)
		yaml_event_delete(event);
	else if (!yaml_emitter_emit(&w->emitter, event))
		w->rc = w->to->rc ? w->to->rc : SL_E_NO_MEMORY;
}

/* Would a reader of YAML 1.1 or 1.2 take this text, written plain, for something else? */
static bool needs_quotes(struct bytes text)
{
	static const char *const words[] = {"y",   "n",    "yes",   "no",   "on",
					    "off", "true", "false", "null", "~"};
	if (text.len == 0 || strchr("0123456789+-.=<", *(const char *)text.at))
		return true;
	for (size_t i = 0; i < countof(words); i++)
		if (text.len == strlen(words[i]) && strncasecmp(text.at, words[i], text.len) == 0)
			return true;
	return false;
}

static void emit_scalar(struct writer *w, struct bytes text, bool is_string)
{
	yaml_event_t event;
	bool plain = !is_string || !needs_quotes(text);
	yaml_scalar_style_t style = YAML_ANY_SCALAR_STYLE;
	if (is_string && memchr(text.at, '\n', text.len))
		style = YAML_LITERAL_SCALAR_STYLE;
	else if (!is_string)
		style = YAML_PLAIN_SCALAR_STYLE;
	emit(w, &event,
	     yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text.at,
					  (int)text.len, plain, is_string, style));
}

static void emit_string(struct writer *w, json_at at)
{
	struct bytes text;
	buf_reset(&w->text);
	int rc = json_string(w->json, at, &w->text, &text);
	if (rc)
		w->rc = rc;
	else
		emit_scalar(w, text.len ? text : BYTES(""), true);
}

static void emit_value(struct writer *w, json_at at) /* as deep as the JSON was let in */
{
	yaml_event_t event;
	enum json_type type = json_type(w->json, at);
	if (type != JSON_OBJECT && type != JSON_ARRAY) {
		if (type == JSON_STRING)
			emit_string(w, at);
		else
			emit_scalar(w, json_raw(w->json, at), false);
		return;
	}
	bool object = type == JSON_OBJECT;
	emit(w, &event,
	     object ? yaml_mapping_start_event_initialize(&event, NULL, NULL, 1,
							  YAML_BLOCK_MAPPING_STYLE)
		    : yaml_sequence_start_event_initialize(&event, NULL, NULL, 1,
							   YAML_BLOCK_SEQUENCE_STYLE));
	for (json_at i = json_first(w->json, at); i != JSON_NONE && !w->rc;
	     i = json_next(w->json, at, i)) {
		emit_value(w, i);
		if (object)
			emit_value(w, i + 1);
	}
	emit(w, &event,
	     object ? yaml_mapping_end_event_initialize(&event)
		    : yaml_sequence_end_event_initialize(&event));
}

int json_to_yaml(const struct json *json, json_at at, struct buf *to)
{
	struct writer w = {.json = json, .to = to};
	yaml_event_t event;
	if (!yaml_emitter_initialize(&w.emitter))
		return SL_E_NO_MEMORY;
	buf_init(&w.text, SIZE_MAX / 2);
	yaml_emitter_set_output(&w.emitter, write_piece, to);
	yaml_emitter_set_unicode(&w.emitter, 1);
	yaml_emitter_set_width(&w.emitter, -1);
	emit(&w, &event, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING));
	emit(&w, &event, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1));
	emit_value(&w, at);
	emit(&w, &event, yaml_document_end_event_initialize(&event, 1));
	emit(&w, &event, yaml_stream_end_event_initialize(&event));
	buf_fini(&w.text);
	yaml_emitter_delete(&w.emitter);
	return w.rc ? w.rc : to->rc;
}
