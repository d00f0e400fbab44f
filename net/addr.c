#include "net/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>

#define V4(a, b, c, d)                                                                             \
	{                                                                                          \
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d                               \
	}

enum { V4_BITS = 96 }; /* What stands in front of an IPv4 address. */

struct refusal {
	struct addr_network net;
	const char *what;
};

static const struct refusal refusals[] = {
	{{V4(0, 0, 0, 0), V4_BITS + 8}, "this host"},
	{{V4(169, 254, 0, 0), V4_BITS + 16}, "link-local"},
	{{V4(100, 100, 100, 200), V4_BITS + 32}, "cloud metadata"},
	{{V4(168, 63, 129, 16), V4_BITS + 32}, "cloud metadata"},
	{{V4(224, 0, 0, 0), V4_BITS + 4}, "multicast"},
	{{{0}, 128}, "this host"},
	{{{0xfe, 0x80}, 10}, "link-local"},
	{{{0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54}, 128}, "cloud metadata"},
	{{{0xff}, 8}, "multicast"},
};

static const struct addr_network loopbacks[] = {
	{V4(127, 0, 0, 0), V4_BITS + 8},
	{{[15] = 1}, 128},
};

/* IPv6 prefixes that wrap an IPv4 address, and where it begins. */
static const struct wrapping {
	struct addr_network net;
	unsigned at;
} wrappings[] = {
	{{{0}, 96}, 12},                                  /* compatible */
	{{{[8] = 0xff, [9] = 0xff}, 96}, 12},             /* translated */
	{{{0x00, 0x64, 0xff, 0x9b}, 96}, 12},             /* NAT64 */
	{{{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48}, 12}, /* local NAT64, /96 */
	{{{0x20, 0x02}, 16}, 2},                          /* 6to4 */
};

static bool contains(const struct addr_network *net, const uint8_t at[16])
{
	unsigned whole = net->bits / 8, rest = net->bits % 8;
	if (memcmp(net->at, at, whole) != 0)
		return false;
	return rest == 0 || ((net->at[whole] ^ at[whole]) >> (8 - rest)) == 0;
}

static bool bytes16_of(const struct sockaddr *a, uint8_t ret[16])
{
	static const uint8_t mapped[16] = V4(0, 0, 0, 0);
	if (a->sa_family == AF_INET6) {
		struct sockaddr_in6 v6;
		memcpy(&v6, a, sizeof(v6));
		memcpy(ret, &v6.sin6_addr, 16);
		return true;
	}
	if (a->sa_family != AF_INET)
		return false;
	struct sockaddr_in v4;
	memcpy(&v4, a, sizeof(v4));
	memcpy(ret, mapped, 12);
	memcpy(ret + 12, &v4.sin_addr, 4);
	return true;
}

static bool is_loopback(const uint8_t at[16])
{
	return contains(&loopbacks[0], at) || contains(&loopbacks[1], at);
}

static const char *refused_as(const uint8_t at[16])
{
	for (size_t i = 0; i < countof(refusals); i++)
		if (contains(&refusals[i].net, at))
			return refusals[i].what;
	return NULL;
}

/* What the address is refused as, itself or by the IPv4 address it wraps, or NULL. */
static const char *refusal_of(const uint8_t at[16])
{
	const char *what = refused_as(at);
	if (what || is_loopback(at))
		return what;
	for (size_t i = 0; i < countof(wrappings) && !what; i++) {
		if (!contains(&wrappings[i].net, at))
			continue;
		uint8_t inner[16] = V4(0, 0, 0, 0);
		memcpy(inner + 12, at + wrappings[i].at, 4);
		what = refused_as(inner);
	}
	return what;
}

static bool is_allowed(const struct addr_rules *rules, const uint8_t at[16])
{
	if (!rules->allowed)
		return true;
	for (size_t i = 0; i < rules->count; i++)
		if (contains(&rules->allowed[i], at))
			return true;
	return false;
}

/* The address without its port, for words. */
static const char *host_text(const uint8_t at[16], char out[ADDR_TEXT_SIZE])
{
	static const uint8_t mapped[16] = V4(0, 0, 0, 0);
	bool v4 = memcmp(at, mapped, 12) == 0;
	const char *text = v4 ? inet_ntop(AF_INET, at + 12, out, ADDR_TEXT_SIZE)
			      : inet_ntop(AF_INET6, at, out, ADDR_TEXT_SIZE);
	return text ? text : "?";
}

int addr_check(const struct addr_rules *rules, const struct sockaddr *to, bool tls,
	       struct sl_error *err)
{
	uint8_t at[16];
	char text[ADDR_TEXT_SIZE];
	if (!bytes16_of(to, at))
		return sl_fail(err, SL_E_DENIED, "only IPv4 and IPv6 addresses are allowed");
	const char *what = refusal_of(at);
	if (what)
		return sl_fail(err, SL_E_DENIED, "address %s is not allowed (%s)",
			       host_text(at, text), what);
	if (!is_allowed(rules, at))
		return sl_fail(err, SL_E_DENIED,
			       "address %s is not allowed (outside of plugins.allow_networks)",
			       host_text(at, text));
	if (rules->require_tls && !tls && !is_loopback(at))
		return sl_fail(err, SL_E_DENIED,
			       "address %s is not allowed without https (plugins.require_tls)",
			       host_text(at, text));
	return 0;
}

bool addr_parse(const char *host, struct sockaddr_storage *ret)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	char bare[INET6_ADDRSTRLEN];
	size_t len = strlen(host);
	if (len > 2 && len - 2 < sizeof(bare) && host[0] == '[' && host[len - 1] == ']') {
		memcpy(bare, host + 1, len - 2);
		bare[len - 2] = '\0';
		host = bare;
	}
	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, host, &v4.sin_addr) == 1)
		memcpy(ret, &v4, sizeof(v4));
	else if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1)
		memcpy(ret, &v6, sizeof(v6));
	else
		return false;
	return true;
}

