#include "core/base/crypt.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/sha.h>
#include <sodium.h>
#include <stdlib.h>

int crypt_start(void)
{
	uint8_t mac[CRYPT_HASH_SIZE];
	if (sodium_init() < 0)
		return SL_E_INTERNAL;
	/* libcrypto reads its files at its first use: now, while that is allowed */
	crypt_hmac_sha256(BYTES("key"), NULL, 0, mac);
	return 0;
}
void crypt_random(void *to, size_t len) { randombytes_buf(to, len); }

void crypt_pool_take(struct crypt_pool *pool, void *to, size_t len)
{
	if (pool->left < len) {
		randombytes_buf(pool->at, sizeof(pool->at));
		pool->left = sizeof(pool->at);
	}
	pool->left -= len;
	memcpy(to, pool->at + pool->left, len);
}

uint32_t crypt_random_below(uint32_t limit) { return randombytes_uniform(limit); }

void crypt_random_text(char *to, size_t len)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	for (size_t i = 0; i < len; i++)
		to[i] = alphabet[randombytes_uniform(sizeof(alphabet) - 1)];
	to[len] = '\0';
}

void crypt_hash(struct bytes key, struct bytes text, uint8_t ret[CRYPT_HASH_SIZE])
{
	crypto_generichash(ret, CRYPT_HASH_SIZE, text.at, text.len, key.at, key.len);
}

void crypt_sha256(struct bytes text, uint8_t ret[CRYPT_HASH_SIZE])
{
	if (!SHA256(text.at, text.len, ret))
		crypto_hash_sha256(ret, text.at, text.len);
}

void crypt_digest_begin(struct crypt_digest *d)
{
	_Static_assert(sizeof(d->state) >= sizeof(crypto_generichash_state), "room for the state");
	crypto_generichash_init((crypto_generichash_state *)(void *)d->state, NULL, 0,
				CRYPT_HASH_SIZE);
}

void crypt_digest_add(struct crypt_digest *d, struct bytes piece)
{
	crypto_generichash_update((crypto_generichash_state *)(void *)d->state, piece.at,
				  piece.len);
}

void crypt_digest_end(struct crypt_digest *d, uint8_t ret[CRYPT_HASH_SIZE])
{
	crypto_generichash_final((crypto_generichash_state *)(void *)d->state, ret,
				 CRYPT_HASH_SIZE);
}

/* ---- HMAC by libcrypto; NULL, false: it could not (no memory) ---- */

static EVP_MAC_CTX *hmac_begin(struct bytes key)
{
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("digest", digest, 0),
				     OSSL_PARAM_construct_end()};
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
	EVP_MAC_free(hmac); /* the context holds on to it */
	if (ctx && EVP_MAC_init(ctx, key.at, key.len, params))
		return ctx;
	EVP_MAC_CTX_free(ctx);
	return NULL;
}

static bool hmac_over(EVP_MAC_CTX *ctx, const struct bytes *piece, size_t pieces,
		      uint8_t ret[CRYPT_HASH_SIZE])
{
	size_t len = 0;
	for (size_t i = 0; i < pieces; i++)
		if (!EVP_MAC_update(ctx, piece[i].at, piece[i].len))
			return false;
	return EVP_MAC_final(ctx, ret, &len, CRYPT_HASH_SIZE) && len == CRYPT_HASH_SIZE;
}

static bool hmac_by_libcrypto(struct bytes key, const struct bytes *piece, size_t pieces,
			      uint8_t ret[CRYPT_HASH_SIZE])
{
	EVP_MAC_CTX *ctx = hmac_begin(key);
	bool good = ctx && hmac_over(ctx, piece, pieces, ret);
	EVP_MAC_CTX_free(ctx);
	return good;
}

struct crypt_mac {
	EVP_MAC_CTX *ctx;
};

int crypt_mac_create(struct bytes key, struct crypt_mac **ret)
{
	struct crypt_mac *mac = malloc(sizeof(*mac));
	if (!mac)
		return SL_E_NO_MEMORY;
	mac->ctx = hmac_begin(key);
	if (!mac->ctx) {
		free(mac);
		return SL_E_NO_MEMORY;
	}
	*ret = mac;
	return 0;
}

struct crypt_mac *crypt_mac_free(struct crypt_mac *mac)
{
	if (mac)
		EVP_MAC_CTX_free(mac->ctx);
	free(mac);
	return NULL;
}

/* Without a key it begins anew with the one that it has. */
int crypt_mac_make(struct crypt_mac *mac, const struct bytes *piece, size_t pieces,
		   uint8_t ret[CRYPT_HASH_SIZE])
{
	return EVP_MAC_init(mac->ctx, NULL, 0, NULL) && hmac_over(mac->ctx, piece, pieces, ret)
		       ? 0
		       : SL_E_NO_MEMORY;
}

