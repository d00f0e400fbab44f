/* Deliveries and their subscribers. */
#include "core/check/internal.h"

#include "core/outbox.h"
#include "core/wire.h"

/* ---- keys ---- */

static uint64_t part(struct bytes key, size_t at)
{
	return wire_from_be((const uint8_t *)key.at + at, 8);
}

static struct check_key key_of(char letter, const uint64_t *number, size_t n)
{
	struct check_key k = {.at = {(uint8_t)letter}, .len = 1};
	for (size_t i = 0; i < n; i++, k.len += 8)
		wire_be64(k.at + k.len, number[i]);
	return k;
}

static bool has(struct checking *c, enum store_table table, char letter, const uint64_t *number,
		size_t n)
{
	struct check_key k = key_of(letter, number, n);
	return store_has(c->txn, table, check_bytes(&k));
}

static struct check_key job_key(const struct delivery *d)
{
	const uint64_t number[] = {d->subscriber, d->number};
	struct check_key k = {.at = {'j'}, .len = 1}, rest = key_of('j', number, 2);
	check_add(&k, bytes_of(d->entry.job.at, 16));
	check_add(&k, bytes_of(rest.at + 1, 16));
	return k;
}

/* ---- subscribers ---- */

static int count(struct checking *c, char letter, uint64_t subscriber, uint64_t *ret_n,
		 uint64_t *ret_bytes)
{
	scoped(store_cursor_freep) struct store_cursor *cursor = NULL;
	struct check_key from = key_of(letter, &subscriber, 1);
	struct bytes key, val;
	*ret_n = *ret_bytes = 0;
	int rc = store_cursor_open(c->txn, STORE_OUTBOX, &cursor);
	if (!rc)
		rc = store_seek(cursor, check_bytes(&from), &key, &val);
	while (!rc && key.len == 17 && memcmp(key.at, from.at, from.len) == 0) {
		++*ret_n;
		*ret_bytes += val.len;
		rc = store_next(cursor, &key, &val);
	}
	return rc == SL_E_NOT_FOUND ? 0 : rc;
}

static int check_subscriber(struct checking *c, struct bytes key)
{
	struct subscriber s, named;
	uint64_t pending = 0, pending_bytes = 0, dead = 0, dead_bytes = 0;
	if (outbox_get(c->txn, part(key, 1), &s)) {
		wrong(c, key, "the subscriber's record cannot be read");
		return 0;
	}
	if (outbox_find(c->txn, s.key, &named) || named.number != s.number)
		wrong(c, key, "its plugin %.*s does not lead to it", BYTES_FMT(s.key));
	int rc = count(c, 'd', s.number, &pending, &pending_bytes);
	if (!rc)
		rc = count(c, 'x', s.number, &dead, &dead_bytes);
	if (!rc && (s.pending != pending || s.pending_bytes != pending_bytes))
		wrong(c, key, "it says %llu deliveries pending (%llu bytes), there are %llu (%llu)",
		      (unsigned long long)s.pending, (unsigned long long)s.pending_bytes,
		      (unsigned long long)pending, (unsigned long long)pending_bytes);
	if (!rc && (s.dead != dead || s.dead_bytes != dead_bytes))
		wrong(c, key, "it says %llu deliveries dead (%llu bytes), there are %llu (%llu)",
		      (unsigned long long)s.dead, (unsigned long long)s.dead_bytes,
		      (unsigned long long)dead, (unsigned long long)dead_bytes);
	return rc;
}

static void check_name(struct checking *c, struct bytes key, struct bytes val)
{
	struct bytes plugin = bytes_of((const char *)key.at + 1, key.len - 1), type;
	uint64_t number = val.len == 8 ? wire_from_be(val.at, 8) : 0;
	if (!number || !has(c, STORE_HOOKS, 'n', &number, 1))
		wrong(c, key, "it names a subscriber that is not there");
	if (c->features_unread)
		return;
	if (!plugin.len || store_get(c->notes, STORE_HOOKS, plugin, &type) ||
	    *(const uint8_t *)type.at != PLUGIN_LIFEHOOK)
		wrong(c, key, "there is no such LifeHook");
}

static void check_number(struct checking *c, struct bytes key)
{
	uint64_t number = part(key, 1);
	struct bytes val;
	bool known = store_get(c->txn, STORE_HOOKS, BYTES("c"), &val) == 0 && val.len == 8;
	if (!known || wire_from_be(val.at, 8) < number)
		wrong(c, key, "its number is greater than the newest that was given");
}

