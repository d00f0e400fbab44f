/* The calls that a plugin is held to: recorded ones, or one made up for its type. */
#include "cli/sluicectl/conform.h"

#include "cli/sluicectl/document.h"

#include <stdio.h>
#include <string.h>

#define TASKSET                                                                                    \
	"{\"apiVersion\":\"sluice/v1\",\"kind\":\"TaskSet\",\"metadata\":{\"name\":\"conform\","   \
	"\"labels\":{\"kept\":\"yes\"}},\"spec\":{\"roles\":[{\"name\":\"main\",\"replicas\":1,"   \
	"\"completionPolicy\":{\"maxFailed\":1,\"minSucceeded\":1},\"template\":{\"spec\":{"       \
	"\"containers\":[{\"name\":\"main\",\"command\":[\"sh\",\"-c\",\"exit 0\"],\"env\":["      \
	"{\"name\":\"KEPT\",\"value\":\"yes\"}],\"resources\":{\"limits\":{\"cpu\":\"1\","         \
	"\"memory\":\"64Mi\"}}}]}}}]}}"
#define FACTORS                                                                                    \
	"\"factors\":{\"priority\":[{\"topic\":\"priority\",\"advice\":\"10\",\"reason\":\"a "     \
	"reason\"}]}"

static const char *made_up(enum plugin_type type)
{
	switch (type) {
	case PLUGIN_TRANSLATOR:
		return "{\"factors\":{},\"header\":{\"userID\":\"conform\",\"jobName\":\"conform\","
		       "\"jobKind\":\"Script\",\"jobID\":\"01a200aa-b256-7000-92e5-148469c5c019\"},"
		       "\"job\":{\"kind\":\"Script\",\"script\":\"exit 0\"}}";
	case PLUGIN_LIFEHOOK:
		return "{\"id\":\"01a200aa-b256-7000-92e5-148469c5c019\",\"current_state\":"
		       "\"running\",\"previous_state\":\"waiting\",\"sequence\":3,\"time\":"
		       "\"2026-11-21T20:00:00.000Z\",\"userID\":\"conform\",\"jobName\":"
		       "\"conform\",\"jobKind\":\"Script\",\"reason\":\"first container "
		       "started\",\"reasonCode\":\"running\"}";
	default:
		return "{" FACTORS ",\"header\":{\"userID\":\"conform\",\"jobName\":\"conform\","
		       "\"jobKind\":\"Script\",\"jobID\":\"01a200aa-b256-7000-92e5-148469c5c019\"},"
		       "\"job\":" TASKSET "}";
	}
}

static struct bytes keep(struct conform *c, struct bytes text)
{
	struct bytes kept = {0};
	return arena_copy(c->ctl->arena, text, &kept) ? (struct bytes){0} : kept;
}

static int add_recorded(struct conform *c, const char *path, const struct json *file, json_at call)
{
	struct sample *sample = &c->sample[c->samples];
	json_at answer = json_get(file, call, BYTES("answer"));
	json_at body = json_get(file, call, BYTES("body"));
	json_at name = json_get(file, call, BYTES("name"));
	json_at status = json_get(file, answer, BYTES("status"));
	json_at wanted = json_get(file, answer, BYTES("body"));
	int64_t code = 0;
	char numbered[32];
	snprintf(numbered, sizeof(numbered), "call %zu", c->samples + 1);
	struct bytes label = bytes_of(numbered, strlen(numbered));
	if (name != JSON_NONE && json_type(file, name) == JSON_STRING &&
	    json_raw(file, name).len > 2)
		label = bytes_of((const char *)json_raw(file, name).at + 1,
				 json_raw(file, name).len - 2);
	if (json_type(file, body) != JSON_OBJECT)
		return ctl_fail(CTL_REFUSED, "%s: %.*s: body: must be an object", path,
				BYTES_FMT(label));
	if (status != JSON_NONE && (json_int64(file, status, &code) || code < 100 || code > 599))
		return ctl_fail(CTL_REFUSED, "%s: %.*s: answer.status: must be 100 to 599", path,
				BYTES_FMT(label));
	*sample = (struct sample){.name = arena_strdup(c->ctl->arena, label),
				  .body = keep(c, json_raw(file, body)),
				  .wanted = wanted == JSON_NONE ? (struct bytes){0}
								: keep(c, json_raw(file, wanted)),
				  .wanted_code = (unsigned)code};
	c->samples++;
	bool whole =
		sample->name && sample->body.len && (wanted == JSON_NONE || sample->wanted.len);
	return whole ? CTL_DONE : ctl_no_memory();
}

