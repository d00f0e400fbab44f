/* Between the server and the handlers: routes, callers, bodies. */
#include "api/api.h"

enum { FLUSH_MS = 60 * 1000 };

/* ---- before the body ---- */

static int decode_params(struct request *req, const struct route *route, const struct bytes *raw)
{
	for (size_t i = 0; i < REQUEST_PARAMS_MAX && raw[i].len; i++) {
		/* The rest of a path stays as it is: its handler takes it apart. */
		bool last = i + 1 == REQUEST_PARAMS_MAX || !raw[i + 1].len;
		if (last && route_takes_rest(route)) {
			req->param[i] = raw[i];
			continue;
		}
		char *to = arena_alloc(req->arena, raw[i].len + 1);
		if (!to)
			return SL_E_NO_MEMORY;
		req->param[i].at = to;
		if (target_decode(raw[i], false, to, &req->param[i].len) < 0)
			return SL_E_NOT_FOUND;
	}
	return 0;
}

static int refuse_method(struct reply *reply, struct bytes method, const char *allow)
{
	reply_header(reply, "Allow", "%s", allow);
	if (!bytes_is(method, "OPTIONS"))
		return reply_fail(reply, SL_E_METHOD, "this path takes %s", allow);
	return 1; /* Answered by its headers. */
}

/* 0: *ret is the route. 1: answered already. */
static int find_route(struct api *api, struct request *req, struct reply *reply,
		      const struct route **ret)
{
	struct target target;
	struct bytes raw[REQUEST_PARAMS_MAX] = {0};
	char allow[ROUTE_ALLOW_SIZE];
	int rc = target_read(req->path, &target);
	if (rc == 0)
		rc = route_find(api->routes, req->method, &target, ret, raw, allow);
	if (rc == SL_E_METHOD)
		return refuse_method(reply, req->method, allow);
	if (rc == 0)
		rc = decode_params(req, *ret, raw);
	if (rc == SL_E_NOT_FOUND)
		return reply_fail(reply, rc, "no such route");
	return rc ? reply_fail(reply, (enum sl_err)rc, "%s", sl_err_text(rc)) : 0;
}

static int check_privilege(const struct route *route, const struct token *caller,
			   struct reply *reply)
{
	if (token_may(caller, route->needs))
		return 0;
	scoped(buf_finip) struct buf names;
	buf_init(&names, 256);
	privilege_list(route->needs, &names);
	return reply_fail(reply, SL_E_DENIED, "this needs a token with %s", buf_str(&names));
}

static int check_rate(const struct api *api, const struct request *req, struct reply *reply)
{
	if (!api->rate || (req->loopback && !api->rate_loopback) ||
	    token_take(req->caller, clock_mono_us(api->clock), api->rate, api->rate_burst))
		return 0;
	return reply_fail(reply, SL_E_BUSY, "more than %u requests a second with this token",
			  api->rate);
}

static int check_caller(struct api *api, const struct route *route, struct request *req,
			struct reply *reply)
{
	if (route->flags & ROUTE_OPEN || (route->flags & ROUTE_LOCAL && req->loopback))
		return 0;
	int rc = auth_caller(api->auth, req, &req->caller, &reply->err);
	if (rc < 0) {
		reply->rc = rc;
		return rc;
	}
	rc = check_privilege(route, req->caller, reply);
	return rc < 0 ? rc : check_rate(api, req, reply);
}

static int check_state(const struct api *api, struct reply *reply)
{
	switch (api_state(api)) {
	case API_STARTING:
		return reply_fail(reply, SL_E_UNAVAILABLE, "the gateway is starting");
	case API_STOPPING:
		reply->close = true;
		return reply_fail(reply, SL_E_UNAVAILABLE, "the gateway is stopping");
	default:
		return 0;
	}
}

static bool admit(void *user, struct request *req, struct reply *reply, size_t *ret_body_max)
{
	struct api *api = user;
	const struct route *route = NULL;
	*ret_body_max = api->body_max;
	if (arena_create(REQUEST_ARENA_MAX, &req->arena) < 0) {
		reply_fail(reply, SL_E_NO_MEMORY, "out of memory");
		return false;
	}
	req->loopback = auth_is_loopback(req);
	int rc = find_route(api, req, reply, &route);
	if (rc != 0)
		return false;
	if (route->body_max)
		*ret_body_max = route->body_max;
	if (!(route->flags & ROUTE_ALWAYS))
		rc = check_state(api, reply);
	if (rc == 0)
		rc = check_caller(api, route, req, reply);
	req->route = route;
	return rc == 0;
}

/* ---- with the body ---- */

static int index_body(const struct api *api, struct request *req, struct reply *reply)
{
	const struct json_limits limits = {SIZE_MAX, api->json_depth_max};
	if (req->body.len == 0 && (req->route->flags & ROUTE_EMPTY))
		return 0;
	int rc = json_parse(&req->json, req->body, &limits, &reply->err);
	if (rc < 0) {
		/* Its size was in order: what is left to be too big is its depth. */
		reply->rc = rc = rc == SL_E_TOO_BIG ? SL_E_INVALID : rc;
		sl_wrap(&reply->err, rc, "the body is not JSON that is taken here: ");
	}
	return rc;
}

static void serve(void *user, struct request *req, struct reply *reply)
{
	struct api *api = user;
	int rc = 0;
	if (!req->route->query)
		rc = request_query_only(req, "", &reply->err);
	if (rc == 0 && (req->route->flags & ROUTE_JSON))
		rc = index_body(api, req, reply);
	if (rc == 0)
		rc = req->route->handle(api, req, reply);
	if (rc < 0)
		reply->rc = rc;
	if (reply->rc < 0 && sl_err_http(reply->rc) >= 500 && !sl_err_retryable(reply->rc))
		log_line(api->log, LOG_ERROR, "api", "a request failed", "route",
			 req->route->pattern, "method", req->route->method, "error",
			 sl_err_name(reply->rc), "why",
			 reply->err.text[0] ? reply->err.text : sl_err_text(reply->rc), NULL);
}

static bool may_go_on(void *user, const struct request *req)
{
	struct api *api = user;
	return auth_still(api->auth, req);
}

static void tick(void *user)
{
	struct api *api = user;
	int64_t now_ms = clock_mono_ms(api->clock);
	if (now_ms - api->flushed_ms < FLUSH_MS)
		return;
	api->flushed_ms = now_ms;
	int rc = token_book_flush(api->tokens);
	if (rc < 0)
		log_line(api->log, LOG_WARN, "api", "uses of tokens are not written", "error",
			 sl_err_name(rc), NULL);
}

static void answered(void *user, const struct request *req, unsigned status, uint64_t us)
{
	const struct api *api = user;
	http_meter_observe(api->http_meter, req ? req->route : NULL, status, us);
}

const struct server_front api_front = {
	.admit = admit, .serve = serve, .may_go_on = may_go_on, .tick = tick, .answered = answered};

const struct route_group *const api_routes[] = {
	&group_health,         &group_metrics,   &group_admission,
	&group_backup,         &group_audit,     &group_features,
	&group_plugins,        &group_jobs,      &group_plugin_test,
	&group_feature_replay, &group_job_erase, &group_job_reads,
	&group_job_rerun,      &group_selectors, &group_tokens,
	&group_events,         &group_hooks,     NULL};
