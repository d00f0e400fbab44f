/* One delivery on its way to its subscriber. */
#include "core/hooks/internal.h"

#include "core/base/crash.h"
#include "core/base/crypt.h"

#include <stdio.h>
#include <stdlib.h>

enum { RECORD_MAX = 16 * 1024, BODY_MAX = 64 * 1024, WORDS_MAX = 4096 };

/* ---- those in memory, by subscriber and number ---- */

static struct sending **bucket_of(const struct hooks *h, uint64_t subscriber, uint64_t number)
{
	uint64_t mixed = (number + subscriber * UINT64_C(0x9e3779b97f4a7c15));
	return (struct sending **)&h->bucket[mixed % SENDING_BUCKETS];
}

bool sending_known(const struct hooks *h, uint64_t subscriber, uint64_t number)
{
	const struct sending *s = *bucket_of(h, subscriber, number);
	while (s && (s->subscriber != subscriber || s->d.number != number))
		s = s->next;
	return s != NULL;
}

/* Stable over repeats, restarts and redeliveries: job, plugin and the change's number. */
static void make_webhook_id(const struct line *line, const struct delivery *d,
			    char out[WEBHOOK_SIZE])
{
	char id[UUID_TEXT_SIZE];
	uuid_format(d->entry.job, id);
	char *to = stpcpy(stpcpy(stpcpy(stpcpy(out, "msg_"), id), "_"), line->tag);
	*to++ = '_';
	number_format(d->entry.sequence, to);
}

/* Everything of `d` into memory of its own. */
static int copy(struct sending *s, const struct delivery *d)
{
	struct feed_entry entry;
	buf_init(&s->keep, RECORD_MAX);
	buf_init(&s->words, WORDS_MAX);
	buf_init(&s->body, BODY_MAX);
	s->d = *d;
	feed_encode(&d->entry, &s->keep);
	buf_add_bytes(&s->words, d->words);
	feed_body(&d->entry, &s->body);
	if (s->keep.rc || s->words.rc || s->body.rc)
		return SL_E_NO_MEMORY;
	int rc = feed_decode(buf_bytes(&s->keep), &entry);
	entry.number = d->entry.number;
	s->d.entry = entry;
	s->d.words = buf_bytes(&s->words);
	return rc;
}

int sending_create(struct line *line, struct hooks *h, const struct delivery *d,
		   struct sending **ret)
{
	struct sending *s = calloc(1, sizeof(*s));
	if (!s)
		return SL_E_NO_MEMORY;
	list_init(&s->link);
	list_init(&s->trail);
	s->hooks = h;
	s->line = line;
	s->subscriber = line->number;
	int rc = copy(s, d);
	make_webhook_id(line, d, s->webhook);
	struct sending **bucket = bucket_of(h, s->subscriber, s->d.number);
	s->next = *bucket;
	*bucket = s;
	if (rc)
		sending_free(s);
	else
		*ret = s;
	return rc;
}

void sending_free(struct sending *s)
{
	struct sending **at = bucket_of(s->hooks, s->subscriber, s->d.number);
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	list_remove(&s->link);
	list_remove(&s->trail);
	registry_drop(s->registry);
	buf_fini(&s->keep);
	buf_fini(&s->words);
	buf_fini(&s->body);
	free(s);
}

/* ---- what an answer leads to ---- */

/* 1, 2, 4, ... s up to 5 min, shortened by up to a quarter, so that not all come at once. */
static int64_t pause_of(uint32_t attempts, int64_t retry_after_ms)
{
	int64_t pause = PAUSE_MOST_MS;
	if (attempts < 10 && INT64_C(1000) << (attempts - 1) < pause)
		pause = INT64_C(1000) << (attempts - 1);
	pause -= crypt_random_below((uint32_t)pause / 4 + 1);
	return retry_after_ms > pause ? retry_after_ms : pause;
}

static bool is_over(const struct sending *s, int64_t now_ms)
{
	return now_ms - s->d.queued_ms >= atomic_load(&s->hooks->retry_for_ms);
}

static void set_dead(struct sending *s, enum dead_why why, int64_t now_ms)
{
	s->d.dead = why;
	s->d.dead_ms = now_ms;
}

