#include "core/calls/caller.h"

#include "core/base/crypt.h"
#include "core/calls/caller_head.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

enum { RETRY_MOST_MS = 10000, PATIENCE_MS = 1000 };

struct asking {
	struct list link;  /* in its plugin's line, pausing, flying, or over */
	struct list check; /* in caller.waiting while in line */
	struct caller *caller;
	struct standing *standing;
	struct ask ask; /* its texts lie behind, in `texts` */
	ask_done_fn done;
	void *user;
	call_id call;
	const char *address;    /* of the attempt in flight */
	struct attempt attempt; /* what it holds of breakers */
	uint32_t attempts;
	uint64_t number;     /* in line */
	int64_t check_ms;    /* when it has waited long enough again */
	int64_t asked_us;    /* when caller_ask() was called */
	int64_t first_us;    /* of the first attempt, 0 before it */
	int64_t deadline_ms; /* when the budget is spent, from the first attempt on */
	int64_t again_ms;    /* while pausing */
	bool placed;         /* holds a place */
	bool in_line;
	struct ask_result result;
	char why[320]; /* cleared to its first byte only */
	char texts[];
};

struct caller {
	struct caller_config config;
	struct executor *x;
	const struct clock *clock;
	struct standings *standings;
	struct list pausing, over, flying;
	struct list waiting; /* asking.check: the one to be looked at next first */
	size_t n;
	bool freed;
	struct signer *signer;
	struct buf head; /* of the call that is being started */
};

static void attempt(struct asking *q);

static int64_t now_ms(const struct caller *c) { return clock_mono_ms(c->clock); }

static struct asking *asking_of(ask_id id) { return (struct asking *)(uintptr_t)id; }

/* ---- places and lines ---- */

static void take_place(struct asking *q)
{
	q->placed = true;
	standing_count(q->caller->standings, q->standing, 1, 0);
}

static bool is_free(const struct asking *q)
{
	const struct standing *s = q->standing;
	return s->in_flight < q->ask.plugin->in_flight_max && (q->ask.first || !s->held);
}

static void join_line(struct asking *q)
{
	struct standing *s = q->standing;
	struct caller *c = q->caller;
	struct list *at = &s->line; /* in front of this one; the head: behind all */
	if (q->ask.first)
		for (at = s->line.next; at != &s->line; at = at->next)
			if (!container_of(at, struct asking, link)->ask.first)
				break;
	list_push(at, &q->link);
	q->in_line = true;
	q->number = q->ask.first ? 0 : ++s->came;
	q->check_ms = now_ms(c) + c->config.patience_ms;
	list_push(&c->waiting, &q->check);
	standing_count(c->standings, s, 0, 1);
}

static void leave_line(struct asking *q)
{
	if (!q->in_line)
		return;
	q->in_line = false;
	list_remove(&q->link);
	list_remove(&q->check);
	standing_count(q->caller->standings, q->standing, 0, -1);
}

/* Whoever is next takes what is free. */
static void move_up(struct standing *s)
{
	while (!list_empty(&s->line)) {
		struct asking *q = container_of(s->line.next, struct asking, link);
		if (!is_free(q))
			return;
		leave_line(q);
		s->went = q->number > s->went ? q->number : s->went;
		take_place(q);
		attempt(q);
	}
}

static void give_place(struct asking *q)
{
	if (!q->placed)
		return;
	q->placed = false;
	standing_count(q->caller->standings, q->standing, -1, 0);
	move_up(q->standing);
	if (q->standing->held)
		q->caller->freed = true;
}

uint64_t caller_ahead(ask_id id)
{
	const struct asking *q = asking_of(id);
	if (!q->in_line || q->ask.first)
		return 0;
	return q->number > q->standing->went ? q->number - q->standing->went - 1 : 0;
}

bool caller_in_line(ask_id id) { return asking_of(id)->in_line; }

uint32_t caller_waited_ms(const struct caller *c, ask_id id)
{
	const struct asking *q = asking_of(id);
	return q->in_line ? (uint32_t)((clock_mono_us(c->clock) - q->asked_us) / 1000) : 0;
}

/* ---- the course of one ask ---- */

static void end(struct asking *q)
{
	struct caller *c = q->caller;
	struct standing *s = q->standing;
	leave_line(q);
	list_remove(&q->link);
	give_place(q);
	standings_put(c->standings, s);
	c->n--;
	free(q);
}

