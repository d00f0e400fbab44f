/* Where the server listens, and which Host names that makes ours. */
#pragma once

#include "api/head.h"

enum { LISTEN_MAX = 16, LISTEN_NAME_MAX = 256, LISTEN_TEXT_MAX = 1024 };

struct listen {
	char text[LISTEN_TEXT_MAX]; /**< As the HTTP library wants it. */
	bool local;                 /**< 127/8 only. */
	struct host_list hosts;     /**< Points into `name`. */
	char name[HEAD_HOSTS_MAX][LISTEN_NAME_MAX];
};

SL_BEGIN_DECLS

/** Read "ADDR:PORT,..." (IPv4; "*" or 0.0.0.0 is every address of the machine), add the
 * names that a Host may say: those addresses, localhost, and `hosts` (NULL-terminated, or
 * NULL). SL_E_INVALID with words. */
SL_MUST_USE int listen_read(const char *text, const char *const *hosts, struct listen *ret,
			    struct sl_error *err);

SL_END_DECLS
