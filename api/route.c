#include "api/route.h"

#include <stdio.h>

/* The next segment of a pattern, taken off `*rest`; false at the end. */
static bool next_part(const char **rest, struct bytes *part)
{
	const char *at = *rest;
	if (*at != '/' || !at[1])
		return false;
	size_t len = strcspn(at + 1, "/");
	*part = bytes_of(at + 1, len);
	*rest = at + 1 + len;
	return true;
}

static bool takes_rest(struct bytes part)
{
	return part.len > 5 && memcmp((const char *)part.at + part.len - 4, "...}", 4) == 0;
}

bool route_takes_rest(const struct route *route) { return takes_rest(bytes_str(route->pattern)); }

static bool matches(const char *pattern, const struct target *target,
		    struct bytes param[REQUEST_PARAMS_MAX])
{
	struct bytes part;
	size_t i = 0, n = 0;
	for (; next_part(&pattern, &part); i++) {
		if (i == target->segments)
			return false;
		const struct bytes *seg = &target->segment[i];
		if (!bytes_starts(part, "{")) {
			if (!bytes_eq(part, *seg))
				return false;
			continue;
		}
		if (n == REQUEST_PARAMS_MAX)
			return false;
		param[n++] = *seg;
		if (takes_rest(part)) {
			const struct bytes *last = &target->segment[target->segments - 1];
			const char *end = (const char *)last->at + last->len;
			param[n - 1].len = (size_t)(end - (const char *)seg->at);
			return true;
		}
	}
	return i == target->segments;
}

/* Does `allow` list this method already? The names are no parts of each other. */
static void allow_add(char allow[ROUTE_ALLOW_SIZE], const char *method)
{
	if (strstr(allow, method))
		return;
	size_t len = strlen(allow);
	snprintf(allow + len, ROUTE_ALLOW_SIZE - len, "%s%s", len ? ", " : "", method);
}

static void allow_route(char allow[ROUTE_ALLOW_SIZE], const struct route *route)
{
	allow_add(allow, route->method);
	if (strcmp(route->method, "GET") == 0)
		allow_add(allow, "HEAD");
}

int route_find(const struct route_group *const *groups, struct bytes method,
	       const struct target *target, const struct route **ret,
	       struct bytes ret_param[REQUEST_PARAMS_MAX], char ret_allow[ROUTE_ALLOW_SIZE])
{
	struct bytes wanted = bytes_is(method, "HEAD") ? BYTES("GET") : method;
	char allow[ROUTE_ALLOW_SIZE] = "";
	for (; *groups; groups++)
		for (size_t i = 0; i < (*groups)->routes; i++) {
			const struct route *route = &(*groups)->route[i];
			struct bytes param[REQUEST_PARAMS_MAX] = {0};
			if (!matches(route->pattern, target, param))
				continue;
			if (bytes_is(wanted, route->method)) {
				memcpy(ret_param, param, sizeof(param));
				*ret = route;
				return 0;
			}
			allow_route(allow, route);
		}
	if (!allow[0])
		return SL_E_NOT_FOUND;
	allow_add(allow, "OPTIONS");
	memcpy(ret_allow, allow, sizeof(allow));
	return SL_E_METHOD;
}
