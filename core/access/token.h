/* Access tokens: what one allows, what it is bound to, and who may hand out what.
 *
 * A token is immutable once made; a change replaces it by another. token_ref() and
 * token_unref() count who holds it, so a request keeps its caller while the book
 * (core/access/token_book.h) goes on. The one admin is a token too, with the id "admin".
 *
 * Layer 2. Any thread. */
#pragma once

#include "core/base/clock.h"
#include "core/base/crypt.h"

#define PRIVILEGE_MAP(X)                                                                           \
	X(READ_JOB, 0, "read_job", "read-job")                                                     \
	X(WRITE_JOB, 1, "write_job", "write-job")                                                  \
	X(RESUME_JOB, 2, "resume_job", "resume-job")                                               \
	X(READ_FEATURE, 3, "read_feature", "read-plugin")                                          \
	X(WRITE_FEATURE, 4, "write_feature", "write-plugin")                                       \
	X(REGISTER_FEATURE, 5, "register_feature", "register-plugin")                              \
	X(READ_TOKEN, 6, "read_token", "read-token")                                               \
	X(WRITE_TOKEN, 7, "write_token", "write-token")                                            \
	X(ADMIN, 8, "admin", "admin")

/** Flags: a set is their sum. */
enum privilege {
#define X(name, bit, text, other) PRIV_##name = 1u << bit,
	PRIVILEGE_MAP(X)
#undef X
		PRIV_ALL = (1u << 9) - 1,
	/** What a token that is bound to a userID cannot hold. */
	PRIV_NOT_FOR_USERS = PRIV_READ_FEATURE | PRIV_WRITE_FEATURE | PRIV_REGISTER_FEATURE |
			     PRIV_READ_TOKEN | PRIV_WRITE_TOKEN,
};

enum {
	TOKEN_ID_LEN = 12,
	TOKEN_NAME_MAX = 128,  /**< Bytes of forwho and userID. */
	TOKEN_NOTE_MAX = 1024, /**< Bytes of a note. */
	TOKEN_AUTHOR_MAX = 63,
	TOKEN_HEADER_MAX = 64 * 1024,
};

struct token {
	char id[TOKEN_ID_LEN + 4];
	uint8_t hash[CRYPT_HASH_SIZE]; /**< Keyed, of the access id. */
	uint32_t privileges;
	struct bytes forwho, note;
	struct bytes user_id, author; /**< Empty: not bound. */
	struct bytes header;          /**< Text of a JSON object, or empty. */
	int64_t created_ms;
	int64_t expires_ms; /**< 0: never. */
};

SL_BEGIN_DECLS

/** The flag of a name or its synonym; 0 for an unknown one. */
uint32_t privilege_parse(struct bytes name);
/** The canonical name of one flag. */
const char *privilege_name(uint32_t flag);
/** As people see it: everything but the access id and when it was used. */
struct json_object *token_show(const struct token *token);
/** "a, b": for messages. */
void privilege_list(uint32_t set, struct buf *to);

/** May it do what needs any of these? The admin may do everything. */
bool token_may(const struct token *token, uint32_t any_of);
/** Does it hold all of these? */
bool token_covers(const struct token *token, uint32_t all_of);
bool token_is_admin(const struct token *token);
bool token_expired(const struct token *token, int64_t now_ms);

/** A counted copy of `from` (its texts included). */
SL_MUST_USE int token_create(const struct token *from, const struct token **ret);
const struct token *token_ref(const struct token *token);
const struct token *token_unref(const struct token *token); /**< NULL is fine; returns NULL. */

/** Remember a use, to the minute; true when that is news. */
bool token_touch(const struct token *token, int64_t now_ms);
int64_t token_used_ms(const struct token *token); /**< 0: never. */

/** Take one of `rate` requests a second, of which `burst` may come at once; false when it
 * has used them up. `mono_us` is monotonic time. */
bool token_take(const struct token *token, int64_t mono_us, unsigned rate, unsigned burst);

/** The stored form, and back: `keep` owns the texts of `*ret`. */
SL_MUST_USE int token_encode(const struct token *token, struct buf *to);
SL_MUST_USE int token_decode(struct bytes record, struct buf *keep, struct token *ret,
			     int64_t *ret_used_ms);

/* ---- who may hand out what ---- */

/** Complete `draft` from its creator's bindings and check it. SL_E_INVALID, SL_E_DENIED. */
SL_MUST_USE int token_check_new(const struct token *by, struct token *draft, int64_t now_ms,
				struct sl_error *err);
/** May `by` give `target` this set of privileges instead of its own? */
SL_MUST_USE int token_check_update(const struct token *by, const struct token *target,
				   uint32_t privileges, struct sl_error *err);
/** May `by` delete (and see) `target`? */
SL_MUST_USE int token_check_target(const struct token *by, const struct token *target,
				   struct sl_error *err);

/** 1-63 of A-Z a-z 0-9 _ -, starting with a letter or digit. */
bool token_author_ok(struct bytes author);

static inline void token_unrefp(const struct token **token) { *token = token_unref(*token); }

SL_END_DECLS
