#include "tests/unit/net/caller.h"

#include <stdio.h>
#include <stdlib.h>

#define MUST(fine)                                                                                 \
	do {                                                                                       \
		if (!(fine)) {                                                                     \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #fine);         \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static void on_done(void *user, call_id id, const struct answer *answer)
{
	struct result *r = user;
	MUST(id != 0);
	r->times++;
	r->rc = answer->rc;
	r->status = answer->status;
	r->retry_after_ms = answer->retry_after_ms;
	r->len = answer->body.len;
	size_t n = r->len < sizeof(r->body) ? r->len : sizeof(r->body) - 1;
	if (n)
		memcpy(r->body, answer->body.at, n);
	r->body[n] = '\0';
	snprintf(r->why, sizeof(r->why), "%s", answer->why);
	if (r->then)
		r->then(r);
}

struct executor *caller_create(const struct http_config *config)
{
	struct executor *x = NULL;
	struct sl_error err;
	MUST(http_executor_create(config, &x, &err) == 0);
	return x;
}

call_id caller_start(struct executor *x, const struct call *call, struct result *r)
{
	call_id id = 0;
	unsigned before = r->times;
	MUST(x->ops->start(x, call, on_done, r, &id) == 0);
	MUST(r->times == before && id != 0);
	return id;
}

void caller_await(struct executor *x, struct result *r)
{
	unsigned before = r->times;
	while (r->times == before)
		MUST(x->ops->turn(x, 60000) == 0);
}

struct call caller_post(const char *url)
{
	static const char *const headers[] = {"Content-Type: application/json", NULL};
	return (struct call){.url = url,
			     .headers = headers,
			     .body = BYTES("{}"),
			     .timeout_ms = 60000,
			     .answer_max = 1 << 20};
}

void caller_run(struct executor *x, const struct call *call, struct result *r)
{
	caller_start(x, call, r);
	caller_await(x, r);
}
