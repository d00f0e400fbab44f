/* GET /v1/job/list and /v1/job/count. */
#include "api/handlers/job_read.h"

enum { PAGE_DEFAULT = 20, PAGE_MAX = 1000, DEEP_MAX = 100000, LIST_MAX = 64, COUNT_UPTO = 10000 };

#define FILTER_QUERY                                                                               \
	{"userID", "string", "Users, with commas."},                                               \
		{"startAt", "integer", "Submitted then or later (Unix seconds)."},                 \
		{"endAt", "integer", "Submitted then or earlier (Unix seconds)."},                 \
		{"kind", "string", "Kinds, with commas."},                                         \
		{"state", "string", "States, with commas."}, {"name", "string", "The jobName."},   \
		{"reasonCode", "string", "Reason codes, with commas."},                            \
	{                                                                                          \
		"plugin", "string", "The plugin that it waits for or was decided by."              \
	}

const struct route_query job_list_query[] = {
	FILTER_QUERY,
	{"pageNumber", "integer", "From 1."},
	{"pageSize", "integer", "1 to 1000; 20 by default."},
	{"order", "string", "desc (by default) or asc, by submission."},
	{"cursor", "string", "X-Next-Cursor of the page before."},
	{NULL, NULL, NULL},
};

const struct route_query job_count_query[] = {FILTER_QUERY, {NULL, NULL, NULL}};

static const char filter_names[] = "userID,startAt,endAt,kind,state,name,reasonCode,plugin";
static const char list_names[] = "userID,startAt,endAt,kind,state,name,reasonCode,plugin,"
				 "pageNumber,pageSize,order,cursor";

struct filter {
	struct job_filter f;
	struct bytes users[LIST_MAX], kinds[LIST_MAX], codes[LIST_MAX];
	bool nothing; /* no job can match */
};

/* "a,b" of a parameter into `to`. */
static int read_list(struct request *req, const char *name, struct bytes to[LIST_MAX], size_t *ret,
		     struct sl_error *err)
{
	struct bytes text;
	size_t n = 0;
	int rc = request_query(req, name, &text, err);
	if (rc || !text.len)
		return rc == SL_E_NOT_FOUND ? 0 : rc;
	for (const char *at = text.at, *end = at + text.len; at <= end; n++) {
		const char *stop = memchr(at, ',', (size_t)(end - at));
		if (n == LIST_MAX)
			return sl_fail(err, SL_E_INVALID, "%s: more than %d values", name,
				       LIST_MAX);
		to[n] = bytes_of(at, (size_t)((stop ? stop : end) - at));
		at = stop ? stop + 1 : end + 1;
	}
	*ret = n;
	return 0;
}

static int read_states(struct request *req, struct filter *q, struct sl_error *err)
{
	struct bytes list[LIST_MAX];
	size_t n = 0;
	int rc = read_list(req, "state", list, &n, err);
	for (size_t i = 0; i < n && !rc; i++) {
		enum job_state state;
		if (job_state_parse(list[i], &state))
			rc = sl_fail(err, SL_E_INVALID,
				     "state: \"%.*s\" is none of preparing, suspended, waiting, "
				     "running, succeeded, failed, stopped",
				     BYTES_FMT(bytes_cut(list[i], 40)));
		else
			q->f.states |= 1u << state;
	}
	return rc;
}

static int read_text(struct request *req, const char *name, struct bytes *ret, struct sl_error *err)
{
	int rc = request_query(req, name, ret, err);
	return rc == SL_E_NOT_FOUND ? 0 : rc;
}

static int read_times(struct request *req, struct filter *q, struct sl_error *err)
{
	static const int64_t last = INT64_C(253402300799); /* the year 9999 */
	int64_t from = -1, to = -1;
	int rc = request_query_int(req, "startAt", 0, last, &from, err);
	if (!rc)
		rc = request_query_int(req, "endAt", 0, last, &to, err);
	if (from >= 0)
		q->f.from_ms = from * 1000;
	if (to >= 0)
		q->f.to_ms = to * 1000 + 999;
	return rc;
}

/* A token that is bound sees its user's jobs only. */
static void bind_user(const struct request *req, struct filter *q)
{
	struct bytes bound = req->caller->user_id;
	bool asked = q->f.users == 0;
	if (!bound.len)
		return;
	for (size_t i = 0; i < q->f.users; i++)
		asked |= bytes_eq(q->users[i], bound);
	q->nothing = !asked;
	q->users[0] = bound;
	q->f.users = 1;
}

static int read_filter(struct request *req, struct filter *q, struct sl_error *err)
{
	int rc = read_list(req, "userID", q->users, &q->f.users, err);
	if (!rc)
		rc = read_times(req, q, err);
	if (!rc)
		rc = read_list(req, "kind", q->kinds, &q->f.kinds, err);
	if (!rc)
		rc = read_states(req, q, err);
	if (!rc)
		rc = read_text(req, "name", &q->f.name, err);
	if (!rc)
		rc = read_list(req, "reasonCode", q->codes, &q->f.codes, err);
	if (!rc)
		rc = read_text(req, "plugin", &q->f.plugin, err);
	q->f.user = q->users;
	q->f.kind = q->kinds;
	q->f.code = q->codes;
	if (!rc)
		bind_user(req, q);
	return rc;
}

