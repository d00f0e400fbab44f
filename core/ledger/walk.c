#include "core/ledger/walk.h"

#include <stdlib.h>

enum {
	PREFIX_MAX = 1 + JOB_NAME_MAX + 1,
	FACETS_MAX = 4,
	/* A clock that is set back leaves ids ahead of it until it has caught up. Further than
	 * this behind the end of a span of time no job of the span is looked for. */
	CLOCK_SLACK_MS = 24 * 3600 * 1000,
};

/* One value of one index: ids in order. */
struct lane {
	struct store_cursor *cursor;
	uint8_t prefix[PREFIX_MAX];
	size_t len;
	struct uuid at;
	bool placed, ended;
};

/* All values of one facet, merged. */
struct facet {
	struct lane *lane;
	size_t n;
};

struct walking {
	struct store_txn *txn;
	struct job_walk *w;
	struct facet facet[FACETS_MAX];
	size_t facets, lanes;
	struct lane *lane;
};

/* ---- the lanes of a filter ---- */

static void add_lane(struct walking *q, char letter, struct bytes text, bool ends)
{
	struct lane *lane = &q->lane[q->lanes++];
	lane->prefix[lane->len++] = (uint8_t)letter;
	lane->ended = text.len > JOB_NAME_MAX; /* nothing is called that */
	if (lane->ended)
		return;
	if (text.len)
		memcpy(lane->prefix + lane->len, text.at, text.len);
	lane->len += text.len;
	if (ends)
		lane->prefix[lane->len++] = 0;
}

static void end_facet(struct walking *q, size_t first)
{
	if (q->lanes > first)
		q->facet[q->facets++] = (struct facet){&q->lane[first], q->lanes - first};
}

static void add_texts(struct walking *q, char letter, const struct bytes *text, size_t n)
{
	size_t first = q->lanes;
	for (size_t i = 0; i < n; i++)
		add_lane(q, letter, text[i], true);
	end_facet(q, first);
}

static void add_states(struct walking *q, unsigned states)
{
	size_t first = q->lanes;
	for (unsigned s = 0; s < JOB_STATES; s++) {
		uint8_t key = (uint8_t)s;
		if (states & 1u << s)
			add_lane(q, 's', bytes_of(&key, 1), false);
	}
	end_facet(q, first);
}

static int open_lanes(struct walking *q)
{
	const struct job_filter *f = q->w->filter;
	q->lane = calloc(f->users + f->kinds + JOB_STATES + 2, sizeof(*q->lane));
	if (!q->lane)
		return SL_E_NO_MEMORY;
	add_texts(q, 'u', f->user, f->users);
	add_texts(q, 'k', f->kind, f->kinds);
	add_texts(q, 'j', &f->name, f->name.len != 0);
	add_states(q, f->states);
	if (!q->facets) /* all jobs: their table is in that order */
		q->facet[q->facets++] = (struct facet){&q->lane[q->lanes++], 1};
	int rc = 0;
	for (size_t i = 0; i < q->lanes && !rc; i++)
		rc = store_cursor_open(q->txn, q->lane[i].len ? STORE_INDEX : STORE_JOBS,
				       &q->lane[i].cursor);
	return rc;
}

static void close_lanes(struct walking *q)
{
	for (size_t i = 0; i < q->lanes; i++)
		store_cursor_free(q->lane[i].cursor);
	free(q->lane);
}

/* ---- from id to id ---- */

/* Does the walk come to `a` before it comes to `b`? */
static bool before(const struct walking *q, struct uuid a, struct uuid b)
{
	int order = memcmp(a.at, b.at, sizeof(a.at));
	return q->w->newest_first ? order > 0 : order < 0;
}

/* The next id there can be; false: it was the last. */
static bool next_id(const struct walking *q, struct uuid *id)
{
	uint8_t edge = q->w->newest_first ? 0 : 0xff;
	for (size_t i = sizeof(id->at); i-- > 0;) {
		bool carries = id->at[i] == edge;
		id->at[i] = (uint8_t)(id->at[i] + (q->w->newest_first ? -1 : 1));
		if (!carries)
			return true;
	}
	return false;
}

static int take_key(struct lane *lane, int rc, struct bytes key)
{
	if (rc == SL_E_NOT_FOUND || (!rc && (key.len != lane->len + sizeof(lane->at.at) ||
					     memcmp(key.at, lane->prefix, lane->len) != 0))) {
		lane->ended = true;
		return 0;
	}
	if (!rc)
		memcpy(lane->at.at, (const uint8_t *)key.at + lane->len, sizeof(lane->at.at));
	lane->placed = true;
	return rc;
}

