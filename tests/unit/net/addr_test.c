#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "net/addr.h"
#include "net/executor.h"

static const char *const refused[] = {
	"169.254.0.0",
	"169.254.169.254",
	"169.254.255.255",
	"fe80::1",
	"febf::1",
	"fd00:ec2::254",
	"100.100.100.200",
	"168.63.129.16",
	"0.0.0.0",
	"0.255.255.255",
	"::",
	"224.0.0.1",
	"239.255.255.255",
	"ff02::1",
	/* the same, wrapped */
	"::ffff:169.254.169.254",
	"::ffff:100.100.100.200",
	"::ffff:168.63.129.16",
	"::ffff:0.0.0.0",
	"::ffff:224.0.0.1",
	"64:ff9b::169.254.169.254",
	"64:ff9b::6464:64c8",
	"64:ff9b:1::169.254.169.254",
	"::169.254.169.254",
	"::ffff:0:169.254.169.254",
	"2002:a9fe:a9fe::1",
	"2002:a83f:8110::",
};

static const char *const fine[] = {
	"127.0.0.1",        "::1",
	"10.1.2.3",         "192.168.0.1",
	"8.8.8.8",          "169.253.255.255",
	"169.255.0.0",      "100.100.100.199",
	"168.63.129.17",    "1.0.0.0",
	"223.255.255.255",  "240.0.0.1",
	"fec0::1",          "fd00:ec2::253",
	"fd00::1",          "2001:db8::1",
	"::ffff:127.0.0.1", "64:ff9b::8.8.8.8",
	"2002:808:808::1",
};

static int check(const struct addr_rules *rules, const char *text, bool tls, struct sl_error *err)
{
	struct sockaddr_storage at;
	assert_true(addr_parse(text, &at));
	return addr_check(rules, (const struct sockaddr *)&at, tls, err);
}

static void refuses_what_is_never_allowed(void **state)
{
	static const char *const all[] = {"0.0.0.0/0", "::/0", NULL};
	struct addr_rules open, listed;
	struct sl_error err;
	(void)state;
	assert_int_equal(addr_rules_init(&open, NULL, false, &err), 0);
	assert_int_equal(addr_rules_init(&listed, all, false, &err), 0);
	for (size_t i = 0; i < countof(refused); i++) {
		if (check(&open, refused[i], true, &err) != SL_E_DENIED ||
		    check(&listed, refused[i], true, NULL) != SL_E_DENIED)
			fail_msg("%s was allowed", refused[i]);
		assert_non_null(strstr(err.text, "is not allowed"));
	}
	for (size_t i = 0; i < countof(fine); i++)
		if (check(&open, fine[i], false, &err) != 0 ||
		    check(&listed, fine[i], false, &err) != 0)
			fail_msg("%s was refused: %s", fine[i], err.text);
	addr_rules_fini(&listed);
	addr_rules_fini(&open);
}

static void names_the_address(void **state)
{
	struct addr_rules rules;
	struct sl_error err;
	(void)state;
	assert_int_equal(addr_rules_init(&rules, NULL, false, &err), 0);
	assert_int_equal(check(&rules, "169.254.169.254", false, &err), SL_E_DENIED);
	assert_string_equal(err.text, "address 169.254.169.254 is not allowed (link-local)");
	addr_rules_fini(&rules);
}

static void keeps_to_the_listed_networks(void **state)
{
	static const char *const some[] = {"10.0.0.0/8", "192.0.2.7", "fd12::/16", "172.16.0.0/12",
					   NULL};
	static const char *const none[] = {NULL};
	struct addr_rules rules;
	struct sl_error err;
	(void)state;
	assert_int_equal(addr_rules_init(&rules, some, false, &err), 0);
	assert_int_equal(check(&rules, "10.255.1.1", false, &err), 0);
	assert_int_equal(check(&rules, "::ffff:10.0.0.1", false, &err), 0);
	assert_int_equal(check(&rules, "192.0.2.7", false, &err), 0);
	assert_int_equal(check(&rules, "172.31.255.255", false, &err), 0);
	assert_int_equal(check(&rules, "fd12:1::9", false, &err), 0);
	assert_int_equal(check(&rules, "192.0.2.8", false, &err), SL_E_DENIED);
	assert_int_equal(check(&rules, "172.32.0.0", false, &err), SL_E_DENIED);
	assert_int_equal(check(&rules, "11.0.0.1", false, &err), SL_E_DENIED);
	assert_int_equal(check(&rules, "fd13::1", false, &err), SL_E_DENIED);
	assert_int_equal(check(&rules, "127.0.0.1", false, &err), SL_E_DENIED);
	assert_non_null(strstr(err.text, "allow_networks"));
	addr_rules_fini(&rules);
	assert_int_equal(addr_rules_init(&rules, none, false, &err), 0);
	assert_int_equal(check(&rules, "127.0.0.1", false, &err), SL_E_DENIED);
	addr_rules_fini(&rules);
}

static void wants_tls_off_loopback(void **state)
{
	struct addr_rules rules;
	struct sl_error err;
	(void)state;
	assert_int_equal(addr_rules_init(&rules, NULL, true, &err), 0);
	assert_int_equal(check(&rules, "127.9.9.9", false, &err), 0);
	assert_int_equal(check(&rules, "::1", false, &err), 0);
	assert_int_equal(check(&rules, "::ffff:127.0.0.1", false, &err), 0);
	assert_int_equal(check(&rules, "10.0.0.1", true, &err), 0);
	assert_int_equal(check(&rules, "10.0.0.1", false, &err), SL_E_DENIED);
	assert_non_null(strstr(err.text, "require_tls"));
	addr_rules_fini(&rules);
}

static void refuses_wrong_networks(void **state)
{
	static const char *const wrong[] = {"10.0.0.0/33", "10.0.0/8", "fd::/129",    "10.0.0.0/",
					    "x",           "",         "10.0.0.0/-1", "10.0.0.0/8x",
					    "[::1]",       "::1/ 8"};
	(void)state;
	for (size_t i = 0; i < countof(wrong); i++) {
		const char *const list[] = {"10.0.0.0/8", wrong[i], NULL};
		struct addr_rules rules;
		struct sl_error err;
		if (addr_rules_init(&rules, list, false, &err) != SL_E_INVALID)
			fail_msg("\"%s\" was taken", wrong[i]);
		assert_non_null(strstr(err.text, wrong[i]));
	}
}

static void formats_addresses(void **state)
{
	struct sockaddr_storage at;
	char text[ADDR_TEXT_SIZE];
	(void)state;
	assert_true(addr_parse("[2001:db8::1]", &at));
	assert_string_equal(addr_format((struct sockaddr *)&at, text), "2001:db8::1");
	((struct sockaddr_in6 *)&at)->sin6_port = htons(80);
	assert_string_equal(addr_format((struct sockaddr *)&at, text), "[2001:db8::1]:80");
	assert_true(addr_parse("192.0.2.1", &at));
	((struct sockaddr_in *)&at)->sin_port = htons(8080);
	assert_string_equal(addr_format((struct sockaddr *)&at, text), "192.0.2.1:8080");
	assert_false(addr_parse("localhost", &at));
	assert_false(addr_parse("1.2.3", &at));
	assert_false(addr_parse("", &at));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_what_is_never_allowed),
		cmocka_unit_test(names_the_address),
		cmocka_unit_test(keeps_to_the_listed_networks),
		cmocka_unit_test(wants_tls_off_loopback),
		cmocka_unit_test(refuses_wrong_networks),
		cmocka_unit_test(formats_addresses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
