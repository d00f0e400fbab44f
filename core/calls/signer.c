#include "core/calls/signer.h"

#include <stdlib.h>

struct entry {
	struct crypt_mac *mac; /* NULL: nothing here */
	size_t len;
	uint8_t key[SIGNER_KEY_MAX];
};

struct signer {
	struct entry entry[SIGNER_KEYS];
};

int signer_create(struct signer **ret)
{
	struct signer *s = calloc(1, sizeof(*s));
	if (!s)
		return SL_E_NO_MEMORY;
	*ret = s;
	return 0;
}

static void forget(struct entry *e)
{
	crypt_mac_free(e->mac);
	crypt_wipe(e, sizeof(*e));
}

struct signer *signer_free(struct signer *s)
{
	for (size_t i = 0; s && i < SIGNER_KEYS; i++)
		forget(&s->entry[i]);
	free(s);
	return NULL;
}

/* Keys are random: any of their bytes will do. */
static struct entry *entry_of(struct signer *s, struct bytes key)
{
	struct entry *e = &s->entry[*(const uint8_t *)key.at % SIGNER_KEYS];
	if (e->mac && bytes_eq(bytes_of(e->key, e->len), key))
		return e;
	forget(e);
	if (crypt_mac_create(key, &e->mac))
		return NULL;
	memcpy(e->key, key.at, key.len);
	e->len = key.len;
	return e;
}

void signer_mac(struct signer *s, struct bytes key, const struct bytes *piece, size_t pieces,
		uint8_t ret[CRYPT_HASH_SIZE])
{
	struct entry *e = s && key.len && key.len <= SIGNER_KEY_MAX ? entry_of(s, key) : NULL;
	if (!e || crypt_mac_make(e->mac, piece, pieces, ret))
		crypt_hmac_sha256(key, piece, pieces, ret);
}
