/* GET /v1/job/logs: what replicas wrote, as text, streamed piece by piece. */
#include "api/handlers/job_read.h"

#include "core/taskset.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 16 * 1024, TAIL_MAX = 1000000 };

const struct route_query job_logs_query[] = {
	{"role", "string", "Of this role only."},
	{"replica", "integer", "Of this replica only, from 0."},
	{"stream", "string", "stdout or stderr only."},
	{"tail", "integer", "Only the last so many lines of each."},
	{NULL, NULL, NULL},
};

/** What is to be streamed: the logs of a job's roles, one file after another. */
struct logs {
	struct engine *engine;
	struct uuid job;
	struct buf text;
	struct json json;
	struct taskset *set;
	struct bytes role;  /* in `text`, or empty: all */
	int64_t replica;    /* -1: all */
	int64_t tail;       /* -1: whole */
	const char *stream; /* NULL: both */
};

static void logs_free(void *user)
{
	struct logs *l = user;
	taskset_free(l->set);
	json_fini(&l->json);
	buf_fini(&l->text);
	free(l);
}

/* Where the last `lines` lines of the file begin. */
static off_t find_tail(int fd, off_t size, int64_t lines)
{
	char piece[PIECE];
	off_t at = size;
	int64_t found = 0;
	while (at > 0) {
		size_t want = at < PIECE ? (size_t)at : PIECE;
		ssize_t got = pread(fd, piece, want, at - (off_t)want);
		if (got <= 0)
			return at;
		for (ssize_t i = got; i-- > 0;) {
			bool last = at - (off_t)want + i == size - 1; /* the end of the last line */
			if (piece[i] == '\n' && !last && ++found == lines)
				return at - (off_t)want + i + 1;
		}
		at -= (off_t)want;
	}
	return 0;
}

static int send_file(struct logs *l, int fd, struct stream *to)
{
	char piece[PIECE];
	struct stat st;
	off_t at = 0;
	if (fstat(fd, &st) != 0)
		return 0;
	if (l->tail >= 0)
		at = l->tail ? find_tail(fd, st.st_size, l->tail) : st.st_size;
	while (at < st.st_size) {
		size_t want = st.st_size - at < PIECE ? (size_t)(st.st_size - at) : PIECE;
		ssize_t got = pread(fd, piece, want, at);
		if (got <= 0)
			return 0;
		if (stream_write(to, bytes_of(piece, (size_t)got)))
			return SL_E_CANCELED;
		at += got;
	}
	return 0;
}

static int send_replica(struct logs *l, const struct role *role, uint32_t index, struct stream *to)
{
	static const char *const streams[] = {"stdout", "stderr"};
	int rc = 0;
	for (size_t i = 0; i < countof(streams) && !rc; i++) {
		if (l->stream && strcmp(l->stream, streams[i]) != 0)
			continue;
		int fd =
			l->engine->ops->open_log(l->engine, &l->job, role->name, index, streams[i]);
		if (fd < 0)
			continue;
		rc = send_file(l, fd, to);
		close(fd);
	}
	return rc;
}

static int run(void *user, struct stream *to)
{
	struct logs *l = user;
	int rc = 0;
	for (uint32_t i = 0; l->set && i < l->set->roles && !rc; i++) {
		const struct role *role = &l->set->role[i];
		if (l->role.len && !bytes_eq(l->role, role->name))
			continue;
		for (uint32_t k = 0; k < role->replicas && !rc; k++)
			if (l->replica < 0 || l->replica == k)
				rc = send_replica(l, role, k, to);
	}
	return rc;
}

static const struct stream_ops stream_ops = {run, logs_free};

/* ---- what is asked for ---- */

static int read_stream(struct request *req, struct logs *l, struct sl_error *err)
{
	struct bytes text;
	int rc = request_query(req, "stream", &text, err);
	if (rc)
		return rc == SL_E_NOT_FOUND ? 0 : rc;
	l->stream = bytes_is(text, "stdout") ? "stdout" : "stderr";
	return bytes_is(text, l->stream)
		       ? 0
		       : sl_fail(err, SL_E_INVALID, "stream: must be stdout or stderr");
}

static int read_query(struct request *req, struct logs *l, struct bytes *role, struct sl_error *err)
{
	l->replica = l->tail = -1;
	int rc = request_query_only(req, "role,replica,stream,tail", err);
	if (!rc)
		rc = request_query(req, "role", role, err);
	if (rc == SL_E_NOT_FOUND)
		rc = 0;
	if (!rc)
		rc = request_query_int(req, "replica", 0, TASKSET_REPLICAS_MAX, &l->replica, err);
	if (!rc)
		rc = request_query_int(req, "tail", 0, TAIL_MAX, &l->tail, err);
	return rc ? rc : read_stream(req, l, err);
}

static int choose_role(struct logs *l, struct bytes role, struct sl_error *err)
{
	if (!role.len)
		return 0;
	for (uint32_t i = 0; i < l->set->roles; i++)
		if (bytes_eq(l->set->role[i].name, role)) {
			l->role = l->set->role[i].name;
			return 0;
		}
	return sl_fail(err, SL_E_NOT_FOUND, "role: the job has no role %.*s",
		       BYTES_FMT(bytes_cut(role, 63)));
}

static int load(struct api *api, struct request *req, struct logs *l, struct bytes role,
		struct sl_error *err)
{
	static const struct json_limits limits = {REPLY_MAX, 80};
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct bytes doc;
	struct job job;
	int rc = store_begin(api->store, STORE_READ, &txn);
	if (!rc)
		rc = job_read_find(txn, req, &job, err);
	if (rc)
		return rc;
	l->job = job.id;
	l->engine = job.engine.len ? driver_engine(api->driver, job.engine) : NULL;
	if (!l->engine || ledger_doc(txn, job.id, PART_TASKSET, &doc))
		return role.len ? sl_fail(err, SL_E_NOT_FOUND, "role: the job has no roles yet")
				: 0;
	buf_add_bytes(&l->text, doc);
	rc = l->text.rc ? l->text.rc : json_parse(&l->json, buf_bytes(&l->text), &limits, err);
	if (!rc)
		rc = taskset_read(&l->json, 0, &l->set, err);
	return rc ? rc : choose_role(l, role, err);
}

int job_read_logs(struct api *api, struct request *req, struct reply *reply)
{
	struct bytes role = {NULL, 0};
	struct logs *l = calloc(1, sizeof(*l));
	if (!l)
		return SL_E_NO_MEMORY;
	buf_init(&l->text, REPLY_MAX);
	int rc = read_query(req, l, &role, &reply->err);
	if (!rc)
		rc = load(api, req, l, role, &reply->err);
	if (!rc)
		rc = stream_create(api->streams, &stream_ops, l, &reply->stream, &reply->err);
	if (rc) {
		logs_free(l);
		return rc;
	}
	reply->type = "text/plain; charset=utf-8";
	return 0;
}
