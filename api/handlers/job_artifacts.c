/* GET /v1/job/artifacts: what a job has left in its work directory. */
#include "api/handlers/artifact_file.h"
#include "api/handlers/job_read.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ENTRIES_MAX = 10000, LISTING_MAX = 32 << 20 };

/* ---- a folder ---- */

struct listing {
	DIR *dir;
	char **name;
	size_t n, cap;
	bool cut;
};

static void listing_fini(struct listing *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->name[i]);
	free(l->name);
	if (l->dir)
		closedir(l->dir);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add_name(struct listing *l, const char *name)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 64;
		char **grown = reallocarray(l->name, cap, sizeof(*grown));
		if (!grown)
			return SL_E_NO_MEMORY;
		l->name = grown;
		l->cap = cap;
	}
	char *own = strdup(name);
	if (!own)
		return SL_E_NO_MEMORY;
	l->name[l->n++] = own;
	return 0;
}

static int read_names(struct listing *l)
{
	struct dirent *e;
	int rc = 0;
	while (!rc && !l->cut && (errno = 0, e = readdir(l->dir))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		l->cut = l->n == ENTRIES_MAX;
		if (!l->cut)
			rc = add_name(l, e->d_name);
	}
	if (!rc && !l->cut && errno)
		rc = SL_E_IO;
	if (!rc && l->n)
		qsort(l->name, l->n, sizeof(*l->name), by_name);
	return rc;
}

static const char *type_of(mode_t mode)
{
	return S_ISREG(mode) ? "file" : S_ISDIR(mode) ? "folder" : S_ISLNK(mode) ? "link" : "other";
}

/* A name that is no UTF-8 is shown as it can be; `path` is how it is asked for. */
static void put_entry(struct buf *to, const char *name, const struct stat *st)
{
	char time[TIME_TEXT_SIZE];
	int64_t ms = (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
	buf_add_str(to, to->len > 1 ? ",{\"name\":" : "{\"name\":");
	json_quote(to, bytes_str(name));
	if (!json_is_utf8(bytes_str(name))) {
		buf_add_str(to, ",\"path\":\"");
		artifact_escape(to, bytes_str(name));
		buf_add_char(to, '"');
	}
	buf_addf(to, ",\"type\":\"%s\",\"size\":", type_of(st->st_mode));
	if (S_ISREG(st->st_mode))
		buf_addf(to, "%" PRId64, (int64_t)st->st_size);
	else
		buf_add_str(to, "null");
	buf_addf(to, ",\"modified\":\"%s\"}", time_format(ms, time));
}

static void put_entries(const struct listing *l, struct buf *to)
{
	struct stat st;
	buf_add_char(to, '[');
	for (size_t i = 0; i < l->n; i++) /* one that has gone meanwhile is not there */
		if (fstatat(dirfd(l->dir), l->name[i], &st, AT_SYMLINK_NOFOLLOW) == 0)
			put_entry(to, l->name[i], &st);
	buf_add_char(to, ']');
}

/* Takes the descriptor; -1: a folder that is not there yet, or any more. */
static int list_folder(int fd, struct reply *reply)
{
	scoped(listing_fini) struct listing l = {0};
	scoped(buf_finip) struct buf text = {0};
	buf_init(&text, LISTING_MAX);
	if (fd >= 0 && !(l.dir = fdopendir(fd))) {
		close(fd);
		return SL_E_NO_MEMORY;
	}
	int rc = l.dir ? read_names(&l) : 0;
	if (rc)
		return rc;
	put_entries(&l, &text);
	if (text.rc)
		return text.rc;
	reply->payload = jb_object();
	jb_put_raw(reply->payload, "entries", buf_bytes(&text));
	jb_put_bool(reply->payload, "cut", l.cut);
	return 0;
}

/* ---- which one ---- */

static int hex(char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; }

/* Any bytes but NUL may be in a name. The target has been checked: escapes are whole, none is
 * a slash or a NUL, no part is "..". */
static int decode_path(struct request *req, char **ret)
{
	struct bytes raw = req->param[1];
	const char *from = raw.at;
	char *to = arena_alloc(req->arena, raw.len + 1);
	size_t n = 0;
	if (!to)
		return SL_E_NO_MEMORY;
	for (size_t i = 0; i < raw.len; i++)
		if (from[i] == '%') {
			to[n++] = (char)(hex(from[i + 1]) * 16 + hex(from[i + 2]));
			i += 2;
		} else {
			to[n++] = from[i];
		}
	to[n] = '\0';
	*ret = to;
	return 0;
}

static int find_engine(struct api *api, struct request *req, struct uuid *ret_job,
		       struct engine **ret, struct sl_error *err)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct job job;
	int rc = store_begin(api->store, STORE_READ, &txn);
	if (!rc)
		rc = job_read_find(txn, req, &job, err);
	if (rc)
		return rc;
	*ret_job = job.id;
	*ret = job.engine.len ? driver_engine(api->driver, job.engine) : NULL;
	if (*ret && !(*ret)->ops->open_artifact)
		return sl_fail(err, SL_E_NOT_FOUND, "the engine %s keeps no artifacts",
			       (*ret)->ops->name);
	return 0;
}

static int open_one(struct api *api, struct request *req, const char *path, int *ret_fd,
		    struct sl_error *err)
{
	struct engine *engine;
	struct uuid job;
	int rc = find_engine(api, req, &job, &engine, err);
	if (rc)
		return rc;
	if (engine)
		rc = engine->ops->open_artifact(engine, &job, path, ret_fd, err);
	else
		rc = sl_fail(err, SL_E_NOT_FOUND, "the job has not been started");
	if (rc == SL_E_NOT_FOUND && !*path) { /* nothing has been put there */
		*ret_fd = -1;
		rc = 0;
	}
	return rc;
}

int job_read_artifacts(struct api *api, struct request *req, struct reply *reply)
{
	char *path;
	int fd = -1;
	struct stat st;
	int rc = request_query_only(req, "", &reply->err);
	if (!rc)
		rc = decode_path(req, &path);
	if (!rc)
		rc = open_one(api, req, path, &fd, &reply->err);
	if (rc)
		return rc;
	if (fd < 0 || (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)))
		return list_folder(fd, reply);
	const char *slash = strrchr(path, '/');
	return artifact_send(api, req, fd, slash ? slash + 1 : path, reply);
}
