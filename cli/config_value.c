#include "cli/config_table.h"

#include "core/base/arena.h"
#include "core/json/index.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>

enum { WORD_SIZE = 64, LIST_MAX = 1000 };

/* ---- numbers with units ---- */

struct unit {
	const char *name;
	int64_t factor;
};

/* The first is what a number without a unit means; smallest to largest, so that printing
 * may take the last one that divides. */
static const struct unit size_units[] = {{"", 1},
					 {"B", 1},
					 {"KiB", INT64_C(1) << 10},
					 {"MiB", INT64_C(1) << 20},
					 {"GiB", INT64_C(1) << 30},
					 {"TiB", INT64_C(1) << 40}};
static const struct unit time_units[] = {{"", 1000},     {"ms", 1},    {"s", 1000},
					 {"min", 60000}, {"m", 60000}, {"h", 3600000},
					 {"d", 86400000}};
static const struct unit count_units[] = {{"", 1}};

struct unit_set {
	const struct unit *unit;
	size_t n;
	const char *hint;
};

static struct unit_set units_of(enum config_type type)
{
	if (type == CONFIG_SIZE)
		return (struct unit_set){size_units, countof(size_units),
					 "a size like 4096, 64 KiB, 1 MiB or 2 GiB"};
	if (type == CONFIG_DURATION)
		return (struct unit_set){
			time_units, countof(time_units),
			"a duration like 10 (seconds), 500 ms, 10 s, 5 min or 1 h"};
	return (struct unit_set){count_units, countof(count_units), "a whole number"};
}

static int read_number(struct unit_set units, const char *text, int64_t *ret)
{
	char *end;
	errno = 0;
	if (*text < '0' || *text > '9')
		return SL_E_INVALID;
	intmax_t n = strtoimax(text, &end, 10);
	if (errno || n < 0)
		return SL_E_INVALID;
	while (*end == ' ')
		end++;
	for (size_t i = 0; i < units.n; i++)
		if (strcmp(end, units.unit[i].name) == 0)
			return __builtin_mul_overflow((int64_t)n, units.unit[i].factor, ret)
				       ? SL_E_INVALID
				       : 0;
	return SL_E_INVALID;
}

static void print_number(enum config_type type, int64_t n, struct buf *to)
{
	struct unit_set units = units_of(type);
	const struct unit *best = &units.unit[0];
	if (type != CONFIG_COUNT)
		best = &units.unit[1];
	for (size_t i = 1; i < units.n && n > 0; i++)
		if (n % units.unit[i].factor == 0 && strcmp(units.unit[i].name, "m") != 0)
			best = &units.unit[i];
	buf_addf(to, "%" PRId64 "%s%s", n / best->factor, *best->name ? " " : "", best->name);
}

static int set_number(void *at, const struct config_key *key, const char *text,
		      struct sl_error *err)
{
	struct unit_set units = units_of(key->type);
	int64_t n;
	if (read_number(units, text, &n))
		return sl_fail(err, SL_E_INVALID, "\"%s\" is not %s", text, units.hint);
	if (n < key->min || n > key->max) {
		scoped(buf_finip) struct buf range;
		buf_init(&range, 256);
		config_range_print(key, &range);
		return sl_fail(err, SL_E_INVALID, "%s is out of range: %s", text, buf_str(&range));
	}
	*(int64_t *)at = n;
	return 0;
}

/* ---- words ---- */

static int set_choice(int64_t *at, const char *choices, const char *text, struct sl_error *err)
{
	size_t len = strlen(text);
	int64_t place = 0;
	for (const char *from = choices;; place++) {
		size_t n = strcspn(from, "|");
		if (n == len && memcmp(from, text, n) == 0) {
			*at = place;
			return 0;
		}
		if (!from[n])
			return sl_fail(err, SL_E_INVALID, "\"%s\" is not one of %s", text, choices);
		from += n + 1;
	}
}

static struct bytes choice_name(const char *choices, int64_t place)
{
	const char *from = choices;
	for (; place > 0; place--)
		from += strcspn(from, "|") + 1;
	return bytes_of(from, strcspn(from, "|"));
}

