#include <stdlib.h>
#include <strings.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "net/http.h"
#include "net/retry_after.h"

enum { DNS_CACHE_S = 60 };

/* libcurl opens no connection but through here: what is checked is what is connected to. */
static curl_socket_t on_open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *to)
{
	struct lane *lane = user;
	struct http_call *call = lane->call;
	struct sl_error err = {0};
	int rc;
	(void)purpose;
	if (to->family == AF_UNIX) {
		struct sockaddr_un un = {.sun_family = AF_UNIX};
		rc = target_resolve_socket(call->socket, lane->x->config.unix_dirs, un.sun_path,
					   &err);
		if (rc == 0) {
			memcpy(&to->addr, &un, sizeof(un));
			to->addrlen = sizeof(un);
		}
	} else {
		rc = addr_check(&lane->x->rules, &to->addr, call->tls, &err);
	}
	if (rc != 0) {
		memcpy(call->why, err.text, WHY_SIZE - 1);
		return CURL_SOCKET_BAD;
	}
	memcpy(&lane->peer, &to->addr, to->addrlen);
	int fd = socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
	if (fd >= 0 && !poll_opened(&lane->x->poll, fd)) {
		close(fd);
		fd = -1;
	}
	return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static int on_close_socket(void *user, curl_socket_t fd)
{
	struct http *x = user;
	poll_closing(&x->poll, fd);
	return close(fd);
}

static size_t stop(struct http_call *call, int rc, const char *why)
{
	call->rc = rc;
	snprintf(call->why, sizeof(call->why), "%s", why);
	return 0;
}

/* Called for each line, also those of interim answers and of trailers. */
static size_t on_header(char *at, size_t size, size_t n, void *user)
{
	static const char retry_after[] = "Retry-After:";
	struct http_call *call = ((struct lane *)user)->call;
	size_t len = size * n, name = sizeof(retry_after) - 1;
	call->header_bytes += len;
	if (call->header_bytes > HTTP_HEADERS_MAX)
		return stop(call, SL_E_TOO_BIG, "the answer has more than 64 KiB of headers");
	if (len <= 2 && (*at == '\r' || *at == '\n'))
		call->headed = true;
	else if (len > 5 && memcmp(at, "HTTP/", 5) == 0)
		call->retry_after_ms = -1, call->headed = false;
	else if (len > name && (*at | 0x20) == 'r' && strncasecmp(at, retry_after, name) == 0)
		call->retry_after_ms = retry_after_read(bytes_of(at + name, len - name),
							clock_wall_ms(&clock_system));
	return len;
}

static size_t on_body(char *at, size_t size, size_t n, void *user)
{
	struct http_call *call = ((struct lane *)user)->call;
	size_t len = size * n, room = call->answer_max - call->answer.len;
	buf_add(&call->answer, at, len < room ? len : room);
	if (call->answer.rc)
		return stop(call, SL_E_NO_MEMORY, "out of memory");
	if (len <= room)
		return len;
	stop(call, SL_E_TOO_BIG, "");
	snprintf(call->why, sizeof(call->why), "the answer is larger than %zu bytes",
		 call->answer_max);
	return 0;
}

static CURLcode set_tls(CURL *easy, const struct http_config *config)
{
	CURLcode bad = curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (!bad && config->ca_file)
		bad = curl_easy_setopt(easy, CURLOPT_CAINFO, config->ca_file);
	if (!bad && config->client_cert_file)
		bad = curl_easy_setopt(easy, CURLOPT_SSLCERT, config->client_cert_file);
	if (!bad && config->client_key_file)
		bad = curl_easy_setopt(easy, CURLOPT_SSLKEY, config->client_key_file);
	return bad;
}

static CURLcode set_manners(CURL *easy, const struct http_config *config)
{
	const struct {
		CURLoption option;
		long value;
	} numbers[] = {
		{CURLOPT_NOSIGNAL, 1},
		{CURLOPT_POST, 1},
		{CURLOPT_FOLLOWLOCATION, 0},
		{CURLOPT_HTTP09_ALLOWED, 0},
		{CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS},
		{CURLOPT_TCP_NODELAY, 1},
		{CURLOPT_CONNECTTIMEOUT_MS, (long)config->connect_timeout_ms},
		{CURLOPT_MAXAGE_CONN, (long)config->connection_age_s},
		{CURLOPT_MAXLIFETIME_CONN, (long)config->connection_age_s},
		{CURLOPT_DNS_CACHE_TIMEOUT, DNS_CACHE_S},
		{CURLOPT_DNS_SHUFFLE_ADDRESSES, 1},
	};
	CURLcode bad = CURLE_OK;
	for (size_t i = 0; i < countof(numbers) && !bad; i++)
		bad = curl_easy_setopt(easy, numbers[i].option, numbers[i].value);
	if (!bad)
		bad = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	if (!bad)
		bad = curl_easy_setopt(easy, CURLOPT_PROXY, "");
	if (!bad)
		bad = curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	if (!bad && config->user_agent)
		bad = curl_easy_setopt(easy, CURLOPT_USERAGENT, config->user_agent);
	return bad;
}

static void set_callbacks(struct lane *lane)
{
	CURL *easy = lane->easy;
	curl_easy_setopt(easy, CURLOPT_PRIVATE, lane);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, lane->error);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, lane);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close_socket);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, lane->x);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, lane);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, lane);
}

