/* /healthz, /readyz and /openapi.json. */
#include "api/api.h"

static int answer_json(struct reply *reply, struct json_object *body)
{
	int rc = jb_print(body, &reply->raw);
	jb_free(body);
	reply->type = "application/json";
	return rc;
}

static int healthz(struct api *api, struct request *req, struct reply *reply)
{
	(void)api;
	(void)req;
	struct json_object *body = jb_object();
	jb_put_str(body, "status", "alive");
	return answer_json(reply, body);
}

static const char *state_word(enum api_state state)
{
	return state == API_READY ? "ready" : state == API_STARTING ? "starting" : "stopping";
}

static void note_trouble_of_jobs(const struct driver *d, struct json_object *notes)
{
	scoped(buf_finip) struct buf words = {0};
	size_t n = driver_unreadable(d);
	if (driver_is_held(d))
		jb_add_bytes(notes, BYTES("admission is held: jobs are stored, not admitted, until "
					  "it is released"));
	if (!n)
		return;
	buf_init(&words, 200);
	buf_addf(&words,
		 "what is stored of %zu job%s cannot be read; they were set aside, the log names "
		 "them",
		 n, n == 1 ? "" : "s");
	jb_add_bytes(notes, buf_bytes(&words));
}

static bool store_is_full(const struct api *api)
{
	struct store_room room;
	return store_room(api->store, &room) == 0 && room.used > room.max / 100 * 95;
}

static struct json_object *reasons(enum api_state state)
{
	struct json_object *to = jb_array();
	if (state == API_STARTING)
		jb_add_bytes(to, BYTES("unfinished jobs are being taken up"));
	else if (state == API_STOPPING)
		jb_add_bytes(to, BYTES("the gateway was told to stop"));
	return to;
}

static int readyz(struct api *api, struct request *req, struct reply *reply)
{
	(void)req;
	enum api_state state = api_state(api);
	struct json_object *body = jb_object(), *notes = jb_array();
	if (admin_is_default(api->admin))
		jb_add_bytes(notes, BYTES("the admin password is still the default; it is accepted "
					  "from this machine only"));
	if (api_engine_lost(api))
		jb_add_bytes(notes,
			     BYTES("the engine local starts nothing any more: its spawner has "
				   "died; sluiced ends, to be started again"));
	if (store_is_full(api))
		jb_add_bytes(notes, BYTES("the store is nearly full: new jobs are refused; raise "
					  "store.size_max or make room on the disk"));
	if (api->single_user)
		jb_add_bytes(notes,
			     BYTES("the engine local is in single-user mode: everyone who may "
				   "submit can act as the gateway"));
	if (api->driver)
		note_trouble_of_jobs(api->driver, notes);
	jb_put_str(body, "status", state_word(state));
	jb_put(body, "reasons", reasons(state));
	jb_put(body, "notes", notes);
	if (state != API_READY) {
		reply->status = 503;
		reply_header(reply, "Retry-After", "1");
	}
	return answer_json(reply, body);
}

static int openapi(struct api *api, struct request *req, struct reply *reply)
{
	(void)req;
	buf_add_bytes(&reply->raw, api->description);
	reply->type = "application/json";
	return reply->raw.rc;
}

static const struct schema_member alive_members[] = {MEMBER_WORD("status", "alive", 0, NULL), {0}};
static const struct schema alive_schema = {.name = "Alive", .member = alive_members};

static const struct schema_member ready_members[] = {
	MEMBER_WORD("status", "starting ready stopping", 0, NULL),
	MEMBER("reasons", TEXT, SHAPE_LIST, "Why it is not ready."),
	MEMBER("notes", TEXT, SHAPE_LIST, "What an operator should look at."),
	{0},
};
static const struct schema ready_schema = {.name = "Ready", .member = ready_members};

static const struct schema_member document_members[] = {
	MEMBER("openapi", TEXT, 0, NULL),    MEMBER("info", FREE, 0, NULL),
	MEMBER("components", FREE, 0, NULL), MEMBER("security", ANY, 0, NULL),
	MEMBER("paths", FREE, 0, NULL),      {0},
};
static const struct schema document_schema = {.name = "OpenAPI", .member = document_members};

static const struct route routes[] = {
	{
		.method = "GET",
		.pattern = "/healthz",
		.flags = ROUTE_OPEN | ROUTE_ALWAYS | ROUTE_BARE,
		.handle = healthz,
		.summary = "Is the process alive?",
		.payload = PAYLOAD(ONE_OF(alive_schema)),
	},
	{
		.method = "GET",
		.pattern = "/readyz",
		.flags = ROUTE_OPEN | ROUTE_ALWAYS | ROUTE_BARE | ROUTE_STATE,
		.handle = readyz,
		.summary = "Is the store open and recovery done? 503 until then, with `reasons`; "
			   "`notes` lists what an operator should look at.",
		.payload = PAYLOAD(ONE_OF(ready_schema)),
	},
	{
		.method = "GET",
		.pattern = "/openapi.json",
		.flags = ROUTE_OPEN | ROUTE_BARE,
		.handle = openapi,
		.summary = "This description.",
		.payload = PAYLOAD(ONE_OF(document_schema)),
	},
};

const struct route_group group_health = {routes, countof(routes)};
