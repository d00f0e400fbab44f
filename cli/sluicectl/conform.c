#include "cli/sluicectl/conform.h"

#include "core/base/crypt.h"
#include "core/increment/increment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_MAX = 64, KEY_MIN = 24, TIMEOUT_MS = 10000, TIMEOUT_MAX_MS = 300000 };

/* A key from the command line or, with @, from a file. */
static int read_key(struct conform *c, const char *given)
{
	char line[256] = "";
	if (given[0] == '@') {
		FILE *file = fopen(given + 1, "r");
		if (!file || !fgets(line, sizeof(line), file)) {
			if (file)
				fclose(file);
			return ctl_fail(CTL_REFUSED, "%s: %s", given + 1, strerror(errno));
		}
		fclose(file);
		line[strcspn(line, "\r\n")] = '\0';
		given = line;
	}
	uint8_t *key = arena_alloc(c->ctl->arena, KEY_MAX);
	size_t len = 0;
	if (!key)
		return ctl_no_memory();
	if (strncmp(given, "whsec_", 6) != 0 ||
	    crypt_base64_decode(bytes_of(given + 6, strlen(given + 6)), key, KEY_MAX, &len) ||
	    len < KEY_MIN)
		return ctl_fail(CTL_USAGE,
				"--key: must be whsec_ and the base64 of 24 to 64 bytes");
	c->feature.signing_key = bytes_of(key, len);
	return CTL_DONE;
}

int conform_set_type(struct conform *c, const char *name)
{
	c->kind = plugin_kind_find(name);
	if (!c->kind || plugin_type_parse(bytes_of(c->kind->name, strlen(c->kind->name)), &c->type))
		return plugin_kind_unknown(name);
	return CTL_DONE;
}

int conform_begin(struct conform *c, const char *type, const char *key, const char *timeout_ms)
{
	const struct requester_config config = {.user_agent = "sluice-conform"};
	struct sl_error err = {0};
	unsigned long ms = timeout_ms ? strtoul(timeout_ms, NULL, 10) : TIMEOUT_MS;
	if (ms < 1 || ms > TIMEOUT_MAX_MS)
		return ctl_fail(CTL_USAGE, "--timeout: must be 1 to %d", TIMEOUT_MAX_MS);
	c->deadline_ms = (uint32_t)ms;
	int code = type ? conform_set_type(c, type) : CTL_DONE;
	if (!code && key)
		code = read_key(c, key);
	if (code)
		return code;
	if (requester_create(&config, &c->requester, &err) ||
	    increment_rules_create(NULL, &c->rules, &err))
		return ctl_fail(CTL_REFUSED, "%s", err.text);
	return CTL_DONE;
}

void conform_end(struct conform *c)
{
	increment_rules_free(c->rules);
	requester_free(c->requester);
}
