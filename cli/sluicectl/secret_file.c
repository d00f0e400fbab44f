#include "cli/sluicectl/secret_file.h"

#include "cli/file.h"
#include "core/base/crypt.h"

void secret_wipe(struct buf *b)
{
	if (b->at)
		crypt_wipe(b->at, b->cap);
	buf_fini(b);
}

static int ask_twice(const char *question, struct buf *to)
{
	scoped(secret_wipe) struct buf again = {0};
	buf_init(&again, SECRET_MAX);
	int code = prompt_secret(question, to);
	if (!code)
		code = prompt_secret("The same again: ", &again);
	if (!code && !bytes_eq(buf_bytes(to), buf_bytes(&again)))
		code = ctl_fail(CTL_REFUSED, "the two differ; nothing was done");
	return code;
}

int secret_file_or_ask(const char *file, const char *question, bool twice, struct buf *to)
{
	struct sl_error err = {0};
	int code = CTL_DONE;
	if (file && file_read(file, FILE_PRIVATE, to, &err))
		return ctl_fail(CTL_REFUSED, "%s", err.text);
	if (file)
		to->len = strcspn(buf_str(to), "\r\n");
	else
		code = twice ? ask_twice(question, to) : prompt_secret(question, to);
	if (!code && to->len < SECRET_MIN)
		code = ctl_fail(CTL_REFUSED, "the password must have at least %d characters",
				SECRET_MIN);
	return code;
}
