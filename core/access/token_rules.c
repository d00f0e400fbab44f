/* Who may hand out what: the rules of core/access/token.h. */
#include "core/access/token.h"
#include "core/json/index.h"

static const struct json_limits header_limits = {TOKEN_HEADER_MAX, 64};

bool token_author_ok(struct bytes author)
{
	const char *c = author.at;
	if (author.len == 0 || author.len > TOKEN_AUTHOR_MAX || c[0] == '_' || c[0] == '-')
		return false;
	for (size_t i = 0; i < author.len; i++)
		if (!((c[i] >= 'a' && c[i] <= 'z') || (c[i] >= 'A' && c[i] <= 'Z') ||
		      (c[i] >= '0' && c[i] <= '9') || c[i] == '_' || c[i] == '-'))
			return false;
	return true;
}

static int lacks(const struct token *by, uint32_t set, const char *whose, struct sl_error *err)
{
	scoped(buf_finip) struct buf names = {0};
	buf_init(&names, 256);
	privilege_list(set & ~by->privileges, &names);
	return sl_fail(err, SL_E_DENIED, "%s %s, which your own token does not hold", whose,
		       buf_str(&names));
}

/* What no token made here may hold, whoever asks. */
static int check_set(uint32_t set, bool for_user, struct sl_error *err)
{
	if (set == 0)
		return sl_fail(err, SL_E_LACK, "privileges: at least one is needed");
	if (set & PRIV_ADMIN)
		return sl_fail(err, SL_E_INVALID, "privileges: admin cannot be granted");
	if (for_user && (set & PRIV_NOT_FOR_USERS)) {
		scoped(buf_finip) struct buf names = {0};
		buf_init(&names, 256);
		privilege_list(set & PRIV_NOT_FOR_USERS, &names);
		return sl_fail(err, SL_E_INVALID,
			       "privileges: a token that is bound to a userID cannot hold %s",
			       buf_str(&names));
	}
	return 0;
}

static int check_author(const struct token *by, struct token *draft, struct sl_error *err)
{
	if (draft->author.len) {
		if (!token_author_ok(draft->author))
			return sl_fail(err, SL_E_INVALID,
				       "author: 1-63 of A-Z a-z 0-9 _ -, starting with a letter or "
				       "digit");
		if (bytes_is(draft->author, "all"))
			return sl_fail(err, SL_E_INVALID, "author: \"all\" is reserved");
	}
	if (!by->author.len)
		return 0;
	if (draft->author.len && !bytes_eq(draft->author, by->author))
		return sl_fail(err, SL_E_DENIED,
			       "author: your own token is bound to another author");
	draft->author = by->author;
	return 0;
}

/* Every key of `draft` must stand in `own` with the same value. */
static int check_keys(const struct json *draft, const struct json *own, struct sl_error *err)
{
	for (json_at key = json_first(draft, 0); key != JSON_NONE; key = json_next(draft, 0, key)) {
		scoped(buf_finip) struct buf decoded = {0};
		buf_init(&decoded, TOKEN_HEADER_MAX);
		struct bytes name;
		if (json_string(draft, key, &decoded, &name) < 0)
			return SL_E_NO_MEMORY;
		struct bytes shown = bytes_of(name.at, name.len > 64 ? 64 : name.len);
		json_at same = own->n ? json_get(own, 0, name) : JSON_NONE;
		if (same == JSON_NONE || !json_equal(draft, key + 1, own, same))
			return sl_fail(err, SL_E_DENIED,
				       "header.%.*s: only the admin may give a key that your own "
				       "token does not hold with the same value",
				       BYTES_FMT(shown));
	}
	return 0;
}

static int check_header(const struct token *by, struct token *draft, struct sl_error *err)
{
	scoped(json_finip) struct json asked = {0};
	scoped(json_finip) struct json own = {0};
	if (draft->header.len) {
		int rc = json_parse(&asked, draft->header, &header_limits, err);
		if (rc < 0)
			return sl_wrap(err, rc, "header: ");
		if (json_type(&asked, 0) != JSON_OBJECT)
			return sl_fail(err, SL_E_INVALID, "header: must be an object");
	}
	if (token_is_admin(by))
		return 0;
	if (by->header.len && json_parse(&own, by->header, &header_limits, NULL) < 0)
		return SL_E_NO_MEMORY;
	if (draft->header.len) {
		int rc = check_keys(&asked, &own, err);
		if (rc < 0)
			return rc;
	}
	draft->header = by->header;
	return 0;
}

static int check_expiry(const struct token *by, struct token *draft, int64_t now_ms,
			struct sl_error *err)
{
	if (draft->expires_ms && draft->expires_ms <= now_ms)
		return sl_fail(err, SL_E_INVALID, "expiresAt: lies in the past");
	if (!by->expires_ms)
		return 0;
	if (draft->expires_ms > by->expires_ms)
		return sl_fail(err, SL_E_DENIED,
			       "expiresAt: nothing outlives the token that made it");
	if (!draft->expires_ms)
		draft->expires_ms = by->expires_ms;
	return 0;
}

int token_check_new(const struct token *by, struct token *draft, int64_t now_ms,
		    struct sl_error *err)
{
	if (bytes_is(draft->forwho, "admin"))
		return sl_fail(err, SL_E_INVALID, "forwho: there is one admin only");
	int rc = check_set(draft->privileges, draft->user_id.len > 0, err);
	if (rc == 0 && !token_covers(by, draft->privileges))
		rc = lacks(by, draft->privileges, "privileges: you cannot give", err);
	if (rc == 0 && by->user_id.len)
		rc = sl_fail(err, SL_E_DENIED, "a token that is bound to a userID makes no others");
	if (rc == 0)
		rc = check_author(by, draft, err);
	if (rc == 0)
		rc = check_header(by, draft, err);
	if (rc == 0)
		rc = check_expiry(by, draft, now_ms, err);
	return rc;
}

static bool same_header(struct bytes a, struct bytes b)
{
	if (a.len == 0 || b.len == 0)
		return a.len == b.len;
	scoped(json_finip) struct json one = {0};
	scoped(json_finip) struct json other = {0};
	return json_parse(&one, a, &header_limits, NULL) == 0 &&
	       json_parse(&other, b, &header_limits, NULL) == 0 && json_equal(&one, 0, &other, 0);
}

int token_check_target(const struct token *by, const struct token *target, struct sl_error *err)
{
	if (!token_covers(by, target->privileges))
		return lacks(by, target->privileges, "that token holds", err);
	if (by->author.len && !bytes_eq(by->author, target->author))
		return sl_fail(err, SL_E_DENIED, "that token is not bound to your author");
	return 0;
}

int token_check_update(const struct token *by, const struct token *target, uint32_t privileges,
		       struct sl_error *err)
{
	int rc = check_set(privileges, target->user_id.len > 0, err);
	if (rc == 0)
		rc = token_check_target(by, target, err);
	if (rc < 0)
		return rc;
	if (!token_covers(by, privileges))
		return lacks(by, privileges, "privileges: you cannot give", err);
	if ((privileges & ~target->privileges) == 0)
		return 0;
	/* More than it had: then it must be one that the caller could have made. */
	if (by->expires_ms && (!target->expires_ms || target->expires_ms > by->expires_ms))
		return sl_fail(err, SL_E_DENIED, "nothing outlives the token that made it");
	if (!token_is_admin(by) && !same_header(by->header, target->header))
		return sl_fail(err, SL_E_DENIED, "that token has other header keys than yours");
	return 0;
}
