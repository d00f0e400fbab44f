#include "core/driver/line.h"

#include "core/driver/taken.h"

#include <stdlib.h>

enum { WINDOW_FIRST = 4, WINDOW_MOST = 64, KEY_MAX = 300, LOOK_MS = 1000 };

/* ---- the table ---- */

static struct uuid id_of(const char *key)
{
	uint8_t hash[CRYPT_HASH_SIZE];
	struct uuid id;
	crypt_hash(bytes_of("", 0), bytes_str(key), hash);
	memcpy(id.at, hash, sizeof(id.at));
	return id;
}

struct line *line_find(struct driver *d, const char *key)
{
	struct table_node *node = d->lines.n ? table_get(&d->lines, id_of(key)) : NULL;
	return node ? container_of(node, struct line, node) : NULL;
}

static struct line *line_make(struct driver *d, const char *key)
{
	struct line *line = line_find(d, key);
	if (line)
		return line;
	size_t size = strlen(key) + 1;
	line = calloc(1, sizeof(*line) + size);
	if (!line)
		return NULL;
	memcpy(line->key, key, size);
	line->node.id = id_of(key);
	table_put(&d->lines, &line->node);
	list_push(&d->lines_all, &line->link);
	return line;
}

static void line_free(struct driver *d, struct line *line)
{
	table_remove(&d->lines, &line->node);
	list_remove(&line->link);
	free(line);
}

static bool is_idle(const struct line *line)
{
	return !line->parked && !line->waiting && !line->passing && !line->busy && !line->parking &&
	       !line->out;
}

/* ---- what happens ---- */

struct line *line_park(struct driver *d, const char *key)
{
	struct line *line = line_make(d, key);
	if (!line || caller_hold(d->caller, key, true))
		return NULL;
	line->parked = true;
	line->parking++;
	return line;
}

void line_parked(struct driver *d, struct line *line)
{
	if (!line)
		return;
	line->parking--;
	d->lines_stir = true;
}

void line_wait(struct driver *d, const char *key)
{
	struct line *line = line_make(d, key);
	if (line)
		line->waiting = true;
	d->lines_stir = true;
}

static void begin_pass(struct driver *d, struct line *line, uint32_t window)
{
	line->passing = true;
	line->waiting = line->behind = false;
	line->window = window;
	d->lines_stir = true;
}

void line_answered(struct driver *d, const char *key)
{
	struct line *line = line_find(d, key);
	if (!line)
		return;
	if (line->passing && line->window < WINDOW_MOST)
		line->window++;
	else if (!line->passing && line->waiting)
		begin_pass(d, line, WINDOW_FIRST);
	d->lines_stir = true;
}

void line_failed(struct driver *d, const char *key)
{
	struct line *line = line_find(d, key);
	if (!line || !line->passing)
		return;
	line->passing = false;
	line->waiting = true;
	d->lines_stir = true;
}

void line_out(struct line *line, int by) { line->out += (uint32_t)by; }

/* ---- who goes on ---- */

/* The plugin as it is registered now, or NULL if it is off or gone: then nobody has to wait
 * for it any more. */
static const struct plugin *present(const void *user, const char *key)
{
	const struct plugin *p = registry_plugin(user, bytes_str(key));
	return p && p->feature->enabled ? p : NULL;
}

/* The probe of an open breaker whose time has come. */
static void probe(struct driver *d, struct line *line)
{
	struct standing_view view;
	if (line->waiting && !line->passing &&
	    standings_read(caller_standings(d->caller), bytes_str(line->key), &view) &&
	    view.breaker == BREAKER_OPEN && view.until_ms <= clock_mono_ms(d->parts.clock))
		begin_pass(d, line, 1);
}

static void let_go(struct driver *d, struct line *line, const struct registry_ref *now)
{
	const struct plugin *p = present(now, line->key);
	if (line->busy || line->retry_ms > clock_mono_ms(d->parts.clock))
		return;
	probe(d, line);
	uint32_t places = TAKEN_MAX;
	if (p)
		places = caller_places(d->caller, line->key, p->in_flight_max);
	if (places > TAKEN_MAX)
		places = TAKEN_MAX;
	uint32_t waiting = 0;
	if (line->passing && line->out < line->window)
		waiting = line->window - line->out;
	if (waiting > places)
		waiting = places;
	uint32_t parked = line->parked ? places - waiting : 0;
	if (parked || waiting)
		line_look(d, line, parked, waiting);
}

