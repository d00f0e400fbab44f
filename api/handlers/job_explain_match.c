/* GET /v1/job/explain with ?plugin=KEY or ?all=true: which plugins match a job now, and by
 * which condition the others do not. */
#include "api/handlers/job_explain.h"
#include "api/handlers/schemas.h"
#include "api/handlers/selector_show.h"

static const struct schema_member match_members[] = {
	SELECTOR_RESULT_MEMBERS,
	MEMBER("plugin", TEXT, 0, "Its key."),
	MEMBER_OF("pluginType", schema_plugin_type, 0, NULL),
	MEMBER("sequence", INT, 0, NULL),
	MEMBER("enabled", BOOL, 0, "Is its feature on?"),
	MEMBER("note", TEXT, SHAPE_MAYBE, "Why it is not asked though it matches."),
	{0},
};
const struct schema schema_plugin_match = {.name = "PluginMatch", .member = match_members};

enum { PAGE_DEFAULT = 50, PAGE_MAX = 1000, HEADER_DEPTH_MAX = 80 };

struct matching {
	const struct registry_ref *registry;
	const struct job *job;
	struct selector_scratch *scratch;
	struct json header;
};

int job_explain_header(struct store_txn *txn, const struct job *job, struct json *ret)
{
	static const struct json_limits limits = {REPLY_MAX, HEADER_DEPTH_MAX};
	struct bytes doc;
	int rc = ledger_doc(txn, job->id, PART_HEADER, &doc);
	return rc ? rc : json_parse(ret, doc, &limits, NULL);
}

static int begin(struct api *api, struct request *req, struct reply *reply, struct store_txn *txn,
		 struct matching *m)
{
	struct selector_limits bounds = {api->regex_value_max, SELECTOR_STEPS_MAX};
	if (!token_may(req->caller, PRIV_READ_FEATURE))
		return reply_fail(reply, SL_E_DENIED,
				  "plugin, all: these need a token with read_feature");
	m->registry = registry_take(api->registry);
	int rc = job_explain_header(txn, m->job, &m->header);
	return rc ? rc : selector_scratch_create(&bounds, &m->scratch);
}

static void end(struct matching *m)
{
	registry_drop(m->registry);
	selector_scratch_free(m->scratch);
	json_fini(&m->header);
}

/* What keeps a plugin that matches from being asked. */
static const char *obstacle(const struct matching *m, const struct plugin *p)
{
	if (!p->feature->enabled)
		return "its feature is off";
	if (p->type == PLUGIN_TRANSLATOR && bytes_is(m->job->kind, "TaskSet"))
		return "the job is a TaskSet already and needs no translator";
	return NULL;
}

static struct json_object *show(const struct matching *m, const struct plugin *p)
{
	struct json_object *to = selector_show(p->selector, m->scratch, &m->header);
	const char *why = obstacle(m, p);
	jb_put_str(to, "plugin", p->key);
	jb_put_str(to, "pluginType", plugin_type_name(p->type));
	jb_put_int(to, "sequence", (int64_t)registry_sequence(m->registry, p));
	jb_put_bool(to, "enabled", p->feature->enabled);
	if (why)
		jb_put_str(to, "note", why);
	return to;
}

int job_explain_plugin(struct api *api, struct request *req, struct reply *reply,
		       struct store_txn *txn, const struct job *job, struct bytes key)
{
	struct matching m = {.job = job};
	int rc = begin(api, req, reply, txn, &m);
	const struct plugin *p = rc ? NULL : registry_plugin(m.registry, key);
	if (p)
		reply->payload = show(&m, p);
	else if (!rc)
		rc = reply_fail(reply, SL_E_NOT_FOUND, "plugin: there is no plugin %.*s",
				BYTES_FMT(bytes_cut(key, 200)));
	end(&m);
	return rc;
}

/* ---- all of them ---- */

struct page {
	int64_t size;
	size_t type, at; /* where it begins */
};

/* The cursor is the key of the last plugin of the page before. */
static int read_page(struct request *req, const struct registry_ref *registry, struct page *page,
		     struct sl_error *err)
{
	struct bytes cursor = {NULL, 0};
	page->size = PAGE_DEFAULT;
	int rc = request_query_int(req, "pageSize", 1, PAGE_MAX, &page->size, err);
	if (!rc)
		rc = request_query(req, "cursor", &cursor, err);
	if (rc || !cursor.len)
		return rc == SL_E_NOT_FOUND ? 0 : rc;
	const struct plugin *last = registry_plugin(registry, cursor);
	if (!last)
		return sl_fail(err, SL_E_INVALID,
			       "cursor: must be the X-Next-Cursor of a page; if that plugin is "
			       "gone, begin again without it");
	page->type = last->type;
	page->at = registry_sequence(registry, last);
	return 0;
}

static void add_page(const struct matching *m, const struct page *page, struct reply *reply)
{
	const struct plugin *last = NULL;
	int64_t n = 0;
	size_t at = page->at;
	for (size_t type = page->type; type < PLUGIN_TYPES; type++, at = 0)
		for (; at < m->registry->count[type]; at++) {
			if (n++ == page->size) {
				reply_header(reply, "X-Next-Cursor", "%s", last->key);
				return;
			}
			last = m->registry->ordered[type][at];
			jb_add(reply->payload, show(m, last));
		}
}

int job_explain_every(struct api *api, struct request *req, struct reply *reply,
		      struct store_txn *txn, const struct job *job)
{
	struct matching m = {.job = job};
	struct page page = {0};
	int rc = begin(api, req, reply, txn, &m);
	if (!rc)
		rc = read_page(req, m.registry, &page, &reply->err);
	if (!rc) {
		reply->payload = jb_array();
		add_page(&m, &page, reply);
	}
	end(&m);
	return rc;
}
