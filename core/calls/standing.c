#include "core/calls/standing.h"

#include "core/base/hash.h"
#include "net/target.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { BUCKETS = 4096, PLACE_BUCKETS = 256 };

/** Host and port; there is one for those only whose connections failed of late. */
struct place {
	struct place *next;
	struct breaker breaker;
	char why[STANDING_WHY_MAX];
	size_t len;
	char name[];
};

struct standings {
	pthread_mutex_t lock; /* for what others may read */
	struct standing *of[BUCKETS];
	size_t n;
	struct place *place[PLACE_BUCKETS];
	size_t places;
};

static uint64_t hash_addresses(const struct plugin *p)
{
	uint64_t h = 0;
	for (uint32_t i = 0; i < p->addresses; i++)
		h = hash_bytes(bytes_str(p->address[i]), h);
	return h;
}

/* ---- the table ---- */

static struct standing **slot_of(struct standings *s, struct bytes key)
{
	struct standing **slot = &s->of[hash_bytes(key, 0) % BUCKETS];
	while (*slot && !bytes_is(key, (*slot)->key))
		slot = &(*slot)->next;
	return slot;
}

struct standing *standings_find(struct standings *s, const char *key)
{
	return *slot_of(s, bytes_str(key));
}

struct standing *standings_take(struct standings *s, const char *key)
{
	struct standing **slot = slot_of(s, bytes_str(key));
	if (*slot)
		return *slot;
	size_t size = strlen(key) + 1;
	struct standing *of = calloc(1, sizeof(*of) + size);
	if (!of)
		return NULL;
	memcpy(of->key, key, size);
	list_init(&of->line);
	pthread_mutex_lock(&s->lock);
	*slot = of;
	s->n++;
	pthread_mutex_unlock(&s->lock);
	return of;
}

static bool in_use(const struct standing *of)
{
	return of->in_flight || of->waiting || of->held || !list_empty(&of->line);
}

static void drop(struct standings *s, struct standing **slot)
{
	struct standing *of = *slot;
	*slot = of->next;
	s->n--;
	free(of);
}

void standings_put(struct standings *s, struct standing *of)
{
	bool remembers = of->breaker.openings || of->failed_open || !breaker_is_blank(&of->breaker);
	if (in_use(of) || (remembers && s->n <= STANDINGS_MAX))
		return;
	pthread_mutex_lock(&s->lock);
	drop(s, slot_of(s, bytes_str(of->key)));
	pthread_mutex_unlock(&s->lock);
}

void standing_count(struct standings *s, struct standing *of, int in_flight, int waiting)
{
	pthread_mutex_lock(&s->lock);
	of->in_flight += (uint32_t)in_flight;
	of->waiting += (uint32_t)waiting;
	pthread_mutex_unlock(&s->lock);
}

void standings_failed_open(struct standings *s, const char *key)
{
	struct standing *of = standings_take(s, key);
	if (!of)
		return; /* it is in the job's log */
	pthread_mutex_lock(&s->lock);
	of->failed_open++;
	pthread_mutex_unlock(&s->lock);
}

/* ---- places ---- */

static struct bytes place_name(const char *address)
{
	struct target t;
	return target_split(bytes_str(address), &t, NULL) ? bytes_str(address) : t.place;
}

static struct place **place_slot(struct standings *s, struct bytes name)
{
	struct place **slot = &s->place[hash_bytes(name, 0) % PLACE_BUCKETS];
	while (*slot && !bytes_eq(bytes_of((*slot)->name, (*slot)->len), name))
		slot = &(*slot)->next;
	return slot;
}

static struct place *place_make(struct standings *s, struct place **slot, struct bytes name)
{
	struct place *p = s->places < PLACES_MAX ? calloc(1, sizeof(*p) + name.len) : NULL;
	if (!p)
		return NULL;
	memcpy(p->name, name.at, name.len);
	p->len = name.len;
	*slot = p;
	s->places++;
	return p;
}

static void place_end(struct standings *s, const char *address, bool probe, enum attempt_end how,
		      const char *why, int64_t now_ms)
{
	bool failed = how == ATTEMPT_UNREACHED;
	if (!s->places && !failed)
		return;
	struct bytes name = place_name(address);
	struct place **slot = place_slot(s, name), *p = *slot;
	if (!p && failed)
		p = place_make(s, slot, name);
	if (!p)
		return;
	if (how == ATTEMPT_DROPPED)
		breaker_abandon(&p->breaker, probe, now_ms);
	else
		breaker_end(&p->breaker, probe, failed, now_ms);
	if (failed)
		snprintf(p->why, sizeof(p->why), "%s", why);
	if (!breaker_is_blank(&p->breaker))
		return;
	*slot = p->next;
	s->places--;
	free(p);
}

/* ---- breakers ---- */

