/* What gcc -fanalyzer cannot see, as it knows no more than one file: included in front of each file
 * of ours when it is analysed (each_file.py), never when it is built. */
#pragma once

#include "core/base/err.h"

/* These return the code they are given. */
#define RETURNS_CODE(code, call)                                                                   \
	__extension__({                                                                            \
		int code_ = (code);                                                                \
		call;                                                                              \
		code_;                                                                             \
	})
#define sl_fail(err, code, ...) RETURNS_CODE(code, sl_fail((err), code_, __VA_ARGS__))
#define sl_wrap(err, code, ...) RETURNS_CODE(code, sl_wrap((err), code_, __VA_ARGS__))

#ifdef IN_api
#include "api/fields.h"
#include "api/request.h"
#define reply_fail(reply, code, ...) RETURNS_CODE(code, reply_fail((reply), code_, __VA_ARGS__))
#define fields_fail(in, at, err, code, ...)                                                        \
	RETURNS_CODE(code, fields_fail((in), (at), (err), code_, __VA_ARGS__))
#endif