/* Go on to the first id that is not before `target`. */
static int reach(struct walking *q, struct lane *lane, struct uuid target)
{
	struct bytes key = {NULL, 0}, val;
	bool down = q->w->newest_first;
	int rc = 0;
	if (lane->placed && !lane->ended && before(q, lane->at, target)) {
		rc = down ? store_prev(lane->cursor, &key, &val)
			  : store_next(lane->cursor, &key, &val);
		rc = take_key(lane, rc, key);
	}
	if (rc || lane->ended || (lane->placed && !before(q, lane->at, target)))
		return rc;
	uint8_t from[PREFIX_MAX + sizeof(target.at)];
	memcpy(from, lane->prefix, lane->len);
	memcpy(from + lane->len, target.at, sizeof(target.at));
	struct bytes at = bytes_of(from, lane->len + sizeof(target.at));
	rc = down ? store_seek_last(lane->cursor, at, &key, &val)
		  : store_seek(lane->cursor, at, &key, &val);
	return take_key(lane, rc, key);
}

static int reach_any(struct walking *q, const struct facet *f, struct uuid target, struct uuid *ret)
{
	const struct lane *first = NULL;
	for (size_t i = 0; i < f->n; i++) {
		struct lane *lane = &f->lane[i];
		int rc = reach(q, lane, target);
		if (rc)
			return rc;
		if (!lane->ended && (!first || before(q, lane->at, first->at)))
			first = lane;
	}
	if (!first)
		return SL_E_NOT_FOUND;
	*ret = first->at;
	return 0;
}

/* The first id from `*id` on that all facets have. */
static int find(struct walking *q, struct uuid *id)
{
	size_t agreed = 0;
	for (size_t i = 0; agreed < q->facets; i = (i + 1) % q->facets) {
		struct uuid at;
		int rc = reach_any(q, &q->facet[i], *id, &at);
		if (rc)
			return rc;
		agreed = uuid_eq(at, *id) ? agreed + 1 : 1;
		*id = at;
	}
	return 0;
}

/* ---- time: an id's is never before its job's, and seldom behind it ---- */

static struct uuid id_at(int64_t ms, uint8_t rest)
{
	struct uuid id;
	memset(id.at, rest, sizeof(id.at));
	for (int i = 0; i < 6; i++)
		id.at[i] = (uint8_t)((uint64_t)ms >> (40 - 8 * i));
	return id;
}

static struct uuid first_id(const struct walking *q)
{
	const struct job_filter *f = q->w->filter;
	bool down = q->w->newest_first;
	struct uuid id = q->w->after, edge;
	memset(edge.at, down ? 0xff : 0, sizeof(edge.at));
	if (uuid_is_nil(id) || !next_id(q, &id))
		id = edge;
	if (down && f->to_ms)
		edge = id_at(f->to_ms + CLOCK_SLACK_MS, 0xff);
	else if (!down && f->from_ms)
		edge = id_at(f->from_ms, 0);
	return before(q, id, edge) ? edge : id;
}

static bool is_past(const struct walking *q, struct uuid id)
{
	const struct job_filter *f = q->w->filter;
	if (q->w->newest_first)
		return f->from_ms && uuid_time_ms(id) < f->from_ms;
	return f->to_ms && uuid_time_ms(id) > f->to_ms + CLOCK_SLACK_MS;
}

/* ---- the walk ---- */

static bool needs_record(const struct job_filter *f)
{
	return f->codes || f->plugin.len || f->from_ms || f->to_ms;
}

/* `*ret_on` false: this was the end. */
static int look_at(struct walking *q, struct uuid id, ledger_job_fn each, void *user, bool *ret_on)
{
	struct job_walk *w = q->w;
	bool reads = needs_record(w->filter);
	struct job job;
	int rc = reads || (each && !w->skip) ? ledger_get(q->txn, id, &job) : 0;
	w->after = id;
	*ret_on = true;
	if (rc)
		return rc;
	if (reads && !job_filter_matches(w->filter, &job)) {
		w->misses--;
	} else if (w->skip) {
		w->skip--;
	} else {
		w->most--;
		*ret_on = !each || each(user, &job);
	}
	*ret_on = *ret_on && w->misses && w->most;
	return 0;
}

static int walk(struct walking *q, ledger_job_fn each, void *user)
{
	struct uuid id = first_id(q);
	bool on = q->w->misses && q->w->most;
	int rc = 0;
	q->w->more = true;
	while (on && !rc) {
		rc = find(q, &id);
		if (rc || is_past(q, id)) {
			q->w->more = false;
			break;
		}
		rc = look_at(q, id, each, user, &on);
		if (!rc && !next_id(q, &id))
			on = q->w->more = false;
	}
	return rc == SL_E_NOT_FOUND && !q->w->more ? 0 : rc;
}

int job_walk(struct store_txn *txn, struct job_walk *w, ledger_job_fn each, void *user)
{
	struct walking q = {.txn = txn, .w = w};
	int rc = open_lanes(&q);
	if (!rc)
		rc = walk(&q, each, user);
	close_lanes(&q);
	return rc;
}
