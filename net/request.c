#include "net/request.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "net/why.h"

enum {
	CONNECT_TIMEOUT_MS = 5000,
	REPLY_MAX = 64 << 20,
	HEADERS_MAX = 64 * 1024,
};

struct requester {
	CURL *easy;
	char *ca_file, *cert_file, *key_file, *user_agent;
	uint32_t connect_timeout_ms;
	char error[CURL_ERROR_SIZE];
};

/* One exchange, for libcurl's callbacks. */
struct exchange {
	const struct request *request;
	struct reply *reply;
	CURL *easy;
	size_t header_bytes;
	int rc; /* Why a callback stopped it. */
};

static void slist_freep(struct curl_slist **list) { curl_slist_free_all(*list); }

struct requester *requester_free(struct requester *r)
{
	if (r) {
		curl_easy_cleanup(r->easy);
		curl_global_cleanup();
		free(r->ca_file);
		free(r->cert_file);
		free(r->key_file);
		free(r->user_agent);
		free(r);
	}
	return NULL;
}

static bool copy_text(const char *from, char **to)
{
	*to = from ? strdup(from) : NULL;
	return !from || *to;
}

int requester_create(const struct requester_config *config, struct requester **ret,
		     struct sl_error *err)
{
	struct requester *r = calloc(1, sizeof(*r));
	if (!r || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(r);
		return sl_fail(err, SL_E_NO_MEMORY, "out of memory");
	}
	uint32_t connect = config->connect_timeout_ms;
	r->connect_timeout_ms = connect ? connect : CONNECT_TIMEOUT_MS;
	r->easy = curl_easy_init();
	if (!r->easy || !copy_text(config->ca_file, &r->ca_file) ||
	    !copy_text(config->cert_file, &r->cert_file) ||
	    !copy_text(config->key_file, &r->key_file) ||
	    !copy_text(config->user_agent, &r->user_agent)) {
		requester_free(r);
		return sl_fail(err, SL_E_NO_MEMORY, "out of memory");
	}
	*ret = r;
	return 0;
}

static void forget_headers(struct reply *reply)
{
	for (size_t i = 0; i < reply->header_count; i++)
		reply->headers[i].value[0] = '\0';
}

static void keep_header(struct reply_header *h, const char *at, size_t len)
{
	while (len && (*at == ' ' || *at == '\t'))
		at++, len--;
	while (len && strchr("\r\n \t", at[len - 1]))
		len--;
	snprintf(h->value, sizeof(h->value), "%.*s", (int)len, at);
}

/* A status line begins a new answer: what an interim one said does not count. */
static size_t on_header(char *at, size_t size, size_t n, void *user)
{
	struct exchange *x = user;
	size_t len = size * n;
	x->header_bytes += len;
	if (x->header_bytes > HEADERS_MAX) {
		x->rc = SL_E_TOO_BIG;
		return 0;
	}
	if (len > 5 && memcmp(at, "HTTP/", 5) == 0)
		forget_headers(x->reply);
	for (size_t i = 0; i < x->reply->header_count; i++) {
		struct reply_header *h = &x->reply->headers[i];
		size_t name = strlen(h->name);
		if (len > name && at[name] == ':' && strncasecmp(at, h->name, name) == 0)
			keep_header(h, at + name + 1, len - name - 1);
	}
	return len;
}

static size_t on_body(char *at, size_t size, size_t n, void *user)
{
	struct exchange *x = user;
	long status = 0;
	curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
	x->reply->status = (unsigned)status;
	if (x->request->piece_fn && status / 100 == 2) {
		if (x->request->piece_fn(x->request->user, x->reply, bytes_of(at, size * n)) == 0)
			return size * n;
		x->rc = SL_E_CANCELED;
		return 0;
	}
	buf_add(&x->reply->body, at, size * n);
	x->rc = x->reply->body.rc;
	return x->rc ? 0 : size * n;
}

static int on_progress(void *user, curl_off_t down_all, curl_off_t down, curl_off_t up_all,
		       curl_off_t up)
{
	struct exchange *x = user;
	(void)down_all, (void)down, (void)up_all, (void)up;
	if (!x->request->stop || !*x->request->stop)
		return 0;
	x->rc = SL_E_CANCELED;
	return 1;
}

