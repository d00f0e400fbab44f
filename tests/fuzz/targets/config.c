/* A configuration file of any content is refused with its line or is a configuration, which
 * printed is read as the same. Input: a file. */
#include "tests/fuzz/fuzz.h"

#include "cli/config.h"

#include <sys/mman.h>
#include <unistd.h>

enum { TEXT_MAX = 1 << 20 };

static int load(struct bytes text, struct config **ret, struct sl_error *err)
{
	char path[64];
	int rc = SL_E_IO, fd = memfd_create("config", MFD_CLOEXEC);
	if (fd < 0)
		return SL_E_NO_MEMORY;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (write(fd, text.at, text.len) == (ssize_t)text.len) {
		struct config_source from = {.path = path};
		rc = config_load(&from, ret, err);
	}
	close(fd);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct config *config = NULL, *again = NULL;
	struct sl_error err = {0};
	scoped(buf_finip) struct buf once = {0}, twice = {0};
	buf_init(&once, TEXT_MAX);
	buf_init(&twice, TEXT_MAX);
	if (load(bytes_of(at, len), &config, &err)) {
		fuzz_holds(err.text[0] && !config);
		return 0;
	}
	config_print(config, &once);
	fuzz_holds(once.rc == 0);
	int rc = load(buf_bytes(&once), &again, &err);
	if (rc)
		fprintf(stderr, "%s\n%s\n", err.text, buf_str(&once));
	fuzz_holds(rc == 0);
	config_print(again, &twice);
	fuzz_holds(bytes_eq(buf_bytes(&once), buf_bytes(&twice)));
	config_free(config);
	config_free(again);
	return 0;
}
