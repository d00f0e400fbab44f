/* Lists that are read page by page: with any size of page, and while entries go, what stays is
 * seen once and in order; any other cursor is refused in words, or gives a page. Input: which
 * list, how many entries, the size of a page, which entries go after each page (a byte each), a
 * NUL, and a cursor of any bytes. */
#include "tests/fuzz/fuzz.h"

#include "api/api.h"
#include "api/route.h"
#include "api/target.h"
#include "core/audit.h"
#include "core/ledger/ledger.h"
#include "core/outbox.h"
#include "core/registry.h"
#include "tests/lib/fake_clock.h"

enum { ENTRIES_MAX = 12, ID_SIZE = 64, HEAD = 3 };

static const int64_t now_ms = INT64_C(1800000000000);

struct house {
	struct api api;
	struct fake_clock clock;
	struct store *store;
	struct registry *registry;
	uint64_t subscriber;
};

/** Ids in the order of a list. */
struct ids {
	char id[ENTRIES_MAX + 1][ID_SIZE];
	bool gone[ENTRIES_MAX + 1]; /**< Dropped after it was seen. */
	size_t n;
};

struct listing {
	const char *path, *member;
	void (*put)(struct house *h, struct store_txn *txn, uint8_t i);
	void (*drop)(struct house *h, struct store_txn *txn, const char *id); /* or NULL */
};

/* ---- entries ---- */

static void put_job(struct house *h SL_UNUSED, struct store_txn *txn, uint8_t i)
{
	struct job job = {.id = {{1, i}},
			  .created_ms = now_ms + i,
			  .since_ms = now_ms,
			  .user = BYTES("ann"),
			  .kind = BYTES("TaskSet"),
			  .name = BYTES("hello"),
			  .reason = BYTES("in admission"),
			  .reason_code = BYTES("in_admission")};
	ledger_insert(txn, &job);
}

static void drop_job(struct house *h SL_UNUSED, struct store_txn *txn, const char *id)
{
	scoped(buf_finip) struct buf keep = {0};
	struct uuid uuid;
	struct job job;
	buf_init(&keep, 1 << 16);
	fuzz_holds(uuid_parse(bytes_str(id), &uuid) == 0);
	fuzz_holds(ledger_load(txn, uuid, &keep, &job) == 0);
	ledger_drop(txn, &job);
}

static void put_audit(struct house *h SL_UNUSED, struct store_txn *txn, uint8_t i)
{
	const struct audit_entry entry = {.by = {BYTES("token"), BYTES("127.0.0.1")},
					  .time_ms = now_ms + i / 2,
					  .action = i % 2 ? "job.stop" : "feature.off",
					  .target = BYTES("x")};
	audit_append(txn, &entry);
}

static void put_delivery(struct house *h, struct store_txn *txn, uint8_t i)
{
	static const struct outbox_limits wide = {1000, 1 << 30, 1 << 30, 1 << 30};
	const struct feed_entry entry = {.number = 7u + 3u * i,
					 .job = {{1, (uint8_t)(i / 2)}},
					 .state = JOB_WAITING,
					 .sequence = 1u + i,
					 .time_ms = now_ms,
					 .user = BYTES("ann")};
	fuzz_holds(outbox_add(txn, h->subscriber, &entry, &wide) == 0);
}

static void drop_delivery(struct house *h, struct store_txn *txn, const char *id)
{
	const char *number = strchr(id, '-');
	fuzz_holds(number);
	fuzz_holds(outbox_delivered(txn, h->subscriber, strtoull(number + 1, NULL, 10)) == 0);
}

static const struct listing lists[] = {
	{"/v1/job/list?order=asc&", "jobID", put_job, drop_job},
	{"/v1/job/list?order=desc&", "jobID", put_job, drop_job},
	{"/v1/audit?order=asc&", "id", put_audit, NULL},
	{"/v1/audit?order=desc&", "id", put_audit, NULL},
	{"/v1/hooks/deliveries?", "id", put_delivery, drop_delivery},
};

/* ---- asking ---- */

static void take_ids(struct json_object *payload, const char *member, struct ids *to)
{
	static const struct json_limits limits = {1 << 20, 64};
	scoped(buf_finip) struct buf text = {0};
	scoped(json_finip) struct json json = {0};
	buf_init(&text, 1 << 20);
	fuzz_holds(jb_print(payload, &text) == 0);
	fuzz_holds(json_parse(&json, buf_bytes(&text), &limits, NULL) == 0);
	for (json_at at = json_first(&json, 0); at != JSON_NONE; at = json_next(&json, 0, at)) {
		json_at id = json_get(&json, at, bytes_str(member));
		fuzz_holds(id != JSON_NONE && to->n < ENTRIES_MAX);
		struct bytes raw = json_raw(&json, id);
		fuzz_holds(raw.len < ID_SIZE);
		bool quoted = json_type(&json, id) == JSON_STRING;
		snprintf(to->id[to->n++], ID_SIZE, "%.*s", (int)(raw.len - 2 * quoted),
			 (const char *)raw.at + quoted);
	}
}

/* The cursor behind the page, or "". */
static void take_cursor(struct reply *reply, char next[ID_SIZE])
{
	static const char name[] = "X-Next-Cursor: ";
	const char *at = strstr(buf_str(&reply->head), name);
	*next = '\0';
	if (!at)
		return;
	at += sizeof(name) - 1;
	size_t n = strcspn(at, "\r\n");
	fuzz_holds(n > 0 && n < ID_SIZE);
	memcpy(next, at, n);
	next[n] = '\0';
}

