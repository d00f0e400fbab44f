#include "selector/pattern/literal.h"

#include "selector/pattern/lower.h"
#include "selector/same.h"

#include <stdlib.h>

enum { TEXT_MAX = 4096, SCORE_LEN = 8, LOWER_MAX = 2048, SHORT = 64 };

/* One text, as a piece of the reader's `text`. */
struct run {
	uint16_t from, len;
};

/* Of these one must occur; none: nothing is known. */
struct found {
	unsigned n;
	struct run run[LITERALS_MAX];
};

struct reader {
	const char *at, *end;
	bool caseless;
	bool lost; /* something that is not understood: nothing is known */
	unsigned used;
	char text[TEXT_MAX];
};

static struct found read_alternatives(struct reader *r);

/* ---- which texts are the best to look for ---- */

static int score(const struct found *f)
{
	unsigned least = SCORE_LEN;
	for (unsigned i = 0; i < f->n; i++)
		if (f->run[i].len < least)
			least = f->run[i].len;
	return f->n && least ? (int)(least * (LITERALS_MAX + 1) - f->n) : -1;
}

static void prefer(struct found *best, const struct found *other)
{
	if (score(other) > score(best))
		*best = *other;
}

/* The characters read since `from` stand next to each other. */
static void close_run(struct reader *r, unsigned *from, struct found *best)
{
	struct found f = {.n = 1, .run = {{(uint16_t)*from, (uint16_t)(r->used - *from)}}};
	if (f.run[0].len > LITERAL_LEN_MAX)
		f.run[0].len = LITERAL_LEN_MAX;
	prefer(best, &f);
	*from = r->used;
}

/* ---- the pieces of a pattern ---- */

static bool more(const struct reader *r) { return r->at < r->end; }

static bool read_number(struct reader *r, bool *zero)
{
	const char *from = r->at;
	*zero = true;
	for (; more(r) && *r->at >= '0' && *r->at <= '9'; r->at++)
		*zero &= *r->at == '0';
	return r->at > from;
}

/* "{n}", "{n,}", "{n,m}"; anything else is left standing. */
static bool read_braces(struct reader *r, bool *optional)
{
	const char *from = r->at++;
	bool zero, ignored;
	if (read_number(r, &zero)) {
		if (more(r) && *r->at == ',') {
			r->at++;
			read_number(r, &ignored);
		}
		if (more(r) && *r->at == '}') {
			r->at++;
			*optional = zero;
			return true;
		}
	}
	r->at = from;
	return false;
}

/* A quantifier, if there is one. *optional: what stands before it may be missing. */
static bool read_quantifier(struct reader *r, bool *optional)
{
	*optional = false;
	if (!more(r))
		return false;
	switch (*r->at) {
	case '*':
	case '?':
		*optional = true;
		r->at++;
		break;
	case '+':
		r->at++;
		break;
	case '{':
		if (!read_braces(r, optional))
			return false;
		break;
	default:
		return false;
	}
	if (more(r) && (*r->at == '?' || *r->at == '+'))
		r->at++;
	return true;
}

/* At "[:" within a class: the "]" of ":]", if this is the name of a class. */
static const char *class_name_end(const struct reader *r)
{
	const char *at = r->at + 2;
	while (at < r->end && ((*at >= 'a' && *at <= 'z') || *at == '^'))
		at++;
	return r->end - at >= 2 && at[0] == ':' && at[1] == ']' ? at + 1 : NULL;
}

static void skip_in_class(struct reader *r)
{
	char next = r->at + 1 < r->end ? r->at[1] : '\0';
	if (*r->at == '\\') {
		/* What takes more than one character may hide a bracket. */
		bool word = (next >= '0' && next <= '9') || (next >= 'A' && next <= 'Z') ||
			    (next >= 'a' && next <= 'z');
		r->lost |= !next || (word && !strchr("dDwWsShHvVbntrfea", next));
		r->at++;
	} else if (*r->at == '[' && (next == '.' || next == '=')) {
		r->lost = true;
	} else if (*r->at == '[' && next == ':') {
		const char *end = class_name_end(r);
		r->lost |= !end; /* "[[:<:]]" is no class but the edge of a word */
		r->at = end ? end : r->at;
	}
	if (more(r))
		r->at++;
}

