/* Each addition has one place in the text of the base. Sorted by that, the merge is one
 * walk along the base: copy up to the place, write what is added there, go on. */
#include "core/increment/merge_internal.h"

#include <stdlib.h>

struct entry {
	uint32_t pos, part;
	const struct addition *add;
};

/* Members and elements go in front of the closing bracket; the rest where it stands. */
static uint32_t position(const struct json *base, const struct addition *add)
{
	const struct json_node *node = &base->node[add->where];
	switch (add->kind) {
	case ADD_MEMBER:
	case ADD_ELEMENT:
	case ADD_TAIL:
		return node->off + node->len - 1;
	case ADD_WORDS:
	case ADD_SCRIPT:
		return node->off + 1;
	case ADD_VALUE:
		break;
	}
	return node->off;
}

static int by_position(const void *a, const void *b)
{
	const struct entry *x = (const struct entry *)a, *y = (const struct entry *)b;
	if (x->pos != y->pos)
		return x->pos < y->pos ? -1 : 1;
	if (x->part != y->part)
		return x->part < y->part ? -1 : 1;
	return x->add < y->add ? -1 : x->add > y->add;
}

static struct given given_of(const struct entry *e)
{
	struct given g = {.part = e->part, .key = JSON_NONE, .at = e->add->what};
	if (e->add->kind == ADD_MEMBER) {
		g.key = e->add->what;
		g.at = g.key + 1;
	}
	g.place = e->add->place;
	return g;
}

/* ---- what is written at one place ---- */

static int write_given(struct merge *m, const struct entry *e, size_t n)
{
	const struct addition *add = e->add;
	uint32_t old = json_count(m->base, add->where);
	struct given *given = calloc(n, sizeof(*given));
	if (!given)
		return sl_fail(m->err, SL_E_NO_MEMORY, "out of memory for a merge");
	for (size_t i = 0; i < n; i++)
		given[i] = given_of(&e[i]);
	int rc;
	if (add->kind == ADD_VALUE) {
		rc = merge_values(m, given, n);
	} else {
		enum list_key list =
			add->kind == ADD_ELEMENT ? (enum list_key)add->list : LIST_PLAIN;
		rc = merge_children(m, given, n, list, old ? "," : "", old);
	}
	free(given);
	return rc;
}

static void write_tails(struct merge *m, const struct entry *e, size_t n)
{
	uint32_t index = json_count(m->base, e->add->where);
	for (size_t i = 0; i < n; i++) {
		const struct json *j = merge_answer(m, e[i].part);
		json_at in = e[i].add->in;
		for (json_at at = e[i].add->what; at != JSON_NONE; at = json_next(j, in, at)) {
			size_t back = merge_path_index(&m->path, index);
			buf_add_str(m->out, index++ ? "," : "");
			merge_write(m, j, at);
			merge_tell(m, e[i].part);
			merge_path_cut(&m->path, back);
		}
	}
}

/* Words in front of a list that has some. */
static void write_words(struct merge *m, const struct entry *e, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct json *j = merge_answer(m, e[i].part);
		json_at at = json_first(j, e[i].add->in);
		for (uint32_t k = 0; k < e[i].add->n; k++) {
			buf_add_bytes(m->out, json_raw(j, at));
			buf_add_char(m->out, ',');
			at = json_next(j, e[i].add->in, at);
		}
		merge_tell(m, e[i].part);
	}
}

static int write_script(struct merge *m, const struct entry *e, size_t n)
{
	scoped(buf_finip) struct buf held, quoted;
	buf_init(&held, (size_t)1 << 30);
	buf_init(&quoted, (size_t)1 << 30);
	/* Words in front move the script, so the command as a whole is told. */
	size_t back = m->path.text.len, command = back;
	while (command && m->path.text.at[--command] != '/')
		;
	merge_path_cut(&m->path, command);
	for (size_t i = 0; i < n; i++) {
		struct bytes text;
		buf_reset(&held);
		buf_reset(&quoted);
		if (json_string(merge_answer(m, e[i].part), e[i].add->what, &held, &text) != 0)
			return sl_fail(m->err, SL_E_NO_MEMORY, "out of memory for a script");
		json_quote(&quoted, bytes_of(text.at, e[i].add->n));
		if (quoted.rc)
			return sl_fail(m->err, SL_E_NO_MEMORY, "out of memory for a script");
		buf_add(m->out, quoted.at + 1, quoted.len - 2);
		merge_tell(m, e[i].part);
	}
	merge_path_cut(&m->path, back);
	return 0;
}

static int write_group(struct merge *m, const struct entry *e, size_t n)
{
	merge_path_to(&m->path, e->add->where);
	switch (e->add->kind) {
	case ADD_MEMBER:
	case ADD_ELEMENT:
	case ADD_VALUE:
		return write_given(m, e, n);
	case ADD_SCRIPT:
		return write_script(m, e, n);
	case ADD_TAIL:
		write_tails(m, e, n);
		break;
	case ADD_WORDS:
		write_words(m, e, n);
	}
	return 0;
}

static int write_all(struct merge *m, const struct entry *e, size_t n)
{
	uint32_t from = 0;
	const char *text = (const char *)m->base->text.at;
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && e[end].pos == e[i].pos; end++)
			;
		buf_add(m->out, text + from, e[i].pos - from);
		int rc = write_group(m, e + i, end - i);
		if (rc)
			return rc;
		from = e[i].pos;
		if (e[i].add->kind == ADD_VALUE)
			from += m->base->node[e[i].add->where].len;
	}
	buf_add(m->out, text + from, m->base->text.len - from);
	if (m->out->rc == SL_E_TOO_BIG)
		return sl_fail(m->err, SL_E_TOO_BIG, "the merged document is over %zu bytes",
			       m->out->max);
	return m->out->rc ? sl_fail(m->err, SL_E_NO_MEMORY, "out of memory for a merge") : 0;
}

int merge_increments(const struct json *base, const struct merge_part *part, size_t n,
		     struct buf *out, const struct merge_provenance *told, struct sl_error *err)
{
	size_t entries = 0, used = 0;
	for (size_t i = 0; i < n; i++)
		entries += part[i].increment->n;
	struct entry *entry = calloc(entries + 1, sizeof(*entry));
	struct merge *m = calloc(1, sizeof(*m));
	int rc = SL_E_NO_MEMORY;
	if (entry && m) {
		*m = (struct merge){base, part, out, told, err, {0}};
		merge_path_init(&m->path, base);
		for (size_t i = 0; i < n; i++)
			for (uint32_t k = 0; k < part[i].increment->n; k++) {
				const struct addition *add = &part[i].increment->list[k];
				entry[used++] =
					(struct entry){position(base, add), (uint32_t)i, add};
			}
		qsort(entry, used, sizeof(*entry), by_position);
		rc = write_all(m, entry, used);
		merge_path_fini(&m->path);
	} else {
		sl_fail(err, SL_E_NO_MEMORY, "out of memory for a merge");
	}
	free(entry);
	free(m);
	return rc;
}
