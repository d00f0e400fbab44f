/* The command of a container: only something in front may be added, as words of the array
 * or as a part of the script of a shell. */
#include "core/increment/internal.h"

static const char *const only_in_front = "only something in front of a command may be added";

static bool all_strings(const struct json *j, json_at list)
{
	for (json_at e = json_first(j, list); e != JSON_NONE; e = json_next(j, list, e))
		if (json_type(j, e) != JSON_STRING)
			return false;
	return true;
}

static struct bytes last_part(struct bytes path)
{
	const char *at = (const char *)path.at;
	size_t from = path.len;
	while (from && at[from - 1] != '/')
		from--;
	return bytes_of(at + from, path.len - from);
}

static bool is_shell(struct bytes path)
{
	static const char *const shells[] = {"sh", "bash", "dash", "ash", "ksh", "zsh"};
	for (size_t i = 0; i < countof(shells); i++)
		if (bytes_is(last_part(path), shells[i]))
			return true;
	return false;
}

/* -[a-z]*c */
static bool is_flag(struct bytes text)
{
	const char *at = (const char *)text.at;
	if (text.len < 2 || at[0] != '-' || at[text.len - 1] != 'c')
		return false;
	for (size_t i = 1; i < text.len; i++)
		if (at[i] < 'a' || at[i] > 'z')
			return false;
	return true;
}

static bool is_shell_form(const struct json *j, json_at list)
{
	scoped(buf_finip) struct buf held = {0};
	struct bytes path, flag;
	buf_init(&held, 8192);
	if (json_count(j, list) != 3)
		return false;
	/* The second may make `held` move, so the first is looked at before. */
	if (json_string(j, json_element(j, list, 0), &held, &path) != 0 || !is_shell(path))
		return false;
	buf_reset(&held);
	return json_string(j, json_element(j, list, 1), &held, &flag) == 0 && is_flag(flag);
}

/* Is the separator that ends at `end` meant, or taken away by a backslash? */
static bool meant(const char *text, size_t at)
{
	size_t slashes = 0;
	while (at > slashes && text[at - slashes - 1] == '\\')
		slashes++;
	return slashes % 2 == 0;
}

/* May this stand in front of a script? Otherwise why not. */
static const char *why_no_prefix(struct bytes added)
{
	const char *text = (const char *)added.at;
	size_t len = added.len;
	while (len && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		len--;
	bool line = len && text[len - 1] == '\n' && meant(text, len - 1);
	if ((memchr(text, '#', added.len) || memmem(text, added.len, "<<", 2)) && !line)
		return "an added part of a script with # or << must end in a line end";
	while (len && (text[len - 1] == '\n' || text[len - 1] == '\r' || text[len - 1] == ' ' ||
		       text[len - 1] == '\t'))
		len--;
	bool ends = len && text[len - 1] == ';' && meant(text, len - 1);
	bool and = len > 1 && text[len - 1] == '&' && text[len - 2] == '&' && meant(text, len - 2);
	return line || ends || and? NULL
				  : "an added part of a script must end in ;, && or a line end";
}

/* The two scripts; `path` and flag are equal. */
static int check_script(struct walk *w, json_at b, json_at a)
{
	scoped(buf_finip) struct buf held_old, held_new;
	struct bytes old, new;
	buf_init(&held_old, (size_t)1 << 30);
	buf_init(&held_new, (size_t)1 << 30);
	if (json_string(w->base, b, &held_old, &old) != 0 ||
	    json_string(w->answer, a, &held_new, &new) != 0)
		return sl_fail(w->err, SL_E_NO_MEMORY, "out of memory for a script");
	if (bytes_eq(old, new))
		return 0;
	struct bytes added = bytes_of(new.at, new.len > old.len ? new.len - old.len : 0);
	if (added.len == 0 || !bytes_eq(bytes_of((const char *)new.at + added.len, old.len), old))
		return increment_violate(w, "the old script must be the end of the new one", b, a);
	const char *why = why_no_prefix(added);
	if (why)
		return increment_violate(w, why, b, a);
	struct addition script = {
		.kind = ADD_SCRIPT, .where = b, .what = a, .n = (uint32_t)added.len};
	return increment_record(w, &script);
}

static bool same(struct walk *w, json_at x, json_at y)
{
	return json_equal(w->base, x, w->answer, y);
}

static int check_same_length(struct walk *w, json_at b, json_at a)
{
	bool shell = is_shell_form(w->base, b);
	json_at x = json_first(w->base, b), y = json_first(w->answer, a);
	for (uint32_t i = 0; x != JSON_NONE; i++) {
		if (i == 2 && shell)
			return check_script(w, x, y);
		if (!same(w, x, y))
			return increment_violate(w, only_in_front, x, y);
		x = json_next(w->base, b, x);
		y = json_next(w->answer, a, y);
	}
	return 0;
}

static int check_words(struct walk *w, json_at b, json_at a)
{
	uint32_t added = json_count(w->answer, a) - json_count(w->base, b);
	json_at x = json_first(w->base, b), y = json_element(w->answer, a, added);
	for (; x != JSON_NONE; x = json_next(w->base, b, x), y = json_next(w->answer, a, y))
		if (!same(w, x, y))
			return increment_violate(w, only_in_front, b, a);
	struct addition words = {.kind = ADD_WORDS, .where = b, .in = a, .n = added};
	return increment_record(w, &words);
}

int increment_check_command(struct walk *w, json_at b, json_at a, struct place place)
{
	uint32_t old = json_count(w->base, b), new = json_count(w->answer, a);
	if (old == 0 && new > 0)
		return increment_violate(w, "a command may not be added where there is none", b, a);
	if (place.frozen && !same(w, b, a))
		return increment_violate(w, "may not be changed", b, a);
	if (new < old || !all_strings(w->base, b) || !all_strings(w->answer, a))
		return increment_violate(w, only_in_front, b, a);
	return new > old ? check_words(w, b, a) : check_same_length(w, b, a);
}