static int set_bool(bool *at, const char *text, struct sl_error *err)
{
	bool yes = strcmp(text, "true") == 0;
	if (!yes && strcmp(text, "false") != 0)
		return sl_fail(err, SL_E_INVALID, "\"%s\" is neither true nor false", text);
	*at = yes;
	return 0;
}

/* ---- addresses ---- */

/* "1.2.3.4" or "::1" within `text` up to `len`; the family, or 0. */
static int family_of(const char *text, size_t len, uint8_t ret[16])
{
	char word[WORD_SIZE];
	if (len >= sizeof(word))
		return 0;
	memcpy(word, text, len);
	word[len] = '\0';
	if (inet_pton(AF_INET, word, ret) == 1)
		return AF_INET;
	return inet_pton(AF_INET6, word, ret) == 1 ? AF_INET6 : 0;
}

static int check_decimal(const char *text, long max)
{
	char *end;
	if (*text < '0' || *text > '9')
		return SL_E_INVALID;
	long n = strtol(text, &end, 10);
	return *end || n > max ? SL_E_INVALID : 0;
}

/* Takes "[::1]:80" and "127.0.0.1:80" apart; the family, or 0. */
static int address_family(const char *text, uint8_t ret[16])
{
	const char *colon = strrchr(text, ':');
	if (!colon || check_decimal(colon + 1, 65535))
		return 0;
	size_t len = (size_t)(colon - text);
	if (*text == '[')
		return len > 2 && text[len - 1] == ']' &&
				       family_of(text + 1, len - 2, ret) == AF_INET6
			       ? AF_INET6
			       : 0;
	return family_of(text, len, ret) == AF_INET ? AF_INET : 0;
}

bool config_is_loopback(const struct config *config)
{
	uint8_t at[16];
	static const uint8_t six[16] = {[15] = 1};
	int family = address_family(config->listen, at);
	return family == AF_INET ? at[0] == 127 : family == AF_INET6 && memcmp(at, six, 16) == 0;
}

static bool is_network(const char *text)
{
	uint8_t at[16];
	const char *slash = strchr(text, '/');
	int family = slash ? family_of(text, (size_t)(slash - text), at) : 0;
	return family && check_decimal(slash + 1, family == AF_INET ? 32 : 128) == 0;
}

static bool is_host(const char *text)
{
	return *text && !text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					   "0123456789.-_:[]")];
}

static bool is_class(const char *text)
{
	char *end;
	size_t name = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-.");
	if (!name || text[name] != '=' || !strchr("-0123456789", text[name + 1]))
		return false;
	long n = strtol(text + name + 1, &end, 10);
	return !*end && end[-1] != '=' && end[-1] != '-' && n >= INT32_MIN && n <= INT32_MAX;
}

static bool is_right(const char *text)
{
	static const char *const fields[] = {"privileged", "capabilities", "hostNetwork",
					     "hostPID",    "hostIPC",      "serviceAccountName"};
	for (size_t i = 0; i < countof(fields); i++)
		if (strcmp(text, fields[i]) == 0)
			return true;
	return strncmp(text, "hostPath:/", strlen("hostPath:/")) == 0;
}

static int check_level(const char *text, struct sl_error *err)
{
	const char *equals = strchr(text, '=');
	enum log_level level;
	if (!equals || log_level_parse(equals + 1, &level))
		return sl_fail(err, SL_E_INVALID,
			       "\"%s\" is not TOPIC=LEVEL, like driver=debug; levels are error, "
			       "warn, info, debug",
			       text);
	if (log_is_topic(bytes_of(text, (size_t)(equals - text))))
		return 0;
	scoped(buf_finip) struct buf names = {0};
	buf_init(&names, 1024);
	log_topics(&names);
	return sl_fail(err, SL_E_INVALID, "\"%s\": there is no such topic; there are %s", text,
		       buf_str(&names));
}

