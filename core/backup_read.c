/* The manifest of a backup, and finding it. */
#include "core/backup.h"

#include "core/base/clock.h"
#include "core/json/build.h"
#include "core/json/index.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOOTER_WORD "SLUICE-BACKUP "

enum { FORMAT = 1, HEX = 2 * CRYPT_HASH_SIZE, PIECE = 256 << 10 };

/* ---- writing ---- */

static void put_hex(struct json_object *to, const char *key, const uint8_t *at)
{
	char text[HEX + 1];
	for (size_t i = 0; i < CRYPT_HASH_SIZE; i++)
		snprintf(text + 2 * i, 3, "%02x", at[i]);
	jb_put_str(to, key, text);
}

static void put_key(struct json_object *to, const struct backup_manifest *m)
{
	scoped(buf_finip) struct buf text = {0};
	buf_init(&text, 4 * BACKUP_SEALED_MAX);
	if (!m->sealed_len) {
		jb_put_null(to, "secretKey");
		return;
	}
	crypt_base64(&text, bytes_of(m->sealed, m->sealed_len));
	jb_put_bytes(to, "secretKey", buf_bytes(&text));
}

void backup_write_manifest(const struct backup_manifest *m, bool footer, struct buf *to)
{
	scoped(jb_freep) struct json_object *all = jb_object();
	size_t begin = to->len;
	jb_put_int(all, "sluiceBackup", FORMAT);
	jb_put_str(all, "version", m->version);
	jb_put_int(all, "storeFormat", m->store_format);
	jb_put_time(all, "time", m->time_ms);
	jb_put_int(all, "timeMs", m->time_ms);
	jb_put_int(all, "bytes", (int64_t)m->bytes);
	put_hex(all, "blake2b", m->digest);
	jb_put_int(all, "jobs", (int64_t)m->jobs);
	jb_put_int(all, "features", (int64_t)m->features);
	jb_put_int(all, "tokens", (int64_t)m->tokens);
	put_key(all, m);
	if (jb_print(all, to))
		return;
	buf_add_char(to, '\n');
	if (footer)
		buf_addf(to, FOOTER_WORD "%010zu\n", to->len - begin);
}

/* ---- reading ---- */

static int bad(struct sl_error *err, const char *what)
{
	return sl_fail(err, SL_E_CORRUPT, "its manifest: %s", what);
}

static int get_number(const struct json *j, const char *key, int64_t *ret)
{
	json_at at = json_get(j, 0, bytes_str(key));
	return at == JSON_NONE || json_int64(j, at, ret) || *ret < 0 ? -1 : 0;
}

static struct bytes get_text(const struct json *j, const char *key)
{
	json_at at = json_get(j, 0, bytes_str(key));
	if (at == JSON_NONE || json_type(j, at) != JSON_STRING)
		return BYTES("");
	struct bytes raw = json_raw(j, at);
	return bytes_of((const char *)raw.at + 1, raw.len - 2);
}

static int get_digest(const struct json *j, uint8_t ret[CRYPT_HASH_SIZE])
{
	struct bytes text = get_text(j, "blake2b");
	if (text.len != HEX)
		return -1;
	for (size_t i = 0; i < CRYPT_HASH_SIZE; i++) {
		char pair[3] = {((const char *)text.at)[2 * i], ((const char *)text.at)[2 * i + 1]};
		char *end;
		ret[i] = (uint8_t)strtoul(pair, &end, 16);
		if (*end)
			return -1;
	}
	return 0;
}

static int read_json(const struct json *j, struct backup_manifest *m, struct sl_error *err)
{
	int64_t format, bytes, jobs, features, tokens;
	if (json_type(j, 0) != JSON_OBJECT || get_number(j, "sluiceBackup", &format))
		return bad(err, "is none of a backup");
	if (format > FORMAT)
		return bad(err, "was written by a newer sluiced; use its sluicectl");
	if (get_number(j, "storeFormat", &m->store_format) ||
	    get_number(j, "timeMs", &m->time_ms) || get_number(j, "bytes", &bytes) ||
	    get_number(j, "jobs", &jobs) || get_number(j, "features", &features) ||
	    get_number(j, "tokens", &tokens) || get_digest(j, m->digest))
		return bad(err, "lacks something");
	m->bytes = (uint64_t)bytes;
	m->jobs = (uint64_t)jobs;
	m->features = (uint64_t)features;
	m->tokens = (uint64_t)tokens;
	snprintf(m->version, sizeof(m->version), "%.*s", BYTES_FMT(get_text(j, "version")));
	struct bytes key = get_text(j, "secretKey");
	if (key.len && crypt_base64_decode(key, m->sealed, sizeof(m->sealed), &m->sealed_len))
		return bad(err, "its secretKey cannot be read");
	return 0;
}

int backup_read_manifest(struct bytes text, struct backup_manifest *ret, struct sl_error *err)
{
	static const struct json_limits limits = {BACKUP_MANIFEST_MAX, 8};
	scoped(json_finip) struct json json = {0};
	struct backup_manifest m = {.bytes = 0};
	int rc = json_parse(&json, text, &limits, NULL);
	if (rc)
		return rc == SL_E_NO_MEMORY ? rc : bad(err, "is damaged");
	rc = read_json(&json, &m, err);
	if (!rc)
		*ret = m;
	return rc;
}