/* Plugins that are off or gone, or elsewhere now, are nobody's obstacle any more. */
static void see_changes(struct driver *d, const struct registry_ref *now)
{
	if (d->lines_generation == now->generation)
		return;
	d->lines_generation = now->generation;
	d->lines_stir = true;
	standings_sweep(caller_standings(d->caller), present, now);
	for (struct list *l = d->lines_all.next; l != &d->lines_all; l = l->next) {
		struct line *line = container_of(l, struct line, link);
		if (line->waiting && !line->passing)
			begin_pass(d, line, present(now, line->key) ? 1 : WINDOW_MOST);
	}
}

/* When a breaker wants its probe, or a look is to be tried again. */
static int64_t next_ms(const struct driver *d)
{
	int64_t first = 0;
	for (struct list *l = d->lines_all.next; l != &d->lines_all; l = l->next) {
		const struct line *line = container_of(l, struct line, link);
		struct standing_view view;
		int64_t at = line->busy ? 0 : line->retry_ms;
		if (!at && (line->passing || line->parked))
			at = clock_mono_ms(d->parts.clock) + LOOK_MS;
		if (!at && line->waiting && !line->passing &&
		    standings_read(caller_standings(d->caller), bytes_str(line->key), &view) &&
		    view.breaker == BREAKER_OPEN)
			at = view.until_ms;
		if (at && (!first || at < first))
			first = at;
	}
	return first;
}

void lines_turn(struct driver *d)
{
	scoped(registry_dropp) const struct registry_ref *now = registry_take(d->parts.registry);
	struct list *next;
	if (atomic_load(&d->ending) || d->intake.first) /* those were under way before */
		return;
	see_changes(d, now);
	if (caller_freed(d->caller))
		d->lines_stir = true;
	if (!d->lines_stir && !(d->lines_ms && d->lines_ms <= clock_mono_ms(d->parts.clock)))
		return;
	d->lines_stir = false;
	for (struct list *l = d->lines_all.next; l != &d->lines_all; l = next) {
		struct line *line = container_of(l, struct line, link);
		next = l->next;
		let_go(d, line, now);
		if (is_idle(line))
			line_free(d, line);
	}
	d->lines_ms = next_ms(d);
}

/* ---- life ---- */

struct recovering {
	struct driver *driver;
	struct store_txn *txn;
	bool parked;
	int rc;
};

static bool recover_line(void *user, struct bytes plugin)
{
	struct recovering *q = user;
	char key[KEY_MAX + 1];
	plugin = bytes_cut(plugin, KEY_MAX);
	memcpy(key, plugin.at, plugin.len);
	key[plugin.len] = '\0';
	struct line *line = line_make(q->driver, key);
	struct line_at first = {0};
	size_t n;
	q->rc = !line ? SL_E_NO_MEMORY : q->parked ? caller_hold(q->driver->caller, key, true) : 0;
	if (!q->rc && q->parked)
		q->rc = ledger_line(q->txn, LINE_PLACE, plugin, NULL, &first, 1, &n);
	if (q->rc)
		return false;
	if (q->parked) {
		line->parked = true;
		line->oldest_ms = first.since_ms;
	} else {
		line->waiting = true;
	}
	return true;
}

int lines_recover(struct driver *d, struct store_txn *txn)
{
	struct recovering q = {.driver = d, .txn = txn, .parked = true};
	int rc = ledger_lines(txn, LINE_PLACE, recover_line, &q);
	q.parked = false;
	if (!rc && !q.rc)
		rc = ledger_lines(txn, LINE_ANSWER, recover_line, &q);
	d->lines_stir = true;
	return rc ? rc : q.rc;
}

void lines_fini(struct driver *d)
{
	while (!list_empty(&d->lines_all))
		line_free(d, container_of(d->lines_all.next, struct line, link));
	table_fini(&d->lines);
}
