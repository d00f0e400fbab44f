/* What a call address means: a URL, or a URL path at a unix socket.
 *
 * "unix:/run/p.sock:/check" names the socket /run/p.sock and the path /check. Sockets
 * are only called below one of the directories that the configuration lists: the form
 * of the address is checked when it is registered, the real path (after symbolic links)
 * when a connection is made.
 *
 * Layer 1: may use core/base. Threads: any. Errors: SL_E_INVALID, SL_E_DENIED with words. */
#pragma once

#include "core/base/err.h"

enum {
	TARGET_URL_MAX = 2048,
	TARGET_SOCKET_MAX = 107, /**< sockaddr_un holds no more. */
};

/** Borrows from the address it was split from. */
struct target {
	struct bytes place;  /**< "http://host:port" or the socket's path, as written. */
	struct bytes socket; /**< Empty unless it is a unix socket. */
	struct bytes path;   /**< With a socket: what to ask there, "/" at least. */
	bool tls;
};

SL_BEGIN_DECLS

/** Split by form alone. */
SL_MUST_USE int target_split(struct bytes address, struct target *ret, struct sl_error *err);

/** Is the socket, as written, below one of the directories (NULL-terminated, may be NULL)? */
SL_MUST_USE int target_check_socket(struct bytes socket, const char *const *dirs,
				    struct sl_error *err);

/** The real path of a socket that exists and lies below one of the directories. */
SL_MUST_USE int target_resolve_socket(const char *socket, const char *const *dirs,
				      char ret[TARGET_SOCKET_MAX + 1], struct sl_error *err);

SL_END_DECLS