static int check_element(enum config_type type, const char *text, struct sl_error *err)
{
	if (type == CONFIG_HOSTS && !is_host(text))
		return sl_fail(err, SL_E_INVALID, "\"%s\" is not a host name", text);
	if (type == CONFIG_NETWORKS && !is_network(text))
		return sl_fail(err, SL_E_INVALID, "\"%s\" is not a network like 10.0.0.0/8", text);
	if (type == CONFIG_POINTERS && *text != '/')
		return sl_fail(err, SL_E_INVALID, "\"%s\" is not a path like /spec/roles", text);
	if (type == CONFIG_CLASSES && !is_class(text))
		return sl_fail(err, SL_E_INVALID, "\"%s\" is not NAME=NUMBER, like high=100", text);
	if (type == CONFIG_RIGHTS && !is_right(text))
		return sl_fail(err, SL_E_INVALID,
			       "\"%s\" is none of privileged, capabilities, hostNetwork, hostPID, "
			       "hostIPC, serviceAccountName, hostPath:/DIR",
			       text);
	if (type == CONFIG_LEVELS)
		return check_level(text, err);
	if (type == CONFIG_DIRS && *text != '/')
		return sl_fail(err, SL_E_INVALID, "\"%s\" does not begin with /", text);
	return 0;
}

/* ---- one value ---- */

/* A copy in the snapshot; NULL only when out of memory or with a NUL inside. */
static const char *keep(struct config *config, struct bytes text, struct sl_error *err)
{
	if (memchr(text.len ? text.at : "", 0, text.len)) {
		sl_fail(err, SL_E_INVALID, "holds a NUL character");
		return NULL;
	}
	const char *copy = arena_strdup(config->arena, text);
	if (!copy)
		sl_fail(err, SL_E_NO_MEMORY, "out of memory");
	return copy;
}

static int set_list(struct config *config, const struct config_key *key, const struct bytes *text,
		    size_t n, struct sl_error *err)
{
	if (n > LIST_MAX)
		return sl_fail(err, SL_E_INVALID, "more than %d elements", LIST_MAX);
	const char **at = arena_alloc(config->arena, (n + 1) * sizeof(*at));
	if (!at)
		return sl_fail(err, SL_E_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < n; i++) {
		struct sl_error why = {0};
		at[i] = keep(config, text[i], &why);
		if (!at[i] || check_element(key->type, at[i], &why))
			return sl_fail(err, (enum sl_err)why.code, "%s", why.text);
	}
	struct config_list *list = (void *)((char *)config + key->at);
	*list = (struct config_list){at, n};
	return 0;
}

static int set_text(const char **at, const struct config_key *key, const char *text,
		    struct sl_error *err)
{
	uint8_t address[16];
	if (key->type == CONFIG_ADDRESS && !address_family(text, address))
		return sl_fail(err, SL_E_INVALID,
			       "\"%s\" is not ADDRESS:PORT, like 127.0.0.1:8080 or [::1]:8080",
			       text);
	if (key->type == CONFIG_GROUP && *text && (*text != '/' || strstr(text, "/..")))
		return sl_fail(err, SL_E_INVALID, "\"%s\" is not a cgroup like /sluice", text);
	if (!*text && key->min > 0)
		return sl_fail(err, SL_E_INVALID, "is empty");
	*at = text;
	return 0;
}

int config_value_set(struct config *config, const struct config_key *key, const struct bytes *text,
		     size_t n, struct sl_error *err)
{
	if (config_is_list(key))
		return set_list(config, key, text, n, err);
	struct sl_error why = {0};
	const char *one = keep(config, text[0], &why);
	if (!one)
		return sl_fail(err, (enum sl_err)why.code, "%s", why.text);
	void *at = (char *)config + key->at;
	switch (key->type) {
	case CONFIG_BOOL:
		return set_bool(at, one, err);
	case CONFIG_CHOICE:
		return set_choice(at, key->choices, one, err);
	case CONFIG_COUNT:
	case CONFIG_SIZE:
	case CONFIG_DURATION:
		return set_number(at, key, one, err);
	default:
		return set_text(at, key, one, err);
	}
}

