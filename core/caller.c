#include "core/caller.h"

#include "core/base/crypt.h"
#include "core/base/list.h"

#include <stdio.h>
#include <stdlib.h>

enum { LANES = 1024, RETRY_MOST_MS = 10000, HEADERS_MAX = 16, HEADER_BYTES_MAX = 16 * 1024 };

/** Calls to one plugin: so many at once, the rest in order. */
struct lane {
	struct lane *next;
	uint32_t in_flight;
	struct list waiting;
	char text[];
};

struct asking {
	struct list link; /* waiting for a place, pausing, or over */
	struct caller *caller;
	struct lane *lane;
	struct ask ask;
	char *webhook_id, *traceparent;
	ask_done_fn done;
	void *user;
	call_id call;
	uint32_t attempts;
	int64_t asked_us;    /* when caller_ask() was called */
	int64_t first_us;    /* of the first attempt, 0 before it */
	int64_t deadline_ms; /* when the budget is spent, from the first attempt on */
	int64_t again_ms;    /* while pausing */
	bool placed;         /* holds a place in its lane */
	struct ask_result result;
	char why[200];
};

struct caller {
	struct caller_config config;
	struct executor *x;
	const struct clock *clock;
	struct lane *lane[LANES];
	struct list pausing, over, flying;
	size_t n;
};

static void attempt(struct asking *q);

/* ---- lanes ---- */

static struct lane **lane_slot(struct caller *c, const char *key)
{
	uint8_t hash[CRYPT_HASH_SIZE];
	uint16_t at;
	crypt_hash(bytes_of("", 0), bytes_str(key), hash);
	memcpy(&at, hash, sizeof(at));
	struct lane **slot = &c->lane[at % LANES];
	while (*slot && strcmp((*slot)->text, key) != 0)
		slot = &(*slot)->next;
	return slot;
}

static struct lane *lane_of(struct caller *c, const char *key)
{
	struct lane **slot = lane_slot(c, key);
	if (*slot)
		return *slot;
	size_t size = strlen(key) + 1;
	struct lane *lane = calloc(1, sizeof(*lane) + size);
	if (!lane)
		return NULL;
	memcpy(lane->text, key, size);
	list_init(&lane->waiting);
	*slot = lane;
	return lane;
}

static void lane_release(struct caller *c, struct lane *lane)
{
	if (lane->in_flight || !list_empty(&lane->waiting))
		return;
	struct lane **slot = lane_slot(c, lane->text);
	*slot = lane->next;
	free(lane);
}

/* ---- signing and headers ---- */

static void sign_with(struct buf *to, struct bytes key, const char *webhook_id,
		      const char *timestamp, struct bytes body)
{
	uint8_t mac[CRYPT_HASH_SIZE];
	const struct bytes piece[] = {bytes_str(webhook_id), BYTES("."), bytes_str(timestamp),
				      BYTES("."), body};
	crypt_hmac_sha256(key, piece, countof(piece), mac);
	buf_add_str(to, "v1,");
	crypt_base64(to, bytes_of(mac, sizeof(mac)));
}

int caller_sign(struct buf *to, const struct feature *feature, const char *webhook_id,
		int64_t timestamp_s, struct bytes body, int64_t now_ms)
{
	char timestamp[24];
	snprintf(timestamp, sizeof(timestamp), "%lld", (long long)timestamp_s);
	sign_with(to, feature->signing_key, webhook_id, timestamp, body);
	if (feature->old_key.len && now_ms < feature->old_key_until_ms) {
		buf_add_char(to, ' ');
		sign_with(to, feature->old_key, webhook_id, timestamp, body);
	}
	return to->rc;
}

static uint32_t time_left(const struct asking *q)
{
	int64_t left = q->deadline_ms - clock_mono_ms(q->caller->clock);
	uint32_t timeout = q->ask.plugin->timeout_ms;
	return left <= 0 ? 0 : left < timeout ? (uint32_t)left : timeout;
}

