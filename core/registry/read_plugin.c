/* One plugin of a feature's document. */
#include "core/registry/internal.h"

enum { IN_FLIGHT_DEFAULT = 256 };

static int read_type(void *into, struct reading *r, json_at at)
{
	const char *text;
	int rc = reading_text(r, at, 4096, &text);
	if (rc)
		return rc;
	if (!*text)
		return reading_fail(r, at, SL_E_LACK, "must not be empty");
	if (plugin_type_parse(bytes_str(text), &((struct plugin *)into)->type))
		return reading_fail(
			r, at, SL_E_PLUGIN_TYPE,
			"unknown pluginType \"%.60s\"; it is one of TemplateTranslator, "
			"FactorGenerator, AccessGate, TemplateDecorator, "
			"SchedulerBinder, LifeHook",
			text);
	return 0;
}

static int read_address(struct plugin *p, struct reading *r, json_at at)
{
	struct sl_error err = {0};
	const char *text;
	int rc = reading_text(r, at, 4096, &text);
	if (rc)
		return rc;
	if (!*text)
		return reading_fail(r, at, SL_E_LACK, "must not be empty");
	if (!r->stored && http_check_address(r->config->http, bytes_str(text), &err))
		return reading_fail(r, at, SL_E_INVALID, "%s", err.text);
	p->address[p->addresses++] = text;
	return 0;
}

static int read_addresses(void *into, struct reading *r, json_at at)
{
	struct plugin *p = into;
	const struct json *j = r->json;
	if (json_type(j, at) != JSON_ARRAY)
		return read_address(p, r, at);
	if (!json_count(j, at))
		return reading_fail(r, at, SL_E_LACK, "must hold at least one address");
	if (json_count(j, at) > PLUGIN_ADDRESSES_MAX)
		return reading_fail(r, at, SL_E_INVALID, "holds more than %d addresses",
				    PLUGIN_ADDRESSES_MAX);
	for (json_at e = json_first(j, at); e != JSON_NONE; e = json_next(j, at, e)) {
		int rc = read_address(p, r, e);
		if (rc)
			return rc;
	}
	return 0;
}

static int read_description(void *into, struct reading *r, json_at at)
{
	return reading_text(r, at, 64 * 1024, &((struct plugin *)into)->description);
}

static int read_name(void *into, struct reading *r, json_at at)
{
	struct plugin *p = into;
	int rc = reading_text(r, at, FEATURE_NAME_MAX, &p->name);
	for (const char *c = p->name; !rc && *c; c++)
		if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", *c))
			return reading_fail(r, at, SL_E_INVALID, "must be of A-Z a-z 0-9 _ - only");
	return rc;
}

static int read_number(struct reading *r, json_at at, int64_t from, int64_t to, uint32_t *ret)
{
	int64_t value;
	if (json_type(r->json, at) != JSON_NUMBER || json_int64(r->json, at, &value) ||
	    value < from || value > to)
		return reading_fail(r, at, SL_E_INVALID, "must be a whole number from %lld to %lld",
				    (long long)from, (long long)to);
	*ret = (uint32_t)value;
	return 0;
}

static int read_timeout(void *into, struct reading *r, json_at at)
{
	return read_number(r, at, 1, PLUGIN_TIMEOUT_MAX_MS, &((struct plugin *)into)->timeout_ms);
}

static int read_retries(void *into, struct reading *r, json_at at)
{
	return read_number(r, at, 0, PLUGIN_RETRIES_MAX, &((struct plugin *)into)->retries);
}

static int read_in_flight(void *into, struct reading *r, json_at at)
{
	return read_number(r, at, 1, PLUGIN_IN_FLIGHT_MAX, &((struct plugin *)into)->in_flight_max);
}

/* The index of a string in a list of allowed words, or a fault. */
static int read_word(struct reading *r, json_at at, const char *const *words, size_t n, size_t *ret)
{
	for (size_t i = 0; i < n; i++)
		if (json_string_is(r->json, at, bytes_str(words[i]))) {
			*ret = i;
			return 0;
		}
	return reading_fail(r, at, SL_E_INVALID, "must be %s, %s%s%s", words[0], words[1],
			    n > 2 ? " or " : "", n > 2 ? words[2] : "");
}

