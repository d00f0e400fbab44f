/* Registering the feature with the gateway: safe at every start and from every replica. */
#include "internal.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PAUSE_MAX_S = 30, ANSWER_MAX = 1 << 20 };

struct registration {
	struct sluice_app *app;
	struct json_object *feature; /* owned */
	char *url, *authorization;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	atomic_bool ended;
};

struct received {
	char *text;
	size_t len;
};

static size_t receive(char *data, size_t one, size_t n, void *user)
{
	struct received *r = user;
	if (r->len + n > ANSWER_MAX)
		return 0;
	char *more = realloc(r->text, r->len + n + 1);
	if (!more)
		return 0;
	r->text = more;
	memcpy(r->text + r->len, data, n);
	r->len += n;
	r->text[r->len] = '\0';
	return one * n;
}

static int aborted(void *user, curl_off_t total, curl_off_t now, curl_off_t upload_total,
		   curl_off_t uploaded)
{
	(void)total, (void)now, (void)upload_total, (void)uploaded;
	const struct registration *r = user;
	return r->ended;
}

/* The gateway's words, out of its answer, and whether it says that the feature is off. */
static bool note_words(const char *text, char words[WORDS_SIZE])
{
	struct json_object *answer = text ? json_tokener_parse(text) : NULL, *msg = NULL;
	struct json_object *payload = NULL, *enabled = NULL;
	if (json_object_is_type(answer, json_type_object)) {
		json_object_object_get_ex(answer, "msg", &msg);
		json_object_object_get_ex(answer, "payload", &payload);
	}
	if (json_object_is_type(payload, json_type_object))
		json_object_object_get_ex(payload, "enabled", &enabled);
	bool is_off = json_object_is_type(enabled, json_type_boolean) &&
		      !json_object_get_boolean(enabled);
	snprintf(words, WORDS_SIZE, "%s", msg ? json_object_get_string(msg) : "");
	json_object_put(answer);
	return is_off;
}

/* The status, 0 without an answer. */
static long post(struct registration *r, char words[WORDS_SIZE], bool *is_off)
{
	CURL *curl = curl_easy_init();
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	struct received got = {0};
	long status = 0;
	*is_off = false;
	snprintf(words, WORDS_SIZE, "out of memory");
	headers = curl_slist_append(headers, r->authorization);
	if (curl && headers) {
		curl_easy_setopt(curl, CURLOPT_URL, r->url);
		curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
		curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS,
				 json_object_to_json_string(r->feature));
		curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive);
		curl_easy_setopt(curl, CURLOPT_WRITEDATA, &got);
		curl_easy_setopt(curl, CURLOPT_TIMEOUT, 10L);
		curl_easy_setopt(curl, CURLOPT_PROXY, "");
		curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
		curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
		curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, aborted);
		curl_easy_setopt(curl, CURLOPT_XFERINFODATA, r);
		CURLcode rc = curl_easy_perform(curl);
		if (rc == CURLE_OK) {
			curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
			*is_off = note_words(got.text, words);
		} else {
			snprintf(words, WORDS_SIZE, "%s: %s", r->url, curl_easy_strerror(rc));
		}
	}
	free(got.text);
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	return status;
}

static void pause_s(struct registration *r, unsigned seconds)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += seconds;
	pthread_mutex_lock(&r->lock);
	while (!r->ended && pthread_cond_timedwait(&r->changed, &r->lock, &until) == 0)
		;
	pthread_mutex_unlock(&r->lock);
}

static void tell_registered(const struct registration *r, const char *words, bool is_off)
{
	struct json_object *name = NULL;
	char next[WORDS_SIZE] = "";
	if (is_off && json_object_object_get_ex(r->feature, "name", &name))
		snprintf(next, sizeof next, "sluicectl feature on %s",
			 json_object_get_string(name));
	log_line(r->app, "info", "registered", "words", words, "next", next, NULL);
}

static void *keep_registering(void *user)
{
	struct registration *r = user;
	char words[WORDS_SIZE], number[16], again[16];
	bool is_off;
	for (unsigned seconds = 1; !r->ended; seconds *= 2) {
		if (seconds > PAUSE_MAX_S)
			seconds = PAUSE_MAX_S;
		long status = post(r, words, &is_off);
		snprintf(number, sizeof number, "%ld", status);
		snprintf(again, sizeof again, "%u", seconds);
		if (status == 200) {
			tell_registered(r, words, is_off);
			return NULL;
		}
		if (status > 0 && status < 500 && status != 408 && status != 429) {
			log_line(r->app, "error", "not registered", "status", number, "error",
				 words, "next",
				 status == 401 ? "set SLUICE_TOKEN to a token that may register "
						 "features"
					       : "",
				 NULL);
			return NULL;
		}
		if (r->ended)
			return NULL;
		log_line(r->app, "warning", "not registered yet", "status", status ? number : "",
			 "error", words, "again_in_s", again, NULL);
		pause_s(r, seconds);
	}
	return NULL;
}

static struct registration *registration_free(struct registration *r)
{
	json_object_put(r->feature);
	free(r->url);
	free(r->authorization);
	free(r);
	return NULL;
}

static const char *environment(const char *name, const char *otherwise)
{
	const char *value = getenv(name);
	return value && *value ? value : otherwise;
}

struct registration *registration_start(struct sluice_app *app, struct json_object *feature)
{
	struct registration *r = calloc(1, sizeof *r);
	const char *server = environment("SLUICE_SERVER", "http://127.0.0.1:8080");
	if (!r) {
		json_object_put(feature);
		return NULL;
	}
	size_t len = strlen(server);
	while (len > 0 && server[len - 1] == '/')
		len--;
	r->app = app;
	r->feature = feature;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->changed, NULL);
	if (asprintf(&r->url, "%.*s/v1/features", (int)len, server) < 0)
		r->url = NULL;
	if (asprintf(&r->authorization, "Authorization: Bearer %s",
		     environment("SLUICE_TOKEN", "")) < 0)
		r->authorization = NULL;
	if (!r->url || !r->authorization ||
	    pthread_create(&r->thread, NULL, keep_registering, r) != 0)
		return registration_free(r);
	return r;
}

struct registration *registration_end(struct registration *r)
{
	if (!r)
		return NULL;
	pthread_mutex_lock(&r->lock);
	r->ended = true;
	pthread_cond_signal(&r->changed);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
	return registration_free(r);
}
