#include "core/calls/answer.h"

enum { ANSWER_DEPTH_MAX = 64, TEXT_MAX = 64 * 1024, RETRY_AFTER_MAX_S = 604800 };

static const char *const decision_names[] = {"stop", "suspend", "pass"};

const char *gate_decision_name(enum gate_decision decision) { return decision_names[decision]; }

int answer_parse(struct bytes body, size_t bytes_max, struct json *ret, struct sl_error *err)
{
	struct json_limits limits = {bytes_max, ANSWER_DEPTH_MAX};
	return json_parse(ret, body, &limits, err);
}

static int want_object(const struct json *body, json_at at, const char *what, struct sl_error *err)
{
	if (json_type(body, at) == JSON_OBJECT)
		return 0;
	return sl_fail(err, SL_E_INVALID, "%s must be an object, not %s", what,
		       json_type_name(json_type(body, at)));
}

/* A text member that may be missing, null, a number or a boolean. */
static int loose_text(const struct json *body, json_at object, const char *key, struct buf *to,
		      struct bytes *ret, struct sl_error *err)
{
	json_at at = json_get(body, object, bytes_str(key));
	*ret = bytes_of("", 0);
	if (at == JSON_NONE)
		return 0;
	switch (json_type(body, at)) {
	case JSON_NULL:
		return 0;
	case JSON_STRING:
		return json_string(body, at, to, ret);
	case JSON_NUMBER:
	case JSON_TRUE:
	case JSON_FALSE:
		*ret = json_raw(body, at);
		return 0;
	default:
		return sl_fail(err, SL_E_INVALID, "\"%s\" must be a string", key);
	}
}

/* ---- gates ---- */

static int read_decision(const struct json *body, enum gate_decision *ret, struct sl_error *err)
{
	json_at at = json_get(body, 0, BYTES("decision"));
	if (at == JSON_NONE)
		return sl_fail(err, SL_E_INVALID,
			       "\"decision\" is missing (pass, suspend or stop)");
	for (size_t i = 0; i < countof(decision_names); i++)
		if (json_string_is(body, at, bytes_str(decision_names[i]))) {
			*ret = (enum gate_decision)i;
			return 0;
		}
	struct bytes raw = bytes_cut(json_raw(body, at), 60);
	return sl_fail(err, SL_E_INVALID, "\"decision\" is %.*s, must be pass, suspend or stop",
		       BYTES_FMT(raw));
}

static bool reason_code_fits(struct bytes text)
{
	const char *at = text.at;
	for (size_t i = 0; i < text.len; i++)
		if (!((at[i] >= 'a' && at[i] <= 'z') || (at[i] >= '0' && at[i] <= '9') ||
		      at[i] == '_'))
			return false;
	return text.len <= JOB_REASON_CODE_MAX;
}

static json_at given(const struct json *body, const char *key)
{
	json_at at = json_get(body, 0, bytes_str(key));
	return at != JSON_NONE && json_type(body, at) == JSON_NULL ? JSON_NONE : at;
}

static int read_times(const struct json *body, struct gate_reply *reply, struct sl_error *err)
{
	json_at at = given(body, "retryAfterSec");
	int64_t seconds;
	if (at != JSON_NONE) {
		if (json_int64(body, at, &seconds) || seconds < 1 || seconds > RETRY_AFTER_MAX_S)
			return sl_fail(err, SL_E_INVALID,
				       "\"retryAfterSec\" must be a whole number from 1 to %d",
				       RETRY_AFTER_MAX_S);
		reply->retry_after_s = (uint32_t)seconds;
	}
	at = given(body, "expiresAt");
	struct bytes text;
	if (at != JSON_NONE &&
	    (json_type(body, at) != JSON_STRING || json_string(body, at, &reply->text, &text) ||
	     time_parse(text, &reply->expires_ms)))
		return sl_fail(err, SL_E_INVALID, "\"expiresAt\" must be an RFC 3339 time");
	if (at != JSON_NONE && reply->expires_ms < 1)
		reply->expires_ms = 1; /* 0 is none; whatever is past is past */
	return 0;
}

