/* May this call address be registered? The form is libcurl's to read: what it makes of a
 * host ("0x7f.1", "%31...", "[::ffff:1.2.3.4]") is what it would connect to. */
#include <curl/curl.h>
#include <stdlib.h>
#include <strings.h>

#include "net/addr.h"
#include "net/executor.h"
#include "net/target.h"

static void url_freep(CURLU **u) { curl_url_cleanup(*u); }
static void text_freep(char **text) { curl_free(*text); }

static int check_characters(struct bytes url, struct sl_error *err)
{
	const unsigned char *at = url.at;
	if (url.len == 0)
		return sl_fail(err, SL_E_INVALID, "the address is empty");
	if (url.len > TARGET_URL_MAX)
		return sl_fail(err, SL_E_INVALID, "the address is longer than %d bytes",
			       TARGET_URL_MAX);
	for (size_t i = 0; i < url.len; i++)
		if (at[i] <= ' ' || at[i] >= 0x7f || at[i] == '\\')
			return sl_fail(err, SL_E_INVALID,
				       "byte %zu of the address may not stand in a URL "
				       "(percent-encode it)",
				       i + 1);
	if (memchr(at, '#', url.len))
		return sl_fail(err, SL_E_INVALID, "an address to call has no #fragment");
	return 0;
}

static int check_port(CURLU *u, struct sl_error *err)
{
	char *port scoped(text_freep) = NULL;
	if (curl_url_get(u, CURLUPART_PORT, &port, 0) == CURLUE_OK && strtol(port, NULL, 10) <= 0)
		return sl_fail(err, SL_E_INVALID, "port %s cannot be called", port);
	return 0;
}

/* Only a literal is judged here; a name when it is connected to. */
static int check_host(const struct addr_rules *rules, CURLU *u, bool tls, struct sl_error *err)
{
	char *host scoped(text_freep) = NULL;
	struct sockaddr_storage at;
	struct sl_error why = {0};
	if (curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK)
		return sl_fail(err, SL_E_INVALID, "there is no host in the address");
	for (size_t n = strlen(host); n > 1 && host[n - 1] == '.'; n--)
		host[n - 1] = '\0';
	if (!addr_parse(host, &at))
		return 0;
	if (addr_check(rules, (const struct sockaddr *)&at, tls, &why) != 0)
		return sl_fail(err, SL_E_INVALID, "%s", why.text);
	return 0;
}

static int check_url(const struct http_config *config, struct bytes url, bool tls,
		     struct sl_error *err)
{
	struct addr_rules rules;
	char text[TARGET_URL_MAX + 1];
	CURLU *u scoped(url_freep) = curl_url();
	if (!u)
		return sl_fail(err, SL_E_NO_MEMORY, "out of memory");
	memcpy(text, url.at, url.len);
	text[url.len] = '\0';
	CURLUcode code = curl_url_set(u, CURLUPART_URL, text, CURLU_DISALLOW_USER);
	if (code == CURLUE_OUT_OF_MEMORY)
		return sl_fail(err, SL_E_NO_MEMORY, "out of memory");
	if (code == CURLUE_USER_NOT_ALLOWED)
		return sl_fail(err, SL_E_INVALID,
			       "an address holds no user or password (use the authorization)");
	if (code != CURLUE_OK)
		return sl_fail(err, SL_E_INVALID, "not a URL that can be called: %s",
			       curl_url_strerror(code));
	int rc = check_port(u, err);
	if (rc == 0)
		rc = addr_rules_init(&rules, config->allow_networks, config->require_tls, err);
	if (rc == 0) {
		rc = check_host(&rules, u, tls, err);
		addr_rules_fini(&rules);
	}
	return rc;
}

int http_check_address(const struct http_config *config, struct bytes url, struct sl_error *err)
{
	struct target target;
	int rc = check_characters(url, err);
	if (rc == 0)
		rc = target_split(url, &target, err);
	if (rc != 0)
		return rc;
	if (target.socket.len)
		return target_check_socket(target.socket, config->unix_dirs, err);
	return check_url(config, url, target.tls, err);
}