/* Behind "[". */
static void skip_class(struct reader *r)
{
	if (more(r) && *r->at == '^')
		r->at++;
	if (more(r) && *r->at == ']')
		r->at++;
	while (more(r) && *r->at != ']')
		skip_in_class(r);
	r->lost |= !more(r);
	if (more(r))
		r->at++;
}

/* Behind "\": a character that stands for itself (true), or something that takes the place
 * of one. */
static bool read_escape(struct reader *r, char *ret)
{
	if (!more(r)) {
		r->lost = true;
		return false;
	}
	unsigned char c = (unsigned char)*r->at++;
	bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
	if (letter)
		r->lost |= !strchr("dDwWsSbBhHvVRXAzZGKtnrfea", c);
	else
		r->lost |= c >= 0x7f || c < ' ' || (c >= '0' && c <= '9');
	*ret = (char)c;
	return !letter;
}

/* Behind "(". */
static struct found read_group(struct reader *r)
{
	if (more(r) && *r->at == '*')
		r->lost = true;
	if (more(r) && *r->at == '?') {
		r->lost |= r->end - r->at < 2 || r->at[1] != ':';
		r->at += r->end - r->at < 2 ? 1 : 2;
	}
	struct found f = r->lost ? (struct found){0} : read_alternatives(r);
	if (more(r) && *r->at == ')')
		r->at++;
	else
		r->lost = true;
	return f;
}

/* The letters k and s have a third form each, K (Kelvin) and long s; other forms of ASCII
 * letters there are none. */
static bool is_plain(const struct reader *r, unsigned char c)
{
	return !r->caseless || (c < 0x80 && !strchr("kKsS", c));
}

static size_t character_len(const struct reader *r)
{
	size_t n = 1;
	while (r->at + n < r->end && (r->at[n] & 0xc0) == 0x80)
		n++;
	return n;
}

/* One character that stands for itself, of `n` bytes at `at`. */
static void take_character(struct reader *r, const char *at, size_t n, unsigned *from,
			   struct found *best)
{
	bool optional, repeated = read_quantifier(r, &optional);
	if (optional || !is_plain(r, (unsigned char)*at)) {
		close_run(r, from, best);
		return;
	}
	if (r->used + n > TEXT_MAX) { /* cannot be: a pattern is no longer */
		r->lost = true;
		return;
	}
	if (r->caseless)
		lower_text(r->text + r->used, bytes_of(at, n));
	else
		memcpy(r->text + r->used, at, n);
	r->used += (unsigned)n;
	if (repeated)
		close_run(r, from, best);
}

static void take_group(struct reader *r, unsigned *from, struct found *best)
{
	bool optional;
	close_run(r, from, best);
	struct found f = read_group(r);
	*from = r->used;
	read_quantifier(r, &optional);
	if (!optional)
		prefer(best, &f);
}

/* Something that is no text: what was before and what comes are not neighbours. */
static void take_other(struct reader *r, unsigned *from, struct found *best)
{
	bool optional;
	close_run(r, from, best);
	read_quantifier(r, &optional);
}

static void take_one(struct reader *r, unsigned *from, struct found *best)
{
	char c = *r->at;
	size_t n = character_len(r);
	const char *at = r->at;
	r->at += n;
	switch (c) {
	case '(':
		take_group(r, from, best);
		return;
	case '[':
		skip_class(r);
		take_other(r, from, best);
		return;
	case '.':
	case '^':
	case '$':
		take_other(r, from, best);
		return;
	case '\\':
		if (read_escape(r, &c))
			take_character(r, &c, 1, from, best);
		else
			take_other(r, from, best);
		return;
	case '*':
	case '+':
	case '?':
	case '{':
		r->lost = true;
		return;
	default:
		take_character(r, at, n, from, best);
	}
}

