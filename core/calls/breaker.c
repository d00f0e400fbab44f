#include "core/calls/breaker.h"

static const char *const names[] = {"closed", "open", "probing"};

const char *breaker_state_name(enum breaker_state state) { return names[state]; }

bool breaker_lets(const struct breaker *b, int64_t now_ms)
{
	return b->state == BREAKER_CLOSED || (b->state == BREAKER_OPEN && now_ms >= b->until_ms);
}

bool breaker_begin(struct breaker *b, int64_t now_ms)
{
	if (b->state != BREAKER_OPEN || now_ms < b->until_ms)
		return false;
	b->state = BREAKER_PROBING;
	return true;
}

static void open_it(struct breaker *b, int64_t now_ms)
{
	b->state = BREAKER_OPEN;
	b->until_ms = now_ms + BREAKER_OPEN_MS;
	b->openings++;
}

static unsigned failures(const struct breaker *b)
{
	return (unsigned)__builtin_popcountll(b->last & ((1ull << BREAKER_WINDOW) - 1));
}

static void note(struct breaker *b, bool failed)
{
	b->row = failed ? b->row + 1 : 0;
	b->last = b->last << 1 | failed;
	if (b->calls < BREAKER_WINDOW)
		b->calls++;
}

void breaker_end(struct breaker *b, bool probe, bool failed, int64_t now_ms)
{
	if (probe && b->state == BREAKER_PROBING) {
		uint64_t openings = b->openings;
		*b = (struct breaker){.openings = openings};
		if (failed)
			open_it(b, now_ms);
		return;
	}
	if (b->state != BREAKER_CLOSED)
		return;
	note(b, failed);
	if (b->row >= BREAKER_ROW ||
	    (b->calls == BREAKER_WINDOW && 2 * failures(b) > BREAKER_WINDOW))
		open_it(b, now_ms);
}

void breaker_abandon(struct breaker *b, bool probe, int64_t now_ms)
{
	if (!probe || b->state != BREAKER_PROBING)
		return;
	b->state = BREAKER_OPEN; /* the next one probes */
	b->until_ms = now_ms;
}

bool breaker_is_blank(const struct breaker *b)
{
	return b->state == BREAKER_CLOSED && (b->last & ((1ull << BREAKER_WINDOW) - 1)) == 0;
}
