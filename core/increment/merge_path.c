#include "core/increment/merge_path.h"

enum { PATH_MAX_BYTES = 1 << 24 };

void merge_path_init(struct merge_path *p, const struct json *j)
{
	p->j = j;
	p->n = 1;
	p->level[0] = (struct merge_level){.at = 0, .child = 1};
	buf_init(&p->text, PATH_MAX_BYTES);
}

void merge_path_fini(struct merge_path *p) { buf_fini(&p->text); }

size_t merge_path_index(struct merge_path *p, uint32_t index)
{
	char digit[12];
	size_t len = p->text.len, from = sizeof(digit);
	do {
		digit[--from] = (char)('0' + index % 10);
		index /= 10;
	} while (index);
	digit[--from] = '/';
	buf_add(&p->text, digit + from, sizeof(digit) - from);
	return len;
}

size_t merge_path_key(struct merge_path *p, const struct json *j, json_at key)
{
	size_t len = p->text.len;
	scoped(buf_finip) struct buf held = {0};
	struct bytes text;
	buf_init(&held, PATH_MAX_BYTES);
	buf_add_char(&p->text, '/');
	if (json_string(j, key, &held, &text) != 0)
		return len;
	const char *at = (const char *)text.at, *end = at + text.len;
	for (const char *kept = at;; at = kept) {
		while (at < end && *at != '~' && *at != '/')
			at++;
		buf_add(&p->text, kept, (size_t)(at - kept));
		if (at == end)
			return len;
		buf_add_str(&p->text, *at == '~' ? "~0" : "~1");
		kept = at + 1;
	}
}

static bool holds(const struct json *j, json_at container, json_at at)
{
	return at >= container && at < j->node[container].end;
}

/* Go on among the children of the last level to the one that holds `at`, and into it. */
static void step_down(struct merge_path *p, json_at at)
{
	struct merge_level *top = &p->level[p->n - 1];
	const struct json *j = p->j;
	bool object = json_type(j, top->at) == JSON_OBJECT;
	json_at value = top->child + object;
	while (!holds(j, value, at)) {
		top->child = j->node[value].end;
		top->index++;
		value = top->child + object;
	}
	if (object)
		merge_path_key(p, j, top->child);
	else
		merge_path_index(p, top->index);
	p->level[p->n++] =
		(struct merge_level){.at = value, .child = value + 1, .len = p->text.len};
}

void merge_path_to(struct merge_path *p, json_at at)
{
	while (!holds(p->j, p->level[p->n - 1].at, at))
		p->n--;
	merge_path_cut(p, p->level[p->n - 1].len);
	while (p->level[p->n - 1].at != at)
		step_down(p, at);
}