static void tell(struct asking *q)
{
	int64_t now_us = clock_mono_us(q->caller->clock);
	q->result.attempts = q->attempts;
	q->result.took_us = q->first_us ? (uint64_t)(now_us - q->first_us) : 0;
	q->result.waited_us = (uint64_t)((q->first_us ? q->first_us : now_us) - q->asked_us);
	ask_done_fn done = q->done;
	void *user = q->user;
	struct ask_result result = q->result;
	char why[sizeof(q->why)];
	if (!result.answered)
		result.why = memcpy(why, q->why, sizeof(why));
	ask_id id = (ask_id)(uintptr_t)q;
	end(q);
	done(user, id, &result);
}

/* Nothing was started: tell it from the next turn. */
static void fail_later(struct asking *q, const char *why)
{
	if (why != q->why)
		snprintf(q->why, sizeof(q->why), "%s", why);
	list_remove(&q->link);
	list_push(&q->caller->over, &q->link);
}

static uint32_t time_left(const struct asking *q, int64_t now)
{
	int64_t left = q->deadline_ms - now;
	uint32_t timeout = q->ask.plugin->timeout_ms;
	return left <= 0 ? 0 : left < timeout ? (uint32_t)left : timeout;
}

static uint32_t pause_of(const struct asking *q, int64_t retry_after_ms)
{
	uint64_t pause = q->caller->config.retry_ms;
	for (uint32_t i = 1; i < q->attempts && pause < RETRY_MOST_MS; i++)
		pause *= 2;
	pause += crypt_random_below((uint32_t)pause / 4 + 1);
	return retry_after_ms > (int64_t)pause ? (uint32_t)retry_after_ms : (uint32_t)pause;
}

/* Pause and try again, if the plugin's retries, its breaker and the job's budget allow it. */
static bool try_again(struct asking *q, int64_t retry_after_ms)
{
	struct caller *c = q->caller;
	int64_t now = now_ms(c);
	char why[sizeof(q->why)];
	if (q->ask.once || q->attempts > q->ask.plugin->retries ||
	    retry_after_ms > q->deadline_ms - now ||
	    !standing_lets(c->standings, q->standing, q->ask.plugin, now, why, sizeof(why)))
		return false;
	uint32_t pause = pause_of(q, retry_after_ms);
	if (now + pause >= q->deadline_ms)
		return false;
	q->again_ms = now + pause;
	list_remove(&q->link);
	list_push(&c->pausing, &q->link);
	return true;
}

static enum attempt_end how_it_ended(const struct answer *answer)
{
	switch (answer->rc) {
	case 0:
		return answer->status >= 500 || answer->status == 429 ? ATTEMPT_FAILED
								      : ATTEMPT_ANSWERED;
	case SL_E_TOO_BIG:
		return ATTEMPT_ANSWERED;
	case SL_E_BUSY:
	case SL_E_NO_MEMORY:
	case SL_E_INVALID:
		return ATTEMPT_DROPPED; /* not the plugin's fault */
	default:
		return answer->unreached ? ATTEMPT_UNREACHED : ATTEMPT_FAILED;
	}
}

static void attempt_over(struct asking *q, enum attempt_end how, const char *why)
{
	q->call = 0;
	standing_end(q->caller->standings, q->standing, q->ask.plugin, q->address, &q->attempt, how,
		     why, now_ms(q->caller));
}

static void on_answer(void *user, call_id id SL_UNUSED, const struct answer *answer)
{
	struct asking *q = user;
	enum attempt_end how = how_it_ended(answer);
	q->result.status = answer->rc ? 0 : answer->status;
	q->result.timed_out = answer->rc == SL_E_TIMEOUT;
	q->result.retry_after_ms = answer->rc ? -1 : answer->retry_after_ms;
	if (answer->rc)
		snprintf(q->why, sizeof(q->why), "%s",
			 answer->why && *answer->why ? answer->why : sl_err_text(answer->rc));
	else if (how != ATTEMPT_ANSWERED)
		snprintf(q->why, sizeof(q->why), "it answered with status %u", answer->status);
	attempt_over(q, how, q->why);
	if (how == ATTEMPT_ANSWERED) {
		q->result.answered = true;
		q->result.rc = answer->rc;
		q->result.body = answer->body;
		tell(q);
	} else if (!try_again(q, answer->retry_after_ms)) {
		tell(q);
	}
}

