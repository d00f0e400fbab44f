#include "net/http.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"

static struct http *http_of(struct executor *e) { return container_of(e, struct http, base); }

static int64_t now_us(void) { return clock_mono_us(&clock_system); }

static struct lane *lane_reuse(struct http *x)
{
	struct list *idle = list_pop(&x->lanes);
	if (!idle)
		return lane_create(x);
	x->lanes_idle_count--;
	return container_of(idle, struct lane, link);
}

static void lane_recycle(struct http *x, struct lane *lane)
{
	if (x->lanes_idle_count >= HTTP_LANES_IDLE_MAX) {
		lane_free(lane);
		return;
	}
	list_push(&x->lanes, &lane->link);
	x->lanes_idle_count++;
}

static int launch(struct http *x, struct http_call *c)
{
	struct lane *lane = lane_reuse(x);
	if (!lane)
		return SL_E_NO_MEMORY;
	c->started_us = now_us();
	int rc = lane_launch(lane, c);
	if (rc != 0) {
		lane_recycle(x, lane);
		return rc;
	}
	c->lane = lane;
	c->place->active++;
	x->places.active++;
	return 0;
}

/* Never tells the caller from here: done() is for turn() only. */
static void fail_later(struct http *x, struct http_call *c, int rc, const char *why)
{
	c->rc = rc;
	snprintf(c->why, sizeof(c->why), "%s", why);
	list_push(&x->failed, &c->link);
}

static void launch_waiting(struct http *x)
{
	for (struct http_call *c; (c = places_next(&x->places));) {
		int rc = launch(x, c);
		if (rc != 0)
			fail_later(x, c, rc, sl_err_text(rc));
	}
}

static void land(struct http *x, struct http_call *c)
{
	lane_land(c->lane);
	lane_recycle(x, take_ptr(&c->lane));
	c->place->active--;
	x->places.active--;
}

static void tell(struct http *x, struct http_call *c, struct answer *answer)
{
	call_id id = c->id;
	answer->took_us = (uint64_t)(now_us() - c->started_us);
	call_retire(x, c);
	x->delivered++;
	c->done(c->user, id, answer);
	call_recycle(x, c);
}

static void deliver(struct http *x)
{
	CURLMsg *message;
	int left;
	while ((message = curl_multi_info_read(x->multi, &left))) {
		struct answer answer = {0};
		char *lane = NULL;
		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &lane);
		struct http_call *c = ((struct lane *)(void *)lane)->call;
		lane_outcome(c->lane, message->data.result, &answer);
		land(x, c);
		launch_waiting(x);
		tell(x, c, &answer);
	}
	for (struct list *l; (l = list_pop(&x->failed));) {
		struct http_call *c = container_of(l, struct http_call, link);
		struct answer answer = {.rc = c->rc, .retry_after_ms = -1, .why = c->why};
		tell(x, c, &answer);
	}
}

/* Calls that found no free connection within their own time limit. */
static void end_patience(struct http *x)
{
	int64_t now = now_us(), next = INT64_MAX;
	if (x->patience_us > now)
		return;
	for (struct list *q = x->places.queues.next, *qn; q != &x->places.queues; q = qn) {
		struct place *place = container_of(q, struct place, queue);
		qn = q->next;
		for (struct list *l = place->waiting.next, *n; l != &place->waiting; l = n) {
			struct http_call *c = container_of(l, struct http_call, link);
			int64_t end = c->started_us + (int64_t)c->timeout_ms * 1000;
			n = l->next;
			if (end <= now) {
				place_leave(place, c);
				fail_later(x, c, SL_E_BUSY, "no connection became free in time");
			} else if (end < next) {
				next = end;
			}
		}
	}
	x->patience_us = next;
}

static int http_start(struct executor *e, const struct call *call, call_done_fn done, void *user,
		      call_id *ret)
{
	struct http *x = http_of(e);
	struct http_call *c;
	struct target target;
	int rc = target_split(bytes_str(call->url), &target, NULL);
	if (rc == 0)
		rc = call_create(x, call, &target, &c);
	if (rc != 0)
		return rc;
	c->done = done;
	c->user = user;
	if (list_empty(&c->place->waiting) && place_has_room(&x->places, c->place)) {
		rc = launch(x, c);
		if (rc != 0) {
			call_retire(x, c);
			call_recycle(x, c);
			return rc;
		}
	} else {
		c->started_us = now_us();
		int64_t end = c->started_us + (int64_t)c->timeout_ms * 1000;
		if (end < x->patience_us)
			x->patience_us = end;
		place_wait(&x->places, c->place, c);
	}
	*ret = c->id;
	return 0;
}

static void http_cancel(struct executor *e, call_id id)
{
	struct http *x = http_of(e);
	struct http_call *c = call_find(x, id);
	if (!c)
		return;
	if (c->lane) {
		land(x, c);
		launch_waiting(x);
	} else if (c->rc) {
		list_remove(&c->link);
	} else {
		place_leave(c->place, c);
	}
	call_retire(x, c);
	call_recycle(x, c);
}

static uint32_t shorter(const struct http *x, uint32_t wait_ms)
{
	if (!list_empty(&x->failed))
		return 0;
	if (x->patience_us == INT64_MAX)
		return wait_ms;
	int64_t left = (x->patience_us - now_us() + 999) / 1000;
	return left <= 0 ? 0 : left < wait_ms ? (uint32_t)left : wait_ms;
}

