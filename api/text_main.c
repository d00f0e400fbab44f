/* A program of the build: prints what the API serves and how it refuses, as JSON, from the
 * tables that the gateway itself runs on. doc/tools/api_reference.py makes doc/api.md's
 * tables of it. */
#include "api/api.h"
#include "api/openapi.h"

#include <stdio.h>

static struct json_object *show_error(int code)
{
	struct json_object *to = jb_object();
	jb_put_str(to, "name", sl_err_name(code));
	jb_put_str(to, "code", sl_err_code(code));
	jb_put_int(to, "status", sl_err_http(code));
	jb_put_bool(to, "retry", sl_err_retryable(code));
	jb_put_str(to, "text", sl_err_text(code));
	return to;
}

int main(void)
{
	scoped(buf_finip) struct buf text;
	scoped(jb_freep) struct json_object *all = jb_object();
	struct json_object *errors = jb_array();
	buf_init(&text, 4 << 20);
	jb_add(errors, show_error(SL_OK));
	for (int code = SL_ERR_MIN + 1; code < SL_ERR_END; code++)
		jb_add(errors, show_error(code));
	jb_put(all, "openapi", openapi_build(api_routes));
	jb_put(all, "errors", errors);
	int rc = jb_print(all, &text);
	return rc || puts(buf_str(&text)) < 0 || fflush(stdout) ? 1 : 0;
}
