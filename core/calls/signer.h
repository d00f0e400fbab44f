/* Signing keys made ready: a plugin is called over and over, and preparing HMAC for its
 * feature's key costs a third of what signing a small body does.
 *
 * Found by the key itself, so that a changed key is another entry; a newcomer takes the
 * place of what it meets, so there are never more than SIGNER_KEYS. Copies of keys are
 * wiped when they go. Layer 2. Threads: one at a time, its owner's. */
#pragma once

#include "core/base/crypt.h"

enum { SIGNER_KEYS = 256, SIGNER_KEY_MAX = 64 };

struct signer;

SL_BEGIN_DECLS

SL_MUST_USE int signer_create(struct signer **ret);
struct signer *signer_free(struct signer *s);

/** HMAC-SHA256 of the pieces; `s` may be NULL, then nothing is kept. */
void signer_mac(struct signer *s, struct bytes key, const struct bytes *piece, size_t pieces,
		uint8_t ret[CRYPT_HASH_SIZE]);

SL_END_DECLS