/* What start() asked for is sent before sleeping; what was answered by then is told first. */
static int http_turn(struct executor *e, uint32_t wait_ms)
{
	struct http *x = http_of(e);
	uint64_t before = x->delivered;
	assert(!x->turning);
	x->turning = true;
	poll_run_timer(&x->poll, x->multi);
	deliver(x);
	int rc = poll_run(&x->poll, x->multi, x->delivered == before ? shorter(x, wait_ms) : 0);
	end_patience(x);
	deliver(x);
	x->turning = false;
	return rc;
}

static void http_wake(struct executor *e) { poll_wake(&http_of(e)->poll); }

static const char **copy_texts(const char *const *texts)
{
	size_t n = 0;
	while (texts[n])
		n++;
	const char **copy = calloc(n + 1, sizeof(*copy));
	for (size_t i = 0; copy && i < n; i++) {
		copy[i] = strdup(texts[i]);
		if (!copy[i]) {
			while (i-- > 0)
				free((void *)(uintptr_t)copy[i]);
			free(copy);
			return NULL;
		}
	}
	return copy;
}

static void forget(const char *text) { free((void *)(uintptr_t)text); }

static void config_fini(struct http_config *c)
{
	for (size_t i = 0; c->unix_dirs && c->unix_dirs[i]; i++)
		forget(c->unix_dirs[i]);
	free((void *)(uintptr_t)c->unix_dirs);
	forget(c->ca_file);
	forget(c->client_cert_file);
	forget(c->client_key_file);
	forget(c->user_agent);
}

static bool copy_text(const char *from, const char **ret)
{
	*ret = from ? strdup(from) : NULL;
	return !from || *ret;
}

static bool config_copy(const struct http_config *from, struct http_config *to)
{
	*to = (struct http_config){
		.connections_max = from->connections_max ? from->connections_max : 512,
		.connections_host_max =
			from->connections_host_max ? from->connections_host_max : 256,
		.connect_timeout_ms = from->connect_timeout_ms ? from->connect_timeout_ms : 5000,
		.connection_age_s = from->connection_age_s ? from->connection_age_s : 60,
	};
	if (from->unix_dirs && !(to->unix_dirs = copy_texts(from->unix_dirs)))
		return false;
	return copy_text(from->ca_file, &to->ca_file) &&
	       copy_text(from->client_cert_file, &to->client_cert_file) &&
	       copy_text(from->client_key_file, &to->client_key_file) &&
	       copy_text(from->user_agent, &to->user_agent);
}

static struct executor *http_free(struct executor *e)
{
	struct http *x = http_of(e);
	for (size_t i = 0; i < x->slot_count; i++)
		if (x->slots[i].call)
			http_cancel(e, x->slots[i].call->id);
	for (struct list *l; (l = list_pop(&x->lanes));)
		lane_free(container_of(l, struct lane, link));
	calls_fini(x);
	urls_fini(&x->urls);
	curl_multi_cleanup(x->multi);
	poll_fini(&x->poll);
	addr_rules_fini(&x->rules);
	config_fini(&x->config);
	free(x);
	curl_global_cleanup();
	return NULL;
}

static const struct executor_ops http_ops = {
	.start = http_start,
	.cancel = http_cancel,
	.turn = http_turn,
	.wake = http_wake,
	.free = http_free,
};

/* libcurl opens them with the first connection; a slip is told when it was made. */
static int check_file(const char *name, const char *path, struct sl_error *err)
{
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
	if (path && fd < 0)
		return sl_fail(err, SL_E_INVALID, "plugins.%s: %s: %s", name, path,
			       strerror(errno));
	if (fd >= 0)
		close(fd);
	return 0;
}

static int check_files(const struct http_config *c, struct sl_error *err)
{
	if (c->client_key_file && !c->client_cert_file)
		return sl_fail(err, SL_E_INVALID,
			       "plugins.client_key_file: is of no use without "
			       "plugins.client_cert_file");
	int rc = check_file("ca_file", c->ca_file, err);
	if (!rc)
		rc = check_file("client_cert_file", c->client_cert_file, err);
	return rc ? rc : check_file("client_key_file", c->client_key_file, err);
}

static int http_init(struct http *x, const struct http_config *config, struct sl_error *err)
{
	int rc = addr_rules_init(&x->rules, config->allow_networks, config->require_tls, err);
	if (rc == 0)
		rc = check_files(config, err);
	if (rc != 0)
		return rc;
	if (!x->multi || !config_copy(config, &x->config))
		return sl_fail(err, SL_E_NO_MEMORY, "http client: out of memory");
	places_init(&x->places, x->config.connections_max, x->config.connections_host_max);
	curl_multi_setopt(x->multi, CURLMOPT_MAXCONNECTS, (long)x->config.connections_max);
	if (poll_init(&x->poll, x->multi) != 0)
		return sl_fail(err, SL_E_IO, "http client: no epoll or eventfd");
	return 0;
}

int http_executor_create(const struct http_config *config, struct executor **ret,
			 struct sl_error *err)
{
	struct http *x = calloc(1, sizeof(*x));
	if (!x || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(x);
		return sl_fail(err, SL_E_NO_MEMORY, "http client: out of memory");
	}
	x->base.ops = &http_ops;
	x->patience_us = INT64_MAX;
	x->poll.epoll_fd = x->poll.wake_fd = -1;
	list_init(&x->lanes);
	list_init(&x->calls_idle);
	list_init(&x->failed);
	x->multi = curl_multi_init();
	int rc = http_init(x, config, err);
	if (rc != 0) {
		http_free(&x->base);
		return rc;
	}
	*ret = &x->base;
	return 0;
}
