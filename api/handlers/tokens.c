/* /v1/tokens: access ids and the admin's password. */
#include "api/api.h"

enum { PRIVILEGES_MAX = 32 };

/* What the bodies of all these routes may hold; each has its own table. */
struct token_body {
	json_at privileges;
	struct bytes token, id, forwho, note, user_id, author, expires;
	json_at header;
	uint32_t set;
	int64_t expires_ms;
};

#define TOKEN_AT(member) .at = offsetof(struct token_body, member)

static int check_privileges(const struct fields_in *in, json_at at, void *to, struct sl_error *err)
{
	struct token_body *body = to;
	const struct json *j = in->json;
	body->set = 0;
	for (json_at i = json_first(j, at); i != JSON_NONE; i = json_next(j, at, i)) {
		struct bytes name;
		if (json_type(j, i) != JSON_STRING)
			return fields_fail(in, i, err, SL_E_INVALID, "must be a string");
		int rc = fields_text(in, i, &name);
		if (rc < 0)
			return rc;
		uint32_t flag = privilege_parse(name);
		if (!flag)
			return fields_fail(in, i, err, SL_E_INVALID, "no such privilege");
		if (flag == PRIV_ADMIN)
			return fields_fail(in, i, err, SL_E_INVALID, "admin cannot be granted");
		body->set |= flag;
	}
	return 0;
}

static int check_expires(const struct fields_in *in, json_at at, void *to, struct sl_error *err)
{
	struct token_body *body = to;
	if (time_parse(body->expires, &body->expires_ms) < 0)
		return fields_fail(in, at, err, SL_E_INVALID,
				   "must be a time as in RFC 3339, 2026-01-31T12:00:00Z");
	if (body->expires_ms == 0)
		body->expires_ms = 1; /* 0 is "never"; this is past either way */
	return 0;
}

/* Bytes that would be odd in a list or a log line. */
static int check_words(const struct fields_in *in, json_at at, void *to, struct sl_error *err)
{
	struct bytes text;
	(void)to;
	int rc = fields_text(in, at, &text);
	for (size_t i = 0; rc == 0 && i < text.len; i++) {
		unsigned char c = ((const unsigned char *)text.at)[i];
		if (c < ' ' || c == 127)
			return fields_fail(in, at, err, SL_E_INVALID, "no control characters");
	}
	return rc;
}

static int check_user(const struct fields_in *in, json_at at, void *to, struct sl_error *err)
{
	const struct token_body *body = to;
	if (body->user_id.len && memchr(body->user_id.at, ',', body->user_id.len))
		return fields_fail(in, at, err, SL_E_INVALID, "no comma");
	return check_words(in, at, to, err);
}

static int check_header_size(const struct fields_in *in, json_at at, void *to, struct sl_error *err)
{
	(void)to;
	if (json_raw(in->json, at).len > TOKEN_HEADER_MAX)
		return fields_fail(in, at, err, SL_E_INVALID, "at most %d bytes", TOKEN_HEADER_MAX);
	return 0;
}

#define PRIVILEGES_FIELD                                                                           \
	{                                                                                          \
		.name = "privileges", .kind = FIELD_ARRAY, .flags = FIELD_REQUIRED | FIELD_FILLED, \
		TOKEN_AT(privileges), .max = PRIVILEGES_MAX, .check = check_privileges,            \
		.help = "read_job, write_job, resume_job, read_feature, write_feature, "           \
			"register_feature, read_token, write_token"                                \
	}

static const struct field admin_fields[] = {
	{.name = "token",
	 .kind = FIELD_TEXT,
	 .flags = FIELD_REQUIRED | FIELD_FILLED,
	 TOKEN_AT(token),
	 .max = ADMIN_PASSWORD_MAX,
	 .help = "The new password: at least 8 characters."},
	{0},
};

