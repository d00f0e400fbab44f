#include "api/handlers/selector_show.h"
#include "api/handlers/schemas.h"

enum { VALUE_MAX = 1 << 20 };

static const struct schema_member condition_members[] = {
	MEMBER("name", TEXT, 0, NULL),
	MEMBER("key", TEXT, 0, NULL),
	MEMBER("expect", TEXT, 0, NULL),
	MEMBER("value", TEXT, SHAPE_NULL, "What the header has there; null: nothing."),
	MEMBER("verdict", BOOL, SHAPE_NULL, "null: it cannot be told."),
	{0},
};
const struct schema schema_condition_result = {.name = "ConditionResult",
					       .member = condition_members};

static void put_verdict(struct json_object *to, const char *key, enum verdict verdict)
{
	if (verdict == VERDICT_UNKNOWN)
		jb_put_null(to, key);
	else
		jb_put_bool(to, key, verdict == VERDICT_TRUE);
}

static struct json_object *show_condition(const struct selector *s, size_t i,
					  struct selector_scratch *scratch,
					  const struct json *header)
{
	scoped(buf_finip) struct buf value = {0};
	struct json_object *to = jb_object();
	struct condition_view c = selector_condition(s, i);
	bool present = false;
	buf_init(&value, VALUE_MAX);
	enum verdict verdict =
		selector_condition_match(s, i, scratch, header, &value, &present, NULL);
	jb_put_bytes(to, "name", c.name);
	jb_put_bytes(to, "key", c.key);
	jb_put_bytes(to, "expect", c.expect);
	if (present)
		jb_put_bytes(to, "value", buf_bytes(&value));
	else
		jb_put_null(to, "value");
	put_verdict(to, "verdict", verdict);
	return to;
}

struct json_object *selector_show(const struct selector *s, struct selector_scratch *scratch,
				  const struct json *header)
{
	struct json_object *to = jb_object(), *list = jb_array();
	struct sl_error err = {0};
	enum verdict verdict = selector_match(s, scratch, header, &err);
	put_verdict(to, "matched", verdict);
	for (size_t i = 0; i < selector_condition_count(s); i++)
		jb_add(list, show_condition(s, i, scratch, header));
	jb_put(to, "conditions", list);
	if (verdict == VERDICT_UNKNOWN)
		jb_put_str(to, "error", err.text);
	return to;
}
