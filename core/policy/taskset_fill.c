/* Defaults of a TaskSet, written into the document: what is there stays as it stands, also
 * where it is wrong (that is found by taskset_read()). */
#include "core/policy/taskset.h"

#include <stdio.h>

struct filler {
	const struct json *j;
	struct buf *to;
	char replicas[24]; /* of the present role, as JSON */
};

typedef void (*fill_fn)(struct filler *f, json_at value);

/** A member that is treated specially: rewritten by `fill` where it is there; where it is
 * absent or null, `absent` (JSON text) is put in its place. */
struct special {
	const char *name;
	fill_fn fill;        /* NULL: copied as it stands */
	enum json_type type; /* what `fill` expects; another type is copied */
	const char *absent;  /* NULL: nothing */
};

static const struct special *find(const struct filler *f, json_at key, const struct special *table)
{
	for (; table->name; table++)
		if (json_string_is(f->j, key, bytes_str(table->name)))
			return table;
	return NULL;
}

static bool is_absent(const struct filler *f, json_at at)
{
	return at == JSON_NONE || json_type(f->j, at) == JSON_NULL;
}

/* Copy an object's members in their order, then add what is missing. */
static void fill_object(struct filler *f, json_at object, const struct special *table)
{
	const char *comma = "";
	buf_add_char(f->to, '{');
	for (json_at k = json_first(f->j, object); k != JSON_NONE; k = json_next(f->j, object, k)) {
		const struct special *special = find(f, k, table);
		if (special && special->absent && is_absent(f, k + 1))
			continue;
		buf_add_str(f->to, comma);
		buf_add_bytes(f->to, json_raw(f->j, k));
		buf_add_char(f->to, ':');
		if (special && special->fill && json_type(f->j, k + 1) == special->type)
			special->fill(f, k + 1);
		else
			buf_add_bytes(f->to, json_raw(f->j, k + 1));
		comma = ",";
	}
	for (; table->name; table++)
		if (table->absent && is_absent(f, json_get(f->j, object, bytes_str(table->name)))) {
			buf_addf(f->to, "%s\"%s\":%s", comma, table->name, table->absent);
			comma = ",";
		}
	buf_add_char(f->to, '}');
}

static void fill_retry(struct filler *f, json_at at)
{
	static const struct special table[] = {{"retry", NULL, JSON_NULL, "false"},
					       {"delay", NULL, JSON_NULL, "0"},
					       {"maxRetryCount", NULL, JSON_NULL, "0"},
					       {NULL, NULL, JSON_NULL, NULL}};
	fill_object(f, at, table);
}

static void fill_completion(struct filler *f, json_at at)
{
	const struct special table[] = {{"maxFailed", NULL, JSON_NULL, "1"},
					{"minSucceeded", NULL, JSON_NULL, f->replicas},
					{NULL, NULL, JSON_NULL, NULL}};
	fill_object(f, at, table);
}

/* A policy for RoleCompleted stands for both others: then nothing is missing. */
static void fill_events(struct filler *f, json_at list)
{
	bool failed = false, succeeded = false;
	const char *comma = "";
	buf_add_char(f->to, '[');
	for (json_at e = json_first(f->j, list); e != JSON_NONE; e = json_next(f->j, list, e)) {
		json_at event = json_get(f->j, e, BYTES("event"));
		bool both =
			event != JSON_NONE && json_string_is(f->j, event, BYTES("RoleCompleted"));
		if (event != JSON_NONE) {
			failed |= both || json_string_is(f->j, event, BYTES("RoleFailed"));
			succeeded |= both || json_string_is(f->j, event, BYTES("RoleSucceeded"));
		}
		buf_add_str(f->to, comma);
		buf_add_bytes(f->to, json_raw(f->j, e));
		comma = ",";
	}
	if (!failed)
		buf_addf(f->to, "%s{\"event\":\"RoleFailed\",\"action\":\"TaskSetFailed\"}", comma);
	if (!succeeded)
		buf_addf(f->to, "%s{\"event\":\"RoleSucceeded\",\"action\":\"NoAction\"}",
			 *comma || !failed ? "," : "");
	buf_add_char(f->to, ']');
}

#define NO_RETRY "{\"retry\":false,\"delay\":0,\"maxRetryCount\":0}"
#define NO_EVENTS                                                                                  \
	"[{\"event\":\"RoleFailed\",\"action\":\"TaskSetFailed\"},"                                \
	"{\"event\":\"RoleSucceeded\",\"action\":\"NoAction\"}]"

static void fill_role(struct filler *f, json_at role)
{
	char completion[96];
	json_at replicas = json_get(f->j, role, BYTES("replicas"));
	int64_t n = 1;
	if (!is_absent(f, replicas) && json_type(f->j, replicas) == JSON_NUMBER &&
	    json_int64(f->j, replicas, &n))
		n = 1; /* wrong, and found to be so later */
	snprintf(f->replicas, sizeof(f->replicas), "%lld", (long long)n);
	snprintf(completion, sizeof(completion), "{\"maxFailed\":1,\"minSucceeded\":%s}",
		 f->replicas);
	const struct special table[] = {
		{"replicas", NULL, JSON_NULL, "1"},
		{"completionPolicy", fill_completion, JSON_OBJECT, completion},
		{"retryPolicy", fill_retry, JSON_OBJECT, NO_RETRY},
		{"eventPolicy", fill_events, JSON_ARRAY, NO_EVENTS},
		{NULL, NULL, JSON_NULL, NULL}};
	fill_object(f, role, table);
}

static void fill_roles(struct filler *f, json_at list)
{
	const char *comma = "";
	buf_add_char(f->to, '[');
	for (json_at e = json_first(f->j, list); e != JSON_NONE; e = json_next(f->j, list, e)) {
		buf_add_str(f->to, comma);
		if (json_type(f->j, e) == JSON_OBJECT)
			fill_role(f, e);
		else
			buf_add_bytes(f->to, json_raw(f->j, e));
		comma = ",";
	}
	buf_add_char(f->to, ']');
}

static void fill_spec(struct filler *f, json_at spec)
{
	static const struct special table[] = {{"retryPolicy", fill_retry, JSON_OBJECT, NO_RETRY},
					       {"roles", fill_roles, JSON_ARRAY, NULL},
					       {NULL, NULL, JSON_NULL, NULL}};
	fill_object(f, spec, table);
}

int taskset_fill(const struct json *json, json_at at, struct buf *to, struct sl_error *err)
{
	static const struct special table[] = {{"spec", fill_spec, JSON_OBJECT, NULL},
					       {NULL, NULL, JSON_NULL, NULL}};
	struct filler f = {.j = json, .to = to};
	if (json_type(json, at) != JSON_OBJECT)
		return sl_fail(err, SL_E_INVALID, "a TaskSet must be an object, not %s",
			       json_type_name(json_type(json, at)));
	fill_object(&f, at, table);
	return to->rc ? sl_fail(err, (enum sl_err)to->rc, "the TaskSet is too large") : 0;
}