static void judge(struct sending *s, int64_t retry_after_ms)
{
	int64_t now = clock_wall_ms(s->hooks->parts.clock);
	if (s->ack == ACK_EXCEPTION)
		set_dead(s, DEAD_EXCEPTION, now);
	else if (s->ack == ACK_GONE)
		set_dead(s, DEAD_GONE, now);
	else if (is_over(s, now))
		set_dead(s, DEAD_EXPIRED, now);
	else
		s->d.due_ms = now + pause_of(s->d.attempts, retry_after_ms);
}

/* The log has one line when a subscriber falls ill and one when it is well again. */
static void tell_health(struct hooks *h, struct line *line, bool sick, const char *why)
{
	if (line->sick == sick)
		return;
	line->sick = sick;
	if (sick)
		log_line(h->parts.log, LOG_WARN, "hooks",
			 "a subscriber does not acknowledge; its deliveries wait", "plugin",
			 line->key, "why", why, NULL);
	else
		log_line(h->parts.log, LOG_INFO, "hooks", "a subscriber acknowledges again",
			 "plugin", line->key, NULL);
}

static void tell_dead(struct hooks *h, const struct sending *s)
{
	char id[UUID_TEXT_SIZE];
	log_line(h->parts.log, s->d.dead == DEAD_GONE ? LOG_WARN : LOG_INFO, "hooks",
		 s->d.dead == DEAD_GONE
			 ? "a subscriber says it is gone: nothing is sent to it until its "
			   "feature is turned on again"
			 : "a delivery is dead; sluicectl hooks list shows it, hooks redeliver "
			   "sends it again",
		 "job", uuid_format(s->d.entry.job, id), "plugin", s->line ? s->line->key : "",
		 "cause", dead_why_name(s->d.dead), NULL);
}

/* Those that answer get more calls at once, those that do not get fewer: who hangs holds
 * few connections. */
static void set_window(struct line *line, const struct ask_result *r, uint32_t most)
{
	if (r->answered)
		line->window += line->window < most;
	else if (line->window > 1)
		line->window /= 2;
	if (line->window > most)
		line->window = most;
}

static void over(struct hooks *h, struct sending *s)
{
	list_remove(&s->link);
	if (list_empty(&h->over))
		h->over_ms = clock_mono_ms(h->parts.clock);
	list_push(&h->over, &s->link);
	h->over_n++;
	if (s->d.dead)
		tell_dead(h, s);
}

/* Not even tried: its breaker is open. Nothing happened, it is ready as before. */
static void wait_for_breaker(struct hooks *h, struct sending *s, const struct ask_result *r)
{
	struct line *line = s->line;
	list_remove(&s->link);
	s->registry = registry_drop(s->registry);
	if (!line) {
		sending_free(s);
		return;
	}
	list_push(&line->ready, &s->link);
	line->ready_n++;
	line->pause_ms = clock_mono_ms(h->parts.clock) +
			 (r->retry_after_ms > 0 ? r->retry_after_ms : BREAKER_PAUSE_MS);
}

static void measure(struct hooks *h, const struct line *line, const struct ask_result *r)
{
	bool legal = r->answered && (r->status == 200 || r->status == 410);
	enum meter_outcome outcome = r->timed_out   ? METER_TIMEOUT
				     : !r->answered ? METER_UNAVAILABLE
				     : legal        ? METER_ANSWERED
						    : METER_ILLEGAL;
	meter_call(h->parts.meter, line->key, outcome, r->took_us);
}

static void note_answer(struct hooks *h, struct sending *s, const struct ask_result *r)
{
	s->d.attempts++;
	s->d.tried_ms = clock_wall_ms(h->parts.clock);
	s->d.status = r->status;
	buf_reset(&s->words);
	s->ack = ack_read(r, &s->words);
	s->d.words = buf_bytes(&s->words);
	if (s->ack != ACK_OK)
		judge(s, r->retry_after_ms);
	if (!s->line)
		return;
	measure(h, s->line, r);
	if (s->ack == ACK_GONE) {
		s->line->going++;
		s->line->held |= s->turns == s->line->turns;
	}
	tell_health(h, s->line, s->ack == ACK_AGAIN && !r->answered, r->why);
}