static int make_headers(struct asking *q, uint32_t timeout_ms, struct buf *text)
{
	const struct plugin *plugin = q->ask.plugin;
	int64_t now_ms = clock_wall_ms(q->caller->clock);
	char job[UUID_TEXT_SIZE];
	buf_addf(text, "Content-Type: application/json\nwebhook-id: %s\n", q->webhook_id);
	buf_addf(text, "webhook-timestamp: %lld\nwebhook-signature: ", (long long)(now_ms / 1000));
	int rc = caller_sign(text, plugin->feature, q->webhook_id, now_ms / 1000, q->ask.body,
			     now_ms);
	buf_addf(text, "\nSluice-Protocol: 1\nSluice-Job-Id: %s\nSluice-Plugin-Key: %s\n",
		 uuid_format(q->ask.job, job), plugin->key);
	buf_addf(text, "Sluice-Stage: %s\nSluice-Attempt: %u\nSluice-Deadline-Ms: %u\n",
		 plugin_type_name(plugin->type), q->ask.earlier + q->attempts, timeout_ms);
	if (q->ask.dry_run)
		buf_add_str(text, "Sluice-Dry-Run: true\n");
	if (q->traceparent)
		buf_addf(text, "traceparent: %s\n", q->traceparent);
	if (plugin->feature->authorization[0])
		buf_addf(text, "Authorization: %s\n", plugin->feature->authorization);
	return rc ? rc : text->rc;
}

static void split_lines(char *text, const char *line[HEADERS_MAX])
{
	size_t n = 0;
	for (char *end; n + 1 < HEADERS_MAX && (end = strchr(text, '\n')); text = end + 1) {
		*end = '\0';
		line[n++] = text;
	}
	line[n] = NULL;
}

/* ---- the course of one ask ---- */

static void take_place(struct asking *q)
{
	q->placed = true;
	q->lane->in_flight++;
}

/* The next in the lane takes the place. */
static void give_place(struct asking *q)
{
	struct lane *lane = q->lane;
	if (!q->placed)
		return;
	q->placed = false;
	lane->in_flight--;
	struct list *next = list_pop(&lane->waiting);
	if (!next)
		return;
	struct asking *other = container_of(next, struct asking, link);
	take_place(other);
	attempt(other);
}

static void end(struct asking *q)
{
	struct caller *c = q->caller;
	struct lane *lane = q->lane;
	list_remove(&q->link);
	give_place(q);
	lane_release(c, lane);
	c->n--;
	free(q->webhook_id);
	free(q->traceparent);
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
	memcpy(why, q->why, sizeof(why));
	result.why = result.answered ? NULL : why;
	ask_id id = (ask_id)(uintptr_t)q;
	end(q);
	done(user, id, &result);
}

/* Nothing was started: tell it from the next turn. */
static void fail_later(struct asking *q, const char *why)
{
	snprintf(q->why, sizeof(q->why), "%s", why);
	list_remove(&q->link);
	list_push(&q->caller->over, &q->link);
}

static uint32_t pause_of(const struct asking *q, int64_t retry_after_ms)
{
	uint64_t pause = q->caller->config.retry_ms;
	for (uint32_t i = 1; i < q->attempts && pause < RETRY_MOST_MS; i++)
		pause *= 2;
	pause += crypt_random_below((uint32_t)pause / 4 + 1);
	return retry_after_ms > (int64_t)pause ? (uint32_t)retry_after_ms : (uint32_t)pause;
}

/* Pause and try again, if the plugin's retries and the job's budget allow it. */
static bool try_again(struct asking *q, int64_t retry_after_ms)
{
	if (q->ask.once || q->attempts > q->ask.plugin->retries)
		return false;
	int64_t now = clock_mono_ms(q->caller->clock);
	if (retry_after_ms > q->deadline_ms - now)
		return false;
	uint32_t pause = pause_of(q, retry_after_ms);
	if (now + pause >= q->deadline_ms)
		return false;
	q->again_ms = now + pause;
	list_remove(&q->link);
	list_push(&q->caller->pausing, &q->link);
	return true;
}

static bool cannot_be_asked(const struct answer *answer)
{
	if (answer->rc)
		return answer->rc != SL_E_TOO_BIG;
	return answer->status >= 500 || answer->status == 429;
}

static void on_answer(void *user, call_id id SL_UNUSED, const struct answer *answer)
{
	struct asking *q = user;
	q->call = 0;
	q->result.status = answer->rc ? 0 : answer->status;
	q->result.timed_out = answer->rc == SL_E_TIMEOUT;
	q->result.retry_after_ms = answer->rc ? -1 : answer->retry_after_ms;
	if (!cannot_be_asked(answer)) {
		q->result.answered = true;
		q->result.rc = answer->rc;
		q->result.body = answer->body;
		tell(q);
		return;
	}
	if (answer->rc)
		snprintf(q->why, sizeof(q->why), "%s",
			 answer->why ? answer->why : sl_err_text(answer->rc));
	else
		snprintf(q->why, sizeof(q->why), "it answered with status %u", answer->status);
	if (!try_again(q, answer->retry_after_ms))
		tell(q);
}

