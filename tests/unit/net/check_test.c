#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "net/executor.h"

static const char *const dirs[] = {"/run/plugins/", "/srv/p", NULL};
static const struct http_config config = {.unix_dirs = dirs};

static int check(const char *url, struct sl_error *err)
{
	return http_check_address(&config, bytes_str(url), err);
}

static void takes_what_can_be_called(void **state)
{
	static const char *const fine[] = {
		"http://127.0.0.1:9001/check",
		"http://plugin.example",
		"https://10.0.0.1/a?b=c",
		"HTTPS://Plugin.Example:443/",
		"http://[::1]:80/x",
		"http://[2001:db8::1]/",
		"http://2130706433/",
		"http://0x7f.1/x",
		"http://a:65535/",
		"http://a/x@y:z",
		"unix:/run/plugins/a.sock:/check",
		"unix:/srv/p/deep/a.sock:/",
		"unix:/srv/p/a",
		"http://256.1.1.1/", /* a name, judged when it is looked up */
	};
	struct sl_error err;
	(void)state;
	for (size_t i = 0; i < countof(fine); i++)
		if (check(fine[i], &err) != 0)
			fail_msg("%s: %s", fine[i], err.text);
}

static void refuses_bad_forms(void **state)
{
	static const char *const wrong[] = {
		"",
		"http",
		"http:",
		"http:/",
		"http://",
		"http:///a",
		"http:/a/b",
		"//a/b",
		"a/b",
		"ftp://a/",
		"file:///etc/passwd",
		"gopher://a/",
		"javascript:x",
		"foo://a/",
		"http://user@a/",
		"http://user:pass@a/",
		"http://:@a/",
		"http://@a/",
		"http://a/#f",
		"http://a/#",
		"http://a:0/",
		"http://a:65536/",
		"http://a:x/",
		"http://a:-1/",
		"http://a b/",
		"http://a/ b",
		"http://a/\r\nX: y",
		"http://a/\t",
		"http://a\\b/",
		"http://a/\x7f",
		"http://\xc3\xa4/",
		"http://[::1/",
		"http://[1.2.3.4]/",
		"http://%00a/",
		"http://?x",
		"unix:",
		"unix:relative:/x",
		"unix://x",
		"unix:/",
		"unix:/etc/passwd:/x",
		"unix:/run/plugins:/x",
		"unix:/run/plugins/:/x",
		"unix:/run/plugins/../x:/x",
		"unix:/run/plugins/./x:/x",
		"unix:/run/plugins//x:/x",
		"unix:/run/pluginsX/a:/x",
		"unix:/srv/p/..:/x",
		"unix:/srv/p/a/.:/x",
	};
	struct sl_error err;
	(void)state;
	for (size_t i = 0; i < countof(wrong); i++) {
		err.text[0] = '\0';
		if (check(wrong[i], &err) != SL_E_INVALID)
			fail_msg("\"%s\" was taken", wrong[i]);
		assert_int_not_equal(err.text[0], 0);
	}
	assert_int_equal(http_check_address(&config, BYTES("http://a/\0b"), &err), SL_E_INVALID);
}

/* However it is written, it is the address it means. */
static void sees_through_spellings(void **state)
{
	static const char *const hosts[] = {
		"169.254.169.254",
		"2852039166",
		"0xa9fea9fe",
		"0xA9FEA9FE",
		"0251.0376.0251.0376",
		"169.254.43518",
		"169.16689662",
		"0xa9.254.0251.254",
		"%31%36%39.254.169.254",
		"169.254.169.254.",
		"169.254.169.254%2e",
		"[::ffff:169.254.1.1]",
		"[::ffff:a9fe:101]",
		"[0:0:0:0:0:ffff:169.254.1.1]",
		"[::FFFF:A9FE:0101]",
		"[64:ff9b::169.254.169.254]",
		"[2002:a9fe:a9fe::]",
		"[fe80::1]",
		"[fe80::1%25eth0]",
		"[fd00:ec2::254]",
		"[fd00:0ec2:0:0:0:0:0:254]",
		"100.100.100.200",
		"1684301000",
		"168.63.129.16",
		"0xa83f8110",
		"0.0.0.0",
		"0",
		"0x0",
		"0.1",
		"[::]",
		"[0::0]",
		"[::ffff:0.0.0.0]",
		"224.0.0.1",
		"0xe0000001",
		"[ff02::1]",
	};
	char url[128];
	struct sl_error err;
	(void)state;
	for (size_t i = 0; i < countof(hosts); i++) {
		snprintf(url, sizeof(url), "http://%s:8080/x", hosts[i]);
		if (check(url, &err) != SL_E_INVALID || !strstr(err.text, "is not allowed"))
			fail_msg("%s was taken", url);
	}
}

static void keeps_to_the_configuration(void **state)
{
	static const char *const nets[] = {"10.0.0.0/8", NULL};
	const struct http_config strict = {.allow_networks = nets, .require_tls = true};
	const struct http_config broken = {.allow_networks = (const char *const[]){"x", NULL}};
	struct sl_error err;
	(void)state;
	assert_int_equal(http_check_address(&strict, BYTES("https://10.1.1.1/"), &err), 0);
	assert_int_equal(http_check_address(&strict, BYTES("http://10.1.1.1/"), &err),
			 SL_E_INVALID);
	assert_int_equal(http_check_address(&strict, BYTES("https://127.0.0.1/"), &err),
			 SL_E_INVALID);
	assert_int_equal(http_check_address(&strict, BYTES("unix:/srv/p/a:/"), &err), SL_E_INVALID);
	assert_int_equal(http_check_address(&broken, BYTES("http://a/"), &err), SL_E_INVALID);
}

static void limits_the_length(void **state)
{
	char url[2100];
	struct sl_error err;
	(void)state;
	memset(url, 'a', sizeof(url));
	memcpy(url, "http://a/", 9);
	assert_int_equal(http_check_address(&config, bytes_of(url, 2048), &err), 0);
	assert_int_equal(http_check_address(&config, bytes_of(url, 2049), &err), SL_E_INVALID);
	memcpy(url, "unix:/srv/p/", 12);
	assert_int_equal(http_check_address(&config, bytes_of(url, 5 + 107), &err), 0);
	assert_int_equal(http_check_address(&config, bytes_of(url, 5 + 108), &err), SL_E_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_what_can_be_called),
		cmocka_unit_test(refuses_bad_forms),
		cmocka_unit_test(sees_through_spellings),
		cmocka_unit_test(keeps_to_the_configuration),
		cmocka_unit_test(limits_the_length),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
