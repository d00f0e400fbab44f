/* The one admin's password.
 *
 * Stored as Argon2id in META; until one is set it is "admin", and only callers on this
 * machine may use it. A password that was verified once is remembered as a keyed hash,
 * so Argon2 (tens of milliseconds, 64 MiB) runs for the first call after a start only,
 * at most two at once, and not at all for what is known to be wrong.
 *
 * Layer 2. Any thread; admin_set() waits for the store's writer. */
#pragma once

#include "core/audit.h"

struct admin;

enum { ADMIN_PASSWORD_MIN = 8, ADMIN_PASSWORD_MAX = 1024 };

SL_BEGIN_DECLS

/** `store` and `writer` are borrowed. */
SL_MUST_USE int admin_open(struct store *store, struct writer *writer, struct admin **ret);
struct admin *admin_free(struct admin *admin);

bool admin_is_default(struct admin *admin);

/** 0: it is the password. SL_E_UNKNOWN_CALLER: it is not. SL_E_BUSY: too many wait to be
 * verified. `local`: the caller is on this machine. */
SL_MUST_USE int admin_check(struct admin *admin, struct bytes password, bool local);

/** Change it, durably; the old one ends at once. `by`: for the audit log. SL_E_LACK, SL_E_INVALID.
 */
SL_MUST_USE int admin_set(struct admin *admin, struct bytes password, const struct audit_by *by,
			  struct sl_error *err);

/** For tools on a stopped store: check, hash and put, without commit. */
SL_MUST_USE int admin_put(struct store_txn *txn, struct bytes password, const struct audit_by *by,
			  struct sl_error *err);

SL_DEFINE_SCOPED(struct admin, admin_free)

SL_END_DECLS
