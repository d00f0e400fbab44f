#include "core/access/token.h"

#include "core/json/build.h"
#include "core/json/index.h"

#include <stdatomic.h>
#include <stdlib.h>

/* The public part comes first, so a `const struct token *` of the book leads back here. */
struct counted {
	struct token token;
	atomic_uint refs;
	_Atomic int64_t used_ms;
	_Atomic int64_t next_us; /* When the next request would be due at an even pace. */
	char text[];
};

static const struct privilege_word {
	uint32_t flag;
	const char *name, *other;
} words[] = {
#define X(name, bit, text, other) {1u << bit, text, other},
	PRIVILEGE_MAP(X)
#undef X
};

uint32_t privilege_parse(struct bytes name)
{
	for (size_t i = 0; i < countof(words); i++)
		if (bytes_is(name, words[i].name) || bytes_is(name, words[i].other))
			return words[i].flag;
	return 0;
}

const char *privilege_name(uint32_t flag)
{
	for (size_t i = 0; i < countof(words); i++)
		if (words[i].flag == flag)
			return words[i].name;
	return "";
}

void privilege_list(uint32_t set, struct buf *to)
{
	const char *between = "";
	for (size_t i = 0; i < countof(words); i++) {
		if (!(set & words[i].flag))
			continue;
		buf_add_str(to, between);
		buf_add_str(to, words[i].name);
		between = ", ";
	}
}

bool token_is_admin(const struct token *token) { return token->privileges & PRIV_ADMIN; }

bool token_may(const struct token *token, uint32_t any_of)
{
	return token_is_admin(token) || (token->privileges & any_of);
}

bool token_covers(const struct token *token, uint32_t all_of)
{
	return token_is_admin(token) || (token->privileges & all_of) == all_of;
}

bool token_expired(const struct token *token, int64_t now_ms)
{
	return token->expires_ms && now_ms >= token->expires_ms;
}

/* ---- memory ---- */

static struct counted *counted_of(const struct token *token)
{
	return (struct counted *)(uintptr_t)token;
}

static struct bytes put_text(char **at, struct bytes text)
{
	if (!text.len)
		return bytes_of(NULL, 0);
	memcpy(*at, text.at, text.len);
	*at += text.len;
	return bytes_of(*at - text.len, text.len);
}

int token_create(const struct token *from, const struct token **ret)
{
	size_t texts = from->forwho.len + from->note.len + from->user_id.len + from->author.len +
		       from->header.len;
	struct counted *made = malloc(sizeof(*made) + texts);
	if (!made)
		return SL_E_NO_MEMORY;
	made->token = *from;
	char *at = made->text;
	made->token.forwho = put_text(&at, from->forwho);
	made->token.note = put_text(&at, from->note);
	made->token.user_id = put_text(&at, from->user_id);
	made->token.author = put_text(&at, from->author);
	made->token.header = put_text(&at, from->header);
	atomic_init(&made->refs, 1);
	atomic_init(&made->used_ms, 0);
	atomic_init(&made->next_us, 0);
	*ret = &made->token;
	return 0;
}

const struct token *token_ref(const struct token *token)
{
	atomic_fetch_add_explicit(&counted_of(token)->refs, 1, memory_order_relaxed);
	return token;
}

const struct token *token_unref(const struct token *token)
{
	if (token && atomic_fetch_sub(&counted_of(token)->refs, 1) == 1)
		free(counted_of(token));
	return NULL;
}

bool token_touch(const struct token *token, int64_t now_ms)
{
	struct counted *c = counted_of(token);
	int64_t minute = now_ms - now_ms % 60000;
	if (atomic_load_explicit(&c->used_ms, memory_order_relaxed) >= minute)
		return false;
	atomic_store(&c->used_ms, minute);
	return true;
}

int64_t token_used_ms(const struct token *token)
{
	return atomic_load(&counted_of(token)->used_ms);
}

/* A leaky bucket in one number: how far the even pace may run ahead of the clock. */
bool token_take(const struct token *token, int64_t mono_us, unsigned rate, unsigned burst)
{
	struct counted *c = counted_of(token);
	int64_t pace = 1000000 / rate, next = atomic_load(&c->next_us), due;
	do {
		due = next > mono_us ? next : mono_us;
		if (due - mono_us > pace * ((int64_t)burst - 1))
			return false;
	} while (!atomic_compare_exchange_weak(&c->next_us, &next, due + pace));
	return true;
}

/* ---- the stored form ---- */

static void put_text_member(struct json_object *to, const char *key, struct bytes text)
{
	if (text.len)
		jb_put_bytes(to, key, text);
}

