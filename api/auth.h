/* Who calls: from the token in a request to the caller, or to the refusal.
 *
 * A token is looked up among the access ids, then tried as the admin's password. After
 * AUTH_WRONG_MAX wrong ones from one address within a minute further wrong ones are
 * told 429; right ones are served. Any thread. */
#pragma once

#include "api/request.h"
#include "core/access/admin.h"
#include "core/access/token_book.h"

struct auth;

enum {
	AUTH_WRONG_MAX = 10,            /**< Wrong tokens of one address ... */
	AUTH_WRONG_SPAN_MS = 60 * 1000, /**< ... within this. */
	AUTH_ADDRESSES_MAX = 4096,      /**< Addresses remembered at a time. */
};

SL_BEGIN_DECLS

/** Everything is borrowed. */
SL_MUST_USE int auth_create(struct token_book *book, struct admin *admin, const struct clock *clock,
			    struct auth **ret);
struct auth *auth_free(struct auth *auth);

/** The caller, counted. SL_E_UNKNOWN_CALLER: no token or an unknown one; SL_E_BUSY: too
 * many wrong ones. */
SL_MUST_USE int auth_caller(struct auth *auth, const struct request *req, const struct token **ret,
			    struct sl_error *err);

/** Would the caller of a request be let in with it now? Its token may have been deleted,
 * changed, or have expired since. */
bool auth_still(struct auth *auth, const struct request *req);

/** Does it come from this machine, and through no proxy that says so? */
bool auth_is_loopback(const struct request *req);

SL_DEFINE_SCOPED(struct auth, auth_free)

SL_END_DECLS
