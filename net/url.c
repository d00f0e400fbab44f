#include <stdlib.h>

#include "core/base/hash.h"
#include "net/http.h"

static struct url *url_drop(struct url *url)
{
	if (url && --url->refs == 0) {
		curl_url_cleanup(url->parsed);
		free(url);
	}
	return NULL;
}

static int url_create(struct bytes text, uint64_t hash, struct url **ret)
{
	struct url *url = calloc(1, sizeof(*url) + text.len + 1);
	if (!url)
		return SL_E_NO_MEMORY;
	url->refs = 1;
	url->hash = hash;
	url->len = text.len;
	memcpy(url->text, text.at, text.len);
	url->parsed = curl_url();
	CURLUcode code = CURLUE_OUT_OF_MEMORY;
	if (url->parsed)
		code = curl_url_set(url->parsed, CURLUPART_URL, url->text, CURLU_DISALLOW_USER);
	if (code == CURLUE_OK) {
		*ret = url;
		return 0;
	}
	url_drop(url);
	return code == CURLUE_OUT_OF_MEMORY ? SL_E_NO_MEMORY : SL_E_INVALID;
}

int urls_take(struct urls *all, struct bytes text, struct url **ret)
{
	uint64_t hash = hash_bytes(text, 0);
	struct url **slot = &all->slot[hash % HTTP_URLS];
	struct url *kept = *slot;
	if (!kept || kept->hash != hash || !bytes_eq(bytes_of(kept->text, kept->len), text)) {
		int rc = url_create(text, hash, &kept);
		if (rc != 0)
			return rc;
		url_drop(*slot);
		*slot = kept;
	}
	kept->refs++;
	*ret = kept;
	return 0;
}

void urls_put(struct url *url) { url_drop(url); }

void urls_fini(struct urls *all)
{
	for (size_t i = 0; i < countof(all->slot); i++)
		all->slot[i] = url_drop(all->slot[i]);
}