struct lane *lane_free(struct lane *lane)
{
	if (lane) {
		curl_easy_cleanup(lane->easy);
		free(lane);
	}
	return NULL;
}

struct lane *lane_create(struct http *x)
{
	struct lane *lane = calloc(1, sizeof(*lane));
	if (!lane)
		return NULL;
	lane->x = x;
	list_init(&lane->link);
	lane->easy = curl_easy_init();
	if (!lane->easy || set_manners(lane->easy, &x->config) || set_tls(lane->easy, &x->config))
		return lane_free(lane);
	set_callbacks(lane);
	return lane;
}

int lane_launch(struct lane *lane, struct http_call *call)
{
	CURL *easy = lane->easy;
	lane->call = call;
	lane->peer.ss_family = AF_UNSPEC;
	lane->error[0] = '\0';
	const char *text = call->url->text;
	CURLcode bad = curl_easy_setopt(easy, CURLOPT_URL, text);
	curl_easy_setopt(easy, CURLOPT_CURLU, call->url->parsed);
	if (!bad && (call->socket || lane->has_socket))
		bad = curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, call->socket);
	lane->has_socket = call->socket != NULL;
	if (lane->timeout_ms != call->timeout_ms) {
		curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)call->timeout_ms);
		lane->timeout_ms = call->timeout_ms;
	}
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body.len ? call->body.at : "");
	if (bad || curl_multi_add_handle(lane->x->multi, easy) != CURLM_OK) {
		lane->call = NULL;
		return SL_E_NO_MEMORY;
	}
	return 0;
}

void lane_land(struct lane *lane)
{
	curl_multi_remove_handle(lane->x->multi, lane->easy);
	curl_easy_setopt(lane->easy, CURLOPT_CURLU, NULL);
	lane->call = NULL;
}

/* Nothing could be sent. */
static bool is_unreached(CURL *easy, CURLcode code)
{
	curl_off_t ready = 0;
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
		return true;
	case CURLE_OPERATION_TIMEDOUT:
		curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &ready);
		return ready <= 0;
	default:
		return false;
	}
}

void lane_outcome(struct lane *lane, CURLcode code, struct answer *answer)
{
	struct http_call *call = lane->call;
	struct why_facts facts = {.error = lane->error,
				  .cert_setting = "plugins.client_cert_file",
				  .where = call->place->name,
				  .peer = (const struct sockaddr *)&lane->peer,
				  .timeout_ms = call->timeout_ms,
				  .connect_timeout_ms = lane->x->config.connect_timeout_ms};
	long status = 0;
	curl_easy_getinfo(lane->easy, CURLINFO_RESPONSE_CODE, &status);
	answer->status = (unsigned)status;
	answer->body = buf_bytes(&call->answer);
	answer->retry_after_ms = call->retry_after_ms;
	if (code == CURLE_OK && !call->headed)
		code = CURLE_PARTIAL_FILE; /* libcurl does not mind headers cut short. */
	if (code == CURLE_OK)
		answer->rc = 0;
	else if (call->rc)
		answer->rc = call->rc;
	else if (code == CURLE_COULDNT_CONNECT && call->why[0])
		answer->rc = SL_E_UNAVAILABLE; /* The hook refused the address and said why. */
	else
		answer->rc = why_of(lane->easy, code, &facts, call->why);
	answer->why = answer->rc ? call->why : "";
	answer->unreached = answer->rc && is_unreached(lane->easy, code);
}
