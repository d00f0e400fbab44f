#include "../include/sluice_plugin.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { TOLERANCE_S = 300, DIGITS_MAX = 18 };

static bool decode(const char *text, size_t text_len, uint8_t *to, size_t max, size_t *ret_len)
{
	const char *end = NULL;
	return sodium_base642bin(to, max, text, text_len, NULL, ret_len, &end,
				 sodium_base64_VARIANT_ORIGINAL) == 0 &&
	       end == text + text_len;
}

/* The next word of `*at`, its length in *ret_len; NULL behind the last. */
static const char *next_word(const char **at, size_t *ret_len)
{
	static const char space[] = " \t\r\n";
	const char *word = *at + strspn(*at, space);
	*ret_len = strcspn(word, space);
	*at = word + *ret_len;
	return *ret_len ? word : NULL;
}

bool sluice_keys_parse(const char *text, struct sluice_keys *ret, const char **ret_words)
{
	static const char prefix[] = "whsec_";
	const char *word;
	size_t len, skip = sizeof prefix - 1;
	ret->n = 0;
	while ((word = next_word(&text, &len))) {
		*ret_words = "a signing key must start with whsec_";
		if (len <= skip || memcmp(word, prefix, skip) != 0)
			return false;
		*ret_words = "there are more signing keys than 8";
		if (ret->n == SLUICE_KEYS_MAX)
			return false;
		size_t i = ret->n;
		*ret_words = "a signing key must be base64 of 24 to 64 bytes behind whsec_";
		if (!decode(word + skip, len - skip, ret->key[i].bytes, SLUICE_KEY_MAX,
			    &ret->key[i].len) ||
		    ret->key[i].len < 24)
			return false;
		ret->n++;
	}
	return true;
}

static bool time_fits(const char *timestamp, int64_t now_s)
{
	size_t digits = strspn(timestamp, "0123456789");
	if (digits == 0 || digits > DIGITS_MAX || timestamp[digits] != '\0')
		return false;
	int64_t late = now_s - (int64_t)strtoll(timestamp, NULL, 10);
	return late <= TOLERANCE_S && late >= -TOLERANCE_S;
}

static void feed(crypto_auth_hmacsha256_state *state, const char *text)
{
	crypto_auth_hmacsha256_update(state, (const uint8_t *)text, strlen(text));
}

bool sluice_is_signed(const struct sluice_keys *keys, const char *id, const char *timestamp,
		      const char *signature, const void *body, size_t len, int64_t now_s)
{
	uint8_t wanted[SLUICE_KEYS_MAX][crypto_auth_hmacsha256_BYTES];
	if (!id || !*id || !timestamp || !signature || !time_fits(timestamp, now_s))
		return false;
	for (size_t i = 0; i < keys->n; i++) {
		crypto_auth_hmacsha256_state state;
		crypto_auth_hmacsha256_init(&state, keys->key[i].bytes, keys->key[i].len);
		feed(&state, id);
		feed(&state, ".");
		feed(&state, timestamp);
		feed(&state, ".");
		crypto_auth_hmacsha256_update(&state, body, len);
		crypto_auth_hmacsha256_final(&state, wanted[i]);
	}
	const char *word;
	size_t word_len;
	bool fits = false;
	while ((word = next_word(&signature, &word_len))) {
		uint8_t given[crypto_auth_hmacsha256_BYTES];
		size_t given_len = 0;
		if (word_len < 3 || memcmp(word, "v1,", 3) != 0 ||
		    !decode(word + 3, word_len - 3, given, sizeof given, &given_len) ||
		    given_len != sizeof given)
			continue;
		for (size_t i = 0; i < keys->n; i++)
			fits |= sodium_memcmp(given, wanted[i], sizeof given) == 0;
	}
	return fits;
}