static int read_suspension(const struct json *body, struct gate_reply *reply, struct sl_error *err)
{
	json_at at = given(body, "onResume");
	if (at != JSON_NONE) {
		reply->ask_on_resume = json_string_is(body, at, BYTES("ask"));
		if (!reply->ask_on_resume && !json_string_is(body, at, BYTES("next")))
			return sl_fail(err, SL_E_INVALID, "\"onResume\" must be next or ask");
	}
	return read_times(body, reply, err);
}

int answer_gate(const struct json *body, struct gate_reply *ret, struct sl_error *err)
{
	struct gate_reply reply = {0};
	int rc = want_object(body, 0, "a gate's answer", err);
	if (rc)
		return rc;
	/* Room at once, so that texts decoded into it do not move. */
	buf_init(&reply.text, json_raw(body, 0).len + TEXT_MAX);
	(void)buf_room(&reply.text, json_raw(body, 0).len);
	rc = read_decision(body, &reply.decision, err);
	if (!rc)
		rc = loose_text(body, 0, "reason", &reply.text, &reply.reason, err);
	if (!rc)
		rc = loose_text(body, 0, "reasonCode", &reply.text, &reply.reason_code, err);
	if (!rc && !reason_code_fits(reply.reason_code))
		rc = sl_fail(err, SL_E_INVALID,
			     "\"reasonCode\" must be at most 63 of a-z, 0-9 and _");
	if (!rc && reply.decision == GATE_SUSPEND)
		rc = read_suspension(body, &reply, err);
	if (rc) {
		gate_reply_fini(&reply);
		return rc;
	}
	*ret = reply;
	return 0;
}

void gate_reply_fini(struct gate_reply *r) { buf_fini(&r->text); }

/* ---- factors ---- */

static int check_factor(const struct json *body, json_at at, struct sl_error *err)
{
	scoped(buf_finip) struct buf text = {0};
	struct bytes ignored;
	buf_init(&text, TEXT_MAX);
	int rc = want_object(body, at, "a factor", err);
	if (rc)
		return rc;
	json_at topic = json_get(body, at, BYTES("topic"));
	if (topic == JSON_NONE || json_type(body, topic) != JSON_STRING ||
	    json_raw(body, topic).len <= 2)
		return sl_fail(err, SL_E_INVALID,
			       "\"topic\" of a factor must be a string that is not empty");
	if (json_get(body, at, BYTES("advice")) == JSON_NONE)
		return sl_fail(err, SL_E_INVALID, "\"advice\" of a factor is missing");
	rc = loose_text(body, at, "advice", &text, &ignored, err);
	return rc ? rc : loose_text(body, at, "reason", &text, &ignored, err);
}

int answer_check_factors(const struct json *body, struct sl_error *err)
{
	if (json_type(body, 0) != JSON_ARRAY)
		return check_factor(body, 0, err);
	if (json_count(body, 0) > FACTORS_MAX)
		return sl_fail(err, SL_E_INVALID, "more than %d factors in one answer",
			       FACTORS_MAX);
	for (json_at at = json_first(body, 0); at != JSON_NONE; at = json_next(body, 0, at)) {
		int rc = check_factor(body, at, err);
		if (rc)
			return rc;
	}
	return 0;
}

int answer_check_taskset(const struct json *body, struct sl_error *err)
{
	int rc = want_object(body, 0, "the answer", err);
	if (rc)
		return rc;
	if (!json_string_is(body, json_get(body, 0, BYTES("kind")), BYTES("TaskSet")))
		return sl_fail(err, SL_E_INVALID,
			       "the answer is no TaskSet: \"kind\" must be \"TaskSet\"");
	return 0;
}
