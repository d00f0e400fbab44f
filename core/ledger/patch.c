#include "core/ledger/patch.h"

#include "core/json/keys.h"
#include "core/wire.h"

enum {
	LOOK_AHEAD = 32, /* elements of a list that may stand in front of the one looked for */
	TAIL_LEAST = 16, /* bytes of a string's end that are worth a stretch */
	COPY_LEAST = 16, /* shorter stretches cost more than they save */
	NUMBER_SIZE = 4,
};

/** A patch in the making: a stretch that may still grow, and how far the earlier text is
 * told. */
struct making {
	const struct json *later, *earlier;
	struct buf *to;
	size_t told;     /* of the earlier text, the present stretch included */
	size_t off, len; /* the present stretch of the later text */
};

static const char *text_of(const struct json *j) { return (const char *)j->text.at; }

/* ---- stretches ---- */

static size_t alike(const char *x, const char *y, size_t most)
{
	uint64_t a, b;
	size_t n = 0;
	for (; most - n >= sizeof(a); n += sizeof(a)) {
		memcpy(&a, x + n, sizeof(a));
		memcpy(&b, y + n, sizeof(b));
		if (a != b)
			break;
	}
	while (n < most && x[n] == y[n])
		n++;
	return n;
}

/* Whatever follows in both is alike as far as it is: brackets, commas, keys. */
static void grow(struct making *m, size_t upto)
{
	size_t later = m->off + m->len, most = m->later->text.len - later;
	if (m->told >= upto)
		return;
	if (most > upto - m->told)
		most = upto - m->told;
	size_t n = alike(text_of(m->later) + later, text_of(m->earlier) + m->told, most);
	m->len += n;
	m->told += n;
}

static void put_stretch(struct making *m, size_t upto)
{
	wire_put(m->to, m->off, NUMBER_SIZE);
	wire_put(m->to, m->len, NUMBER_SIZE);
	wire_put_bytes(m->to, bytes_of(text_of(m->earlier) + m->told, upto - m->told));
	m->told = upto;
}

/* `len` bytes at `at` of the earlier text stand at `off` in the later one. */
static void found(struct making *m, size_t at, size_t off, size_t len)
{
	grow(m, at + len);
	if (m->told >= at + len)
		return; /* the stretch has run over it */
	if (m->told > at) {
		off += m->told - at;
		len -= m->told - at;
		at = m->told;
	}
	if (len < COPY_LEAST)
		return;
	put_stretch(m, at);
	m->off = off;
	m->len = len;
	m->told = at + len;
}

/* ---- what is alike ---- */

static void walk(struct making *m, json_at later, json_at earlier);

static bool same_text(const struct making *m, json_at later, json_at earlier)
{
	return bytes_eq(json_raw(m->later, later), json_raw(m->earlier, earlier));
}

static void walk_object(struct making *m, json_at later, json_at earlier)
{
	struct json_finder finder;
	json_finder_init(&finder, m->later, later);
	for (json_at k = json_first(m->earlier, earlier); k != JSON_NONE;
	     k = json_next(m->earlier, earlier, k)) {
		json_at at = json_finder_find(&finder, m->earlier, k);
		if (at != JSON_NONE)
			walk(m, at + 1, k + 1);
	}
	json_finder_fini(&finder);
}

/* The element of the later list to go on with: the one written alike, else the next. */
static json_at find_element(const struct making *m, json_at list, json_at from, json_at earlier)
{
	json_at at = from;
	for (int i = 0; i < LOOK_AHEAD && at != JSON_NONE; i++, at = json_next(m->later, list, at))
		if (same_text(m, at, earlier))
			return at;
	return from;
}

static void walk_array(struct making *m, json_at later, json_at earlier)
{
	json_at at = json_first(m->later, later);
	for (json_at e = json_first(m->earlier, earlier); e != JSON_NONE && at != JSON_NONE;
	     e = json_next(m->earlier, earlier, e)) {
		at = find_element(m, later, at, e);
		walk(m, at, e);
		at = json_next(m->later, later, at);
	}
}

/* A script with something in front: its end is the old one. */
static void walk_string(struct making *m, json_at later, json_at earlier)
{
	struct bytes old = json_raw(m->earlier, earlier), new = json_raw(m->later, later);
	const char *x = (const char *)old.at + old.len, *y = (const char *)new.at + new.len;
	size_t n = 0, most = old.len < new.len ? old.len : new.len;
	while (n < most && x[-1 - (ptrdiff_t)n] == y[-1 - (ptrdiff_t)n])
		n++;
	if (n >= TAIL_LEAST)
		found(m, m->earlier->node[earlier].off + old.len - n,
		      m->later->node[later].off + new.len - n, n);
}

static void walk(struct making *m, json_at later, json_at earlier)
{
	enum json_type type = json_type(m->earlier, earlier);
	if (same_text(m, later, earlier))
		found(m, m->earlier->node[earlier].off, m->later->node[later].off,
		      m->earlier->node[earlier].len);
	else if (type != json_type(m->later, later))
		return;
	else if (type == JSON_OBJECT)
		walk_object(m, later, earlier);
	else if (type == JSON_ARRAY)
		walk_array(m, later, earlier);
	else if (type == JSON_STRING)
		walk_string(m, later, earlier);
}

int patch_make(const struct json *later, const struct json *earlier, struct buf *to)
{
	struct making m = {.later = later, .earlier = earlier, .to = to};
	walk(&m, 0, 0);
	grow(&m, earlier->text.len);
	put_stretch(&m, earlier->text.len);
	return to->rc;
}

int patch_apply(struct bytes patch, struct bytes later, struct buf *to)
{
	struct wire w = wire_of(patch);
	while (!w.bad && w.at != w.end) {
		size_t off = (size_t)wire_get(&w, NUMBER_SIZE);
		size_t len = (size_t)wire_get(&w, NUMBER_SIZE);
		struct bytes new = wire_get_bytes(&w);
		if (w.bad || off > later.len || len > later.len - off)
			return SL_E_CORRUPT;
		buf_add(to, (const char *)later.at + off, len);
		buf_add_bytes(to, new);
	}
	return w.bad ? SL_E_CORRUPT : to->rc;
}