static struct bytes trim(const char *from, size_t len)
{
	for (; len && *from == ' '; from++)
		len--;
	while (len && from[len - 1] == ' ')
		len--;
	return bytes_of(from, len);
}

int config_value_parse(struct config *config, const struct config_key *key, const char *text,
		       struct sl_error *err)
{
	struct bytes part[LIST_MAX];
	size_t n = 0;
	if (!config_is_list(key)) {
		part[0] = bytes_str(text);
		return config_value_set(config, key, part, 1, err);
	}
	for (const char *from = text; *from;) {
		size_t len = strcspn(from, ",");
		if (n == LIST_MAX)
			return sl_fail(err, SL_E_INVALID, "more than %d elements", LIST_MAX);
		part[n++] = trim(from, len);
		from += from[len] ? len + 1 : len;
	}
	return config_value_set(config, key, part, n, err);
}

/* ---- printing ---- */

static void print_word(struct buf *to, const char *text)
{
	bool plain =
		*text && strchr("./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", *text);
	if (plain && !strpbrk(text, ":#,[]{}\"'\\\n\t ") && strcmp(text, "true") != 0 &&
	    strcmp(text, "false") != 0 && strcasecmp(text, "null") != 0)
		buf_add_str(to, text);
	else
		json_quote(to, bytes_str(text));
}

static void print_list(struct buf *to, const struct config_list *list)
{
	buf_add_char(to, '[');
	for (size_t i = 0; i < list->n; i++) {
		buf_add_str(to, i ? ", " : "");
		print_word(to, list->at[i]);
	}
	buf_add_char(to, ']');
}

void config_value_print(const struct config *config, const struct config_key *key, struct buf *to)
{
	const void *at = (const char *)config + key->at;
	switch (key->type) {
	case CONFIG_BOOL:
		buf_add_str(to, *(const bool *)at ? "true" : "false");
		break;
	case CONFIG_CHOICE:
		buf_add_bytes(to, choice_name(key->choices, *(const int64_t *)at));
		break;
	case CONFIG_COUNT:
	case CONFIG_SIZE:
	case CONFIG_DURATION:
		print_number(key->type, *(const int64_t *)at, to);
		break;
	case CONFIG_ADDRESS:
		json_quote(to, bytes_str(*(const char *const *)at));
		break;
	case CONFIG_GROUP:
	case CONFIG_TEXT:
		print_word(to, *(const char *const *)at);
		break;
	default:
		print_list(to, at);
	}
}

void config_type_print(const struct config_key *key, struct buf *to)
{
	static const char *const names[] = {
		[CONFIG_TEXT] = "text",
		[CONFIG_ADDRESS] = "address:port",
		[CONFIG_GROUP] = "cgroup",
		[CONFIG_BOOL] = "true or false",
		[CONFIG_COUNT] = "number",
		[CONFIG_SIZE] = "size",
		[CONFIG_DURATION] = "duration",
		[CONFIG_HOSTS] = "list of host names",
		[CONFIG_NETWORKS] = "list of networks",
		[CONFIG_POINTERS] = "list of paths",
		[CONFIG_DIRS] = "list of directories",
		[CONFIG_CLASSES] = "list of NAME=NUMBER",
		[CONFIG_RIGHTS] = "list of rights",
		[CONFIG_LEVELS] = "list of TOPIC=LEVEL",
	};
	if (key->type != CONFIG_CHOICE) {
		buf_add_str(to, names[key->type]);
		return;
	}
	for (const char *c = key->choices; *c; c++)
		if (*c == '|')
			buf_add_str(to, " or ");
		else
			buf_add_char(to, *c);
}

void config_range_print(const struct config_key *key, struct buf *to)
{
	if (key->type != CONFIG_COUNT && key->type != CONFIG_SIZE && key->type != CONFIG_DURATION)
		return;
	print_number(key->type, key->min, to);
	buf_add_str(to, " to ");
	print_number(key->type, key->max, to);
}
