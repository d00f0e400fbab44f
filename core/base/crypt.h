/* Everything cryptographic, on libsodium, and HMAC-SHA256 on libcrypto, which has the
 * processor's instructions for it (doc/adr/0013). crypt.c is the only file that includes
 * either. crypt_start() must have returned 0 before any other call; then any thread. */
#pragma once

#include "core/base/buf.h"

enum {
	CRYPT_HASH_SIZE = 32,
	CRYPT_KEY_SIZE = 32,
	CRYPT_POOL_SIZE = 512,
	CRYPT_ACCESS_ID_SIZE = 24,      /**< Characters of an access id. */
	CRYPT_PASSWORD_HASH_SIZE = 128, /**< Text, with its NUL. */
};

SL_BEGIN_DECLS

SL_MUST_USE int crypt_start(void);
void crypt_random(void *to, size_t len);
uint32_t crypt_random_below(uint32_t limit);

/** `len` characters of A-Z a-z 0-9, each equally likely, and a NUL. */
void crypt_random_text(char *to, size_t len);

/** Random bytes that were fetched together: many ids cost one system call. Zeroed is empty.
 * Not for keys. One thread at a time. */
struct crypt_pool {
	uint8_t at[CRYPT_POOL_SIZE];
	size_t left;
};
void crypt_pool_take(struct crypt_pool *pool, void *to, size_t len); /**< At most a pool. */

/** BLAKE2b; `key` may be empty. */
void crypt_hash(struct bytes key, struct bytes text, uint8_t ret[CRYPT_HASH_SIZE]);
void crypt_sha256(struct bytes text, uint8_t ret[CRYPT_HASH_SIZE]);
/** HMAC-SHA256 over several pieces. */
void crypt_hmac_sha256(struct bytes key, const struct bytes *piece, size_t pieces,
		       uint8_t ret[CRYPT_HASH_SIZE]);
/** The same with one key that is made ready once. One thread at a time. */
struct crypt_mac;
SL_MUST_USE int crypt_mac_create(struct bytes key, struct crypt_mac **ret); /**< SL_E_NO_MEMORY */
struct crypt_mac *crypt_mac_free(struct crypt_mac *mac);
SL_MUST_USE int crypt_mac_make(struct crypt_mac *mac, const struct bytes *piece, size_t pieces,
			       uint8_t ret[CRYPT_HASH_SIZE]); /**< SL_E_NO_MEMORY */

/** BLAKE2b of what comes in pieces. */
struct crypt_digest {
	unsigned char state[384] __attribute__((aligned(64)));
};
void crypt_digest_begin(struct crypt_digest *d);
void crypt_digest_add(struct crypt_digest *d, struct bytes piece);
void crypt_digest_end(struct crypt_digest *d, uint8_t ret[CRYPT_HASH_SIZE]);

bool crypt_same(const void *a, const void *b, size_t len); /**< In constant time. */
void crypt_wipe(void *at, size_t len);

void crypt_base64(struct buf *to, struct bytes from);
/** Standard alphabet with padding. 0 or SL_E_INVALID / SL_E_TOO_BIG. */
int crypt_base64_decode(struct bytes text, uint8_t *to, size_t max, size_t *ret_len);

/** Argon2id, interactive limits: tens of milliseconds and 64 MiB. */
SL_MUST_USE int crypt_password_hash(struct bytes password, char ret[CRYPT_PASSWORD_HASH_SIZE]);
bool crypt_password_matches(const char *hash, struct bytes password);

/** XSalsa20-Poly1305 with a random nonce in front. */
void crypt_seal(const uint8_t key[CRYPT_KEY_SIZE], struct bytes plain, struct buf *to);
int crypt_open(const uint8_t key[CRYPT_KEY_SIZE], struct bytes sealed,
	       struct buf *to); /**< SL_E_CORRUPT */

/** The same under a key that Argon2id makes of a password (256 MiB, about a second), with
 * what that needs in front. SL_E_NO_MEMORY. */
SL_MUST_USE int crypt_seal_password(struct bytes password, struct bytes plain, struct buf *to);
/** SL_E_CORRUPT: another password, or damaged. */
SL_MUST_USE int crypt_open_password(struct bytes password, struct bytes sealed, struct buf *to);

SL_END_DECLS
