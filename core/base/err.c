#include "core/base/err.h"

#include <stdarg.h>
#include <stdio.h>

struct row {
	const char *name, *code, *text;
	unsigned http;
	bool retry;
};

static const struct row rows[] = {
#define X(name, code, http, retry, text) {#name, code, text, http, retry},
	SL_ERR_MAP(X)
#undef X
};

static const struct row ok = {"OK", "OPERATION_SUCCEEDED", "it worked", 200, false};
static const struct row unknown = {"UNKNOWN", "INTERNAL_ERROR", "unknown error", 500, false};

static const struct row *row_of(int code)
{
	if (code == 0)
		return &ok;
	if (code > SL_ERR_MIN && code < SL_ERR_END)
		return &rows[code - SL_ERR_MIN - 1];
	return &unknown;
}

int sl_fail(struct sl_error *err, enum sl_err code, const char *fmt, ...)
{
	if (err) {
		va_list ap;
		va_start(ap, fmt);
		vsnprintf(err->text, sizeof(err->text), fmt, ap);
		va_end(ap);
		err->code = (int)code;
	}
	return (int)code;
}

int sl_wrap(struct sl_error *err, int code, const char *fmt, ...)
{
	if (err && code) {
		char old[sizeof(err->text)];
		memcpy(old, err->text, sizeof(old));
		va_list ap;
		va_start(ap, fmt);
		int n = vsnprintf(err->text, sizeof(err->text), fmt, ap);
		va_end(ap);
		if (n >= 0 && (size_t)n < sizeof(err->text))
			snprintf(err->text + n, sizeof(err->text) - (size_t)n, "%s", old);
		err->code = code;
	}
	return code;
}

const char *sl_err_name(int code) { return row_of(code)->name; }
const char *sl_err_code(int code) { return row_of(code)->code; }
const char *sl_err_text(int code) { return row_of(code)->text; }
unsigned sl_err_http(int code) { return row_of(code)->http; }
bool sl_err_retryable(int code) { return row_of(code)->retry; }
