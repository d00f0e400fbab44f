/* A feature's document, sent by somebody or kept in the store, is refused with its place or
 * becomes a feature; and a record of one that any bytes are never does harm. Input: a
 * document; or, where it begins with a 1, a record. */
#include "tests/fuzz/fuzz.h"

#include "core/registry/internal.h"
#include "net/executor.h"

enum { TEXT_MAX = 1 << 16 };

static const uint8_t secret_key[CRYPT_KEY_SIZE];

static void write_again(const struct registry_config *config, const struct feature *f)
{
	scoped(buf_finip) struct buf record = {0};
	scoped(feature_dropp) struct full_feature *again = NULL;
	struct sl_error err = {0};
	bool sealed = true;
	buf_init(&record, 8 * TEXT_MAX);
	fuzz_holds(record_write(f, secret_key, &record) == 0);
	fuzz_holds(record_read(config, buf_bytes(&record), &again, &sealed, &err) == 0);
	fuzz_holds(!sealed && bytes_eq(again->pub.document, f->document));
	fuzz_holds(again->pub.plugins == f->plugins);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	static const struct json_limits limits = {TEXT_MAX, 64};
	struct http_config http = {.connections_max = 1};
	struct registry_config config = {.features_max = 10,
					 .plugins_max = 64,
					 .timeout_ms = 1000,
					 .http = &http,
					 .secret_key = secret_key};
	scoped(feature_dropp) struct full_feature *f = NULL;
	scoped(json_finip) struct json json = {0};
	struct sl_error err = {0};
	struct bytes text = bytes_of(at, len);
	bool sealed;
	if (len && at[0] == 1) {
		int rc = record_read(&config, text, &f, &sealed, &err);
		fuzz_holds((rc == 0) == (f != NULL));
		return 0;
	}
	struct reading reading = {.err = &err};
	if (json_parse(&json, text, &limits, NULL))
		return 0;
	int rc = feature_make(&config, &json, &f, &reading);
	fuzz_holds((rc == 0) == (f != NULL));
	fuzz_holds(rc == 0 || rc == SL_E_NO_MEMORY || err.text[0]);
	if (f)
		write_again(&config, &f->pub);
	return 0;
}
