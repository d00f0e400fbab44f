/* GET /v1/job/count: how many jobs match, as a whole or in groups. Counters tell it where they
 * know; else the jobs are walked, in pieces, so that no reading transaction lasts long. */
#include "api/handlers/job_filter.h"
#include "core/base/hash.h"
#include "core/ledger/walk.h"

#include <stdlib.h>

enum { FIELDS = 5, GROUPS_MAX = 1000, SLOTS = 4096, PIECE = 20000 };

const struct route_query job_count_query[] = {
	JOB_FILTER_QUERY,
	{"groupBy", "string",
	 "Of state, reasonCode, plugin, kind, userID: one or more, with commas."},
	{NULL, NULL, NULL},
};

static struct bytes state_of(const struct job *job)
{
	return bytes_str(job_state_name(job->state));
}
static struct bytes code_of(const struct job *job) { return job->reason_code; }
static struct bytes plugin_of(const struct job *job) { return job->plugin; }
static struct bytes kind_of(const struct job *job) { return job->kind; }
static struct bytes user_of(const struct job *job) { return job->user; }

/** What jobs can be grouped by. */
struct group_field {
	const char *name;
	struct bytes (*of)(const struct job *job);
};

static const struct group_field group_fields[FIELDS] = {
	{"state", state_of}, {"reasonCode", code_of}, {"plugin", plugin_of},
	{"kind", kind_of},   {"userID", user_of},
};

struct group {
	struct bytes text[FIELDS]; /* as many as there are fields, in their order */
	size_t fields;
	uint64_t n;
};

/** The groups so far: a table with open addressing, never more than a quarter full. */
struct tally {
	const struct group_field *field[FIELDS];
	size_t fields;
	struct group *group[SLOTS];
	size_t groups;
	uint64_t n;
	struct arena *arena;
	int rc;
};

static uint32_t hash_of(const struct group *g)
{
	uint64_t hash = 0;
	for (size_t i = 0; i < g->fields; i++)
		hash = hash_bytes(g->text[i], hash);
	return (uint32_t)hash;
}

static bool same(const struct group *a, const struct group *b)
{
	for (size_t i = 0; i < a->fields; i++)
		if (!bytes_eq(a->text[i], b->text[i]))
			return false;
	return true;
}

static int add_group(struct tally *t, const struct group *like, struct group **slot)
{
	if (t->groups == GROUPS_MAX)
		return SL_E_TOO_BIG;
	struct group *g = arena_alloc(t->arena, sizeof(*g));
	if (!g)
		return SL_E_NO_MEMORY;
	*g = (struct group){.fields = like->fields};
	for (size_t i = 0; i < g->fields; i++) {
		g->text[i] = BYTES("");
		if (like->text[i].len && arena_copy(t->arena, like->text[i], &g->text[i]))
			return SL_E_NO_MEMORY;
	}
	*slot = g;
	t->groups++;
	return 0;
}

static int count_some(struct tally *t, const struct job *job, uint64_t jobs)
{
	struct group key = {.fields = t->fields};
	for (size_t i = 0; i < t->fields; i++)
		key.text[i] = t->field[i]->of(job);
	uint32_t at = hash_of(&key) % SLOTS;
	while (t->group[at] && !same(t->group[at], &key))
		at = (at + 1) % SLOTS;
	if (!t->group[at])
		t->rc = add_group(t, &key, &t->group[at]);
	if (t->rc)
		return t->rc;
	t->group[at]->n += jobs;
	t->n += jobs;
	return 0;
}

static bool count_one(void *user, const struct job *job) { return count_some(user, job, 1) == 0; }

/* ---- what is asked for ---- */

static int add_field(struct tally *t, struct bytes name, struct sl_error *err)
{
	const struct group_field *found = NULL;
	for (size_t i = 0; i < FIELDS; i++)
		if (bytes_is(name, group_fields[i].name))
			found = &group_fields[i];
	if (!found)
		return sl_fail(
			err, SL_E_INVALID,
			"groupBy: \"%.*s\" is none of state, reasonCode, plugin, kind, userID",
			BYTES_FMT(bytes_cut(name, 40)));
	for (size_t i = 0; i < t->fields; i++)
		if (t->field[i] == found)
			return sl_fail(err, SL_E_INVALID, "groupBy: %s is named twice",
				       found->name);
	t->field[t->fields++] = found;
	return 0;
}

static int read_group_by(struct request *req, struct tally *t, struct sl_error *err)
{
	struct bytes names[JOB_FILTER_VALUES_MAX], text = {NULL, 0};
	size_t n = 0;
	int rc = job_filter_text(req, "groupBy", &text, err);
	if (!rc && text.at && !text.len)
		return sl_fail(err, SL_E_INVALID,
			       "groupBy: must be of state, reasonCode, plugin, kind, userID");
	if (!rc)
		rc = job_filter_list(req, "groupBy", names, &n, err);
	for (size_t i = 0; i < n && !rc; i++)
		rc = add_field(t, names[i], err);
	return rc;
}

/* ---- the answer ---- */

/* Larger ones first, equal ones by their names. */
static int compare(const void *pa, const void *pb)
{
	const struct group *a = *(struct group *const *)pa, *b = *(struct group *const *)pb;
	if (a->n != b->n)
		return a->n < b->n ? 1 : -1;
	for (size_t i = 0; i < a->fields; i++) {
		int order = bytes_cmp(a->text[i], b->text[i]);
		if (order)
			return order;
	}
	return 0;
}