/* The type of a call: where none was given, the first one's is meant. */
static int take_type(struct conform *c, const char *path, const struct json *file, json_at call)
{
	scoped(buf_finip) struct buf text = {0};
	struct bytes name = {0};
	buf_init(&text, 256);
	json_at type = json_get(file, call, BYTES("pluginType"));
	if (call == JSON_NONE || type == JSON_NONE || json_type(file, type) != JSON_STRING ||
	    json_string(file, type, &text, &name))
		return ctl_fail(CTL_REFUSED, "%s: calls[0].pluginType: is missing", path);
	return conform_set_type(c, arena_strdup(c->ctl->arena, name));
}

static int read_file(struct conform *c, const char *path)
{
	scoped(document_finip) struct document file = {0};
	int code = document_load(path, &file);
	if (code)
		return code;
	json_at calls = json_get(&file.json, 0, BYTES("calls"));
	if (calls == JSON_NONE || json_type(&file.json, calls) != JSON_ARRAY)
		return ctl_fail(CTL_REFUSED, "%s: calls: must be a list of recorded calls", path);
	if (!c->kind)
		code = take_type(c, path, &file.json, json_first(&file.json, calls));
	if (code)
		return code;
	for (json_at at = json_first(&file.json, calls); at != JSON_NONE;
	     at = json_next(&file.json, calls, at)) {
		json_at type = json_get(&file.json, at, BYTES("pluginType"));
		if (c->samples == CONFORM_CALLS_MAX)
			return ctl_fail(CTL_REFUSED, "%s: has more than %d calls", path,
					CONFORM_CALLS_MAX);
		if (json_get(&file.json, at, BYTES("body")) != JSON_NONE && type != JSON_NONE &&
		    json_string_is(&file.json, type,
				   bytes_of(c->kind->name, strlen(c->kind->name))))
			code = add_recorded(c, path, &file.json, at);
		if (code)
			return code;
	}
	if (!c->samples)
		return ctl_fail(CTL_REFUSED, "%s: has no call to a %s", path, c->kind->name);
	return CTL_DONE;
}

int conform_samples(struct conform *c, const char *file)
{
	if (file)
		return read_file(c, file);
	const char *body = made_up(c->type);
	c->sample[c->samples++] =
		(struct sample){.name = "a made-up job", .body = bytes_of(body, strlen(body))};
	return CTL_DONE;
}

/* Behind the first brace at or after `from`. */
static size_t behind_brace(struct bytes body, size_t from)
{
	const char *text = body.at;
	while (from < body.len && text[from] != '{')
		from++;
	return from < body.len ? from + 1 : body.len;
}

static void put_members(struct buf *to, struct bytes body, size_t at, const char *members)
{
	const char *text = body.at;
	size_t next = at;
	buf_add_str(to, members);
	while (next < body.len && strchr(" \t\r\n", text[next]))
		next++;
	if (next < body.len && text[next] != '}')
		buf_add_char(to, ',');
}

struct bytes conform_vary(struct conform *c, struct bytes body, const char *outer,
			  const char *header)
{
	scoped(buf_finip) struct buf to = {0};
	scoped(json_finip) struct json json = {0};
	const struct json_limits limits = {16 << 20, 64};
	size_t first = behind_brace(body, 0), inner = body.len;
	buf_init(&to, 16 << 20);
	if (json_parse(&json, body, &limits, NULL))
		return body;
	json_at known = json_get(&json, 0, BYTES("header"));
	if (known != JSON_NONE && json_type(&json, known) == JSON_OBJECT)
		inner = behind_brace(body, json.node[known].off);
	const char *text = body.at;
	buf_add(&to, text, first);
	if (outer)
		put_members(&to, body, first, outer);
	if (inner < body.len && header) {
		buf_add(&to, text + first, inner - first);
		put_members(&to, body, inner, header);
		first = inner;
	}
	buf_add(&to, text + first, body.len - first);
	return keep(c, buf_bytes(&to));
}