static int start(struct asking *q, const char *address, uint32_t timeout_ms, int64_t now)
{
	struct caller *c = q->caller;
	const char *line[CALLER_HEADERS_MAX];
	struct caller_head head = {&q->ask, q->ask.earlier + ++q->attempts, timeout_ms,
				   clock_wall_ms(c->clock), c->signer};
	int rc = caller_head_make(&head, &c->head, line);
	if (rc)
		return rc;
	struct call call = {.url = address,
			    .headers = line,
			    .body = q->ask.body,
			    .timeout_ms = timeout_ms,
			    .answer_max = c->config.answer_max};
	rc = c->x->ops->start(c->x, &call, on_answer, q, &q->call);
	if (rc)
		return rc;
	q->address = address;
	standing_begin(c->standings, q->standing, q->ask.plugin, address, now, &q->attempt);
	return 0;
}

/* Another address for another attempt; jobs spread over all of them. Those behind which
 * nobody listens are left out. NULL: there is none, and q->why says why. */
static const char *choose_address(struct asking *q, int64_t now)
{
	struct caller *c = q->caller;
	const struct plugin *plugin = q->ask.plugin;
	uint32_t first = q->ask.job.at[15] + q->ask.earlier + q->attempts;
	if (!standing_lets(c->standings, q->standing, plugin, now, q->why, sizeof(q->why)))
		return NULL;
	for (uint32_t i = 0; i < plugin->addresses; i++) {
		const char *address = plugin->address[(first + i) % plugin->addresses];
		if (standings_place_lets(c->standings, address, now, q->why, sizeof(q->why)))
			return address;
	}
	return NULL;
}

static void attempt(struct asking *q)
{
	int64_t now_us = clock_mono_us(q->caller->clock), now = now_us / 1000;
	if (!q->first_us) {
		q->first_us = now_us;
		q->deadline_ms = now + q->ask.budget_ms;
	}
	uint32_t timeout_ms = time_left(q, now);
	const char *address = timeout_ms ? choose_address(q, now) : NULL;
	int rc = timeout_ms && address ? start(q, address, timeout_ms, now) : SL_E_TIMEOUT;
	if (rc) {
		q->result.timed_out = !timeout_ms;
		fail_later(q, !timeout_ms ? "no time is left for it"
			      : !address  ? q->why
					  : sl_err_text(rc));
		return;
	}
	list_remove(&q->link);
	list_push(&q->caller->flying, &q->link);
}

/* ---- for the loop ---- */

static struct asking *make(struct caller *c, const struct ask *ask)
{
	size_t id_size = strlen(ask->webhook_id) + 1;
	size_t trace_size = ask->traceparent ? strlen(ask->traceparent) + 1 : 0;
	struct asking *q = malloc(sizeof(*q) + id_size + trace_size);
	if (!q)
		return NULL;
	memset(q, 0, offsetof(struct asking, why) + 1);
	q->caller = c;
	q->asked_us = clock_mono_us(c->clock);
	q->ask = *ask;
	q->result.retry_after_ms = -1;
	list_init(&q->link);
	list_init(&q->check);
	q->ask.webhook_id = memcpy(q->texts, ask->webhook_id, id_size);
	if (trace_size)
		q->ask.traceparent = memcpy(q->texts + id_size, ask->traceparent, trace_size);
	q->standing = standings_take(c->standings, ask->plugin->key);
	if (q->standing)
		return q;
	free(q);
	return NULL;
}

int caller_ask(struct caller *c, const struct ask *ask, ask_done_fn done, void *user, ask_id *ret)
{
	struct asking *q = make(c, ask);
	if (!q)
		return SL_E_NO_MEMORY;
	q->done = done;
	q->user = user;
	c->n++;
	*ret = (ask_id)(uintptr_t)q;
	if (!is_free(q) || (!ask->first && !list_empty(&q->standing->line))) {
		join_line(q);
		return 0;
	}
	take_place(q);
	attempt(q);
	return 0;
}