void crypt_hmac_sha256(struct bytes key, const struct bytes *piece, size_t pieces,
		       uint8_t ret[CRYPT_HASH_SIZE])
{
	if (key.len && hmac_by_libcrypto(key, piece, pieces, ret))
		return;
	crypto_auth_hmacsha256_state state;
	crypto_auth_hmacsha256_init(&state, key.at, key.len);
	for (size_t i = 0; i < pieces; i++)
		crypto_auth_hmacsha256_update(&state, piece[i].at, piece[i].len);
	crypto_auth_hmacsha256_final(&state, ret);
}

bool crypt_same(const void *a, const void *b, size_t len) { return sodium_memcmp(a, b, len) == 0; }
void crypt_wipe(void *at, size_t len) { sodium_memzero(at, len); }

void crypt_base64(struct buf *to, struct bytes from)
{
	size_t size = sodium_base64_encoded_len(from.len, sodium_base64_VARIANT_ORIGINAL);
	char *at = buf_room(to, size - 1); /* a buf has room for the NUL by itself */
	if (!at)
		return;
	sodium_bin2base64(at, size, from.at, from.len, sodium_base64_VARIANT_ORIGINAL);
	to->len += size - 1;
}

int crypt_base64_decode(struct bytes text, uint8_t *to, size_t max, size_t *ret_len)
{
	const char *end;
	size_t len;
	errno = 0;
	if (sodium_base642bin(to, max, text.at, text.len, NULL, &len, &end,
			      sodium_base64_VARIANT_ORIGINAL) != 0)
		return errno == ERANGE ? SL_E_TOO_BIG : SL_E_INVALID;
	if (end != (const char *)text.at + text.len)
		return SL_E_INVALID;
	*ret_len = len;
	return 0;
}

int crypt_password_hash(struct bytes password, char ret[CRYPT_PASSWORD_HASH_SIZE])
{
	_Static_assert(CRYPT_PASSWORD_HASH_SIZE >= crypto_pwhash_STRBYTES, "room for the hash");
	return crypto_pwhash_str(ret, password.at, password.len, crypto_pwhash_OPSLIMIT_INTERACTIVE,
				 crypto_pwhash_MEMLIMIT_INTERACTIVE)
		       ? SL_E_NO_MEMORY
		       : 0;
}

bool crypt_password_matches(const char *hash, struct bytes password)
{
	return crypto_pwhash_str_verify(hash, password.at, password.len) == 0;
}

void crypt_seal(const uint8_t key[CRYPT_KEY_SIZE], struct bytes plain, struct buf *to)
{
	size_t size = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + plain.len;
	uint8_t *at = buf_room(to, size);
	if (!at)
		return;
	randombytes_buf(at, crypto_secretbox_NONCEBYTES);
	crypto_secretbox_easy(at + crypto_secretbox_NONCEBYTES, plain.at, plain.len, at, key);
	to->len += size;
}

int crypt_open(const uint8_t key[CRYPT_KEY_SIZE], struct bytes sealed, struct buf *to)
{
	size_t around = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES;
	if (sealed.len < around)
		return SL_E_CORRUPT;
	uint8_t *at = buf_room(to, sealed.len - around);
	if (!at)
		return to->rc;
	const uint8_t *from = sealed.at;
	if (crypto_secretbox_open_easy(at, from + crypto_secretbox_NONCEBYTES,
				       sealed.len - crypto_secretbox_NONCEBYTES, from, key) != 0)
		return SL_E_CORRUPT;
	to->len += sealed.len - around;
	return 0;
}

/* ---- under a password: a version, the salt, then what crypt_seal() makes ---- */

enum { SEALED_VERSION = 1, SEALED_HEAD = 1 + crypto_pwhash_SALTBYTES };

static int key_of_password(struct bytes password, const uint8_t *salt, uint8_t ret[CRYPT_KEY_SIZE])
{
	return crypto_pwhash(ret, CRYPT_KEY_SIZE, password.at, password.len, salt,
			     crypto_pwhash_OPSLIMIT_MODERATE, crypto_pwhash_MEMLIMIT_MODERATE,
			     crypto_pwhash_ALG_ARGON2ID13)
		       ? SL_E_NO_MEMORY
		       : 0;
}

int crypt_seal_password(struct bytes password, struct bytes plain, struct buf *to)
{
	uint8_t head[SEALED_HEAD] = {SEALED_VERSION}, key[CRYPT_KEY_SIZE];
	randombytes_buf(head + 1, crypto_pwhash_SALTBYTES);
	int rc = key_of_password(password, head + 1, key);
	if (rc)
		return rc;
	buf_add(to, head, sizeof(head));
	crypt_seal(key, plain, to);
	sodium_memzero(key, sizeof(key));
	return to->rc;
}

int crypt_open_password(struct bytes password, struct bytes sealed, struct buf *to)
{
	const uint8_t *at = sealed.at;
	uint8_t key[CRYPT_KEY_SIZE];
	if (sealed.len < SEALED_HEAD || at[0] != SEALED_VERSION)
		return SL_E_CORRUPT;
	int rc = key_of_password(password, at + 1, key);
	if (!rc)
		rc = crypt_open(key, bytes_of(at + SEALED_HEAD, sealed.len - SEALED_HEAD), to);
	sodium_memzero(key, sizeof(key));
	return rc;
}
