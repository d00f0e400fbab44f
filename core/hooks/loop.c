#include "core/hooks/internal.h"

#include <stdlib.h>

enum { TURN_MOST_MS = 1000, ANSWER_MAX = 64 * 1024, STOP_MOST_MS = 2000 };

struct outbox_limits hooks_limits(const struct hooks *h)
{
	struct outbox_limits limits = h->config.limits;
	limits.retry_for_ms = atomic_load(&h->retry_for_ms);
	limits.keep_dead_ms = atomic_load(&h->keep_dead_ms);
	/* What is to be told must not fill the store: jobs need it more. */
	struct store_room room;
	if (store_room(h->parts.store, &room) == 0 && room.used > room.max / 100 * ROOM_PERCENT &&
	    limits.bytes_max > SCARCE_BYTES)
		limits.bytes_max = SCARCE_BYTES;
	return limits;
}

void hooks_set_times(struct hooks *h, int64_t retry_for_ms, int64_t keep_dead_ms)
{
	atomic_store(&h->retry_for_ms, retry_for_ms);
	atomic_store(&h->keep_dead_ms, keep_dead_ms);
}

void hooks_wake(struct hooks *h)
{
	pthread_mutex_lock(&h->touched.lock);
	h->touched.all = true;
	pthread_mutex_unlock(&h->touched.lock);
	h->parts.executor->ops->wake(h->parts.executor);
}

/* ---- turns ---- */

void hooks_turn(struct hooks *h, uint32_t wait_ms)
{
	h->registry = registry_take(h->parts.registry);
	save_come_back(h);
	lines_look(h);
	follow_all(h); /* first: it waits for less than what is read ahead */
	lines_fill(h);
	send_all(h);
	save_sweep(h); /* first: it is rare, and outcomes never end */
	save_turn_back(h);
	save_over(h);
	uint32_t wait = caller_turn(h->caller, wait_ms);
	wait = lines_wait(h, wait);
	wait = save_wait(h, wait);
	/* Hot lines whose turn is over wait for room: an answer, or a write, wakes. */
	h->registry = registry_drop(h->registry);
	h->parts.executor->ops->turn(h->parts.executor, wait);
}

bool hooks_idle(const struct hooks *h)
{
	return !h->flying_n && !h->over_n && !h->saving_n && !h->save;
}

/* ---- the thread ---- */

static void *loop(void *user)
{
	struct hooks *h = user;
	pthread_setname_np(pthread_self(), "sluice-hooks");
	while (!atomic_load(&h->ending))
		hooks_turn(h, TURN_MOST_MS);
	return NULL;
}

static void wake(void *user)
{
	struct hooks *h = user;
	h->parts.executor->ops->wake(h->parts.executor);
}

int hooks_start(struct hooks *h)
{
	if (pthread_create(&h->thread, NULL, loop, h))
		return SL_E_NO_MEMORY;
	h->threaded = true;
	return 0;
}

void hooks_stop(struct hooks *h, uint32_t grace_ms)
{
	if (h->threaded) {
		atomic_store(&h->ending, true);
		wake(h);
		pthread_join(h->thread, NULL);
		h->threaded = false;
	}
	h->stopping = true;
	uint32_t most = grace_ms < STOP_MOST_MS ? grace_ms : STOP_MOST_MS;
	int64_t end_ms = clock_mono_ms(h->parts.clock) + most;
	while (!hooks_idle(h) && clock_mono_ms(h->parts.clock) < end_ms)
		hooks_turn(h, 50);
}

/* ---- life ---- */

/* LifeHooks that were registered before there was an outbox. */
struct adopting {
	struct write write;
	const struct registry_ref *registry;
};

static int adopt(struct write *w, struct store_txn *txn)
{
	struct adopting *q = container_of(w, struct adopting, write);
	int rc = 0;
	for (size_t i = 0; !rc && i < q->registry->count[PLUGIN_LIFEHOOK]; i++)
		rc = outbox_subscribe(txn,
				      bytes_str(q->registry->ordered[PLUGIN_LIFEHOOK][i]->key));
	return rc;
}

static bool all_known(struct store *store, const struct registry_ref *registry, int *ret)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct subscriber s;
	int rc = store_begin(store, STORE_READ, &txn);
	for (size_t i = 0; !rc && i < registry->count[PLUGIN_LIFEHOOK]; i++)
		rc = outbox_find(txn, bytes_str(registry->ordered[PLUGIN_LIFEHOOK][i]->key), &s);
	*ret = rc == SL_E_NOT_FOUND ? 0 : rc;
	return rc == 0;
}

static int adopt_all(struct hooks *h)
{
	scoped(registry_dropp) const struct registry_ref *now = registry_take(h->parts.registry);
	struct adopting q = {.write = {.apply = adopt}, .registry = now};
	int rc;
	if (all_known(h->parts.store, now, &rc) || rc)
		return rc;
	return writer_run(h->parts.writer, &q.write);
}

static int create_parts(struct hooks *h)
{
	struct caller_config caller = {
		.answer_max = ANSWER_MAX, .retry_ms = 100, .patience_ms = 1000};
	int rc = mailbox_create(SIZE_MAX, wake, h, &h->box);
	if (!rc)
		rc = caller_create(&caller, h->parts.executor, h->parts.clock, &h->caller);
	if (!rc)
		rc = adopt_all(h);
	if (!rc)
		rc = match_create(h);
	return rc;
}

int hooks_create(const struct hooks_config *config, const struct hooks_parts *parts,
		 struct hooks **ret, struct sl_error *err)
{
	scoped(hooks_freep) struct hooks *h = calloc(1, sizeof(*h));
	if (!h)
		return sl_fail(err, SL_E_NO_MEMORY, "out of memory");
	h->config = *config;
	h->parts = *parts;
	h->refresh = true;
	h->turning_back = true; /* it may have been, while nobody looked */
	clock_watch_begin(&h->clock_watch, parts->clock);
	hooks_set_times(h, config->limits.retry_for_ms, config->limits.keep_dead_ms);
	pthread_mutex_init(&h->touched.lock, NULL);
	list_init(&h->lines);
	list_init(&h->hot);
	list_init(&h->flying);
	list_init(&h->over);
	list_init(&h->fresh);
	list_init(&h->alone);
	int rc = create_parts(h);
	if (rc)
		return sl_fail(err, (enum sl_err)rc, "LifeHooks cannot be set up: %s",
			       sl_err_text(rc));
	h->guest = (struct writer_guest){match_before_commit, match_after_commit, h};
	writer_invite(parts->writer, &h->guest);
	*ret = take_ptr(&h);
	return 0;
}

static void free_sendings(struct hooks *h)
{
	h->stopping = true;
	send_cancel(h);
	for (struct list *l; (l = list_pop(&h->over));)
		sending_free(container_of(l, struct sending, link));
	while (!list_empty(&h->lines))
		line_free(h, container_of(h->lines.next, struct line, link));
}

struct standings *hooks_standings(struct hooks *h) { return caller_standings(h->caller); }

struct hooks *hooks_free(struct hooks *h)
{
	if (!h)
		return NULL;
	if (h->box) {
		save_come_back(h); /* the writer has ended: it is back */
		free_sendings(h);
		mailbox_close(h->box);
	}
	caller_free(h->caller);
	mailbox_free(h->box);
	match_fini(h);
	pthread_mutex_destroy(&h->touched.lock);
	free(h);
	return NULL;
}