/* ---- list ---- */

struct page {
	struct json_object *list;
	int64_t skip, size, n;
	struct uuid last;
	bool more;
};

static int read_order(struct request *req, bool *ret_newest_first, struct sl_error *err)
{
	struct bytes order = {NULL, 0};
	int rc = read_text(req, "order", &order, err);
	*ret_newest_first = !bytes_is(order, "asc");
	if (!rc && order.len && !bytes_is(order, "asc") && !bytes_is(order, "desc"))
		return sl_fail(err, SL_E_INVALID, "order: must be asc or desc");
	return rc;
}

static int read_page(struct request *req, struct page *page, struct sl_error *err)
{
	int64_t number = 1;
	struct bytes cursor = {NULL, 0};
	page->size = PAGE_DEFAULT;
	int rc = request_query_int(req, "pageNumber", 1, DEEP_MAX, &number, err);
	if (!rc)
		rc = request_query_int(req, "pageSize", 1, PAGE_MAX, &page->size, err);
	if (!rc)
		rc = read_text(req, "cursor", &cursor, err);
	if (rc)
		return rc;
	page->skip = (number - 1) * page->size;
	if (page->skip > DEEP_MAX)
		return sl_fail(err, SL_E_INVALID,
			       "pageNumber: at most %d entries deep; use cursor to walk further",
			       DEEP_MAX);
	if (cursor.len && uuid_parse(cursor, &page->last))
		return sl_fail(err, SL_E_INVALID, "cursor: must be the X-Next-Cursor of a page");
	return 0;
}

static struct json_object *show(const struct job *job)
{
	struct json_object *to = jb_object();
	char id[UUID_TEXT_SIZE];
	jb_put_bytes(to, "jobID", bytes_str(uuid_format(job->id, id)));
	jb_put_bytes(to, "jobName", job->name);
	jb_put_bytes(to, "jobKind", job->kind);
	jb_put_bytes(to, "userID", job->user);
	jb_put_str(to, "state", job_state_name(job->state));
	jb_put_time(to, "createdAt", job->created_ms);
	jb_put_time(to, "finishedAt", job->finished_ms);
	job_read_put_why(to, job);
	return to;
}

static bool add(void *user, const struct job *job)
{
	struct page *page = user;
	if (page->skip > 0) {
		page->skip--;
		return true;
	}
	if (page->n == page->size) {
		page->more = true;
		return false;
	}
	page->n++;
	page->last = job->id;
	jb_add(page->list, show(job));
	return true;
}

static int put_total(struct store_txn *txn, const struct filter *q, struct reply *reply)
{
	uint64_t n = 0;
	bool more = false;
	int rc = q->nothing ? 0 : ledger_count(txn, &q->f, COUNT_UPTO, &n, &more);
	if (!rc)
		reply_header(reply, "X-Total-Count", "%llu%s", (unsigned long long)n,
			     more ? "+" : "");
	return rc;
}

int job_read_list(struct api *api, struct request *req, struct reply *reply)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct filter q = {.nothing = false};
	struct page page = {0};
	bool newest_first;
	char cursor[UUID_TEXT_SIZE];
	int rc = request_query_only(req, list_names, &reply->err);
	if (!rc)
		rc = read_filter(req, &q, &reply->err);
	if (!rc)
		rc = read_page(req, &page, &reply->err);
	if (!rc)
		rc = read_order(req, &newest_first, &reply->err);
	if (!rc)
		rc = store_begin(api->store, STORE_READ, &txn);
	if (rc)
		return rc;
	page.list = reply->payload = jb_array();
	if (!q.nothing)
		rc = ledger_walk(txn, &q.f, newest_first, page.last, add, &page);
	if (!rc)
		rc = put_total(txn, &q, reply);
	if (page.more)
		reply_header(reply, "X-Next-Cursor", "%s", uuid_format(page.last, cursor));
	return rc;
}

/* ---- count ---- */

int job_read_count(struct api *api, struct request *req, struct reply *reply)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct filter q = {.nothing = false};
	uint64_t n = 0;
	bool more;
	int rc = request_query_only(req, filter_names, &reply->err);
	if (!rc)
		rc = read_filter(req, &q, &reply->err);
	if (!rc)
		rc = store_begin(api->store, STORE_READ, &txn);
	if (!rc && !q.nothing)
		rc = ledger_count(txn, &q.f, UINT64_MAX, &n, &more);
	if (rc)
		return rc;
	reply->payload = jb_object();
	jb_put_int(reply->payload, "count", (int64_t)n);
	return 0;
}