static void put_groups(struct tally *t, struct json_object *to)
{
	struct json_object *list = jb_array();
	size_t n = 0;
	for (size_t i = 0; i < SLOTS; i++)
		if (t->group[i])
			t->group[n++] = t->group[i];
	qsort(t->group, n, sizeof(struct group *), compare);
	for (size_t i = 0; i < n; i++) {
		struct json_object *one = jb_object();
		for (size_t k = 0; k < t->fields; k++)
			jb_put_bytes(one, t->field[k]->name, t->group[i]->text[k]);
		jb_put_int(one, "count", (int64_t)t->group[i]->n);
		jb_add(list, one);
	}
	jb_put(to, "groups", list);
}

/* ---- counting ---- */

struct groups_in {
	struct tally *tally;
	const struct job_filter *filter;
};

static void count_group(void *user, const struct job_group *group, uint64_t jobs)
{
	struct groups_in *in = user;
	struct job like = {
		.state = group->state, .reason_code = group->code, .plugin = group->plugin};
	if (!in->tally->rc && job_filter_matches(in->filter, &like))
		count_some(in->tally, &like, jobs);
}

static bool filters_any(const struct job_filter *f)
{
	return f->states || f->users || f->kinds || f->codes || f->name.len || f->plugin.len ||
	       f->from_ms || f->to_ms;
}

/* Do the counters of states, codes and plugins know both what is asked and how it is grouped? */
static bool groups_know(const struct tally *t, const struct job_filter *f)
{
	bool known = !f->users && !f->kinds && !f->name.len && !f->from_ms && !f->to_ms;
	for (size_t i = 0; i < t->fields; i++)
		known = known && t->field[i]->of != kind_of && t->field[i]->of != user_of;
	return known;
}

static int count_by_groups(struct store_txn *txn, const struct job_filter *f, struct tally *t)
{
	struct groups_in in = {t, f};
	int rc = ledger_groups(txn, SIZE_MAX, count_group, &in);
	return rc ? rc : ledger_final_groups(txn, count_group, &in);
}

static bool count_user(void *user, struct bytes value, uint64_t jobs)
{
	struct job like = {.user = value};
	return count_some(user, &like, jobs) == 0;
}

static bool count_kind(void *user, struct bytes value, uint64_t jobs)
{
	struct job like = {.kind = value};
	return count_some(user, &like, jobs) == 0;
}

/* One reading transaction. */
static int count_piece(struct store *store, struct job_walk *w, struct tally *t)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	int rc = store_begin(store, STORE_READ, &txn);
	w->most = w->misses = PIECE;
	if (!rc)
		rc = job_walk(txn, w, t->fields ? count_one : NULL, t);
	if (!rc && !t->fields)
		t->n += PIECE - w->most;
	return rc;
}

static int count_by_walk(struct store *store, const struct job_filter *f, struct tally *t)
{
	struct job_walk w = {.filter = f, .newest_first = true, .more = true};
	int rc = 0;
	while (w.more && !rc && !t->rc)
		rc = count_piece(store, &w, t);
	return rc;
}

/* SL_E_NOT_FOUND: the jobs must be walked. */
static int count_quickly(struct store *store, const struct job_filter *f, struct tally *t)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	int rc = store_begin(store, STORE_READ, &txn);
	if (rc)
		return rc;
	if (!t->fields)
		return ledger_count_quickly(txn, f, &t->n);
	if (groups_know(t, f))
		return count_by_groups(txn, f, t);
	if (t->fields > 1 || filters_any(f))
		return SL_E_NOT_FOUND;
	return t->field[0]->of == user_of ? ledger_values(txn, BY_USER, count_user, t)
					  : ledger_values(txn, BY_KIND, count_kind, t);
}

static int count(struct api *api, const struct job_query *q, struct tally *t, struct sl_error *err)
{
	if (q->nothing)
		return 0;
	int rc = count_quickly(api->store, &q->f, t);
	if (rc == SL_E_NOT_FOUND)
		rc = count_by_walk(api->store, &q->f, t);
	rc = rc ? rc : t->rc;
	return rc == SL_E_TOO_BIG
		       ? sl_fail(err, rc,
				 "more than %d groups; narrow the filter or group by fewer things",
				 GROUPS_MAX)
		       : rc;
}

int job_read_count(struct api *api, struct request *req, struct reply *reply)
{
	struct job_query q = {.nothing = false};
	struct tally *t = arena_alloc(req->arena, sizeof(*t));
	if (!t)
		return SL_E_NO_MEMORY;
	*t = (struct tally){.arena = req->arena};
	int rc = request_query_only(req, JOB_FILTER_NAMES ",groupBy", &reply->err);
	if (!rc)
		rc = job_filter_read(req, &q, &reply->err);
	if (!rc)
		rc = read_group_by(req, t, &reply->err);
	if (!rc)
		rc = count(api, &q, t, &reply->err);
	if (rc)
		return rc;
	reply->payload = jb_object();
	jb_put_int(reply->payload, "count", (int64_t)t->n);
	if (t->fields)
		put_groups(t, reply->payload);
	return 0;
}
