#include "signature.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { CLOCK_SKEW_S = 300 };

static bool decode(const char *text, size_t text_len, uint8_t *to, size_t max, size_t *ret_len)
{
	const char *end = NULL;
	return sodium_base642bin(to, max, text, text_len, NULL, ret_len, &end,
				 sodium_base64_VARIANT_ORIGINAL) == 0 &&
	       end == text + text_len;
}

bool signing_keys_parse(const char *text, struct signing_keys *ret)
{
	static const char prefix[] = "whsec_";
	ret->count = 0;
	for (const char *at = text + strspn(text, " "); *at; at += strspn(at, " ")) {
		size_t len = strcspn(at, " "), skip = sizeof prefix - 1;
		if (ret->count == SIGNING_KEYS_MAX || len <= skip || memcmp(at, prefix, skip) != 0)
			return false;
		size_t i = ret->count++;
		if (!decode(at + skip, len - skip, ret->key[i].bytes, SIGNING_KEY_SIZE_MAX,
			    &ret->key[i].len))
			return false;
		at += len;
	}
	return true;
}

static bool time_fits(const char *timestamp, int64_t now_s)
{
	char *end;
	long long then = strtoll(timestamp, &end, 10);
	return end != timestamp && *end == '\0' && then >= now_s - CLOCK_SKEW_S &&
	       then <= now_s + CLOCK_SKEW_S;
}

static void sign(const struct signing_keys *keys, size_t i, const struct signed_call *call,
		 uint8_t ret[crypto_auth_hmacsha256_BYTES])
{
	crypto_auth_hmacsha256_state state;
	crypto_auth_hmacsha256_init(&state, keys->key[i].bytes, keys->key[i].len);
	crypto_auth_hmacsha256_update(&state, (const uint8_t *)call->id, strlen(call->id));
	crypto_auth_hmacsha256_update(&state, (const uint8_t *)".", 1);
	crypto_auth_hmacsha256_update(&state, (const uint8_t *)call->timestamp,
				      strlen(call->timestamp));
	crypto_auth_hmacsha256_update(&state, (const uint8_t *)".", 1);
	crypto_auth_hmacsha256_update(&state, call->body, call->len);
	crypto_auth_hmacsha256_final(&state, ret);
}

static bool one_matches(const struct signing_keys *keys, const struct signed_call *call,
			const char *text, size_t len)
{
	uint8_t given[crypto_auth_hmacsha256_BYTES], good[crypto_auth_hmacsha256_BYTES];
	size_t given_len;
	if (len < 3 || memcmp(text, "v1,", 3) != 0 ||
	    !decode(text + 3, len - 3, given, sizeof given, &given_len) ||
	    given_len != sizeof given)
		return false;
	for (size_t i = 0; i < keys->count; i++) {
		sign(keys, i, call, good);
		if (sodium_memcmp(given, good, sizeof good) == 0)
			return true;
	}
	return false;
}

bool signature_matches(const struct signing_keys *keys, const struct signed_call *call,
		       int64_t now_s)
{
	if (!call->id || !call->timestamp || !call->signature || !time_fits(call->timestamp, now_s))
		return false;
	for (const char *at = call->signature + strspn(call->signature, " "); *at;
	     at += strspn(at, " ")) {
		size_t len = strcspn(at, " ");
		if (one_matches(keys, call, at, len))
			return true;
		at += len;
	}
	return false;
}