const char *addr_format(const struct sockaddr *a, char out[ADDR_TEXT_SIZE])
{
	char host[INET6_ADDRSTRLEN];
	unsigned port = 0;
	if (a->sa_family == AF_INET) {
		struct sockaddr_in v4;
		memcpy(&v4, a, sizeof(v4));
		port = ntohs(v4.sin_port);
		inet_ntop(AF_INET, &v4.sin_addr, host, sizeof(host));
		snprintf(out, ADDR_TEXT_SIZE, port ? "%s:%u" : "%s", host, port);
	} else if (a->sa_family == AF_INET6) {
		struct sockaddr_in6 v6;
		memcpy(&v6, a, sizeof(v6));
		port = ntohs(v6.sin6_port);
		inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof(host));
		snprintf(out, ADDR_TEXT_SIZE, port ? "[%s]:%u" : "%s", host, port);
	} else if (a->sa_family == AF_UNIX) {
		const struct sockaddr_un *un = (const struct sockaddr_un *)(const void *)a;
		snprintf(out, ADDR_TEXT_SIZE, "%.*s", (int)sizeof(un->sun_path), un->sun_path);
	} else {
		snprintf(out, ADDR_TEXT_SIZE, "?");
	}
	return out;
}

/* "10.0.0.0/8"; without a length the one address. */
static bool parse_network(const char *text, struct addr_network *ret)
{
	char host[INET6_ADDRSTRLEN];
	const char *slash = strchrnul(text, '/');
	size_t len = (size_t)(slash - text);
	struct sockaddr_storage at;
	if (len >= sizeof(host))
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	if (host[0] == '[' || !addr_parse(host, &at))
		return false;
	unsigned offset = at.ss_family == AF_INET ? V4_BITS : 0, bits = 128 - offset;
	if (*slash) {
		char *end;
		unsigned long n = strtoul(slash + 1, &end, 10);
		if (slash[1] < '0' || slash[1] > '9' || *end || n > bits)
			return false;
		bits = (unsigned)n;
	}
	ret->bits = offset + bits;
	return bytes16_of((const struct sockaddr *)&at, ret->at);
}

int addr_rules_init(struct addr_rules *rules, const char *const *allow, bool require_tls,
		    struct sl_error *err)
{
	*rules = (struct addr_rules){.require_tls = require_tls};
	if (!allow)
		return 0;
	size_t n = 0;
	while (allow[n])
		n++;
	if (n > ADDR_NETWORKS_MAX)
		return sl_fail(err, SL_E_INVALID, "allow_networks: more than %d networks",
			       ADDR_NETWORKS_MAX);
	rules->allowed = calloc(n + 1, sizeof(*rules->allowed));
	if (!rules->allowed)
		return sl_fail(err, SL_E_NO_MEMORY, "allow_networks: out of memory");
	for (; rules->count < n; rules->count++) {
		if (parse_network(allow[rules->count], &rules->allowed[rules->count]))
			continue;
		int rc = sl_fail(err, SL_E_INVALID,
				 "allow_networks: \"%s\" is not a network such as 10.0.0.0/8",
				 allow[rules->count]);
		addr_rules_fini(rules);
		return rc;
	}
	return 0;
}

void addr_rules_fini(struct addr_rules *rules)
{
	free(rules->allowed);
	*rules = (struct addr_rules){0};
}
