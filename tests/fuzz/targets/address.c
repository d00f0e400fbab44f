/* A call address of any bytes is refused in words or is one that libcurl takes and that was
 * looked at; networks and literal addresses likewise. Input: an address. */
#include "tests/fuzz/fuzz.h"

#include <netinet/in.h>

#include "net/addr.h"
#include "net/executor.h"
#include "net/target.h"

static void split(struct bytes text)
{
	static const char *const dirs[] = {"/run/sluice", "/tmp/x", NULL};
	struct target target = {0};
	struct sl_error err = {0};
	int rc = target_split(text, &target, &err);
	fuzz_holds((rc == 0) == (err.text[0] == '\0'));
	if (rc)
		return;
	fuzz_holds(target.place.len > 0 && target.place.len <= text.len);
	fuzz_holds(target.socket.len <= TARGET_SOCKET_MAX);
	fuzz_holds(!target.socket.len || target.path.len > 0);
	err = (struct sl_error){0};
	rc = target.socket.len ? target_check_socket(target.socket, dirs, &err) : 0;
	fuzz_holds((rc == 0) == (err.text[0] == '\0'));
}

/* What is refused always must not be called whatever it is written like. */
static void judge(const char *text)
{
	struct sockaddr_storage to;
	struct addr_rules rules = {0};
	struct sl_error err = {0};
	const char *allow[] = {text, NULL};
	if (addr_parse(text, &to)) {
		char words[ADDR_TEXT_SIZE];
		fuzz_holds(*addr_format((struct sockaddr *)&to, words));
		int rc = addr_rules_init(&rules, NULL, false, NULL);
		rc = rc ? rc : addr_check(&rules, (struct sockaddr *)&to, false, &err);
		fuzz_holds((rc == 0) == (err.text[0] == '\0'));
		const uint8_t *v4 = (const uint8_t *)&((struct sockaddr_in *)&to)->sin_addr;
		if (to.ss_family == AF_INET &&
		    ((v4[0] == 169 && v4[1] == 254) || v4[0] == 0 || (v4[0] >= 224 && v4[0] < 240)))
			fuzz_holds(rc == SL_E_DENIED);
		addr_rules_fini(&rules);
	}
	err = (struct sl_error){0};
	int rc = addr_rules_init(&rules, allow, true, &err);
	fuzz_holds((rc == 0) == (err.text[0] == '\0'));
	if (rc == 0)
		addr_rules_fini(&rules);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct http_config config = {.connections_max = 1};
	struct sl_error err = {0};
	char text[256];
	split(bytes_of(at, len));
	int rc = http_check_address(&config, bytes_of(at, len), &err);
	fuzz_holds((rc == 0) == (err.text[0] == '\0'));
	if (len >= sizeof(text) || memchr(at, 0, len))
		return 0;
	memcpy(text, at, len);
	text[len] = '\0';
	judge(text);
	return 0;
}
