/* The side of the gateway that callers see: who they may be, from where, over what, and the API.
 *
 * Listed as cli/sluiced/gateway.c opens them. Threads: main. Errors: SL_E_ with words, which name
 * the setting and the next step. */
#pragma once

#include "cli/sluiced/gateway_parts.h"

struct tls_files_loaded;

SL_BEGIN_DECLS

/** The admin and the book of tokens; a first password from admin.password_file. */
SL_MUST_USE int front_open_callers(struct gateway *g, struct sl_error *err);
/** Whoever can reach it must not get in with a known password, nor act as the gateway
 * without somebody having said that this is wanted. */
SL_MUST_USE int front_check_exposure(const struct gateway *g, bool single_user,
				     struct sl_error *err);
SL_MUST_USE int front_open_tls(struct gateway *g, struct sl_error *err);
/** What the API works on. Before the engines: they tell it when their spawner dies. */
void front_prepare(struct gateway *g, bool single_user);
SL_MUST_USE int front_open(struct gateway *g, struct sl_error *err); /**< Listen. */

/** Another certificate for those who connect from now on; takes `*loaded` where it does so. TLS
 * as such comes and goes with a restart only: those who are connected would not understand it. */
void front_put_certificate(struct gateway *g, const struct config *c,
			   struct tls_files_loaded **loaded);

SL_END_DECLS
