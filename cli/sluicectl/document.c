#include "cli/sluicectl/document.h"

#include "cli/file.h"
#include "cli/yaml_json.h"

enum { DOCUMENT_MAX = 256 << 20, DEPTH_MAX = 512 };

static const struct json_limits json_limits = {.bytes_max = DOCUMENT_MAX, .depth_max = DEPTH_MAX};

/* A text that begins like this is meant as JSON, and its errors are told as such. */
static bool looks_like_json(struct bytes text)
{
	const char *at = text.at;
	size_t i = 0;
	while (i < text.len && strchr(" \t\r\n", at[i]) && at[i])
		i++;
	return i < text.len && (at[i] == '{' || at[i] == '[');
}

static int parse(struct document *d, struct bytes file, struct sl_error *err)
{
	static const struct yaml_limits yaml_limits = {.bytes_max = DOCUMENT_MAX,
						       .depth_max = DEPTH_MAX};
	struct sl_error as_json = {0};
	if (looks_like_json(file)) {
		buf_add_bytes(&d->text, file);
		if (d->text.rc)
			return sl_fail(err, (enum sl_err)d->text.rc, "%s", sl_err_text(d->text.rc));
		if (json_parse(&d->json, buf_bytes(&d->text), &json_limits, &as_json) == 0)
			return 0;
		buf_reset(&d->text);
	}
	int rc = yaml_to_json(file, &yaml_limits, &d->text, NULL, err);
	if (rc && as_json.code)
		return sl_fail(err, (enum sl_err)as_json.code, "%s", as_json.text);
	return rc ? rc : json_parse(&d->json, buf_bytes(&d->text), &json_limits, err);
}

int document_load(const char *path, struct document *ret)
{
	scoped(buf_finip) struct buf file;
	buf_init(&file, DOCUMENT_MAX);
	buf_init(&ret->text, DOCUMENT_MAX);
	struct sl_error err = {0};
	int rc = file_read(path, FILE_ANY, &file, &err);
	if (rc)
		return ctl_fail(CTL_REFUSED, "%s", err.text);
	if (parse(ret, buf_bytes(&file), &err))
		return ctl_fail(CTL_REFUSED, "%s: %s",
				strcmp(path, "-") == 0 ? "standard input" : path, err.text);
	return CTL_DONE;
}

void document_fini(struct document *d)
{
	json_fini(&d->json);
	buf_fini(&d->text);
}