int token_encode(const struct token *token, struct buf *to)
{
	scoped(jb_freep) struct json_object *record = jb_object();
	jb_put_str(record, "id", token->id);
	jb_put_int(record, "privileges", token->privileges);
	put_text_member(record, "forwho", token->forwho);
	put_text_member(record, "note", token->note);
	put_text_member(record, "userID", token->user_id);
	put_text_member(record, "author", token->author);
	if (token->header.len)
		jb_put_raw(record, "header", token->header);
	jb_put_int(record, "created", token->created_ms);
	jb_put_int(record, "expires", token->expires_ms);
	jb_put_int(record, "used", token_used_ms(token));
	return jb_print(record, to);
}

/* Texts are appended to `keep`, which may move while it grows: note offsets first. */
struct texts {
	struct buf *keep;
	size_t off[5], len[5];
};

static int keep_text(const struct json *j, const char *key, struct texts *t, int i)
{
	json_at at = json_get(j, 0, bytes_str(key));
	t->off[i] = t->keep->len;
	t->len[i] = 0;
	if (at == JSON_NONE)
		return 0;
	struct bytes text = json_raw(j, at);
	if (json_type(j, at) == JSON_STRING) {
		struct buf decoded;
		buf_init(&decoded, TOKEN_HEADER_MAX);
		int rc = json_string(j, at, &decoded, &text);
		if (rc == 0)
			buf_add_bytes(t->keep, text);
		buf_fini(&decoded);
		if (rc < 0)
			return SL_E_CORRUPT;
	} else if (json_type(j, at) == JSON_OBJECT) {
		buf_add_bytes(t->keep, text);
	} else {
		return SL_E_CORRUPT;
	}
	t->len[i] = t->keep->len - t->off[i];
	return t->keep->rc;
}

static int keep_number(const struct json *j, const char *key, int64_t *ret)
{
	json_at at = json_get(j, 0, bytes_str(key));
	return at == JSON_NONE || json_int64(j, at, ret) < 0 ? SL_E_CORRUPT : 0;
}

static int decode(const struct json *j, struct buf *keep, struct token *ret, int64_t *ret_used)
{
	static const char *const key[] = {"forwho", "note", "userID", "author", "header"};
	struct bytes *const to[] = {&ret->forwho, &ret->note, &ret->user_id, &ret->author,
				    &ret->header};
	struct texts t = {.keep = keep};
	for (int i = 0; i < 5; i++) {
		int rc = keep_text(j, key[i], &t, i);
		if (rc < 0)
			return rc;
	}
	for (int i = 0; i < 5; i++)
		*to[i] = bytes_of(t.len[i] ? keep->at + t.off[i] : "", t.len[i]);
	int64_t set = 0;
	int rc = keep_number(j, "privileges", &set);
	if (rc == 0)
		rc = keep_number(j, "created", &ret->created_ms);
	if (rc == 0)
		rc = keep_number(j, "expires", &ret->expires_ms);
	if (rc == 0)
		rc = keep_number(j, "used", ret_used);
	ret->privileges = (uint32_t)set & PRIV_ALL & ~(uint32_t)PRIV_ADMIN;
	json_at id = json_get(j, 0, BYTES("id"));
	if (rc < 0 || id == JSON_NONE || json_raw(j, id).len != TOKEN_ID_LEN + 2)
		return SL_E_CORRUPT;
	memcpy(ret->id, (const char *)json_raw(j, id).at + 1, TOKEN_ID_LEN);
	return 0;
}

int token_decode(struct bytes record, struct buf *keep, struct token *ret, int64_t *ret_used_ms)
{
	static const struct json_limits limits = {1 << 20, 70};
	scoped(json_finip) struct json j = {0};
	struct token token = {0};
	int rc = json_parse(&j, record, &limits, NULL);
	if (rc < 0)
		return rc == SL_E_NO_MEMORY ? rc : SL_E_CORRUPT;
	rc = decode(&j, keep, &token, ret_used_ms);
	if (rc == 0)
		*ret = token;
	return rc;
}

/* ---- as people see it ---- */

struct json_object *token_show(const struct token *token)
{
	struct json_object *one = jb_object(), *set = jb_array();
	for (uint32_t flag = 1; flag <= PRIV_ADMIN; flag <<= 1)
		if (token->privileges & flag)
			jb_add_bytes(set, bytes_str(privilege_name(flag)));
	jb_put_str(one, "id", token->id);
	jb_put_bytes(one, "forwho", token->forwho);
	jb_put_bytes(one, "note", token->note);
	jb_put(one, "privileges", set);
	put_text_member(one, "userID", token->user_id);
	put_text_member(one, "author", token->author);
	if (token->header.len)
		jb_put_raw(one, "header", token->header);
	jb_put_time(one, "createdAt", token->created_ms);
	jb_put_time(one, "expiresAt", token->expires_ms);
	return one;
}
