/* GET /v1/job/list. */
#include "api/handlers/job_filter.h"
#include "core/ledger/walk.h"

enum {
	PAGE_DEFAULT = 20,
	PAGE_MAX = 1000,
	DEEP_MAX = 100000,
	COUNT_UPTO = 10000,
	MISSES_MAX = 30000, /* jobs read in vain for one page */
};

const struct route_query job_list_query[] = {
	JOB_FILTER_QUERY,
	{"pageNumber", "integer", "From 1."},
	{"pageSize", "integer", "1 to 1000; 20 by default."},
	{"order", "string", "desc (by default) or asc, by submission."},
	{"cursor", "string",
	 "X-Next-Cursor of the page before; a page may have one though it is short: what is rare "
	 "is looked for in pieces."},
	{NULL, NULL, NULL},
};

static const char list_names[] = JOB_FILTER_NAMES ",pageNumber,pageSize,order,cursor";

struct page {
	struct json_object *list;
	uint64_t total; /* or UINT64_MAX: no counter knows it */
	int64_t skip, size;
	struct uuid after; /* where it begins, then the cursor of the next one */
	bool more;
};

static int read_order(struct request *req, bool *ret_newest_first, struct sl_error *err)
{
	struct bytes order = {NULL, 0};
	int rc = job_filter_text(req, "order", &order, err);
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
		rc = job_filter_text(req, "cursor", &cursor, err);
	if (rc)
		return rc;
	page->skip = (number - 1) * page->size;
	if (page->skip > DEEP_MAX)
		return sl_fail(err, SL_E_INVALID,
			       "pageNumber: at most %d entries deep; use cursor to walk further",
			       DEEP_MAX);
	if (cursor.len && uuid_parse(cursor, &page->after))
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
	job_read_put_rerun(to, job);
	return to;
}

static bool add(void *user, const struct job *job)
{
	struct page *page = user;
	jb_add(page->list, show(job));
	return true;
}

/* The page, and whether there is another one. A page for which too many jobs would have to be
 * read in vain ends early, with a cursor for the rest. */
static int fill(struct store_txn *txn, const struct job_query *q, bool newest_first,
		struct page *page)
{
	struct job_walk w = {.filter = &q->f,
			     .newest_first = newest_first,
			     .after = page->after,
			     .skip = (uint64_t)page->skip,
			     .most = (uint64_t)page->size,
			     .misses = MISSES_MAX};
	if (page->total == 0)
		return 0;
	int rc = job_walk(txn, &w, add, page);
	page->after = w.after;
	page->more = w.more;
	if (rc || !w.more || w.most)
		return rc;
	w.most = 1;
	rc = job_walk(txn, &w, NULL, NULL);
	page->more = w.most == 0 || w.more;
	return rc;
}

/* Exact where counters know it, or where a short walk finds them all; else at least so many. */
static int put_total(struct store_txn *txn, const struct job_query *q, const struct page *page,
		     struct reply *reply)
{
	struct job_walk w = {.filter = &q->f,
			     .newest_first = true,
			     .most = COUNT_UPTO + 1,
			     .misses = MISSES_MAX};
	uint64_t n = page->total;
	int rc = 0;
	if (n == UINT64_MAX) {
		rc = job_walk(txn, &w, NULL, NULL);
		n = COUNT_UPTO + 1 - w.most;
		n = n > COUNT_UPTO ? COUNT_UPTO : n;
	}
	if (!rc)
		reply_header(reply, "X-Total-Count", "%llu%s", (unsigned long long)n,
			     w.more ? "+" : "");
	return rc;
}

static int list(struct api *api, const struct job_query *q, bool newest_first, struct page *page,
		struct reply *reply)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	int rc = store_begin(api->store, STORE_READ, &txn);
	if (!rc && !q->nothing)
		rc = ledger_count_quickly(txn, &q->f, &page->total);
	if (rc == SL_E_NOT_FOUND) {
		page->total = UINT64_MAX;
		rc = 0;
	}
	if (!rc)
		rc = fill(txn, q, newest_first, page);
	return rc ? rc : put_total(txn, q, page, reply);
}

int job_read_list(struct api *api, struct request *req, struct reply *reply)
{
	struct job_query q = {.nothing = false};
	struct page page = {0};
	bool newest_first;
	char cursor[UUID_TEXT_SIZE];
	int rc = request_query_only(req, list_names, &reply->err);
	if (!rc)
		rc = job_filter_read(req, &q, &reply->err);
	if (!rc)
		rc = read_page(req, &page, &reply->err);
	if (!rc)
		rc = read_order(req, &newest_first, &reply->err);
	if (rc)
		return rc;
	page.list = reply->payload = jb_array();
	rc = list(api, &q, newest_first, &page, reply);
	if (page.more)
		reply_header(reply, "X-Next-Cursor", "%s", uuid_format(page.after, cursor));
	return rc;
}
