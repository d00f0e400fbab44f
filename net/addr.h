/* Which network addresses may be called.
 *
 * Some addresses are refused whatever the configuration says: link-local ones, the
 * metadata services of clouds, "this host" and multicast, also where IPv6 merely wraps
 * such an IPv4 address (mapped, compatible, translated, NAT64, 6to4). The rest is
 * allowed unless a list of networks is given; then only those are. Addresses are judged
 * as the socket will use them, never as a text that somebody wrote.
 *
 * Layer 1: may use core/base. Threads: rules do not change after addr_rules_init(); any
 * thread may ask them. */
#pragma once

#include <sys/socket.h>

#include "core/base/err.h"

enum {
	ADDR_TEXT_SIZE = 128,    /**< "[v6%zone]:port" or a socket's path. */
	ADDR_NETWORKS_MAX = 256, /**< Of plugins.allow_networks. */
};

struct addr_network {
	uint8_t at[16]; /**< IPv4 as ::ffff:a.b.c.d. */
	unsigned bits;
};

struct addr_rules {
	struct addr_network *allowed; /**< Owned; NULL: any that is not refused always. */
	size_t count;
	bool require_tls; /**< Refuse clear text off loopback. */
};

SL_BEGIN_DECLS

/** `allow` is NULL-terminated: "10.0.0.0/8", "fd12::/16", "192.0.2.7"; may be NULL. SL_E_INVALID
 * names the one that is wrong. */
SL_MUST_USE int addr_rules_init(struct addr_rules *rules, const char *const *allow,
				bool require_tls, struct sl_error *err);
void addr_rules_fini(struct addr_rules *rules);

/** May a connection be made to this IPv4 or IPv6 address? SL_E_DENIED with words. */
SL_MUST_USE int addr_check(const struct addr_rules *rules, const struct sockaddr *to, bool tls,
			   struct sl_error *err);

/** Read "192.0.2.7", "2001:db8::1" or "[2001:db8::1]"; false for anything else. */
bool addr_parse(const char *host, struct sockaddr_storage *ret);

/** "192.0.2.7:80", "[2001:db8::1]:80", "/run/p.sock"; without ":80" where the port is 0. */
const char *addr_format(const struct sockaddr *a, char out[ADDR_TEXT_SIZE]);

SL_END_DECLS
