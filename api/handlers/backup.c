/* POST /v1/admin/backup: the whole store, into a folder of this machine or to the caller; GET
 * tells how far it is. */
#include "core/backup.h"
#include "api/api.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PASSWORD_MIN = 8, PASSWORD_MAX = 1024 };

/* Where one lies that is sent: in the data directory, and only until it is open. */
#define SENT_NAME "backup-being-sent"

struct backup_body {
	struct bytes folder, password;
};

#define AT(member) .at = offsetof(struct backup_body, member)

static const struct field backup_fields[] = {
	{.name = "folder",
	 .kind = FIELD_TEXT,
	 .flags = FIELD_FILLED,
	 AT(folder),
	 .max = BACKUP_NAME_MAX,
	 .help = "A new folder below backup.dir; without it the backup is the answer."},
	{.name = "password",
	 .kind = FIELD_TEXT,
	 .flags = FIELD_FILLED,
	 AT(password),
	 .min = PASSWORD_MIN,
	 .max = PASSWORD_MAX,
	 .help = "Put the key that opens secrets into the backup, sealed with this."},
	{0},
};

/* One that is being made, and for whom. */
struct making {
	struct api *api;
	struct request *req;
	struct backup_body body;
};

/* ---- one at a time ---- */

static void note(struct api *api, uint64_t done, uint64_t all)
{
	__atomic_store_n(&api->backup_done, done, __ATOMIC_RELAXED);
	__atomic_store_n(&api->backup_all, all, __ATOMIC_RELAXED);
}

static bool begin(struct api *api)
{
	if (__atomic_exchange_n(&api->backing_up, 1, __ATOMIC_ACQUIRE))
		return false;
	note(api, 0, 0);
	__atomic_store_n(&api->backup_begun_ms, clock_mono_ms(api->clock), __ATOMIC_RELAXED);
	return true;
}

static void end(struct api *api) { __atomic_store_n(&api->backing_up, 0, __ATOMIC_RELEASE); }

static int show(struct api *api, struct request *req SL_UNUSED, struct reply *reply)
{
	bool at_work = __atomic_load_n(&api->backing_up, __ATOMIC_ACQUIRE);
	uint64_t done = __atomic_load_n(&api->backup_done, __ATOMIC_RELAXED);
	uint64_t all = __atomic_load_n(&api->backup_all, __ATOMIC_RELAXED);
	int64_t begun_ms = __atomic_load_n(&api->backup_begun_ms, __ATOMIC_RELAXED);
	reply->payload = jb_object();
	jb_put_bool(reply->payload, "running", at_work);
	if (!at_work)
		return 0;
	jb_put_int(reply->payload, "bytes", (int64_t)done);
	jb_put_int(reply->payload, "ofAbout", (int64_t)(all > done ? all : done));
	jb_put_int(reply->payload, "tookMs", clock_mono_ms(api->clock) - begun_ms);
	return 0;
}

/* A gateway that stops waits for nobody's backup, nor does one whose caller has gone. */
static int step(void *user, uint64_t done, uint64_t all)
{
	const struct making *m = user;
	note(m->api, done, all);
	if (api_state(m->api) == API_STOPPING)
		return SL_E_UNAVAILABLE;
	return m->req->hung_up && m->req->hung_up(m->req->peer) ? SL_E_CANCELED : 0;
}

static int make(struct making *m, const char *dir, const char *name, struct backup_manifest *ret,
		struct sl_error *err)
{
	struct api *api = m->api;
	struct backup_config config = {
		.store = api->store,
		.dir = dir,
		.name = name,
		.version = api->version,
		.now_ms = clock_wall_ms(api->clock),
		.secret_key = m->body.password.len ? api->secret_key : NULL,
		.password = m->body.password,
		.step = step,
		.user = m,
	};
	return backup_make(&config, ret, err);
}

/* ---- into a folder ---- */

static int check_folder(const struct api *api, struct bytes folder, struct reply *reply)
{
	if (!*api->backup_dir)
		return reply_fail(reply, SL_E_CONFLICT,
				  "folder: no backup.dir is configured; set it, or ask for the "
				  "backup as the answer, without a folder");
	return backup_name_ok(folder)
		       ? 0
		       : reply_fail(reply, SL_E_INVALID,
				    "folder: must be a name of A-Z a-z 0-9 . _ -, not beginning "
				    "with a dot; it is made below backup.dir");
}

static int to_folder(struct making *making, struct reply *reply)
{
	struct api *api = making->api;
	char name[BACKUP_NAME_MAX + 1], text[BACKUP_MANIFEST_MAX];
	struct backup_manifest m;
	int64_t begun_ms = clock_mono_ms(api->clock);
	snprintf(name, sizeof(name), "%.*s", BYTES_FMT(making->body.folder));
	int rc = make(making, api->backup_dir, name, &m, &reply->err);
	if (rc)
		return rc;
	reply->payload = jb_object();
	snprintf(text, sizeof(text), "%s/%s", api->backup_dir, name);
	jb_put_str(reply->payload, "folder", text);
	jb_put_int(reply->payload, "bytes", (int64_t)m.bytes);
	jb_put_int(reply->payload, "jobs", (int64_t)m.jobs);
	jb_put_int(reply->payload, "features", (int64_t)m.features);
	jb_put_int(reply->payload, "tokens", (int64_t)m.tokens);
	jb_put_bool(reply->payload, "secretKey", m.sealed_len > 0);
	jb_put_int(reply->payload, "tookMs", clock_mono_ms(api->clock) - begun_ms);
	return 0;
}

/* ---- to the caller ---- */

struct sending {
	int fd;
	uint64_t at, bytes;
	struct buf manifest;
};

