/* JSON that we write ourselves: API answers and our own small records, on json-c (the
 * only folder that includes <json-c/json.h>; this file's .c is the place).
 *
 * A builder value has one owner; adding it to a parent moves it. The first failure
 * sticks in the root and is told by jb_print(). NULL values are allowed everywhere a
 * builder is expected (an earlier allocation failed) and count as such a failure.
 * A value stays on the thread that made it. */
#pragma once

#include "core/base/buf.h"
#include "core/base/clock.h"

struct json_object; /* json-c's */

SL_BEGIN_DECLS

struct json_object *jb_object(void);
struct json_object *jb_array(void);
struct json_object *jb_free(struct json_object *value);

/* Members; `key` must outlive the value (a literal). Text must be UTF-8. */
void jb_put(struct json_object *object, const char *key, struct json_object *value);
void jb_put_str(struct json_object *object, const char *key, const char *text); /**< NULL: null. */
void jb_put_bytes(struct json_object *object, const char *key, struct bytes text);
/** Text from outside: what is not UTF-8 becomes U+FFFD. */
void jb_put_loose(struct json_object *object, const char *key, struct bytes text);
void jb_put_int(struct json_object *object, const char *key, int64_t value);
void jb_put_bool(struct json_object *object, const char *key, bool value);
void jb_put_null(struct json_object *object, const char *key);
/** RFC 3339, or null for 0. */
void jb_put_time(struct json_object *object, const char *key, int64_t wall_ms);
/** A JSON text that is known to be valid, embedded as it is (copied). */
void jb_put_raw(struct json_object *object, const char *key, struct bytes json_text);
/** As jb_put() for a key that is not a literal (copied). */
void jb_put_named(struct json_object *object, struct bytes key, struct json_object *value);

/* Elements. */
void jb_add(struct json_object *array, struct json_object *value);
void jb_add_bytes(struct json_object *array, struct bytes text);
void jb_add_raw(struct json_object *array, struct bytes json_text);

struct json_object *jb_string(struct bytes text);
struct json_object *jb_int(int64_t value);
struct json_object *jb_raw(struct bytes json_text);

/** Append the compact text of `value`; SL_E_NO_MEMORY if any part could not be built, or
 * the buffer's own error. */
SL_MUST_USE int jb_print(struct json_object *value, struct buf *to);

SL_DEFINE_SCOPED(struct json_object, jb_free)

SL_END_DECLS