int backup_open_key(const struct backup_manifest *m, struct bytes password,
		    uint8_t ret[CRYPT_KEY_SIZE])
{
	scoped(buf_finip) struct buf key = {0};
	buf_init(&key, CRYPT_KEY_SIZE);
	int rc = crypt_open_password(password, bytes_of(m->sealed, m->sealed_len), &key);
	if (!rc && key.len != CRYPT_KEY_SIZE)
		rc = SL_E_CORRUPT;
	if (!rc)
		memcpy(ret, key.at, CRYPT_KEY_SIZE);
	if (key.at)
		crypt_wipe(key.at, key.cap);
	return rc == SL_E_CORRUPT ? SL_E_DENIED : rc;
}

/* ---- finding it ---- */

static int fail(const char *path, struct sl_error *err)
{
	return sl_fail(err, errno == ENOENT ? SL_E_NOT_FOUND : SL_E_IO, "%s: %s", path,
		       strerror(errno));
}

/* The bytes from `at` to the end of a small part. */
static int read_from(int fd, off_t at, size_t len, struct buf *to)
{
	char *room = buf_room(to, len);
	if (!room)
		return to->rc;
	ssize_t n = pread(fd, room, len, at);
	if (n < 0)
		return SL_E_IO;
	to->len += (size_t)n;
	return 0;
}

static int read_folder(const char *path, struct buf *text, int *ret_fd, struct sl_error *err)
{
	char name[PATH_MAX];
	struct stat st;
	snprintf(name, sizeof(name), "%s/" BACKUP_MANIFEST, path);
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return fail(name, err);
	int rc = fstat(fd, &st) < 0 ? SL_E_IO : 0;
	if (!rc && (!S_ISREG(st.st_mode) || st.st_size > BACKUP_MANIFEST_MAX))
		rc = bad(err, "is none of a backup");
	if (!rc)
		rc = read_from(fd, 0, (size_t)st.st_size, text);
	close(fd);
	if (rc)
		return rc;
	snprintf(name, sizeof(name), "%s/" BACKUP_DATA, path);
	*ret_fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	return *ret_fd < 0 ? fail(name, err) : 0;
}

static int cut_off(const char *path, struct sl_error *err)
{
	return sl_fail(err, SL_E_CORRUPT,
		       "%s: is no backup, or was cut off: a whole one ends with its manifest",
		       path);
}

static int read_file(const char *path, int fd, struct buf *text, struct sl_error *err)
{
	char footer[BACKUP_FOOTER + 1] = "";
	struct stat st;
	if (fstat(fd, &st) < 0)
		return fail(path, err);
	if (!S_ISREG(st.st_mode) || st.st_size < BACKUP_FOOTER ||
	    pread(fd, footer, BACKUP_FOOTER, st.st_size - BACKUP_FOOTER) != BACKUP_FOOTER ||
	    strncmp(footer, FOOTER_WORD, strlen(FOOTER_WORD)) != 0)
		return cut_off(path, err);
	long len = strtol(footer + strlen(FOOTER_WORD), NULL, 10);
	if (len <= 0 || len > BACKUP_MANIFEST_MAX || len > st.st_size - BACKUP_FOOTER)
		return cut_off(path, err);
	return read_from(fd, st.st_size - BACKUP_FOOTER - len, (size_t)len, text);
}

static int check_size(const char *path, int fd, const struct backup_manifest *m,
		      struct sl_error *err)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return fail(path, err);
	return S_ISREG(st.st_mode) && (uint64_t)st.st_size >= m->bytes ? 0 : cut_off(path, err);
}

int backup_open(const char *path, struct backup_manifest *ret, int *ret_fd, struct sl_error *err)
{
	scoped(buf_finip) struct buf text = {0};
	struct stat st;
	int fd = -1;
	buf_init(&text, BACKUP_MANIFEST_MAX + 1);
	if (stat(path, &st) < 0)
		return fail(path, err);
	int rc;
	if (S_ISDIR(st.st_mode)) {
		rc = read_folder(path, &text, &fd, err);
	} else {
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		rc = fd < 0 ? fail(path, err) : read_file(path, fd, &text, err);
	}
	if (!rc)
		rc = backup_read_manifest(buf_bytes(&text), ret, err);
	if (!rc)
		rc = check_size(path, fd, ret, err);
	if (rc) {
		if (fd >= 0)
			close(fd);
		return err && err->code
			       ? rc
			       : sl_fail(err, (enum sl_err)rc, "%s: %s", path, sl_err_text(rc));
	}
	*ret_fd = fd;
	return 0;
}

static int digest_of(int fd, uint64_t bytes, uint8_t ret[CRYPT_HASH_SIZE])
{
	struct crypt_digest digest;
	char *piece = malloc(PIECE);
	uint64_t done = 0;
	if (!piece)
		return SL_E_NO_MEMORY;
	crypt_digest_begin(&digest);
	while (done < bytes) {
		uint64_t left = bytes - done;
		ssize_t n = read(fd, piece, left < PIECE ? (size_t)left : PIECE);
		if (n <= 0)
			break;
		crypt_digest_add(&digest, bytes_of(piece, (size_t)n));
		done += (uint64_t)n;
	}
	free(piece);
	crypt_digest_end(&digest, ret);
	return done == bytes ? 0 : SL_E_IO;
}

int backup_verify(const char *path, struct backup_manifest *ret, struct sl_error *err)
{
	uint8_t digest[CRYPT_HASH_SIZE];
	int fd;
	int rc = backup_open(path, ret, &fd, err);
	if (rc)
		return rc;
	rc = digest_of(fd, ret->bytes, digest);
	close(fd);
	if (rc)
		return sl_fail(err, (enum sl_err)rc, "%s: cannot be read whole", path);
	if (memcmp(digest, ret->digest, sizeof(digest)) == 0)
		return 0;
	return sl_fail(err, SL_E_CORRUPT, "%s: is damaged: its digest is not that of its manifest",
		       path);
}