static const struct field create_fields[] = {
	PRIVILEGES_FIELD,
	{.name = "forwho",
	 .kind = FIELD_TEXT,
	 .flags = FIELD_REQUIRED | FIELD_FILLED,
	 TOKEN_AT(forwho),
	 .max = TOKEN_NAME_MAX,
	 .check = check_words,
	 .help = "Whom it is made for."},
	{.name = "note",
	 .kind = FIELD_TEXT,
	 TOKEN_AT(note),
	 .max = TOKEN_NOTE_MAX,
	 .check = check_words,
	 .help = "A remark."},
	{.name = "userID",
	 .kind = FIELD_TEXT,
	 .flags = FIELD_FILLED,
	 TOKEN_AT(user_id),
	 .max = TOKEN_NAME_MAX,
	 .check = check_user,
	 .help = "Bound to this user: submits for them, and sees their jobs, only."},
	{.name = "author",
	 .kind = FIELD_TEXT,
	 .flags = FIELD_FILLED,
	 TOKEN_AT(author),
	 .help = "Bound to this author: registers and changes only their features."},
	{.name = "header",
	 .kind = FIELD_OBJECT,
	 TOKEN_AT(header),
	 .check = check_header_size,
	 .help = "Header keys that every job sent with it gets."},
	{.name = "expiresAt",
	 .kind = FIELD_TEXT,
	 .flags = FIELD_FILLED,
	 TOKEN_AT(expires),
	 .check = check_expires,
	 .help = "RFC 3339; absent: never."},
	{.name = "id", .kind = FIELD_SHOWN},
	{.name = "createdAt", .kind = FIELD_SHOWN},
	{.name = "lastUsedAt", .kind = FIELD_SHOWN},
	{0},
};

static const struct field update_fields[] = {
	{.name = "token",
	 .kind = FIELD_TEXT,
	 .flags = FIELD_FILLED,
	 TOKEN_AT(token),
	 .help = "The access id, or:"},
	{.name = "id",
	 .kind = FIELD_TEXT,
	 .flags = FIELD_FILLED,
	 TOKEN_AT(id),
	 .help = "its id, as the list shows it."},
	PRIVILEGES_FIELD,
	{.name = "forwho", .kind = FIELD_SHOWN},
	{.name = "note", .kind = FIELD_SHOWN},
	{.name = "userID", .kind = FIELD_SHOWN},
	{.name = "author", .kind = FIELD_SHOWN},
	{.name = "header", .kind = FIELD_SHOWN},
	{.name = "createdAt", .kind = FIELD_SHOWN},
	{.name = "lastUsedAt", .kind = FIELD_SHOWN},
	{.name = "expiresAt", .kind = FIELD_SHOWN},
	{0},
};

static const struct field delete_fields[] = {
	{.name = "token",
	 .kind = FIELD_TEXT,
	 .flags = FIELD_FILLED,
	 TOKEN_AT(token),
	 .help = "The access id, or:"},
	{.name = "id",
	 .kind = FIELD_TEXT,
	 .flags = FIELD_FILLED,
	 TOKEN_AT(id),
	 .help = "its id, as the list shows it."},
	{0},
};

static int read_body(struct request *req, const struct field *table, struct token_body *ret,
		     struct sl_error *err)
{
	const struct fields_in in = {&req->json, req->arena};
	*ret = (struct token_body){.privileges = JSON_NONE, .header = JSON_NONE};
	return fields_read(&in, 0, table, ret, err);
}

static int need_name(const struct token_body *body, struct sl_error *err)
{
	return body->token.len || body->id.len
		       ? 0
		       : sl_fail(err, SL_E_LACK, "token: is missing (or give \"id\")");
}

/* ---- routes ---- */

static int put_admin(struct api *api, struct request *req, struct reply *reply)
{
	const struct audit_by by = request_by(req);
	struct token_body body;
	int rc = read_body(req, admin_fields, &body, &reply->err);
	if (rc < 0)
		return rc;
	rc = admin_set(api->admin, body.token, &by, &reply->err);
	if (rc == 0)
		log_line(api->log, LOG_INFO, "api", "the admin password was changed", NULL);
	return rc;
}

static int post_token(struct api *api, struct request *req, struct reply *reply)
{
	struct token_body body;
	char access_id[CRYPT_ACCESS_ID_SIZE + 1], id[TOKEN_ID_LEN + 1];
	int rc = read_body(req, create_fields, &body, &reply->err);
	if (rc < 0)
		return rc;
	struct token draft = {
		.privileges = body.set,
		.forwho = body.forwho,
		.note = body.note,
		.user_id = body.user_id,
		.author = body.author,
		.expires_ms = body.expires_ms,
	};
	if (body.header != JSON_NONE)
		draft.header = json_raw(&req->json, body.header);
	rc = token_book_add(api->tokens, req->caller, &draft, req->remote, access_id, id,
			    &reply->err);
	if (rc < 0)
		return rc;
	reply->payload = jb_object();
	jb_put_str(reply->payload, "token", access_id);
	jb_put_str(reply->payload, "id", id);
	crypt_wipe(access_id, sizeof(access_id));
	return 0;
}

static int put_normal(struct api *api, struct request *req, struct reply *reply)
{
	struct token_body body;
	int rc = read_body(req, update_fields, &body, &reply->err);
	if (rc == 0)
		rc = need_name(&body, &reply->err);
	if (rc < 0)
		return rc;
	return token_book_update(api->tokens, req->caller,
				 (struct token_name){.access_id = body.token, .id = body.id},
				 req->remote, body.set, &reply->err);
}

