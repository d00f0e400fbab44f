/* An executor without a network: a test's function, or a script of answers for each URL,
 * says what comes back and after how long, in the time of a fake clock.
 *
 * turn() never sleeps: it delivers what is due by now. An answer that takes longer than
 * the call's timeout is a timeout at that time. Asserts instead of returning errors.
 * One thread. */
#pragma once

#include "core/base/list.h"
#include "net/executor.h"
#include "tests/lib/fake_clock.h"

enum { FAKE_HEADERS_MAX = 24 };

/** A call as it was started; valid until it is forgotten. */
struct fake_call {
	struct list link;
	call_id id;
	char *url, *body;
	size_t body_len;
	char *header[FAKE_HEADERS_MAX]; /**< "Name: value", NULL-terminated. */
	uint32_t timeout_ms;
	int64_t started_us, due_us;
	int64_t wall_ms; /**< When it was started. */
	bool open;       /**< Neither answered nor canceled. */
	bool canceled;
	call_done_fn done;
	void *user;
	int rc; /* what will be told */
	unsigned status;
	char *answer;
	int64_t retry_after_ms;
	bool unreached;
};

/** What comes back. Zero: 200 with an empty body, at once. */
struct fake_answer {
	int rc; /**< As struct answer's; with it nothing below but the delay matters. */
	unsigned status;
	const char *body; /**< Copied. */
	char *body_owned; /**< Or this one: from malloc, freed by the executor. */
	uint32_t delay_ms;
	int64_t retry_after_ms; /**< 0: none. */
	bool unreached;         /**< As struct answer's. */
};

typedef void (*fake_answer_fn)(void *user, const struct fake_call *call, struct fake_answer *ret);

struct fake_executor {
	struct executor base; /* first */
	const struct fake_clock *clock;
	fake_answer_fn answer;      /**< Asked where the script has nothing; NULL: 200 "{}". */
	void (*before)(void *user); /**< Called by turn() before it delivers; may be NULL. */
	/** Called before an answer is delivered; may be NULL. */
	void (*telling)(void *user, const struct fake_call *call);
	void *user;
	struct list script;
	struct list calls; /**< All calls that are remembered, in order. */
	size_t started, open;
	int refuse; /**< The next start() fails with this. */
	call_id last_id;
	bool inside;    /* start() or cancel() runs */
	bool forgetful; /**< Forget calls when they are over. */
};

void fake_executor_init(struct fake_executor *x, const struct fake_clock *clock);
void fake_executor_fini(struct fake_executor *x);
/** The next call to `url` that has no answer yet gets this one; further ones follow. */
void fake_executor_script(struct fake_executor *x, const char *url, struct fake_answer answer);
/** The n-th call ever remembered (0: the first), or NULL. */
struct fake_call *fake_executor_call(const struct fake_executor *x, size_t n);
/** The value of a header of this call, or NULL. */
const char *fake_call_header(const struct fake_call *call, const char *name);
/** When the next answer is due (monotonic), or -1. */
int64_t fake_executor_next_us(const struct fake_executor *x);
