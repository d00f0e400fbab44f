#include "api/auth.h"

#include "api/route.h"
#include "core/base/hash.h"

#include <pthread.h>
#include <stdlib.h>
#include <strings.h>

enum { ADDRESS_SIZE = 48 };

/* How often an address was wrong since `since_ms`. */
struct culprit {
	char address[ADDRESS_SIZE];
	int64_t since_ms;
	unsigned wrong;
};

struct auth {
	struct token_book *book;
	struct admin *admin;
	const struct clock *clock;
	pthread_mutex_t lock; /* Of the table. */
	struct culprit culprit[AUTH_ADDRESSES_MAX];
};

int auth_create(struct token_book *book, struct admin *admin, const struct clock *clock,
		struct auth **ret)
{
	struct auth *auth = calloc(1, sizeof(*auth));
	if (!auth)
		return SL_E_NO_MEMORY;
	auth->book = book;
	auth->admin = admin;
	auth->clock = clock;
	pthread_mutex_init(&auth->lock, NULL);
	*ret = auth;
	return 0;
}

struct auth *auth_free(struct auth *auth)
{
	if (auth) {
		pthread_mutex_destroy(&auth->lock);
		free(auth);
	}
	return NULL;
}

bool auth_is_loopback(const struct request *req)
{
	if (!bytes_starts(req->remote, "127."))
		return false;
	for (size_t i = 0; i < req->headers; i++) {
		struct bytes name = req->header[i].name;
		if ((name.len == 9 && strncasecmp(name.at, "Forwarded", 9) == 0) ||
		    (name.len == 3 && strncasecmp(name.at, "Via", 3) == 0) ||
		    (name.len >= 12 && strncasecmp(name.at, "X-Forwarded-", 12) == 0))
			return false;
	}
	return true;
}

/* ---- wrong tokens ---- */

/* The address's place: its own, else the one with the oldest start among a few. A small
 * set of places per address keeps the search short. */
static struct culprit *place_of(struct auth *auth, const char *address)
{
	enum { WAYS = 16 };
	uint64_t h = hash_bytes(bytes_str(address), 0);
	struct culprit *set = &auth->culprit[h % (AUTH_ADDRESSES_MAX / WAYS) * WAYS];
	struct culprit *oldest = set;
	for (size_t i = 0; i < WAYS; i++) {
		if (strcmp(set[i].address, address) == 0)
			return &set[i];
		if (set[i].since_ms < oldest->since_ms)
			oldest = &set[i];
	}
	memset(oldest, 0, sizeof(*oldest));
	memcpy(oldest->address, address, strlen(address));
	return oldest;
}

/* Count one wrong token; too many? */
static bool count_wrong(struct auth *auth, struct bytes remote)
{
	char address[ADDRESS_SIZE] = "";
	memcpy(address, remote.at, remote.len < sizeof(address) ? remote.len : sizeof(address) - 1);
	int64_t now_ms = clock_mono_ms(auth->clock);
	pthread_mutex_lock(&auth->lock);
	struct culprit *c = place_of(auth, address);
	if (c->wrong == 0 || now_ms - c->since_ms >= AUTH_WRONG_SPAN_MS) {
		c->since_ms = now_ms;
		c->wrong = 0;
	}
	if (c->wrong <= AUTH_WRONG_MAX)
		c->wrong++;
	bool many = c->wrong > AUTH_WRONG_MAX;
	pthread_mutex_unlock(&auth->lock);
	return many;
}

/* ---- the token ---- */

/* `Authorization: Bearer TOKEN`, else `token: TOKEN`; empty when there is none. */
static struct bytes find_token(const struct request *req)
{
	struct bytes value = request_header(req, "Authorization");
	if (value.len > 7 && strncasecmp(value.at, "Bearer ", 7) == 0) {
		const char *at = (const char *)value.at + 7;
		size_t len = value.len - 7;
		while (len && *at == ' ') {
			at++;
			len--;
		}
		return bytes_of(at, len);
	}
	return request_header(req, "token");
}

static struct bytes presented(const struct request *req)
{
	struct bytes text = find_token(req);
	while (text.len && ((const char *)text.at)[text.len - 1] == ' ')
		text.len--;
	return text;
}

int auth_caller(struct auth *auth, const struct request *req, const struct token **ret,
		struct sl_error *err)
{
	struct bytes text = presented(req);
	if (text.len == 0)
		return sl_fail(err, SL_E_UNKNOWN_CALLER,
			       "a token is needed: \"Authorization: Bearer TOKEN\"");
	const struct token *token = token_book_find(auth->book, text);
	if (token) {
		*ret = token;
		return 0;
	}
	int rc = admin_check(auth->admin, text, req->loopback);
	if (rc == 0) {
		*ret = token_book_admin(auth->book);
		return 0;
	}
	if (rc == SL_E_BUSY)
		return sl_fail(err, rc, "too many passwords are being verified");
	if (count_wrong(auth, req->remote))
		return sl_fail(err, SL_E_BUSY, "too many wrong tokens from this address");
	return sl_fail(err, SL_E_UNKNOWN_CALLER, "the token is not known or has expired");
}

bool auth_still(struct auth *auth, const struct request *req)
{
	if (!req->caller)
		return true;
	struct bytes text = presented(req);
	if (token_is_admin(req->caller))
		return admin_check(auth->admin, text, req->loopback) != SL_E_UNKNOWN_CALLER;
	scoped(token_unrefp) const struct token *now = token_book_find(auth->book, text);
	return now && token_may(now, req->route->needs);
}
