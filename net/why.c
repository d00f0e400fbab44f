#include "net/why.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>

/* "10.0.0.1:80", from the hook or from a connection used again. */
static void peer_text(CURL *easy, const struct why_facts *facts, char out[ADDR_TEXT_SIZE])
{
	char *ip = NULL;
	long port = 0;
	if (facts->peer && facts->peer->sa_family != AF_UNSPEC)
		addr_format(facts->peer, out);
	else if (curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &ip) == CURLE_OK && ip && *ip &&
		 curl_easy_getinfo(easy, CURLINFO_PRIMARY_PORT, &port) == CURLE_OK)
		snprintf(out, ADDR_TEXT_SIZE, strchr(ip, ':') ? "[%.45s]:%ld" : "%.45s:%ld", ip,
			 port);
	else
		snprintf(out, ADDR_TEXT_SIZE, "%s", facts->where);
}

static void say_connect(CURL *easy, const char *peer, const char *error, char why[WHY_SIZE])
{
	long os = 0;
	curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os);
	if (os == ECONNREFUSED)
		snprintf(why, WHY_SIZE, "connection refused by %s", peer);
	else if (os != 0)
		snprintf(why, WHY_SIZE, "no connection to %s: %s", peer, strerrordesc_np((int)os));
	else
		snprintf(why, WHY_SIZE, "no connection to %s: %s", peer, error);
}

static int say_timeout(CURL *easy, const struct why_facts *facts, const char *peer,
		       char why[WHY_SIZE])
{
	curl_off_t looked_up = 0, connected = 0, ready = 0;
	uint32_t limit = facts->timeout_ms, connect = facts->connect_timeout_ms;
	curl_easy_getinfo(easy, CURLINFO_NAMELOOKUP_TIME_T, &looked_up);
	curl_easy_getinfo(easy, CURLINFO_CONNECT_TIME_T, &connected);
	curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &ready);
	if (ready > 0) {
		snprintf(why, WHY_SIZE, "no answer from %s within %u ms", peer, limit);
		return SL_E_TIMEOUT;
	}
	if (limit == 0 || (connect && connect < limit))
		limit = connect;
	if (connected > 0)
		snprintf(why, WHY_SIZE, "no TLS connection to %s within %u ms", peer, limit);
	else if (looked_up > 0)
		snprintf(why, WHY_SIZE, "no connection to %s within %u ms", peer, limit);
	else
		snprintf(why, WHY_SIZE, "%s could not be resolved within %u ms", facts->where,
			 limit);
	return SL_E_UNAVAILABLE;
}

static bool is_tls(CURL *easy)
{
	const char *scheme = NULL;
	return curl_easy_getinfo(easy, CURLINFO_SCHEME, &scheme) == CURLE_OK && scheme &&
	       strcasecmp(scheme, "https") == 0;
}

static bool is_gone(const char *error)
{
	return strstr(error, "getpeername") || strstr(error, "reset by peer");
}

static bool has_answered(CURL *easy)
{
	long bytes = 0;
	return curl_easy_getinfo(easy, CURLINFO_HEADER_SIZE, &bytes) == CURLE_OK && bytes > 0;
}

/* A peer that does not take our certificate, or misses one, says so after the handshake is
 * done, if at all: often the connection just goes. */
static bool say_certificate(CURL *easy, const struct why_facts *facts, const char *peer,
			    const char *error, char why[WHY_SIZE])
{
	bool told =
		strstr(error, "alert certificate required") || strstr(error, "alert unknown ca");
	if (!told && !(is_gone(error) && is_tls(easy) && !has_answered(easy)))
		return false;
	snprintf(why, WHY_SIZE, "%s %s (%s)", peer,
		 strstr(error, "required") ? "wants a client certificate"
		 : told ? "does not take the client certificate: it knows no authority for it"
			: "ended the TLS connection before it answered, as peers do that miss or "
			  "refuse a client certificate",
		 facts->cert_setting);
	return true;
}

static int say_broken(CURL *easy, const struct why_facts *facts, const char *peer,
		      const char *error, char why[WHY_SIZE])
{
	if (say_certificate(easy, facts, peer, error, why))
		return SL_E_UNAVAILABLE;
	if (strstr(error, "chunked-encoding")) {
		snprintf(why, WHY_SIZE, "%s broke HTTP: %s", peer, error);
		return SL_E_PEER;
	}
	if (is_gone(error))
		snprintf(why, WHY_SIZE, "%s reset the connection", peer);
	else
		snprintf(why, WHY_SIZE, "the connection to %s broke: %s", peer, error);
	return SL_E_UNAVAILABLE;
}

static int say(int rc, char why[WHY_SIZE], const char *first, const char *second)
{
	snprintf(why, WHY_SIZE, "%s%s", first, second);
	return rc;
}

int why_of(CURL *easy, CURLcode code, const struct why_facts *facts, char why[WHY_SIZE])
{
	char peer[ADDR_TEXT_SIZE];
	const char *error = *facts->error ? facts->error : curl_easy_strerror(code);
	if (code == CURLE_OK)
		return 0;
	peer_text(easy, facts, peer);
	switch (code) {
	case CURLE_OPERATION_TIMEDOUT:
		return say_timeout(easy, facts, peer, why);
	case CURLE_COULDNT_CONNECT:
		say_connect(easy, peer, error, why);
		return SL_E_UNAVAILABLE;
	case CURLE_GOT_NOTHING:
		return say(SL_E_UNAVAILABLE, why, peer, " closed the connection before answering");
	case CURLE_PARTIAL_FILE:
		return say(SL_E_UNAVAILABLE, why, peer,
			   " closed the connection in the middle of its answer");
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
		return say_broken(easy, facts, peer, error, why);
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
	case CURLE_BAD_CONTENT_ENCODING:
		return say(SL_E_PEER, why, "not an HTTP answer: ", error);
	case CURLE_URL_MALFORMAT:
		return say(SL_E_INVALID, why, "not a URL that can be called: ", error);
	case CURLE_OUT_OF_MEMORY:
		return say(SL_E_NO_MEMORY, why, "out of memory", "");
	default:
		return say(SL_E_UNAVAILABLE, why, error, "");
	}
}
