/* The feed, and the jobs against it: whatever the feed has of a job, it has to its end. */
#include "core/check/internal.h"

#include "core/ledger/feed.h"
#include "core/wire.h"

#include <stdlib.h>

static int id_cmp(struct uuid a, struct uuid b) { return memcmp(a.at, b.at, 16); }

static int note(struct checking *c, const struct feed_entry *e)
{
	if (c->moves == c->moves_cap) {
		size_t cap = c->moves_cap ? c->moves_cap * 2 : 1024;
		struct check_move *more = realloc(c->move, cap * sizeof(*more));
		if (!more)
			return SL_E_NO_MEMORY;
		c->move = more;
		c->moves_cap = cap;
	}
	c->move[c->moves++] =
		(struct check_move){e->job, e->sequence, (uint8_t)e->state, (uint8_t)e->previous};
	if (e->sequence == 1 && (!c->begun_known || id_cmp(e->job, c->begun) < 0)) {
		c->begun = e->job;
		c->begun_known = true;
	}
	return 0;
}

int check_feed(struct checking *c, struct bytes key, struct bytes val)
{
	struct feed_entry e;
	uint64_t number = key.len == 8 ? wire_from_be(key.at, 8) : 0;
	if (!number) {
		wrong(c, key, "the key is not a number");
		return 0;
	}
	if (c->feed_last && number != c->feed_last + 1)
		wrong(c, key, "entry %llu in front of it is missing",
		      (unsigned long long)number - 1);
	c->feed_last = number;
	if (feed_decode(val, &e)) {
		wrong(c, key, "the entry cannot be read");
		return 0;
	}
	bool can_be = e.sequence > 1 ? job_may_move(e.previous, e.state)
				     : e.sequence == 1 && e.state == JOB_PREPARING;
	if (!can_be)
		wrong(c, key, "it tells of a move that cannot be");
	if (id_cmp(e.job, c->newest) > 0)
		wrong(c, key, "it tells of a job that is newer than all there are");
	return note(c, &e);
}

static int by_job(const void *a, const void *b)
{
	const struct check_move *x = a, *y = b;
	int order = id_cmp(x->job, y->job);
	return order ? order : (x->sequence > y->sequence) - (x->sequence < y->sequence);
}

/* Each move of a job follows on the one before. */
static void check_chain(struct checking *c, const struct check_move *a, const struct check_move *b)
{
	char id[UUID_TEXT_SIZE];
	if (b->sequence != a->sequence + 1)
		wrong(c, BYTES(""), "job %s makes move %u, and then %u", uuid_format(a->job, id),
		      a->sequence, b->sequence);
	else if (b->previous != a->state)
		wrong(c, BYTES(""), "job %s moves to %s, and then away from %s",
		      uuid_format(a->job, id), job_state_name((enum job_state)a->state),
		      job_state_name((enum job_state)b->previous));
}

void check_feed_end(struct checking *c)
{
	if (c->moves)
		qsort(c->move, c->moves, sizeof(*c->move), by_job);
	c->table = STORE_FEED;
	for (size_t i = 1; i < c->moves; i++)
		if (uuid_eq(c->move[i - 1].job, c->move[i].job))
			check_chain(c, &c->move[i - 1], &c->move[i]);
}

/* Jobs come in the order of their ids. */
void check_moves(struct checking *c, struct bytes key, const struct job *job)
{
	const struct check_move *last = NULL;
	while (c->next_move < c->moves && id_cmp(c->move[c->next_move].job, job->id) < 0)
		c->next_move++;
	while (c->next_move < c->moves && uuid_eq(c->move[c->next_move].job, job->id))
		last = &c->move[c->next_move++];
	if (!last) {
		if (c->begun_known && id_cmp(job->id, c->begun) >= 0)
			wrong(c, key, "the feed does not have it");
	} else if (last->sequence != job->moves || last->state != job->state) {
		wrong(c, key, "it is %s after %u moves, in the feed %s after %u",
		      job_state_name(job->state), job->moves,
		      job_state_name((enum job_state)last->state), last->sequence);
	}
}
