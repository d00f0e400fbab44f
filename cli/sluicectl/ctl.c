#include "cli/sluicectl/ctl.h"

#include "core/json/build.h"

#include <stdarg.h>
#include <stdio.h>

int ctl_fail(enum ctl_exit code, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fputs("sluicectl: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	return (int)code;
}

void ctl_next(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fputs("  next: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
}

int ctl_no_memory(void) { return ctl_fail(CTL_REFUSED, "out of memory"); }

struct json_object *ctl_pairs(const struct texts *pairs)
{
	struct json_object *object = jb_object();
	for (size_t i = 0; i < pairs->n; i++) {
		const char *pair = pairs->at[i];
		const char *is = strchr(pair, '=');
		if (!is || is == pair) {
			ctl_fail(CTL_USAGE, "--header %s: must be NAME=VALUE", pair);
			return jb_free(object);
		}
		jb_put_named(object, bytes_of(pair, (size_t)(is - pair)),
			     jb_string(bytes_str(is + 1)));
	}
	return object;
}