static struct found read_sequence(struct reader *r)
{
	struct found best = {0};
	unsigned from = r->used;
	while (!r->lost && more(r) && *r->at != '|' && *r->at != ')')
		take_one(r, &from, &best);
	close_run(r, &from, &best);
	return best;
}

static struct found read_alternatives(struct reader *r)
{
	struct found all = read_sequence(r);
	bool none = !all.n;
	while (!r->lost && more(r) && *r->at == '|') {
		r->at++;
		struct found one = read_sequence(r);
		none |= !one.n || all.n + one.n > LITERALS_MAX;
		for (unsigned i = 0; !none && i < one.n; i++)
			all.run[all.n++] = one.run[i];
	}
	return none ? (struct found){0} : all;
}

/* "(?i)" and the like in front of everything. */
static void read_options(struct reader *r)
{
	const char *at = r->at + 2;
	if (r->end - r->at < 3 || r->at[0] != '(' || r->at[1] != '?')
		return;
	bool caseless = r->caseless;
	for (; at < r->end && strchr("ims", *at) && *at; at++)
		caseless |= *at == 'i';
	if (at == r->end || *at != ')')
		return;
	r->caseless = caseless;
	r->at = at + 1;
}

/* ---- what comes of it ---- */

static struct literals *make(const struct reader *r, const struct found *f)
{
	size_t total = 0;
	for (unsigned i = 0; i < f->n; i++)
		total += f->run[i].len;
	struct literals *l = malloc(sizeof(*l) + total);
	if (!l)
		return NULL;
	*l = (struct literals){.n = f->n, .caseless = r->caseless};
	char *to = (char *)(l + 1);
	for (unsigned i = 0; i < f->n; i++) {
		memcpy(to, r->text + f->run[i].from, f->run[i].len);
		l->at[i] = bytes_of(to, f->run[i].len);
		to += f->run[i].len;
	}
	return l;
}

int literals_create(struct bytes pattern, bool caseless, bool extended, struct literals **ret)
{
	*ret = NULL;
	if (extended || !pattern.len || pattern.len > TEXT_MAX)
		return 0;
	struct reader *r = malloc(sizeof(*r));
	if (!r)
		return SL_E_NO_MEMORY;
	r->at = pattern.at;
	r->end = r->at + pattern.len;
	r->caseless = caseless;
	r->lost = false;
	r->used = 0;
	read_options(r);
	struct found f = read_alternatives(r);
	bool known = !r->lost && !more(r) && f.n;
	if (known)
		*ret = make(r, &f);
	free(r);
	return known && !*ret ? SL_E_NO_MEMORY : 0;
}

struct literals *literals_free(struct literals *l)
{
	free(l);
	return NULL;
}

/* ---- is one of them there? ---- */

/* Short values, by the text's last four bytes: they differ more than the first. */
static bool holds(struct bytes value, struct bytes text)
{
	if (value.len < text.len)
		return false;
	if (text.len < 4 || value.len > SHORT)
		return memmem(value.at, value.len, text.at, text.len) != NULL;
	size_t before = text.len - 4;
	const char *at = value.at, *last = (const char *)text.at + before;
	for (size_t i = 0; i + text.len <= value.len; i++)
		if (same_4(at + i + before, last) && memcmp(at + i, text.at, before) == 0)
			return true;
	return false;
}

bool literals_in(const struct literals *l, struct bytes value)
{
	char lower[LOWER_MAX];
	if (l->caseless) {
		if (value.len > sizeof(lower))
			return true;
		lower_text(lower, value);
		value.at = lower;
	}
	for (unsigned i = 0; i < l->n; i++)
		if (holds(value, l->at[i]))
			return true;
	return false;
}
