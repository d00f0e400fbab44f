#include "core/json/build.h"
#include "core/json/index.h"

void jb_put_loose(struct json_object *object, const char *key, struct bytes text)
{
	scoped(buf_finip) struct buf quoted = {0};
	buf_init(&quoted, SIZE_MAX / 2);
	json_quote(&quoted, text);
	if (quoted.rc)
		jb_put(object, key, NULL);
	else
		jb_put_raw(object, key, buf_bytes(&quoted));
}