static void answered(void *user, ask_id id SL_UNUSED, const struct ask_result *r)
{
	struct sending *s = user;
	struct hooks *h = s->hooks;
	struct line *line = s->line;
	s->ask = 0;
	crash_at(CRASH_HOOK_ANSWERED);
	h->flying_n--;
	if (line) {
		const struct plugin *p = registry_plugin(s->registry, bytes_str(line->key));
		line->flying--;
		set_window(line, r, p ? p->in_flight_max : 1);
		line_heat(h, line);
	}
	if (!r->attempts) {
		wait_for_breaker(h, s, r);
		return;
	}
	note_answer(h, s, r);
	s->registry = registry_drop(s->registry);
	over(h, s);
	follow_answered(h, s);
}

/* ---- sending ---- */

static int send_one(struct hooks *h, struct sending *s, const struct plugin *plugin)
{
	struct ask ask = {.plugin = plugin,
			  .job = s->d.entry.job,
			  .webhook_id = s->webhook,
			  .body = buf_bytes(&s->body),
			  .budget_ms = plugin->timeout_ms,
			  .once = true,
			  .earlier = s->d.attempts};
	crash_at(CRASH_HOOK_BEFORE);
	int rc = caller_ask(h->caller, &ask, answered, s, &s->ask);
	crash_at(CRASH_HOOK_SENT);
	if (rc)
		return rc;
	s->registry = registry_share(h->registry);
	s->turns = s->line->turns;
	list_remove(&s->link);
	list_push(&h->flying, &s->link);
	s->line->ready_n--;
	s->line->flying++;
	h->flying_n++;
	return 0;
}

static bool may_send(const struct hooks *h, const struct line *line)
{
	return !h->stopping && !line->held && !line->pause_ms && !list_empty(&line->ready) &&
	       line->flying < line->window && h->flying_n < h->config.flying_max &&
	       h->over_n + h->saving_n < UNSAVED_MAX;
}

/* Its time was over while it waited: nobody is asked. */
static bool expired(struct hooks *h, struct sending *s)
{
	int64_t now = clock_wall_ms(h->parts.clock);
	if (!is_over(s, now))
		return false;
	s->line->ready_n--;
	s->ack = ACK_AGAIN;
	set_dead(s, DEAD_EXPIRED, now);
	over(h, s);
	return true;
}

/* One of a subscriber's at a time, in turns. False: it has nothing to send for now. */
static bool send_next(struct hooks *h, struct line *line)
{
	const struct plugin *plugin = registry_plugin(h->registry, bytes_str(line->key));
	if (!plugin || !may_send(h, line))
		return false;
	struct sending *s = container_of(line->ready.next, struct sending, link);
	if (expired(h, s))
		return true;
	if (line->window > plugin->in_flight_max)
		line->window = plugin->in_flight_max;
	if (send_one(h, s, plugin) == 0)
		return true;
	line->pause_ms = clock_mono_ms(h->parts.clock) + SAVE_AGAIN_MS;
	return false;
}

/* A line stays hot while there is more to read or to send that only waits for others. */
static bool stays_hot(const struct hooks *h, const struct line *line)
{
	return !line->held && !line->pause_ms && !h->stopping &&
	       ((line->dirty && !line->next_ms) ||
		(!list_empty(&line->ready) && line->flying < line->window));
}

void send_all(struct hooks *h)
{
	struct list cold;
	list_init(&cold);
	for (struct list *l; (l = list_pop(&h->hot));) {
		struct line *line = container_of(l, struct line, hot);
		list_push(send_next(h, line) ? &h->hot : &cold, l);
	}
	for (struct list *l; (l = list_pop(&cold));) {
		struct line *line = container_of(l, struct line, hot);
		if (stays_hot(h, line))
			list_push(&h->hot, l);
	}
}

static void cancel(struct hooks *h, struct sending *s)
{
	caller_cancel(h->caller, s->ask);
	h->flying_n--;
	sending_free(s);
}

void send_cancel_waiting(struct hooks *h, const struct line *line)
{
	struct list *next;
	for (struct list *l = h->flying.next; l != &h->flying; l = next) {
		struct sending *s = container_of(l, struct sending, link);
		next = l->next;
		if ((!line || s->line == line) && caller_in_line(s->ask))
			cancel(h, s);
	}
}

void send_cancel(struct hooks *h)
{
	send_cancel_waiting(h, NULL); /* first: they would take the places of the others */
	while (!list_empty(&h->flying))
		cancel(h, container_of(h->flying.next, struct sending, link));
}
