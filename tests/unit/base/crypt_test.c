#include "tests/unit/base/unit.h"

#include "core/base/crypt.h"

#include <ctype.h>

static void assert_hex(const uint8_t *at, size_t len, const char *want)
{
	char text[2 * CRYPT_HASH_SIZE + 1];
	for (size_t i = 0; i < len; i++)
		snprintf(text + 2 * i, 3, "%02x", at[i]);
	assert_string_equal(text, want);
}

/* RFC 4231, cases 1, 2, 3 and 6. */
static void test_hmac_vectors(void **state SL_UNUSED)
{
	uint8_t key[131], data[50], mac[CRYPT_HASH_SIZE];
	struct bytes piece = BYTES("Hi There");
	memset(key, 0x0b, 20);
	crypt_hmac_sha256(bytes_of(key, 20), &piece, 1, mac);
	assert_hex(mac, sizeof(mac),
		   "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	piece = BYTES("what do ya want for nothing?");
	crypt_hmac_sha256(BYTES("Jefe"), &piece, 1, mac);
	assert_hex(mac, sizeof(mac),
		   "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof(key));
	memset(data, 0xdd, sizeof(data));
	piece = bytes_of(data, sizeof(data));
	crypt_hmac_sha256(bytes_of(key, 20), &piece, 1, mac);
	assert_hex(mac, sizeof(mac),
		   "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
	piece = BYTES("Test Using Larger Than Block-Size Key - Hash Key First");
	crypt_hmac_sha256(bytes_of(key, sizeof(key)), &piece, 1, mac);
	assert_hex(mac, sizeof(mac),
		   "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void test_hmac_in_pieces(void **state SL_UNUSED)
{
	const struct bytes whole = BYTES("what do ya want for nothing?");
	const struct bytes part[] = {BYTES("what do "), BYTES(""), BYTES("ya want"),
				     BYTES(" for nothing?")};
	uint8_t a[CRYPT_HASH_SIZE], b[CRYPT_HASH_SIZE];
	crypt_hmac_sha256(BYTES("Jefe"), &whole, 1, a);
	crypt_hmac_sha256(BYTES("Jefe"), part, countof(part), b);
	assert_memory_equal(a, b, sizeof(a));
	assert_true(crypt_same(a, b, sizeof(a)));
	b[31] ^= 1;
	assert_false(crypt_same(a, b, sizeof(a)));
}

/* What is kept ready says the same as what is made each time, also the second time. */
static void test_hmac_kept_ready(void **state SL_UNUSED)
{
	const struct bytes part[] = {BYTES("what do ya "), BYTES("want for nothing?")};
	uint8_t mac[CRYPT_HASH_SIZE];
	struct crypt_mac *kept;
	assert_int_equal(crypt_mac_create(BYTES("Jefe"), &kept), 0);
	for (int i = 0; i < 3; i++) {
		memset(mac, 0, sizeof(mac));
		assert_int_equal(crypt_mac_make(kept, part, countof(part), mac), 0);
		assert_hex(mac, sizeof(mac),
			   "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	}
	kept = crypt_mac_free(kept);
	assert_null(crypt_mac_free(kept));
}

/* FIPS 180-2, appendix B.1. */
static void test_sha256(void **state SL_UNUSED)
{
	uint8_t digest[CRYPT_HASH_SIZE];
	crypt_sha256(BYTES("abc"), digest);
	assert_hex(digest, sizeof(digest),
		   "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void test_pool_gives_each_byte_once(void **state SL_UNUSED)
{
	enum { IDS = 200 };
	struct crypt_pool pool = {0};
	uint64_t id[IDS];
	for (size_t i = 0; i < IDS; i++) {
		crypt_pool_take(&pool, &id[i], sizeof(id[i]));
		for (size_t k = 0; k < i; k++)
			assert_true(id[i] != id[k]);
	}
}

/* BLAKE2b-256 of nothing, as its authors publish it. */
static void test_hash(void **state SL_UNUSED)
{
	uint8_t plain[CRYPT_HASH_SIZE], keyed[CRYPT_HASH_SIZE], again[CRYPT_HASH_SIZE];
	crypt_hash(BYTES(""), BYTES(""), plain);
	assert_hex(plain, sizeof(plain),
		   "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
	crypt_hash(BYTES("0123456789abcdef"), BYTES(""), keyed);
	assert_memory_not_equal(plain, keyed, sizeof(plain));
	crypt_hash(BYTES("0123456789abcdef"), BYTES(""), again);
	assert_memory_equal(keyed, again, sizeof(keyed));
}

static const struct {
	const char *plain, *text;
} base64[] = {
	{"", ""},
	{"f", "Zg=="},
	{"fo", "Zm8="},
	{"foo", "Zm9v"},
	{"foob", "Zm9vYg=="},
	{"fooba", "Zm9vYmE="},
	{"foobar", "Zm9vYmFy"},
	{"\xfb\xff\xbf", "+/+/"},
};

static void test_base64(void **state SL_UNUSED)
{
	for (size_t i = 0; i < countof(base64); i++) {
		scoped(buf_finip) struct buf to;
		uint8_t back[16];
		size_t len = 99;
		buf_init(&to, 100);
		buf_add_str(&to, "x");
		crypt_base64(&to, bytes_str(base64[i].plain));
		assert_string_equal(buf_str(&to) + 1, base64[i].text);
		assert_int_equal(
			crypt_base64_decode(bytes_str(base64[i].text), back, sizeof(back), &len),
			0);
		assert_true(bytes_eq(bytes_of(back, len), bytes_str(base64[i].plain)));
	}
}

static void test_base64_refuses(void **state SL_UNUSED)
{
	static const char *const bad[] = {"Zg",    "Zg=",       "Z",    "Zm9v!", "Zm9v\n",
					  "Zm 9v", "Zm9vYg===", "-_-_", "Zh==",  "Zg==Zg=="};
	uint8_t back[16];
	size_t len = 99;
	for (size_t i = 0; i < countof(bad); i++)
		if (crypt_base64_decode(bytes_str(bad[i]), back, sizeof(back), &len) == 0)
			fail_msg("%s was taken", bad[i]);
	assert_int_equal(len, 99);
	assert_int_equal(crypt_base64_decode(BYTES("Zm9v"), back, 3, &len), 0);
	assert_int_equal(crypt_base64_decode(BYTES("Zm9v"), back, 2, &len), SL_E_TOO_BIG);
}

/* A ceiling that just holds the text holds it. */
static void test_base64_at_the_ceiling(void **state SL_UNUSED)
{
	scoped(buf_finip) struct buf to;
	buf_init(&to, 4);
	crypt_base64(&to, BYTES("foo"));
	assert_int_equal(to.rc, 0);
	assert_string_equal(buf_str(&to), "Zm9v");
	buf_fini(&to);
	buf_init(&to, 3);
	crypt_base64(&to, BYTES("foo"));
	assert_int_equal(to.rc, SL_E_TOO_BIG);
}

static void test_seal_and_open(void **state SL_UNUSED)
{
	uint8_t key[CRYPT_KEY_SIZE], other[CRYPT_KEY_SIZE];
	scoped(buf_finip) struct buf sealed, again, opened;
	buf_init(&sealed, 1000);
	buf_init(&again, 1000);
	buf_init(&opened, 1000);
	crypt_random(key, sizeof(key));
	crypt_random(other, sizeof(other));
	crypt_seal(key, BYTES("Bearer s3cret"), &sealed);
	crypt_seal(key, BYTES("Bearer s3cret"), &again);
	assert_null(memmem(sealed.at, sealed.len, "s3cret", 6));
	assert_false(bytes_eq(buf_bytes(&sealed), buf_bytes(&again)));
	assert_int_equal(crypt_open(key, buf_bytes(&sealed), &opened), 0);
	assert_string_equal(buf_str(&opened), "Bearer s3cret");
	buf_reset(&opened);
	assert_int_equal(crypt_open(other, buf_bytes(&sealed), &opened), SL_E_CORRUPT);
	for (size_t i = 0; i < sealed.len; i++) {
		sealed.at[i] ^= 1;
		assert_int_equal(crypt_open(key, buf_bytes(&sealed), &opened), SL_E_CORRUPT);
		sealed.at[i] ^= 1;
	}
	for (size_t len = 0; len < sealed.len; len++)
		assert_int_equal(crypt_open(key, bytes_of(sealed.at, len), &opened), SL_E_CORRUPT);
	assert_int_equal(opened.len, 0);
}

static void test_seal_nothing(void **state SL_UNUSED)
{
	uint8_t key[CRYPT_KEY_SIZE] = {1};
	scoped(buf_finip) struct buf sealed, opened;
	buf_init(&sealed, 1000);
	buf_init(&opened, 1000);
	crypt_seal(key, BYTES(""), &sealed);
	assert_int_equal(crypt_open(key, buf_bytes(&sealed), &opened), 0);
	assert_int_equal(opened.len, 0);
}

static void test_access_ids(void **state SL_UNUSED)
{
	enum { N = 500 };
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	char(*id)[CRYPT_ACCESS_ID_SIZE + 1] = calloc(N, sizeof(*id));
	bool seen[256] = {false};
	assert_non_null(id);
	for (size_t i = 0; i < N; i++) {
		crypt_random_text(id[i], CRYPT_ACCESS_ID_SIZE);
		assert_int_equal(strlen(id[i]), CRYPT_ACCESS_ID_SIZE);
		assert_int_equal(strspn(id[i], alphabet), CRYPT_ACCESS_ID_SIZE);
		for (const char *c = id[i]; *c; c++)
			seen[(unsigned char)*c] = true;
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(id[i], id[k]);
	}
	/* 12 000 draws miss one of 62 characters once in 10^82 runs. */
	for (const char *c = alphabet; *c; c++)
		assert_true(seen[(unsigned char)*c]);
	free(id);
}

static void test_random_below(void **state SL_UNUSED)
{
	bool seen[5] = {false};
	for (int i = 0; i < 2000; i++) {
		uint32_t n = crypt_random_below(5);
		assert_in_range(n, 0, 4);
		seen[n] = true;
	}
	for (size_t i = 0; i < countof(seen); i++)
		assert_true(seen[i]);
}

static void test_passwords(void **state SL_UNUSED)
{
	char hash[CRYPT_PASSWORD_HASH_SIZE];
	assert_int_equal(crypt_password_hash(BYTES("correct horse"), hash), 0);
	assert_memory_equal(hash, "$argon2id$", 10);
	assert_true(crypt_password_matches(hash, BYTES("correct horse")));
	assert_false(crypt_password_matches(hash, BYTES("correct hors")));
	assert_false(crypt_password_matches(hash, BYTES("")));
	assert_false(crypt_password_matches("", BYTES("correct horse")));
}

static void test_wipe(void **state SL_UNUSED)
{
	char secret[] = "secret";
	static const char zero[sizeof(secret)];
	crypt_wipe(secret, sizeof(secret));
	assert_memory_equal(secret, zero, sizeof(zero));
}

int main(void)
{
	if (crypt_start() != 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hmac_vectors),
		cmocka_unit_test(test_hmac_in_pieces),
		cmocka_unit_test(test_hmac_kept_ready),
		cmocka_unit_test(test_sha256),
		cmocka_unit_test(test_pool_gives_each_byte_once),
		cmocka_unit_test(test_hash),
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_base64_refuses),
		cmocka_unit_test(test_base64_at_the_ceiling),
		cmocka_unit_test(test_seal_and_open),
		cmocka_unit_test(test_seal_nothing),
		cmocka_unit_test(test_access_ids),
		cmocka_unit_test(test_random_below),
		cmocka_unit_test(test_passwords),
		cmocka_unit_test(test_wipe),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