static int run(void *user, struct stream *stream)
{
	struct sending *s = user;
	char piece[STREAM_PIECE_MAX];
	int rc = 0;
	while (!rc && s->at < s->bytes) {
		uint64_t left = s->bytes - s->at;
		size_t want = left < sizeof(piece) ? (size_t)left : sizeof(piece);
		ssize_t n = pread(s->fd, piece, want, (off_t)s->at);
		if (n <= 0 || stream_ending(stream))
			return SL_E_CANCELED;
		s->at += (uint64_t)n;
		rc = stream_write(stream, bytes_of(piece, (size_t)n));
	}
	return rc ? rc : stream_write(stream, buf_bytes(&s->manifest));
}

static void let_go(void *user)
{
	struct sending *s = user;
	if (s->fd >= 0)
		close(s->fd);
	buf_fini(&s->manifest);
	free(s);
}

static const struct stream_ops sending_ops = {.run = run, .free = let_go};

static int make_stream(struct api *api, struct request *req, struct sending *s, struct reply *reply)
{
	int rc = stream_create(api->streams, req->caller, &sending_ops, s, &reply->stream,
			       &reply->err);
	if (rc)
		return rc;
	reply->stream_length = (int64_t)(s->bytes + s->manifest.len);
	reply->type = "application/octet-stream";
	reply_header(reply, "Content-Disposition", "attachment; filename=\"sluice.backup\"");
	return 0;
}

/* The copy is made at the speed of this machine's disk, not of the caller's connection. */
static int to_caller(struct making *making, struct reply *reply)
{
	struct api *api = making->api;
	struct backup_manifest m;
	char path[PATH_MAX];
	backup_remove(api->data_dir, SENT_NAME); /* a crash has left it */
	int rc = make(making, api->data_dir, SENT_NAME, &m, &reply->err);
	if (rc)
		return rc;
	struct sending *s = calloc(1, sizeof(*s));
	if (s) {
		snprintf(path, sizeof(path), "%s/" SENT_NAME "/" BACKUP_DATA, api->data_dir);
		s->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		s->bytes = m.bytes;
		buf_init(&s->manifest, BACKUP_MANIFEST_MAX);
		backup_write_manifest(&m, true, &s->manifest);
	}
	backup_remove(api->data_dir, SENT_NAME);
	rc = !s ? SL_E_NO_MEMORY : s->fd < 0 ? SL_E_IO : s->manifest.rc;
	if (!rc)
		rc = make_stream(api, making->req, s, reply);
	if (rc && s)
		let_go(s);
	return rc;
}

/* In front of the copy, which so tells of itself; behind what the request is refused for. */
static int record(const struct making *m)
{
	struct api *api = m->api;
	const struct backup_body *body = &m->body;
	const struct audit_entry e = {.by = request_by(m->req),
				      .time_ms = clock_wall_ms(api->clock),
				      .action = "admin.backup",
				      .target = body->folder.len ? body->folder
								 : BYTES("sent to the caller"),
				      .after = body->password.len ? BYTES("{\"secretKey\":true}")
								  : BYTES("{\"secretKey\":false}")};
	return audit_write(api->writer, &e);
}

static int backup(struct api *api, struct request *req, struct reply *reply)
{
	struct making m = {.api = api, .req = req, .body = {.folder = BYTES("")}};
	struct fields_in in = {&req->json, req->arena};
	int rc = req->body.len ? fields_read(&in, 0, backup_fields, &m.body, &reply->err) : 0;
	if (!rc && m.body.folder.len)
		rc = check_folder(api, m.body.folder, reply);
	if (rc)
		return rc;
	if (!begin(api))
		return reply_fail(reply, SL_E_CONFLICT,
				  "another backup is being made; try again when it is done");
	rc = record(&m);
	if (!rc)
		rc = m.body.folder.len ? to_folder(&m, reply) : to_caller(&m, reply);
	end(api);
	return rc;
}

static const struct schema_member progress_members[] = {
	MEMBER("running", BOOL, 0, "Only while it does there are the others."),
	MEMBER("bytes", INT, SHAPE_MAYBE, "So far."),
	MEMBER("ofAbout", INT, SHAPE_MAYBE, "Bytes in the end."),
	MEMBER("tookMs", INT, SHAPE_MAYBE, "So far."),
	{0},
};
static const struct schema progress_schema = {.name = "BackupProgress", .member = progress_members};

static const struct schema_member made_members[] = {
	MEMBER("folder", TEXT, 0, "Its full path."),
	MEMBER("bytes", INT, 0, NULL),
	MEMBER("jobs", INT, 0, NULL),
	MEMBER("features", INT, 0, NULL),
	MEMBER("tokens", INT, 0, NULL),
	MEMBER("secretKey", BOOL, 0, "Is it in there, sealed?"),
	MEMBER("tookMs", INT, 0, NULL),
	{0},
};
static const struct schema made_schema = {.name = "Backup", .member = made_members};

static const struct route routes[] = {
	{
		.method = "GET",
		.pattern = "/v1/admin/backup",
		.needs = PRIV_ADMIN,
		.handle = show,
		.summary =
			"Whether a backup is being made, and how far it is: sent ones while they "
			"are copied, before the first byte is sent",
		.payload = PAYLOAD(ONE_OF(progress_schema)),
	},
	{
		.method = "POST",
		.pattern = "/v1/admin/backup",
		.needs = PRIV_ADMIN,
		.flags = ROUTE_JSON | ROUTE_EMPTY,
		.handle = backup,
		.summary = "A consistent copy of the store, into a new folder below backup.dir, or "
			   "as the answer",
		.fields = backup_fields,
		.payload = PAYLOAD(ONE_OF(made_schema)),
		.produces = "application/octet-stream",
	},
};

const struct route_group group_backup = {routes, countof(routes)};
