/* The book of tokens: all of them in memory, each change durable first.
 *
 * Keys:  TOKENS id -> record · HASHES keyed hash of the access id -> id ·
 *        META "token.key" -> the key of those hashes (so access ids survive a restore)
 *
 * Layer 2. Any thread; changes wait for the store's writer, one at a time. */
#pragma once

#include "core/access/token.h"
#include "core/audit.h"
#include "store/writer.h"

struct token_book;

enum {
	TOKENS_MAX = 10000,
	TOKEN_FLUSH_MS = 10 * 60000, /**< Uses older than this were written before. */
};

/** Which one is meant: by access id, or by id. */
struct token_name {
	struct bytes access_id, id;
};

SL_BEGIN_DECLS

/** Load them; makes the key in a new store. Everything is borrowed. */
SL_MUST_USE int token_book_open(struct store *store, struct writer *writer,
				const struct clock *clock, struct token_book **ret);
struct token_book *token_book_free(struct token_book *book);

/** The token of an access id, counted for the caller and marked as used; NULL when there
 * is none or it has expired. Takes the same time for every unknown one. */
const struct token *token_book_find(struct token_book *book, struct bytes access_id);
/** The admin as a caller, counted. */
const struct token *token_book_admin(struct token_book *book);

/* `address`: where `by` calls from, for the audit log. */

/** Make one for `by`: `draft` is completed and checked. `ret_access_id` is shown once. */
SL_MUST_USE int token_book_add(struct token_book *book, const struct token *by, struct token *draft,
			       struct bytes address, char ret_access_id[CRYPT_ACCESS_ID_SIZE + 1],
			       char ret_id[TOKEN_ID_LEN + 1], struct sl_error *err);
SL_MUST_USE int token_book_update(struct token_book *book, const struct token *by,
				  struct token_name which, struct bytes address,
				  uint32_t privileges, struct sl_error *err);
SL_MUST_USE int token_book_delete(struct token_book *book, const struct token *by,
				  struct token_name which, struct bytes address,
				  struct sl_error *err);

/** All that `by` may see, oldest first; `each` borrows the token. */
void token_book_list(struct token_book *book, const struct token *by,
		     void (*each)(void *user, const struct token *token), void *user);

/** Write behind when tokens were last used: every few minutes, and before the end. */
SL_MUST_USE int token_book_flush(struct token_book *book);

SL_DEFINE_SCOPED(struct token_book, token_book_free)

SL_END_DECLS
