/* The texts that a segment's patterns need, and the few bytes under which each is found. */
#include "selector/index/building.h"
#include "selector/pattern/lower.h"

#include <stdlib.h>

enum { PLACES_MAX = 32 }; /* looked at in a text for four bytes that others have not */

struct piece { /* a pattern's anchor needs this text */
	uint32_t anchor, literal;
};

struct texts {
	struct segment *s;
	struct piece *piece;
	uint32_t pieces;
	uint32_t *table; /* literals by their hash */
	uint32_t mask;
	uint16_t *seen; /* how often four bytes occur */
	uint32_t seen_mask;
};

/* ---- which there are ---- */

static const struct literals *texts_of(const struct segment_anchor *a)
{
	return a->condition->kind == CONDITION_REGEX ? regex_literals(a->condition->regex) : NULL;
}

static uint32_t add_literal(struct texts *b, uint32_t key, struct bytes text)
{
	struct segment *s = b->s;
	uint32_t at = (uint32_t)hash_bytes(text, s->key[key].hash) & b->mask;
	for (; b->table[at] != SEGMENT_NONE; at = (at + 1) & b->mask) {
		const struct segment_literal *l = &s->literal[b->table[at]];
		if (l->key == key && bytes_eq(l->text, text))
			return b->table[at];
	}
	s->literal[s->literals] =
		(struct segment_literal){.text = text, .key = key, .next = SEGMENT_NONE};
	return b->table[at] = s->literals++;
}

static void add_texts(struct texts *b, uint32_t anchor, char **to)
{
	const struct literals *l = texts_of(&b->s->anchor[anchor]);
	for (uint32_t i = 0; l && i < l->n; i++) {
		lower_text(*to, l->at[i]);
		uint32_t found =
			add_literal(b, b->s->anchor[anchor].key, bytes_of(*to, l->at[i].len));
		b->piece[b->pieces++] = (struct piece){anchor, found};
		*to += l->at[i].len;
	}
}

static void list_anchors(struct texts *b)
{
	struct segment *s = b->s;
	uint32_t n = 0;
	for (uint32_t i = 0; i < b->pieces; i++)
		s->literal[b->piece[i].literal].anchors++;
	for (uint32_t i = 0; i < s->literals; i++) {
		s->literal[i].anchor = n;
		n += s->literal[i].anchors;
		s->literal[i].anchors = 0;
	}
	for (uint32_t i = 0; i < b->pieces; i++) {
		struct segment_literal *l = &s->literal[b->piece[i].literal];
		s->literal_anchor[l->anchor + l->anchors++] = b->piece[i].anchor;
	}
}

static int make_literals(struct texts *b)
{
	struct segment *s = b->s;
	size_t n = 0, size = 0;
	for (uint32_t i = 0; i < s->anchors; i++) {
		const struct literals *l = texts_of(&s->anchor[i]);
		for (uint32_t k = 0; l && k < l->n; k++, n++)
			size += l->at[k].len;
	}
	char *text = SEGMENT_NEW(b->s, size, char);
	b->mask = building_mask(n);
	b->table = building_table(b->mask);
	b->piece = malloc((n + 1) * sizeof(*b->piece));
	s->literal = SEGMENT_NEW(b->s, n, struct segment_literal);
	s->literal_anchor = SEGMENT_NEW(b->s, n, uint32_t);
	if (!text || !b->table || !b->piece || !s->literal || !s->literal_anchor)
		return SL_E_NO_MEMORY;
	for (uint32_t i = 0; i < s->anchors; i++)
		add_texts(b, i, &text);
	list_anchors(b);
	return 0;
}

/* ---- the bytes under which a text is found ---- */

static int which_window(const struct segment_literal *l)
{
	return l->text.len >= 4 ? WINDOW_4 : l->text.len >= 2 ? WINDOW_2 : WINDOW_1;
}

static uint32_t hash_at(const struct segment *s, const struct segment_literal *l, size_t at)
{
	return segment_window_hash(s->key[l->key].hash, (const char *)l->text.at + at,
				   which_window(l));
}

static size_t places(const struct segment_literal *l)
{
	size_t n = l->text.len - segment_window_len(which_window(l)) + 1;
	return n < PLACES_MAX ? n : PLACES_MAX;
}

/* The place whose bytes the fewest others have. */
static void choose_place(const struct texts *b, struct segment_literal *l)
{
	uint16_t least = UINT16_MAX;
	for (size_t at = 0; at < places(l); at++) {
		uint16_t n = b->seen[hash_at(b->s, l, at) & b->seen_mask];
		if (n < least) {
			least = n;
			l->at = (uint32_t)at;
		}
	}
}

static int choose_places(struct texts *b)
{
	struct segment *s = b->s;
	size_t n = 0;
	for (uint32_t i = 0; i < s->literals; i++)
		n += places(&s->literal[i]);
	b->seen_mask = building_mask(n);
	b->seen = calloc((size_t)b->seen_mask + 1, sizeof(*b->seen));
	if (!b->seen)
		return SL_E_NO_MEMORY;
	for (uint32_t i = 0; i < s->literals; i++)
		for (size_t at = 0; at < places(&s->literal[i]); at++) {
			uint16_t *seen = &b->seen[hash_at(s, &s->literal[i], at) & b->seen_mask];
			*seen += *seen < UINT16_MAX;
		}
	for (uint32_t i = 0; i < s->literals; i++)
		choose_place(b, &s->literal[i]);
	return 0;
}

static int make_window(struct texts *b, int which, uint32_t n)
{
	struct segment_windows *w = &b->s->window[which];
	if (!n)
		return 0;
	for (w->bits = 6; (UINT32_C(1) << w->bits) < 2 * n; w->bits++)
		;
	w->head = building_own_table(b->s, (UINT32_C(1) << w->bits) - 1);
	w->filter = SEGMENT_NEW(b->s, (size_t)1 << (w->bits + 3 - 6), uint64_t);
	return w->head && w->filter ? 0 : SL_E_NO_MEMORY;
}

static int make_windows(struct texts *b)
{
	struct segment *s = b->s;
	uint32_t n[WINDOWS] = {0};
	int rc = choose_places(b);
	for (uint32_t i = 0; i < s->literals; i++)
		n[which_window(&s->literal[i])]++;
	for (int which = 0; !rc && which < WINDOWS; which++)
		rc = make_window(b, which, n[which]);
	for (uint32_t i = 0; !rc && i < s->literals; i++) {
		struct segment_literal *l = &s->literal[i];
		struct segment_windows *w = &s->window[which_window(l)];
		uint32_t hash = hash_at(s, l, l->at), bit = hash >> (32 - w->bits - 3);
		s->key[l->key].windows |= 1u << which_window(l);
		w->filter[bit / 64] |= UINT64_C(1) << bit % 64;
		l->next = w->head[hash >> (32 - w->bits)];
		w->head[hash >> (32 - w->bits)] = i;
	}
	return rc;
}

static void texts_fini(struct texts *b)
{
	free(b->piece);
	free(b->table);
	free(b->seen);
}

int building_texts(struct segment *s)
{
	struct texts b = {.s = s};
	int rc = make_literals(&b);
	if (!rc)
		rc = make_windows(&b);
	texts_fini(&b);
	return rc;
}