void caller_cancel(struct caller *c, ask_id id)
{
	struct asking *q = asking_of(id);
	if (!q)
		return;
	if (q->call) {
		c->x->ops->cancel(c->x, q->call);
		attempt_over(q, ATTEMPT_DROPPED, "");
	}
	end(q);
}

/* Those who have waited long are told so; what they do about it may end others. */
static uint32_t tell_waiting(struct caller *c, uint32_t most_ms)
{
	int64_t now = now_ms(c);
	while (!list_empty(&c->waiting)) {
		struct asking *q = container_of(c->waiting.next, struct asking, check);
		if (q->check_ms > now)
			return q->check_ms - now < most_ms ? (uint32_t)(q->check_ms - now)
							   : most_ms;
		q->check_ms = now + c->config.patience_ms;
		list_remove(&q->check);
		list_push(&c->waiting, &q->check);
		if (q->ask.waits)
			q->ask.waits(q->user, (ask_id)(uintptr_t)q);
	}
	return most_ms;
}

uint32_t caller_turn(struct caller *c, uint32_t most_ms)
{
	struct list *next;
	int64_t now = now_ms(c);
	for (struct list *l = c->pausing.next; l != &c->pausing; l = next) {
		struct asking *q = container_of(l, struct asking, link);
		next = l->next;
		if (q->again_ms <= now) {
			list_remove(l);
			attempt(q);
		} else if (q->again_ms - now < most_ms) {
			most_ms = (uint32_t)(q->again_ms - now);
		}
	}
	for (struct list *l; (l = list_pop(&c->over));)
		tell(container_of(l, struct asking, link));
	most_ms = tell_waiting(c, most_ms);
	return list_empty(&c->over) ? most_ms : 0;
}

size_t caller_in_flight(const struct caller *c) { return c->n; }

int caller_hold(struct caller *c, const char *key, bool held)
{
	struct standing *s =
		held ? standings_take(c->standings, key) : standings_find(c->standings, key);
	if (!s)
		return held ? SL_E_NO_MEMORY : 0;
	s->held = held;
	if (held)
		return 0;
	move_up(s);
	standings_put(c->standings, s);
	return 0;
}

uint32_t caller_places(const struct caller *c, const char *key, uint32_t in_flight_max)
{
	const struct standing *s = standings_find(c->standings, key);
	uint32_t taken = s ? s->in_flight : 0;
	for (struct list *l = s ? s->line.next : NULL; s && l != &s->line; l = l->next) {
		if (!container_of(l, struct asking, link)->ask.first)
			break;
		taken++;
	}
	return taken < in_flight_max ? in_flight_max - taken : 0;
}

bool caller_freed(struct caller *c)
{
	bool freed = c->freed;
	c->freed = false;
	return freed;
}

struct standings *caller_standings(struct caller *c) { return c->standings; }

static void caller_dispose(struct caller *c)
{
	if (!c)
		return;
	standings_free(c->standings);
	signer_free(c->signer);
	buf_fini(&c->head);
	free(c);
}

int caller_create(const struct caller_config *config, struct executor *x, const struct clock *clock,
		  struct caller **ret)
{
	struct caller *c = calloc(1, sizeof(*c));
	if (!c || standings_create(&c->standings) || signer_create(&c->signer)) {
		caller_dispose(c);
		return SL_E_NO_MEMORY;
	}
	c->config = *config;
	if (!c->config.patience_ms)
		c->config.patience_ms = PATIENCE_MS;
	buf_init(&c->head, CALLER_HEADER_BYTES_MAX);
	c->x = x;
	c->clock = clock;
	list_init(&c->pausing);
	list_init(&c->over);
	list_init(&c->flying);
	list_init(&c->waiting);
	*ret = c;
	return 0;
}

static void drop_all(struct caller *c, struct list *list)
{
	while (!list_empty(list))
		caller_cancel(c, (ask_id)(uintptr_t)container_of(list->next, struct asking, link));
}

struct caller *caller_free(struct caller *c)
{
	if (!c)
		return NULL;
	/* Those who wait first: they would take the places of those who go. */
	while (!list_empty(&c->waiting))
		caller_cancel(
			c, (ask_id)(uintptr_t)container_of(c->waiting.next, struct asking, check));
	drop_all(c, &c->pausing);
	drop_all(c, &c->over);
	drop_all(c, &c->flying);
	caller_dispose(c);
	return NULL;
}
