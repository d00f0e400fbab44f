#include "core/registry/internal.h"

#include "core/wire.h"

#include <string.h>

enum { RECORD_VERSION = 1, SECRETS_MAX = 16 * 1024 };

static const char key_prefix[] = "whsec_";

int record_signing_key(struct bytes text, struct arena *arena, struct bytes *ret)
{
	uint8_t key[SIGNING_KEY_MAX];
	size_t len, prefix = sizeof(key_prefix) - 1;
	if (!bytes_starts(text, key_prefix) ||
	    crypt_base64_decode(bytes_of((const char *)text.at + prefix, text.len - prefix), key,
				sizeof(key), &len) ||
	    len < SIGNING_KEY_MIN)
		return SL_E_INVALID;
	int rc = arena_copy(arena, bytes_of(key, len), ret);
	crypt_wipe(key, sizeof(key));
	return rc;
}

void record_show_signing_key(struct bytes key, struct buf *to)
{
	buf_add_str(to, key_prefix);
	crypt_base64(to, key);
}

int record_write(const struct feature *f, const uint8_t *key, struct buf *to)
{
	struct buf secrets, sealed;
	buf_init(&secrets, SECRETS_MAX);
	buf_init(&sealed, 2 * SECRETS_MAX);
	wire_put_bytes(&secrets, bytes_str(f->authorization));
	wire_put_bytes(&secrets, f->signing_key);
	wire_put_bytes(&secrets, f->old_key);
	wire_put(&secrets, (uint64_t)f->old_key_until_ms, 8);
	crypt_seal(key, buf_bytes(&secrets), &sealed);
	wire_put(to, RECORD_VERSION, 1);
	wire_put(to, f->enabled, 1);
	wire_put(to, f->revision, 8);
	wire_put(to, (uint64_t)f->created_ms, 8);
	wire_put(to, (uint64_t)f->updated_ms, 8);
	wire_put_bytes(to, buf_bytes(&sealed));
	wire_put_bytes(to, f->document);
	int rc = secrets.rc ? secrets.rc : sealed.rc ? sealed.rc : to->rc;
	if (secrets.at)
		crypt_wipe(secrets.at, secrets.cap);
	buf_fini(&secrets);
	buf_fini(&sealed);
	return rc;
}

static int read_secrets(struct full_feature *f, struct bytes sealed, const uint8_t *key)
{
	struct buf plain;
	buf_init(&plain, SECRETS_MAX);
	int rc = crypt_open(key, sealed, &plain);
	if (!rc) {
		struct wire w = wire_of(buf_bytes(&plain));
		f->pub.authorization = arena_strdup(f->arena, wire_get_bytes(&w));
		rc = arena_copy(f->arena, wire_get_bytes(&w), &f->pub.signing_key);
		if (!rc)
			rc = arena_copy(f->arena, wire_get_bytes(&w), &f->pub.old_key);
		f->pub.old_key_until_ms = (int64_t)wire_get(&w, 8);
		if (w.bad)
			rc = SL_E_CORRUPT;
		crypt_wipe(plain.at, plain.cap);
	}
	buf_fini(&plain);
	return rc;
}

int record_read(const struct registry_config *config, struct bytes record,
		struct full_feature **ret, bool *ret_sealed, struct sl_error *err)
{
	static const struct json_limits limits = {FEATURE_DOCUMENT_MAX, 72};
	scoped(feature_dropp) struct full_feature *f = NULL;
	scoped(json_finip) struct json json = {0};
	struct wire w = wire_of(record);
	if (wire_get(&w, 1) != RECORD_VERSION)
		return sl_fail(err, SL_E_CORRUPT, "a feature's record has an unknown form");
	bool enabled = wire_get(&w, 1);
	uint64_t revision = wire_get(&w, 8);
	int64_t created_ms = (int64_t)wire_get(&w, 8), updated_ms = (int64_t)wire_get(&w, 8);
	struct bytes sealed = wire_get_bytes(&w), document = wire_get_bytes(&w);
	if (w.bad || w.at != w.end)
		return sl_fail(err, SL_E_CORRUPT, "a feature's record is cut short, or too long");
	struct reading reading = {.err = err, .stored = true};
	int rc = json_parse(&json, document, &limits, err);
	if (!rc)
		rc = feature_make(config, &json, &f, &reading);
	if (rc)
		return rc;
	f->pub.revision = revision;
	f->pub.created_ms = created_ms;
	f->pub.updated_ms = updated_ms;
	rc = config->secret_key ? read_secrets(f, sealed, config->secret_key) : SL_E_CORRUPT;
	*ret_sealed = rc == SL_E_CORRUPT;
	if (rc && rc != SL_E_CORRUPT)
		return rc;
	f->pub.secrets_lost = *ret_sealed;
	f->pub.enabled = enabled && !*ret_sealed;
	*ret = take_ptr(&f);
	return 0;
}