static int start(struct asking *q, uint32_t timeout_ms)
{
	const struct plugin *plugin = q->ask.plugin;
	const char *line[HEADERS_MAX];
	scoped(buf_finip) struct buf text = {0};
	buf_init(&text, HEADER_BYTES_MAX);
	q->attempts++;
	int rc = make_headers(q, timeout_ms, &text);
	if (rc)
		return rc;
	(void)buf_str(&text);
	split_lines(text.at, line);
	/* Another address for another attempt; jobs spread over all of them. */
	uint32_t which = (q->ask.job.at[15] + q->ask.earlier + q->attempts - 1) % plugin->addresses;
	struct call call = {.url = plugin->address[which],
			    .headers = line,
			    .body = q->ask.body,
			    .timeout_ms = timeout_ms,
			    .answer_max = q->caller->config.answer_max};
	return q->caller->x->ops->start(q->caller->x, &call, on_answer, q, &q->call);
}

static void attempt(struct asking *q)
{
	if (!q->first_us) {
		q->first_us = clock_mono_us(q->caller->clock);
		q->deadline_ms = q->first_us / 1000 + q->ask.budget_ms;
	}
	uint32_t timeout_ms = time_left(q);
	int rc = timeout_ms ? start(q, timeout_ms) : SL_E_TIMEOUT;
	if (rc) {
		q->result.timed_out = rc == SL_E_TIMEOUT;
		fail_later(q, rc == SL_E_TIMEOUT ? "no time is left for it" : sl_err_text(rc));
		return;
	}
	list_remove(&q->link);
	list_push(&q->caller->flying, &q->link);
}

/* ---- for the loop ---- */

static struct asking *make(struct caller *c, const struct ask *ask)
{
	struct asking *q = calloc(1, sizeof(*q));
	if (!q)
		return NULL;
	q->caller = c;
	q->asked_us = clock_mono_us(c->clock);
	q->ask = *ask;
	q->result.retry_after_ms = -1;
	list_init(&q->link);
	q->webhook_id = strdup(ask->webhook_id);
	q->traceparent = ask->traceparent ? strdup(ask->traceparent) : NULL;
	q->lane = lane_of(c, ask->plugin->key);
	if (q->webhook_id && q->lane && (q->traceparent || !ask->traceparent))
		return q;
	if (q->lane)
		lane_release(c, q->lane);
	free(q->webhook_id);
	free(q->traceparent);
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
	if (q->lane->in_flight >= ask->plugin->in_flight_max) {
		list_push(&q->lane->waiting, &q->link);
		return 0;
	}
	take_place(q);
	attempt(q);
	return 0;
}

void caller_cancel(struct caller *c, ask_id id)
{
	struct asking *q = (struct asking *)(uintptr_t)id;
	if (!q)
		return;
	if (q->call)
		c->x->ops->cancel(c->x, q->call);
	end(q);
}

uint32_t caller_turn(struct caller *c, uint32_t most_ms)
{
	struct list *next;
	int64_t now = clock_mono_ms(c->clock);
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
	return list_empty(&c->over) ? most_ms : 0;
}

size_t caller_in_flight(const struct caller *c) { return c->n; }

int caller_create(const struct caller_config *config, struct executor *x, const struct clock *clock,
		  struct caller **ret)
{
	struct caller *c = calloc(1, sizeof(*c));
	if (!c)
		return SL_E_NO_MEMORY;
	c->config = *config;
	c->x = x;
	c->clock = clock;
	list_init(&c->pausing);
	list_init(&c->over);
	list_init(&c->flying);
	*ret = c;
	return 0;
}

static void drop_all(struct caller *c, struct list *list)
{
	for (struct list *l; (l = list_pop(list));) {
		struct asking *q = container_of(l, struct asking, link);
		caller_cancel(c, (ask_id)(uintptr_t)q);
	}
}

struct caller *caller_free(struct caller *c)
{
	if (!c)
		return NULL;
	/* Those who wait first: they would take the places of those who go. A lane with
	 * some has others in flight, so it stays meanwhile. */
	for (size_t i = 0; i < LANES; i++)
		for (struct lane *lane = c->lane[i]; lane; lane = lane->next)
			drop_all(c, &lane->waiting);
	drop_all(c, &c->pausing);
	drop_all(c, &c->over);
	drop_all(c, &c->flying);
	free(c);
	return NULL;
}