static CURLcode set_manners(struct requester *r)
{
	const struct {
		CURLoption option;
		long value;
	} numbers[] = {
		{CURLOPT_NOSIGNAL, 1},
		{CURLOPT_NOPROGRESS, 0},
		{CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS},
		{CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
		{CURLOPT_CONNECTTIMEOUT_MS, (long)r->connect_timeout_ms},
	};
	CURLcode bad = CURLE_OK;
	for (size_t i = 0; i < countof(numbers) && !bad; i++)
		bad = curl_easy_setopt(r->easy, numbers[i].option, numbers[i].value);
	if (!bad)
		bad = curl_easy_setopt(r->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	if (!bad)
		bad = curl_easy_setopt(r->easy, CURLOPT_PROXY, "");
	if (!bad)
		bad = curl_easy_setopt(r->easy, CURLOPT_NOPROXY, "*");
	if (!bad && r->ca_file)
		bad = curl_easy_setopt(r->easy, CURLOPT_CAINFO, r->ca_file);
	if (!bad && r->cert_file)
		bad = curl_easy_setopt(r->easy, CURLOPT_SSLCERT, r->cert_file);
	if (!bad && r->cert_file)
		bad = curl_easy_setopt(r->easy, CURLOPT_SSLKEY,
				       r->key_file ? r->key_file : r->cert_file);
	if (!bad && r->user_agent)
		bad = curl_easy_setopt(r->easy, CURLOPT_USERAGENT, r->user_agent);
	return bad;
}

static void set_callbacks(struct requester *r, struct exchange *x)
{
	curl_easy_setopt(r->easy, CURLOPT_ERRORBUFFER, r->error);
	curl_easy_setopt(r->easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(r->easy, CURLOPT_HEADERDATA, x);
	curl_easy_setopt(r->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(r->easy, CURLOPT_WRITEDATA, x);
	curl_easy_setopt(r->easy, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(r->easy, CURLOPT_XFERINFODATA, x);
}

static bool takes_body(const char *method)
{
	return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
	       strcmp(method, "PATCH") == 0;
}

static CURLcode set_request(CURL *easy, const struct request *q)
{
	CURLcode bad = curl_easy_setopt(easy, CURLOPT_URL, q->url);
	if (q->body.len || takes_body(q->method)) {
		curl_easy_setopt(easy, CURLOPT_POST, 1L);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body.len);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, q->body.len ? q->body.at : "");
	} else if (strcmp(q->method, "HEAD") == 0) {
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	}
	if (!bad)
		bad = curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, q->method);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)q->timeout_ms);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)q->idle_timeout_s);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, q->idle_timeout_s ? 1L : 0L);
	return bad;
}

static bool is_plain(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' && *text != '\t')
			return false;
	return true;
}

static int make_headers(const struct request *q, struct curl_slist **ret, struct sl_error *err)
{
	struct curl_slist *list = curl_slist_append(NULL, "Expect:"), *longer = list;
	bool plain = is_plain(q->method) && is_plain(q->url);
	for (size_t i = 0; longer && plain && q->headers && q->headers[i]; i++) {
		plain = is_plain(q->headers[i]);
		longer = curl_slist_append(list, q->headers[i]);
	}
	*ret = list;
	if (!longer)
		return sl_fail(err, SL_E_NO_MEMORY, "out of memory");
	if (!plain)
		return sl_fail(err, SL_E_INVALID,
			       "a control character in the URL, the method or a header");
	return 0;
}

static int explain(struct requester *r, const struct exchange *x, CURLcode code,
		   struct sl_error *err)
{
	const struct request *q = x->request;
	struct why_facts facts = {.error = r->error,
				  .cert_setting = "--cert",
				  .where = q->url,
				  .timeout_ms = q->timeout_ms,
				  .connect_timeout_ms = r->connect_timeout_ms};
	char why[WHY_SIZE];
	if (x->rc == SL_E_CANCELED)
		return sl_fail(err, SL_E_CANCELED, "stopped");
	if (x->rc == SL_E_TOO_BIG)
		return sl_fail(err, SL_E_TOO_BIG, "the answer is too large");
	if (x->rc)
		return sl_fail(err, (enum sl_err)x->rc, "%s", sl_err_text(x->rc));
	if (code == CURLE_PEER_FAILED_VERIFICATION)
		return sl_fail(err, SL_E_PEER, "%s", *r->error ? r->error : "not trusted");
	int rc = why_of(r->easy, code, &facts, why);
	if (rc == SL_E_TIMEOUT && q->idle_timeout_s && strstr(r->error, "too slow"))
		return sl_fail(err, rc, "nothing was heard for %u s", q->idle_timeout_s);
	return sl_fail(err, (enum sl_err)rc, "%s", why);
}

int requester_send(struct requester *r, const struct request *request, struct reply *reply,
		   struct sl_error *err)
{
	struct exchange x = {.request = request, .reply = reply, .easy = r->easy};
	struct curl_slist *headers scoped(slist_freep) = NULL;
	long status = 0;
	reply->status = 0;
	buf_init(&reply->body, request->reply_max ? request->reply_max : REPLY_MAX);
	forget_headers(reply);
	int rc = make_headers(request, &headers, err);
	if (rc != 0)
		return rc;
	curl_easy_reset(r->easy); /* Keeps connections. */
	r->error[0] = '\0';
	if (set_manners(r) || set_request(r->easy, request))
		return sl_fail(err, SL_E_NO_MEMORY, "out of memory");
	set_callbacks(r, &x);
	curl_easy_setopt(r->easy, CURLOPT_HTTPHEADER, headers);
	CURLcode code = curl_easy_perform(r->easy);
	if (code != CURLE_OK)
		return explain(r, &x, code, err);
	curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
	reply->status = (unsigned)status;
	return 0;
}

void reply_fini(struct reply *reply) { buf_fini(&reply->body); }

void request_url_escape(struct buf *to, struct bytes text)
{
	const unsigned char *at = text.at;
	for (size_t i = 0; i < text.len; i++) {
		bool plain = (at[i] >= '0' && at[i] <= '9') || (at[i] >= 'A' && at[i] <= 'Z') ||
			     (at[i] >= 'a' && at[i] <= 'z') || strchr("-._~", at[i] ? at[i] : '/');
		if (plain)
			buf_add_char(to, (char)at[i]);
		else
			buf_addf(to, "%%%02X", at[i]);
	}
}