static void say(const struct breaker *b, const char *last, int64_t now_ms, char *why, size_t size)
{
	int64_t left_ms = b->until_ms - now_ms;
	if (b->state == BREAKER_PROBING)
		snprintf(why, size, "it kept failing and is being tried with one call just now; %s",
			 last);
	else
		snprintf(why, size, "it kept failing and is not asked for another %lld ms; %s",
			 (long long)(left_ms > 0 ? left_ms : 0), last);
}

/* What is known of other addresses says nothing of these. */
static bool speaks_of(struct standing *of, const struct plugin *plugin)
{
	uint64_t addresses = hash_addresses(plugin);
	if (!of->addresses)
		of->addresses = addresses;
	return of->addresses == addresses;
}

bool standing_lets(struct standings *s SL_UNUSED, struct standing *of, const struct plugin *plugin,
		   int64_t now_ms, char *why, size_t size)
{
	if (breaker_lets(&of->breaker, now_ms) || !speaks_of(of, plugin))
		return true;
	say(&of->breaker, of->why, now_ms, why, size);
	return false;
}

bool standings_place_lets(struct standings *s, const char *address, int64_t now_ms, char *why,
			  size_t size)
{
	if (!s->places)
		return true;
	const struct place *p = *place_slot(s, place_name(address));
	if (!p || breaker_lets(&p->breaker, now_ms))
		return true;
	say(&p->breaker, p->why, now_ms, why, size);
	return false;
}

void standing_begin(struct standings *s, struct standing *of, const struct plugin *plugin,
		    const char *address, int64_t now_ms, struct attempt *ret)
{
	*ret = (struct attempt){.counted = speaks_of(of, plugin)};
	pthread_mutex_lock(&s->lock);
	if (ret->counted)
		ret->plugin_probe = breaker_begin(&of->breaker, now_ms);
	pthread_mutex_unlock(&s->lock);
	struct place *p = s->places ? *place_slot(s, place_name(address)) : NULL;
	if (p)
		ret->place_probe = breaker_begin(&p->breaker, now_ms);
}

void standing_end(struct standings *s, struct standing *of, const struct plugin *plugin,
		  const char *address, const struct attempt *attempt, enum attempt_end how,
		  const char *why, int64_t now_ms)
{
	bool failed = how == ATTEMPT_FAILED || how == ATTEMPT_UNREACHED;
	pthread_mutex_lock(&s->lock);
	if (attempt->counted && speaks_of(of, plugin)) {
		if (how == ATTEMPT_DROPPED)
			breaker_abandon(&of->breaker, attempt->plugin_probe, now_ms);
		else
			breaker_end(&of->breaker, attempt->plugin_probe, failed, now_ms);
		if (failed)
			snprintf(of->why, sizeof(of->why), "%s", why);
	}
	pthread_mutex_unlock(&s->lock);
	place_end(s, address, attempt->place_probe, how, why, now_ms);
}

void standings_sweep(struct standings *s, standing_find_fn find, const void *user)
{
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct standing **slot = &s->of[i]; *slot;) {
			struct standing *of = *slot;
			const struct plugin *p = find(user, of->key);
			uint64_t addresses = p ? hash_addresses(p) : 0;
			if (!p || (of->addresses && of->addresses != addresses))
				of->breaker = (struct breaker){.openings = of->breaker.openings};
			of->addresses = addresses;
			if (!p && !in_use(of))
				drop(s, slot);
			else
				slot = &of->next;
		}
	pthread_mutex_unlock(&s->lock);
}

/* ---- for others ---- */

static struct standing_view view(const struct standing *of)
{
	return (struct standing_view){.in_flight = of->in_flight,
				      .waiting = of->waiting,
				      .failed_open = of->failed_open,
				      .breaker = of->breaker.state,
				      .openings = of->breaker.openings,
				      .until_ms = of->breaker.until_ms};
}

bool standings_read(struct standings *s, struct bytes key, struct standing_view *ret)
{
	pthread_mutex_lock(&s->lock);
	const struct standing *of = *slot_of(s, key);
	if (of)
		*ret = view(of);
	pthread_mutex_unlock(&s->lock);
	return of != NULL;
}

void standings_each(struct standings *s, standing_fn each, void *user)
{
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < BUCKETS; i++)
		for (const struct standing *of = s->of[i]; of; of = of->next) {
			struct standing_view v = view(of);
			v.key = of->key;
			each(user, &v);
		}
	pthread_mutex_unlock(&s->lock);
}

int standings_create(struct standings **ret)
{
	struct standings *s = calloc(1, sizeof(*s));
	if (!s)
		return SL_E_NO_MEMORY;
	pthread_mutex_init(&s->lock, NULL);
	*ret = s;
	return 0;
}

struct standings *standings_free(struct standings *s)
{
	if (!s)
		return NULL;
	for (size_t i = 0; i < BUCKETS; i++)
		while (s->of[i])
			drop(s, &s->of[i]);
	for (size_t i = 0; i < PLACE_BUCKETS; i++)
		for (struct place *p = s->place[i], *next; p; p = next) {
			next = p->next;
			free(p);
		}
	pthread_mutex_destroy(&s->lock);
	free(s);
	return NULL;
}
