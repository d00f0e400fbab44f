/* The audit log: numbers without gaps, times that never go back, texts that can be read. */
#include "core/check/internal.h"

#include "core/audit.h"
#include "core/json/index.h"

static bool is_object(struct bytes text)
{
	static const struct json_limits limits = {.bytes_max = 1 << 20, .depth_max = 200};
	scoped(json_finip) struct json json = {0};
	return json_parse(&json, text, &limits, NULL) == 0 && json_type(&json, 0) == JSON_OBJECT;
}

int check_audit(struct checking *c, struct bytes key, struct bytes val)
{
	struct audit_shown e;
	if (audit_decode(key, val, &e) || !e.number) {
		wrong(c, key, "the entry cannot be read");
		return 0;
	}
	if (c->audit_last && e.number != c->audit_last + 1)
		wrong(c, key, "entry %llu in front of it is missing",
		      (unsigned long long)e.number - 1);
	if (e.time_ms < c->audit_ms)
		wrong(c, key, "it is older than the one in front of it");
	if (!is_object(e.text))
		wrong(c, key, "what it says cannot be read");
	c->audit_last = e.number;
	c->audit_ms = e.time_ms;
	return 0;
}
