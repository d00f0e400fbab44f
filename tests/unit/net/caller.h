/* Calls through the real executor, for tests. */
#pragma once

#include "net/executor.h"

struct result {
	unsigned times; /* How often done() was called. */
	int rc;
	unsigned status;
	int64_t retry_after_ms;
	size_t len;
	char body[4096]; /* Its beginning. */
	char why[256];
	void (*then)(struct result *r); /* Called from done(). */
	void *user;
};

struct executor *caller_create(const struct http_config *config);
/** Start only; asserts that done() is not called from inside. */
call_id caller_start(struct executor *x, const struct call *call, struct result *r);
/** Turn until `r` is there. */
void caller_await(struct executor *x, struct result *r);
/** POST "{}" with 60 s and 1 MiB. */
struct call caller_post(const char *url);
/** All of it for one call. */
void caller_run(struct executor *x, const struct call *call, struct result *r);
