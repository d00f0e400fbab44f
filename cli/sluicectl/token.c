#include "cli/sluicectl/token.h"

#include "core/json/build.h"

struct json_object *token_privileges(const struct texts *given)
{
	if (!given->n) {
		ctl_fail(CTL_USAGE, "--privilege is missing");
		ctl_next("for example --privilege read_job,write_job");
		return NULL;
	}
	struct json_object *list = jb_array();
	for (size_t i = 0; i < given->n; i++)
		for (const char *at = given->at[i]; *at;) {
			size_t n = strcspn(at, ",");
			if (n)
				jb_add_bytes(list, bytes_of(at, n));
			at += at[n] ? n + 1 : n;
		}
	return list;
}
