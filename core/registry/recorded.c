/* What the audit log says of a change of the registry. */
#include "core/registry/internal.h"

enum { PART_MAX = 4 << 20 };

static void print(struct recorded *q, struct json_object *part, struct buf *to)
{
	buf_init(to, PART_MAX);
	int rc = part ? jb_print(part, to) : 0;
	if (rc && !q->rc)
		q->rc = rc;
	jb_free(part);
}

void recorded_make(struct recorded *q, const struct registry *r,
		   const struct feature_caller *caller, const char *action, struct bytes target,
		   struct json_object *before, struct json_object *after)
{
	*q = (struct recorded){.entry = {.time_ms = clock_wall_ms(r->clock),
					 .by = caller->by,
					 .action = caller->by.token.len ? action : NULL,
					 .target = target}};
	print(q, before, &q->before);
	print(q, after, &q->after);
	q->entry.before = buf_bytes(&q->before);
	q->entry.after = buf_bytes(&q->after);
}

int recorded_apply(const struct recorded *q, struct store_txn *txn)
{
	if (!q || !q->entry.action)
		return 0;
	if (!q->rc)
		audit_append(txn, &q->entry);
	return q->rc;
}