static int delete_token(struct api *api, struct request *req, struct reply *reply)
{
	struct token_body body = {.privileges = JSON_NONE};
	struct bytes id;
	int rc = request_query_only(req, "id", &reply->err);
	if (rc == 0 && req->body.len)
		rc = read_body(req, delete_fields, &body, &reply->err);
	if (rc < 0)
		return rc;
	rc = request_query(req, "id", &id, &reply->err);
	if (rc < 0 && rc != SL_E_NOT_FOUND)
		return rc;
	if (rc == 0 && body.id.len && !bytes_eq(id, body.id))
		return reply_fail(reply, SL_E_INVALID, "id: differs from the one of the query");
	if (rc == 0)
		body.id = id;
	rc = need_name(&body, &reply->err);
	if (rc < 0)
		return rc;
	return token_book_delete(api->tokens, req->caller,
				 (struct token_name){.access_id = body.token, .id = body.id},
				 req->remote, &reply->err);
}

static void list_one(void *user, const struct token *token)
{
	struct json_object *one = token_show(token);
	jb_put_time(one, "lastUsedAt", token_used_ms(token));
	jb_add(user, one);
}

static int get_tokens(struct api *api, struct request *req, struct reply *reply)
{
	reply->payload = jb_array();
	token_book_list(api->tokens, req->caller, list_one, reply->payload);
	return 0;
}

static const char *privilege_word(int i) { return privilege_name(1u << i); }

static const struct schema privilege_schema = {
	.name = "Privilege", .word = privilege_word, .words = __builtin_ctz(PRIV_ADMIN)};

static const struct schema_member token_members[] = {
	MEMBER("id", TEXT, 0, "Names it; it is not the access id, which is never shown again."),
	MEMBER("forwho", TEXT, 0, NULL),
	MEMBER("note", TEXT, 0, NULL),
	MEMBER_OF("privileges", privilege_schema, SHAPE_LIST, NULL),
	MEMBER("userID", TEXT, SHAPE_MAYBE, "Bound to this user."),
	MEMBER("author", TEXT, SHAPE_MAYBE, "Bound to this author."),
	MEMBER("header", FREE, SHAPE_MAYBE, "Keys that every job sent with it gets."),
	MEMBER("createdAt", TIME, 0, NULL),
	MEMBER("expiresAt", TIME, SHAPE_NULL, "null: never."),
	MEMBER("lastUsedAt", TIME, SHAPE_NULL, NULL),
	{0},
};
static const struct schema token_schema = {.name = "Token", .member = token_members};

static const struct schema_member made_members[] = {
	MEMBER("token", TEXT, 0, "The access id, shown this once."),
	MEMBER("id", TEXT, 0, NULL),
	{0},
};
static const struct schema made_schema = {.name = "TokenMade", .member = made_members};

static const struct route_query delete_query[] = {
	{"id", "string", "The token's id, instead of a body."},
	{0},
};

static const struct route routes[] = {
	{
		.method = "PUT",
		.pattern = "/v1/tokens/admin",
		.needs = PRIV_ADMIN,
		.flags = ROUTE_JSON,
		.handle = put_admin,
		.summary = "Change the admin's password; the old one ends at once.",
		.fields = admin_fields,
	},
	{
		.method = "POST",
		.pattern = "/v1/tokens",
		.needs = PRIV_WRITE_TOKEN,
		.flags = ROUTE_JSON,
		.handle = post_token,
		.summary = "Make an access id; it is shown by this answer only.",
		.fields = create_fields,
		.payload = PAYLOAD(ONE_OF(made_schema)),
	},
	{
		.method = "PUT",
		.pattern = "/v1/tokens/normal",
		.needs = PRIV_WRITE_TOKEN,
		.flags = ROUTE_JSON,
		.handle = put_normal,
		.summary = "Give a token other privileges.",
		.fields = update_fields,
	},
	{
		.method = "DELETE",
		.pattern = "/v1/tokens",
		.needs = PRIV_WRITE_TOKEN,
		.flags = ROUTE_JSON | ROUTE_EMPTY,
		.handle = delete_token,
		.summary = "Delete a token, named by the body or by ?id=.",
		.fields = delete_fields,
		.query = delete_query,
	},
	{
		.method = "GET",
		.pattern = "/v1/tokens",
		.needs = PRIV_READ_TOKEN,
		.handle = get_tokens,
		.summary = "The tokens whose privileges the caller holds, oldest first.",
		.payload = PAYLOAD(LIST_OF(token_schema)),
	},
};

const struct route_group group_tokens = {routes, countof(routes)};