static int ask(struct house *h, const struct listing *list, const char *url, struct ids *ret,
	       char next[ID_SIZE])
{
	static const struct token caller = {.privileges = UINT32_MAX};
	struct bytes param[REQUEST_PARAMS_MAX] = {{0}};
	const char *query = strchr(url, '?');
	struct request req = {.path = bytes_of(url, (size_t)(query - url)),
			      .query = bytes_str(query + 1),
			      .method = BYTES("GET"),
			      .caller = &caller};
	struct target target;
	struct reply reply;
	char allow[ROUTE_ALLOW_SIZE];
	fuzz_holds(target_read(req.path, &target) == 0);
	fuzz_holds(route_find(api_routes, req.method, &target, &req.route, param, allow) == 0);
	fuzz_holds(arena_create(REQUEST_ARENA_MAX, &req.arena) == 0);
	reply_init(&reply);
	int rc = req.route->handle(&h->api, &req, &reply);
	fuzz_holds(rc == 0 || rc == SL_E_INVALID);
	fuzz_holds((rc == 0) == (reply.err.text[0] == '\0'));
	take_cursor(&reply, next);
	if (rc == 0)
		take_ids(reply.payload, list->member, ret);
	reply_fini(&reply);
	arena_free(req.arena);
	return rc;
}

static void ask_page(struct house *h, const struct listing *list, unsigned size, struct ids *ret,
		     char next[ID_SIZE])
{
	char url[256];
	snprintf(url, sizeof(url), "%spageSize=%u%s%s", list->path, size, *next ? "&cursor=" : "",
		 next);
	fuzz_holds(ask(h, list, url, ret, next) == 0);
}

/* ---- walking ---- */

/* An entry goes: one that was not seen yet is not waited for any more. */
static void drop(struct house *h, const struct listing *list, uint8_t which, struct ids *all,
		 const struct ids *seen)
{
	struct store_txn *txn = NULL;
	if (!list->drop || which == 0 || all->n == 0)
		return;
	size_t i = which % all->n;
	if (all->gone[i])
		return;
	fuzz_holds(store_begin(h->store, STORE_WRITE, &txn) == 0);
	list->drop(h, txn, all->id[i]);
	fuzz_holds(store_commit(&txn) == 0);
	bool known = false;
	for (size_t k = 0; k < seen->n; k++)
		known |= strcmp(seen->id[k], all->id[i]) == 0;
	all->gone[i] = true;
	if (known)
		return;
	all->n--;
	memmove(all->id[i], all->id[i + 1], (all->n - i) * ID_SIZE);
	memmove(&all->gone[i], &all->gone[i + 1], all->n - i);
}

static void walk(struct house *h, const struct listing *list, const uint8_t *at, const uint8_t *end,
		 unsigned size, struct ids *all)
{
	struct ids seen = {0};
	char next[ID_SIZE] = "";
	unsigned pages = 0;
	do {
		size_t before = seen.n;
		ask_page(h, list, size, &seen, next);
		fuzz_holds(seen.n - before <= size && ++pages <= 2 * ENTRIES_MAX + 2);
		if (at < end)
			drop(h, list, *at++, all, &seen);
	} while (*next);
	fuzz_holds(seen.n == all->n);
	for (size_t i = 0; i < seen.n; i++)
		fuzz_holds(strcmp(seen.id[i], all->id[i]) == 0);
}

static void any_cursor(struct house *h, const struct listing *list, const uint8_t *at, size_t len)
{
	scoped(buf_finip) struct buf url = {0};
	struct ids page = {0};
	char next[ID_SIZE];
	buf_init(&url, 1 << 16);
	buf_addf(&url, "%spageSize=12&cursor=", list->path);
	for (size_t i = 0; i < len; i++)
		buf_addf(&url, at[i] == 0 ? "0" : "%%%02x", at[i]);
	if (!url.rc)
		(void)ask(h, list, buf_str(&url), &page, next);
}

static void fill(struct house *h, const struct listing *list, unsigned entries)
{
	struct store_txn *txn = NULL;
	struct subscriber s;
	fuzz_holds(store_begin(h->store, STORE_WRITE, &txn) == 0);
	fuzz_holds(outbox_subscribe(txn, BYTES("LifeHook.a.b")) == 0);
	fuzz_holds(outbox_find(txn, BYTES("LifeHook.a.b"), &s) == 0);
	h->subscriber = s.number;
	for (unsigned i = 0; i < entries; i++)
		list->put(h, txn, (uint8_t)i);
	fuzz_holds(store_commit(&txn) == 0);
}

static void open_house(struct house *h)
{
	static const struct registry_config config = {0};
	struct sl_error err;
	fake_clock_init(&h->clock, now_ms + 1000);
	fuzz_holds(store_open_mem(&h->store) == 0);
	fuzz_holds(registry_create(&config, h->store, NULL, &h->clock.base, &h->registry, &err) ==
		   0);
	h->api = (struct api){.store = h->store, .clock = &h->clock.base, .registry = h->registry};
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct house h;
	struct ids all = {0};
	char next[ID_SIZE] = "";
	if (len < HEAD)
		return 0;
	const struct listing *list = &lists[at[0] % countof(lists)];
	const uint8_t *drops = at + HEAD, *end = at + len;
	const uint8_t *nul = drops < end ? memchr(drops, 0, (size_t)(end - drops)) : NULL;
	open_house(&h);
	fill(&h, list, at[1] % (ENTRIES_MAX + 1));
	ask_page(&h, list, 1000, &all, next);
	fuzz_holds(all.n == at[1] % (ENTRIES_MAX + 1u) && !*next);
	if (nul)
		any_cursor(&h, list, nul + 1, (size_t)(end - nul - 1));
	walk(&h, list, drops, nul ? nul : end, 1u + at[2] % ENTRIES_MAX, &all);
	registry_free(h.registry);
	store_close(h.store);
	return 0;
}
