#include "net/target.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <strings.h>

static bool has_scheme(struct bytes address, const char *scheme)
{
	size_t n = strlen(scheme);
	return address.len > n && strncasecmp(address.at, scheme, n) == 0;
}

static int split_url(struct bytes address, size_t scheme_len, struct target *ret,
		     struct sl_error *err)
{
	const char *at = address.at;
	size_t end = scheme_len;
	while (end < address.len && !memchr("/?#", at[end], 3))
		end++;
	if (end == scheme_len)
		return sl_fail(err, SL_E_INVALID, "there is no host in the address");
	*ret = (struct target){.place = bytes_of(at, end)};
	return 0;
}

/* The path begins behind the first ":/"; a colon elsewhere belongs to the name. */
static int split_socket(struct bytes address, struct target *ret, struct sl_error *err)
{
	const char *at = (const char *)address.at + strlen("unix:");
	size_t len = address.len - strlen("unix:"), colon = len;
	for (size_t i = 1; i + 1 < len; i++)
		if (at[i] == ':' && at[i + 1] == '/') {
			colon = i;
			break;
		}
	if (at[0] != '/')
		return sl_fail(err, SL_E_INVALID,
			       "a unix address looks like unix:/path/to/socket:/url-path");
	if (colon > TARGET_SOCKET_MAX)
		return sl_fail(err, SL_E_INVALID, "the socket's path is longer than %d bytes",
			       TARGET_SOCKET_MAX);
	struct bytes path = bytes_of(at + colon + 1, len - colon - (colon < len));
	*ret = (struct target){.place = bytes_of(at, colon),
			       .socket = bytes_of(at, colon),
			       .path = colon < len ? path : BYTES("/")};
	return 0;
}

int target_split(struct bytes address, struct target *ret, struct sl_error *err)
{
	if (has_scheme(address, "http://"))
		return split_url(address, strlen("http://"), ret, err);
	if (has_scheme(address, "unix:"))
		return split_socket(address, ret, err);
	if (!has_scheme(address, "https://"))
		return sl_fail(err, SL_E_INVALID,
			       "the address must begin with http://, https:// or unix:/");
	int rc = split_url(address, strlen("https://"), ret, err);
	if (rc == 0)
		ret->tls = true;
	return rc;
}

static bool is_below(struct bytes path, const char *dir)
{
	size_t n = strlen(dir);
	while (n > 0 && dir[n - 1] == '/')
		n--;
	const char *at = path.at;
	return path.len > n + 1 && memcmp(at, dir, n) == 0 && at[n] == '/';
}

/* An empty, "." or ".." part: the path does not say plainly where it leads. */
static bool has_odd_part(struct bytes path)
{
	const char *at = path.at;
	size_t begin = 1;
	for (size_t i = 1; i <= path.len; i++) {
		if (i < path.len && at[i] != '/')
			continue;
		struct bytes part = bytes_of(at + begin, i - begin);
		if (part.len == 0 || bytes_is(part, ".") || bytes_is(part, ".."))
			return true;
		begin = i + 1;
	}
	return false;
}

int target_check_socket(struct bytes socket, const char *const *dirs, struct sl_error *err)
{
	char real[PATH_MAX];
	if (has_odd_part(socket))
		return sl_fail(err, SL_E_INVALID,
			       "the socket's path must be plain, without . or ..");
	for (; dirs && *dirs; dirs++)
		if (is_below(socket, *dirs) || (realpath(*dirs, real) && is_below(socket, real)))
			return 0;
	return sl_fail(err, SL_E_INVALID, "socket %.*s is not below plugins.unix_dirs",
		       BYTES_FMT(socket));
}

int target_resolve_socket(const char *socket, const char *const *dirs,
			  char ret[TARGET_SOCKET_MAX + 1], struct sl_error *err)
{
	char real[PATH_MAX], dir[PATH_MAX];
	if (!realpath(socket, real))
		return sl_fail(err, SL_E_DENIED, "no socket at %s: %s", socket,
			       strerrordesc_np(errno));
	size_t len = strlen(real);
	if (len > TARGET_SOCKET_MAX)
		return sl_fail(err, SL_E_DENIED, "the real path of socket %s is too long", socket);
	for (; dirs && *dirs; dirs++)
		if (realpath(*dirs, dir) && is_below(bytes_of(real, len), dir)) {
			memcpy(ret, real, len + 1);
			return 0;
		}
	return sl_fail(err, SL_E_DENIED, "socket %s is not below plugins.unix_dirs", socket);
}