static int read_policy(void *into, struct reading *r, json_at at)
{
	static const char *const words[] = {"fail", "wait", "ignore"};
	size_t which = 0;
	int rc = read_word(r, at, words, countof(words), &which);
	if (!rc)
		((struct plugin *)into)->policy = (enum failure_policy)which;
	return rc;
}

static int read_side_effects(void *into, struct reading *r, json_at at)
{
	static const char *const words[] = {"none", "some"};
	size_t which = 0;
	int rc = read_word(r, at, words, countof(words), &which);
	if (!rc)
		((struct plugin *)into)->side_effects = which == 1;
	return rc;
}

static int read_answer(void *into, struct reading *r, json_at at)
{
	static const char *const words[] = {"whole", "typed"};
	size_t which = 0;
	int rc = read_word(r, at, words, countof(words), &which);
	if (!rc)
		((struct plugin *)into)->typed = which == 1;
	return rc;
}

static int read_selector(void *into SL_UNUSED, struct reading *r, json_at at)
{
	return json_type(r->json, at) == JSON_OBJECT
		       ? 0 /* compiled when the whole feature is known */
		       : reading_fail(r, at, SL_E_INVALID, "must be an object, not %s",
				      json_type_name(json_type(r->json, at)));
}

static const struct member members[] = {
	{"pluginType", read_type, true},
	{"callAddress", read_addresses, true},
	{"description", read_description, false},
	{"jobSelector", read_selector, false},
	{"name", read_name, false},
	{"timeoutMs", read_timeout, false},
	{"retries", read_retries, false},
	{"failurePolicy", read_policy, false},
	{"maxInFlight", read_in_flight, false},
	{"sideEffects", read_side_effects, false},
	{"answer", read_answer, false},
	{"key", NULL, false},
	{"sequence", NULL, false},
	{"enabled", NULL, false},
	{"override", NULL, false},
	{NULL, NULL, false},
};

static json_at given(const struct reading *r, json_at plugin, const char *name)
{
	json_at at = json_get(r->json, plugin, bytes_str(name));
	return at != JSON_NONE && json_type(r->json, at) == JSON_NULL ? JSON_NONE : at;
}

/* Which members fit which type. */
static int check_fit(struct reading *r, json_at at, struct plugin *p)
{
	const char *type = plugin_type_name(p->type);
	static const char *const not_for_hooks[] = {"failurePolicy", "answer", "sideEffects"};
	for (size_t i = 0; i < countof(not_for_hooks); i++) {
		json_at member = given(r, at, not_for_hooks[i]);
		if (p->type == PLUGIN_LIFEHOOK && member != JSON_NONE)
			return reading_fail(r, member, SL_E_INVALID, "a LifeHook has none");
	}
	bool changes = p->type == PLUGIN_TRANSLATOR || p->type == PLUGIN_DECORATOR ||
		       p->type == PLUGIN_BINDER;
	json_at answer = given(r, at, "answer"), policy = given(r, at, "failurePolicy");
	if (answer != JSON_NONE && !changes)
		return reading_fail(r, answer, SL_E_INVALID,
				    "only a plugin that answers a TaskSet has it, not a %s", type);
	bool must = p->type == PLUGIN_TRANSLATOR || p->type == PLUGIN_BINDER;
	if (policy != JSON_NONE && must && p->policy == FAILURE_IGNORE)
		return reading_fail(r, policy, SL_E_INVALID, "a %s cannot be ignored", type);
	if (policy == JSON_NONE)
		p->policy = p->type == PLUGIN_FACTOR ? FAILURE_IGNORE : FAILURE_WAIT;
	if (given(r, at, "sideEffects") == JSON_NONE)
		p->side_effects = p->type == PLUGIN_GATE;
	return 0;
}

int reading_plugin(struct reading *r, json_at at, struct plugin *p)
{
	p->name = p->description = "";
	p->timeout_ms = __atomic_load_n(&r->config->timeout_ms, __ATOMIC_RELAXED);
	p->retries = __atomic_load_n(&r->config->retries, __ATOMIC_RELAXED);
	p->in_flight_max = IN_FLIGHT_DEFAULT;
	int rc = reading_members(r, at, members, p);
	return rc ? rc : check_fit(r, at, p);
}
