#include "api/handlers/job_filter.h"

int job_filter_list(struct request *req, const char *name, struct bytes to[JOB_FILTER_VALUES_MAX],
		    size_t *ret, struct sl_error *err)
{
	struct bytes text;
	size_t n = 0;
	int rc = request_query(req, name, &text, err);
	if (rc || !text.len)
		return rc == SL_E_NOT_FOUND ? 0 : rc;
	for (const char *at = text.at, *end = at + text.len; at <= end; n++) {
		const char *stop = memchr(at, ',', (size_t)(end - at));
		if (n == JOB_FILTER_VALUES_MAX)
			return sl_fail(err, SL_E_INVALID, "%s: more than %d values", name,
				       JOB_FILTER_VALUES_MAX);
		to[n] = bytes_of(at, (size_t)((stop ? stop : end) - at));
		at = stop ? stop + 1 : end + 1;
	}
	*ret = n;
	return 0;
}

static int read_states(struct request *req, struct job_query *q, struct sl_error *err)
{
	struct bytes list[JOB_FILTER_VALUES_MAX];
	size_t n = 0;
	int rc = job_filter_list(req, "state", list, &n, err);
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

int job_filter_text(struct request *req, const char *name, struct bytes *ret, struct sl_error *err)
{
	int rc = request_query(req, name, ret, err);
	return rc == SL_E_NOT_FOUND ? 0 : rc;
}

static int read_times(struct request *req, struct job_query *q, struct sl_error *err)
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

static void bind_user(const struct request *req, struct job_query *q)
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

int job_filter_read(struct request *req, struct job_query *q, struct sl_error *err)
{
	int rc = job_filter_list(req, "userID", q->users, &q->f.users, err);
	if (!rc)
		rc = read_times(req, q, err);
	if (!rc)
		rc = job_filter_list(req, "kind", q->kinds, &q->f.kinds, err);
	if (!rc)
		rc = read_states(req, q, err);
	if (!rc)
		rc = job_filter_text(req, "name", &q->f.name, err);
	if (!rc)
		rc = job_filter_list(req, "reasonCode", q->codes, &q->f.codes, err);
	if (!rc)
		rc = job_filter_text(req, "plugin", &q->f.plugin, err);
	q->f.user = q->users;
	q->f.kind = q->kinds;
	q->f.code = q->codes;
	if (!rc)
		bind_user(req, q);
	return rc;
}
