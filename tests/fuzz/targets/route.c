/* A request target of any bytes finds a route or none; its segments are those of what was
 * sent, and what is decoded has no NUL. Input: a method, a space, a target. */
#include "tests/fuzz/fuzz.h"

#include "api/api.h"
#include "api/handlers/job_filter.h"
#include "api/route.h"
#include "api/target.h"

static void decode(struct bytes text, bool plus)
{
	size_t len = 0;
	char *to = malloc(text.len ? text.len : 1);
	if (to && target_decode(text, plus, to, &len) == 0)
		fuzz_holds(len <= text.len && !memchr(to, '\0', len));
	free(to);
}

static void find(struct bytes method, struct bytes path)
{
	struct target target = {0};
	const struct route *route = NULL;
	struct bytes param[REQUEST_PARAMS_MAX] = {{0}};
	char allow[ROUTE_ALLOW_SIZE] = "";
	if (target_read(path, &target))
		return;
	fuzz_holds(target.segments <= TARGET_SEGMENTS_MAX);
	for (size_t i = 0; i < target.segments; i++) {
		struct bytes s = target.segment[i];
		fuzz_holds(s.len > 0 && !bytes_is(s, ".") && !bytes_is(s, ".."));
		fuzz_holds(!memchr(s.at, '/', s.len));
		decode(s, false);
	}
	int rc = route_find(api_routes, method, &target, &route, param, allow);
	fuzz_holds(rc == 0 || rc == SL_E_NOT_FOUND || rc == SL_E_METHOD);
	fuzz_holds((rc == 0) == (route != NULL));
	fuzz_holds((rc == SL_E_METHOD) == (allow[0] != '\0'));
}

static void read_query(struct bytes query)
{
	struct token caller = {0};
	struct request req = {.query = query, .caller = &caller};
	struct job_query q = {0};
	struct sl_error err = {0};
	struct bytes rest = query, key, value;
	int64_t number = 7;
	bool yes = false;
	while (target_next_pair(&rest, &key, &value)) {
		decode(key, true);
		decode(value, true);
	}
	if (arena_create(REQUEST_ARENA_MAX, &req.arena))
		return;
	int rc = request_query_int(&req, "pageSize", 1, 1000, &number, &err);
	fuzz_holds(rc || (number >= 1 && number <= 1000));
	rc = request_query_bool(&req, "all", &yes, &err);
	fuzz_holds(rc == 0 || rc == SL_E_INVALID || rc == SL_E_NO_MEMORY);
	err = (struct sl_error){0};
	rc = job_filter_read(&req, &q, &err);
	fuzz_holds(rc == 0 || err.text[0]);
	arena_free(req.arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	const uint8_t *space = len ? memchr(at, ' ', len) : NULL;
	struct bytes method = space ? bytes_of(at, (size_t)(space - at)) : BYTES("GET");
	struct bytes target = space ? bytes_of(space + 1, len - method.len - 1) : bytes_of(at, len);
	const char *mark = target.len ? memchr(target.at, '?', target.len) : NULL;
	size_t path_len = mark ? (size_t)(mark - (const char *)target.at) : target.len;
	find(method, bytes_of(target.at, path_len));
	if (mark)
		read_query(bytes_of(mark + 1, target.len - path_len - 1));
	return 0;
}