int check_hook(struct checking *c, struct bytes key, struct bytes val)
{
	char letter = *(const char *)key.at;
	if (letter == 'c' && key.len == 1) {
		if (val.len != 8)
			wrong(c, key, "the newest number cannot be read");
		return 0;
	}
	if (letter == 'k') {
		check_name(c, key, val);
		return 0;
	}
	if ((letter != 'n' && letter != 'g') || key.len != 9) {
		wrong(c, key, "nothing of a subscriber has such a key");
		return 0;
	}
	check_number(c, key);
	if (letter == 'n')
		return check_subscriber(c, key);
	uint64_t number = part(key, 1);
	if (val.len || has(c, STORE_HOOKS, 'n', &number, 1))
		wrong(c, key, "a deleted subscriber is there");
	return 0;
}

/* ---- deliveries ---- */

/* Their subscriber is there, or they are still to be erased. */
static bool has_subscriber(struct checking *c, uint64_t number)
{
	return has(c, STORE_HOOKS, 'n', &number, 1) || has(c, STORE_HOOKS, 'g', &number, 1);
}

static void check_delivery(struct checking *c, struct bytes key, bool dead)
{
	const uint64_t at[] = {part(key, 1), part(key, 9)};
	struct delivery d;
	struct bytes val;
	c->sum->deliveries++;
	if (dead && has(c, STORE_OUTBOX, 'd', at, 2)) {
		wrong(c, key, "a delivery is pending and dead");
		return;
	}
	if (outbox_read(c->txn, at[0], at[1], &d) || (d.dead != DEAD_NOT) != dead) {
		wrong(c, key, "the delivery cannot be read");
		return;
	}
	if (!has_subscriber(c, at[0]))
		wrong(c, key, "its subscriber is not there");
	if (at[1] > c->feed_last)
		wrong(c, key, "the feed has not come to its number");
	struct check_key k = job_key(&d);
	int rc = store_get(c->txn, STORE_OUTBOX, check_bytes(&k), &val);
	if (rc || !bytes_is(val, dead ? "x" : ""))
		wrong(c, key, "it is not listed with its job");
	const uint64_t death[] = {(uint64_t)d.dead_ms, d.subscriber, d.number};
	if (dead && !has(c, STORE_OUTBOX, 'e', death, 3))
		wrong(c, key, "it is not listed by its death");
}

static void check_death(struct checking *c, struct bytes key)
{
	const uint64_t at[] = {part(key, 9), part(key, 17)};
	struct delivery d;
	if (outbox_read(c->txn, at[0], at[1], &d) || d.dead == DEAD_NOT ||
	    (uint64_t)d.dead_ms != part(key, 1))
		wrong(c, key, "the delivery did not die then, or is not there");
}

static void check_queued(struct checking *c, struct bytes key)
{
	const uint64_t at[] = {part(key, 1), part(key, 17)};
	struct delivery d;
	if (outbox_read(c->txn, at[0], at[1], &d) || d.dead != DEAD_NOT ||
	    (uint64_t)d.due_ms != part(key, 9))
		wrong(c, key, "the delivery is not due then, or is not there");
}

/* The first of a job that is pending, and no other, is queued. */
static void check_turn(struct checking *c, struct bytes key, const struct delivery *d)
{
	const uint64_t queued[] = {d->subscriber, (uint64_t)d->due_ms, d->number};
	bool is = has(c, STORE_OUTBOX, 'q', queued, 3), first = !c->head_seen;
	c->head_seen = true;
	if (is != first && has(c, STORE_HOOKS, 'n', &d->subscriber, 1))
		wrong(c, key,
		      first ? "it is the first of its job and not queued"
			    : "it is queued, and others of its job stand in front of it");
}

static void check_of_job(struct checking *c, struct bytes key, struct bytes val)
{
	struct delivery d;
	bool dead = bytes_is(val, "x");
	if (memcmp(c->of_job, key.at, sizeof(c->of_job)) != 0) {
		memcpy(c->of_job, key.at, sizeof(c->of_job));
		c->head_seen = false;
	}
	if ((val.len && !dead) || outbox_read(c->txn, part(key, 17), part(key, 25), &d) ||
	    (d.dead != DEAD_NOT) != dead ||
	    memcmp(d.entry.job.at, (const uint8_t *)key.at + 1, 16) != 0)
		wrong(c, key, "the delivery is another, or is not there");
	else if (!dead)
		check_turn(c, key, &d);
}

int check_outbox(struct checking *c, struct bytes key, struct bytes val)
{
	char letter = *(const char *)key.at;
	if ((letter == 'd' || letter == 'x') && key.len == 17)
		check_delivery(c, key, letter == 'x');
	else if (letter == 'e' && key.len == 25)
		check_death(c, key);
	else if (letter == 'q' && key.len == 25)
		check_queued(c, key);
	else if (letter == 'j' && key.len == 33)
		check_of_job(c, key, val);
	else
		wrong(c, key, "nothing of a delivery has such a key");
	if ((letter == 'q' || letter == 'e') && val.len)
		wrong(c, key, "it has a value");
	return 0;
}
