/* Standard Webhooks 1.0: HMAC-SHA256 over `id.timestamp.body`. Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SIGNING_KEYS_MAX = 4, SIGNING_KEY_SIZE_MAX = 64 };

struct signing_keys {
	size_t count;
	struct {
		size_t len;
		uint8_t bytes[SIGNING_KEY_SIZE_MAX];
	} key[SIGNING_KEYS_MAX];
};

struct signed_call {
	const char *id, *timestamp, *signature; /**< The headers; NULL where absent. */
	const void *body;
	size_t len;
};

/** `whsec_...` keys separated by spaces; false for a malformed one. */
bool signing_keys_parse(const char *text, struct signing_keys *ret);

/** Does any `v1,` signature fit any key, and is the time within five minutes of `now_s`? */
bool signature_matches(const struct signing_keys *keys, const struct signed_call *call,
		       int64_t now_s);
