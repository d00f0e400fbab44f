#include "api/listen.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <stdlib.h>

static int add_name(struct listen *to, struct bytes name, struct sl_error *err)
{
	for (size_t i = 0; i < to->hosts.names; i++)
		if (bytes_is(name, to->hosts.name[i]))
			return 0;
	if (to->hosts.names == HEAD_HOSTS_MAX || name.len == 0 || name.len >= LISTEN_NAME_MAX)
		return sl_fail(err, SL_E_INVALID, "hosts: at most %d names of 1-%d characters",
			       HEAD_HOSTS_MAX, LISTEN_NAME_MAX - 1);
	char *at = to->name[to->hosts.names];
	memcpy(at, name.at, name.len);
	at[name.len] = '\0';
	to->hosts.name[to->hosts.names++] = at;
	return 0;
}

/* A wildcard listens on every address of the machine. */
static int add_own_addresses(struct listen *to, struct sl_error *err)
{
	struct ifaddrs *all;
	int rc = 0;
	if (getifaddrs(&all) < 0)
		return sl_fail(err, SL_E_IO, "listen: the machine's addresses cannot be read");
	for (struct ifaddrs *i = all; i && rc == 0; i = i->ifa_next) {
		char text[INET_ADDRSTRLEN];
		if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET)
			continue;
		const struct sockaddr_in *in = (const void *)i->ifa_addr;
		if (inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text)))
			rc = add_name(to, bytes_str(text), err);
	}
	freeifaddrs(all);
	return rc;
}

static int read_one(const char *item, struct listen *to, struct sl_error *err)
{
	char address[64];
	struct in_addr in;
	const char *colon = strrchr(item, ':');
	if (item[0] == '[')
		return sl_fail(err, SL_E_INVALID, "listen: %s: IPv6 is not available", item);
	if (!colon || (size_t)(colon - item) >= sizeof(address))
		return sl_fail(err, SL_E_INVALID, "listen: %s: must be ADDRESS:PORT", item);
	size_t len = (size_t)(colon - item);
	memcpy(address, item, len);
	address[len] = '\0';
	if (strcmp(address, "*") == 0)
		snprintf(address, sizeof(address), "0.0.0.0");
	if (strcmp(address, "localhost") == 0)
		snprintf(address, sizeof(address), "127.0.0.1");
	size_t digits = strspn(colon + 1, "0123456789");
	if (digits == 0 || digits > 5 || colon[1 + digits] || atoi(colon + 1) > 65535 ||
	    inet_pton(AF_INET, address, &in) != 1)
		return sl_fail(err, SL_E_INVALID, "listen: %s: must be an IPv4 address and a port",
			       item);
	to->local &= (ntohl(in.s_addr) >> 24) == 127;
	size_t used = strlen(to->text);
	snprintf(to->text + used, sizeof(to->text) - used, "%s%s:%s", used ? "," : "", address,
		 colon + 1);
	return in.s_addr == INADDR_ANY ? add_own_addresses(to, err)
				       : add_name(to, bytes_str(address), err);
}

int listen_read(const char *text, const char *const *hosts, struct listen *ret,
		struct sl_error *err)
{
	char copy[LISTEN_TEXT_MAX / 2], *save = NULL;
	memset(ret, 0, sizeof(*ret));
	int rc = add_name(ret, BYTES("localhost"), err);
	ret->local = true;
	if (!text[0] || strlen(text) >= sizeof(copy))
		return sl_fail(err, SL_E_INVALID, "listen: is empty or too long");
	memcpy(copy, text, strlen(text) + 1);
	size_t n = 0;
	for (char *item = strtok_r(copy, ", ", &save); item && rc == 0;
	     item = strtok_r(NULL, ", ", &save)) {
		if (++n > LISTEN_MAX)
			return sl_fail(err, SL_E_INVALID, "listen: at most %d addresses",
				       LISTEN_MAX);
		rc = read_one(item, ret, err);
	}
	for (; hosts && *hosts && rc == 0; hosts++)
		rc = add_name(ret, bytes_str(*hosts), err);
	return rc;
}
