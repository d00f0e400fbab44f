#include "tests/lib/fake_executor.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

struct scripted {
	struct list link;
	char *url, *body;
	struct fake_answer answer;
};

static struct fake_executor *of(struct executor *x)
{
	return container_of(x, struct fake_executor, base);
}

static struct fake_call *call_at(const struct list *l)
{
	return container_of(l, struct fake_call, link);
}

static void call_free(struct fake_call *c)
{
	list_remove(&c->link);
	for (size_t i = 0; c->header[i]; i++)
		free(c->header[i]);
	free(c->url);
	free(c->body);
	free(c->answer);
	free(c);
}

static bool take_scripted(struct fake_executor *x, const char *url, struct fake_answer *ret,
			  char **body)
{
	for (struct list *l = x->script.next; l != &x->script; l = l->next) {
		struct scripted *s = container_of(l, struct scripted, link);
		if (strcmp(s->url, url) != 0)
			continue;
		*ret = s->answer;
		*body = s->body;
		list_remove(&s->link);
		free(s->url);
		free(s);
		return true;
	}
	return false;
}

static void plan_answer(struct fake_executor *x, struct fake_call *c)
{
	struct fake_answer a = {0};
	char *scripted = NULL;
	if (!take_scripted(x, c->url, &a, &scripted)) {
		if (x->answer)
			x->answer(x->user, c, &a);
		else
			a.body = "{}";
		scripted = a.body_owned ? a.body_owned : a.body ? strdup(a.body) : NULL;
	}
	c->rc = a.rc;
	c->status = a.rc ? 0 : a.status ? a.status : 200;
	c->answer = scripted;
	c->retry_after_ms = a.retry_after_ms ? a.retry_after_ms : -1;
	c->unreached = a.rc && a.unreached;
	if (a.delay_ms > c->timeout_ms || a.rc == SL_E_TIMEOUT) {
		c->rc = SL_E_TIMEOUT;
		c->status = 0;
		a.delay_ms = c->timeout_ms;
	}
	c->due_us = c->started_us + (int64_t)a.delay_ms * 1000;
}

static int start(struct executor *base, const struct call *in, call_done_fn done, void *user,
		 call_id *ret)
{
	struct fake_executor *x = of(base);
	assert(!x->inside);
	if (x->refuse) {
		int rc = x->refuse;
		x->refuse = 0;
		return rc;
	}
	struct fake_call *c = calloc(1, sizeof(*c));
	assert(c);
	c->id = *ret = ++x->last_id;
	c->url = strdup(in->url);
	c->body = malloc(in->body.len + 1);
	assert(c->url && c->body);
	memcpy(c->body, in->body.at, in->body.len);
	c->body[in->body.len] = '\0';
	c->body_len = in->body.len;
	for (size_t i = 0; in->headers[i]; i++) {
		assert(i + 1 < FAKE_HEADERS_MAX);
		c->header[i] = strdup(in->headers[i]);
	}
	c->timeout_ms = in->timeout_ms;
	c->started_us = clock_mono_us(&x->clock->base);
	c->wall_ms = clock_wall_ms(&x->clock->base);
	c->done = done;
	c->user = user;
	c->open = true;
	x->inside = true;
	plan_answer(x, c);
	x->inside = false;
	list_push(&x->calls, &c->link);
	x->started++;
	x->open++;
	return 0;
}

static void cancel(struct executor *base, call_id id)
{
	struct fake_executor *x = of(base);
	for (struct list *l = x->calls.next; l != &x->calls; l = l->next) {
		struct fake_call *c = call_at(l);
		if (c->id != id || !c->open)
			continue;
		c->open = false;
		c->canceled = true;
		x->open--;
		if (x->forgetful)
			call_free(c);
		return;
	}
}

/* The one that is due first, and among equals the one that was started first. */
static struct fake_call *next_due(const struct fake_executor *x)
{
	struct fake_call *best = NULL;
	for (struct list *l = x->calls.next; l != &x->calls; l = l->next) {
		struct fake_call *c = call_at(l);
		if (c->open && (!best || c->due_us < best->due_us))
			best = c;
	}
	return best;
}

static void deliver(struct fake_executor *x, struct fake_call *c)
{
	struct answer a = {.rc = c->rc,
			   .status = c->status,
			   .body = bytes_str(c->answer),
			   .retry_after_ms = c->retry_after_ms,
			   .unreached = c->unreached,
			   .why = c->rc ? sl_err_text(c->rc) : NULL,
			   .took_us = (uint64_t)(c->due_us - c->started_us)};
	if (x->telling)
		x->telling(x->user, c);
	c->open = false;
	x->open--;
	c->done(c->user, c->id, &a);
	if (x->forgetful)
		call_free(c);
}

static int turn(struct executor *base, uint32_t wait_ms SL_UNUSED)
{
	struct fake_executor *x = of(base);
	int64_t now = clock_mono_us(&x->clock->base);
	call_id last = x->last_id; /* what is started now is delivered by the next turn */
	if (x->before)
		x->before(x->user);
	for (struct fake_call *c; (c = next_due(x)) && c->due_us <= now && c->id <= last;)
		deliver(x, c);
	return 0;
}

static void wake(struct executor *x SL_UNUSED) {}

static struct executor *no_free(struct executor *x SL_UNUSED) { return NULL; }

static const struct executor_ops ops = {
	.start = start, .cancel = cancel, .turn = turn, .wake = wake, .free = no_free};

void fake_executor_init(struct fake_executor *x, const struct fake_clock *clock)
{
	*x = (struct fake_executor){.base = {&ops}, .clock = clock};
	list_init(&x->script);
	list_init(&x->calls);
}

void fake_executor_fini(struct fake_executor *x)
{
	while (!list_empty(&x->calls))
		call_free(call_at(x->calls.next));
	for (struct list *l; (l = list_pop(&x->script));) {
		struct scripted *s = container_of(l, struct scripted, link);
		free(s->url);
		free(s->body);
		free(s);
	}
}

void fake_executor_script(struct fake_executor *x, const char *url, struct fake_answer answer)
{
	struct scripted *s = calloc(1, sizeof(*s));
	assert(s);
	s->url = strdup(url);
	s->body = answer.body_owned ? answer.body_owned : answer.body ? strdup(answer.body) : NULL;
	s->answer = answer;
	list_push(&x->script, &s->link);
}

struct fake_call *fake_executor_call(const struct fake_executor *x, size_t n)
{
	for (struct list *l = x->calls.next; l != &x->calls; l = l->next)
		if (n-- == 0)
			return call_at(l);
	return NULL;
}

const char *fake_call_header(const struct fake_call *call, const char *name)
{
	size_t n = strlen(name);
	for (size_t i = 0; call->header[i]; i++)
		if (strncasecmp(call->header[i], name, n) == 0 && call->header[i][n] == ':')
			return call->header[i] + n + 2;
	return NULL;
}

int64_t fake_executor_next_us(const struct fake_executor *x)
{
	const struct fake_call *c = next_due(x);
	return c ? c->due_us : -1;
}
