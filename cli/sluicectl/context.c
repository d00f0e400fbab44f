/* Which gateway, as whom, and how to print. */
#include "cli/file.h"
#include "cli/sluicectl/ctl.h"
#include "cli/yaml_json.h"

#include <stdlib.h>

#define DEFAULT_SERVER "http://127.0.0.1:8080"

enum { CONTEXT_MAX = 65536 };

/** What the context file says. */
struct context {
	const char *server, *token, *cacert, *cert, *key;
};

static const char *context_path(struct ctl *ctl)
{
	const char *base = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");
	scoped(buf_finip) struct buf path;
	buf_init(&path, 4096);
	if (base && *base == '/')
		buf_addf(&path, "%s/sluice/context.yml", base);
	else if (home && *home)
		buf_addf(&path, "%s/.config/sluice/context.yml", home);
	return path.len && !path.rc ? arena_strdup(ctl->arena, buf_bytes(&path)) : NULL;
}

static int take_member(struct ctl *ctl, const struct json *json, json_at key, struct context *to,
		       struct sl_error *err)
{
	const char **place = json_string_is(json, key, BYTES("server"))   ? &to->server
			     : json_string_is(json, key, BYTES("token"))  ? &to->token
			     : json_string_is(json, key, BYTES("cacert")) ? &to->cacert
			     : json_string_is(json, key, BYTES("cert"))   ? &to->cert
			     : json_string_is(json, key, BYTES("key"))    ? &to->key
									  : NULL;
	if (!place)
		return sl_fail(err, SL_E_INVALID,
			       "an unknown key; there are: server, token, cacert, cert, key");
	if (json_type(json, key + 1) != JSON_STRING)
		return sl_fail(err, SL_E_INVALID, "each value must be a text (in quotes)");
	scoped(buf_finip) struct buf word;
	buf_init(&word, CONTEXT_MAX);
	struct bytes text;
	int rc = json_string(json, key + 1, &word, &text);
	if (rc)
		return sl_fail(err, (enum sl_err)rc, "%s", sl_err_text(rc));
	*place = arena_strdup(ctl->arena, text);
	return *place ? 0 : sl_fail(err, SL_E_NO_MEMORY, "out of memory");
}

static int parse_context(struct ctl *ctl, struct bytes yaml, struct context *to,
			 struct sl_error *err)
{
	static const struct yaml_limits limits = {.bytes_max = CONTEXT_MAX, .depth_max = 4};
	static const struct json_limits json_limits = {.bytes_max = CONTEXT_MAX, .depth_max = 4};
	scoped(json_finip) struct json json = {0};
	scoped(buf_finip) struct buf text;
	buf_init(&text, CONTEXT_MAX);
	int rc = yaml_to_json(yaml, &limits, &text, NULL, err);
	if (!rc)
		rc = json_parse(&json, buf_bytes(&text), &json_limits, err);
	if (rc || json_type(&json, 0) == JSON_NULL)
		return rc;
	if (json_type(&json, 0) != JSON_OBJECT)
		return sl_fail(err, SL_E_INVALID, "must hold `server:` and `token:`");
	for (json_at k = json_first(&json, 0); k != JSON_NONE && !rc; k = json_next(&json, 0, k))
		rc = take_member(ctl, &json, k, to, err);
	return rc;
}

static int read_context(struct ctl *ctl, struct context *to)
{
	const char *path = context_path(ctl);
	scoped(buf_finip) struct buf yaml;
	buf_init(&yaml, CONTEXT_MAX);
	struct sl_error err = {0};
	int rc = path ? file_read(path, FILE_PRIVATE, &yaml, &err) : SL_E_NOT_FOUND;
	if (rc == SL_E_NOT_FOUND)
		return CTL_DONE;
	if (!rc)
		rc = sl_wrap(&err, parse_context(ctl, buf_bytes(&yaml), to, &err), "%s: ", path);
	if (!rc)
		return CTL_DONE;
	ctl_fail(CTL_USAGE, "%s", err.text);
	if (rc == SL_E_DENIED)
		ctl_next("chmod 600 %s, or give --token and --server", path);
	return CTL_USAGE;
}

/* With a scheme and without a slash at the end. */
static const char *tidy_server(struct ctl *ctl, const char *given)
{
	scoped(buf_finip) struct buf url;
	buf_init(&url, 4096);
	buf_addf(&url, "%s%s", strstr(given, "://") ? "" : "http://", given);
	while (url.len && url.at[url.len - 1] == '/')
		url.len--;
	return url.rc ? NULL : arena_strdup(ctl->arena, buf_bytes(&url));
}

static const char *from_env(const char *name)
{
	const char *value = getenv(name);
	return value && *value ? value : NULL;
}

static enum ctl_format find_format(const struct ctl *ctl)
{
	const char *given = ctl->common.format;
	if (!given)
		return ctl->out_tty ? FORMAT_TABLE : FORMAT_PLAIN;
	return strcmp(given, "wide") == 0   ? FORMAT_WIDE
	       : strcmp(given, "json") == 0 ? FORMAT_JSON
	       : strcmp(given, "yaml") == 0 ? FORMAT_YAML
					    : FORMAT_TABLE;
}

/* Then the context file may know who vouches for it. */
static bool is_https(const char *server) { return strncmp(server, "https://", 8) == 0; }

static const char *first(const char *option, const char *variable, const char *stored)
{
	const char *env = from_env(variable);
	return option ? option : env ? env : stored;
}

/* What vouches for whom over https; of the context file only for its own server. */
static void set_trust(struct ctl *ctl, const struct context *context)
{
	ctl->cacert = first(ctl->common.cacert, "SLUICE_CACERT", context->cacert);
	ctl->cert = first(ctl->common.cert, "SLUICE_CERT", context->cert);
	ctl->key = first(ctl->common.key, "SLUICE_KEY", context->key);
}

int ctl_resolve(struct ctl *ctl)
{
	ctl->format = find_format(ctl);
	if (ctl->command->offline)
		return CTL_DONE;
	const char *server = ctl->common.server ? ctl->common.server : from_env("SLUICE_SERVER");
	const char *token = ctl->common.token ? ctl->common.token : from_env("SLUICE_TOKEN");
	struct context context = {0};
	int rc = server && token && !is_https(server) ? CTL_DONE : read_context(ctl, &context);
	if (rc)
		return rc;
	const char *stored = tidy_server(ctl, context.server ? context.server : DEFAULT_SERVER);
	ctl->server = server ? tidy_server(ctl, server) : stored;
	if (!stored || !ctl->server)
		return ctl_fail(CTL_USAGE, "the server's address is too long");
	/* The file's token is for the file's server: never show it to another one. */
	bool same = strcmp(ctl->server, stored) == 0;
	ctl->token = token ? token : same ? context.token : NULL;
	if (!ctl->token && context.token)
		ctl_fail(CTL_DONE, "the context file's token is for %s and was not sent to %s",
			 stored, ctl->server);
	set_trust(ctl, same ? &context : &(struct context){0});
	return CTL_DONE;
}

bool ctl_server_is_loopback(const struct ctl *ctl)
{
	const char *host = strstr(ctl->server, "://");
	host = host ? host + 3 : ctl->server;
	size_t len = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/");
	struct bytes name = bytes_of(host, len);
	return bytes_is(name, "localhost") || bytes_is(name, "[::1]") || bytes_starts(name, "127.");
}
