/* A copy of the whole store in a folder, and reading one back.
 *
 * A backup is a folder with `data.mdb`, the store as it was at one moment, and
 * `manifest.json`, which says of what and when it is, and has a digest of the copy. It is
 * made under a name that begins with a dot, flushed and looked into, and only then gets its
 * own: what has a backup's name is whole. As one file it is the copy with the manifest and
 * a line of BACKUP_FOOTER bytes behind it.
 *
 * The key that opens secrets is left out, or lies in the manifest, sealed with a password.
 *
 * While the copy is read, the store cannot use again what is freed meanwhile, so it grows
 * by what is written: that is watched, and too much of it ends the backup.
 *
 * Layer 2. Threads: any that may sleep; not the loop and not the writer. Memory: small. */
#pragma once

#include "core/base/buf.h"
#include "core/base/crypt.h"
#include "store/store.h"

enum {
	BACKUP_NAME_MAX = 128,
	BACKUP_VERSION_MAX = 32,
	BACKUP_SEALED_MAX = 256,
	BACKUP_FOOTER = 25, /**< "SLUICE-BACKUP 0000000421\n": how long the manifest is. */
	BACKUP_MANIFEST_MAX = 8192,
};

#define BACKUP_MANIFEST "manifest.json"
#define BACKUP_DATA     "data.mdb"

struct backup_config {
	struct store *store;
	const char *dir;  /**< That it appears in; must be there. */
	const char *name; /**< backup_name_ok(). */
	const char *version;
	int64_t now_ms;
	const uint8_t *secret_key; /**< NULL: not in it. */
	struct bytes password;     /**< Seals the key. */
	/** So much of about so much is copied; negative: break off with that. May be NULL. */
	int (*step)(void *user, uint64_t done, uint64_t all);
	void *user;
};

struct backup_manifest {
	char version[BACKUP_VERSION_MAX];
	int64_t store_format, time_ms;
	uint64_t bytes; /**< Of data.mdb. */
	uint64_t jobs, features, tokens;
	uint8_t digest[CRYPT_HASH_SIZE]; /**< BLAKE2b of data.mdb. */
	uint8_t sealed[BACKUP_SEALED_MAX];
	size_t sealed_len; /**< 0: without a key. */
};

SL_BEGIN_DECLS

/** 1 to BACKUP_NAME_MAX of A-Z a-z 0-9 . _ -, not beginning with a dot. */
bool backup_name_ok(struct bytes name);

/** SL_E_CONFLICT: the name is taken; SL_E_FULL: no room on the disk; SL_E_BUSY: the store
 * grew too much meanwhile; SL_E_IO; with words. Whatever was begun is removed. */
SL_MUST_USE int backup_make(const struct backup_config *config, struct backup_manifest *ret,
			    struct sl_error *err);
/** Remove one that backup_make() has made, by its folder. */
void backup_remove(const char *dir, const char *name);

/** The manifest as text, with the footer behind it (`footer`) or without. */
void backup_write_manifest(const struct backup_manifest *m, bool footer, struct buf *to);
/** SL_E_CORRUPT with words: this is no manifest that can be read. */
SL_MUST_USE int backup_read_manifest(struct bytes text, struct backup_manifest *ret,
				     struct sl_error *err);
/** Open the key with the password: SL_E_DENIED, it is another one. */
SL_MUST_USE int backup_open_key(const struct backup_manifest *m, struct bytes password,
				uint8_t ret[CRYPT_KEY_SIZE]);

/** Find the manifest of a backup, a folder or a file, and open its copy for reading:
 * `*ret_fd` stands at its beginning, and `ret->bytes` of it are the copy. */
SL_MUST_USE int backup_open(const char *path, struct backup_manifest *ret, int *ret_fd,
			    struct sl_error *err);
/** Likewise, and read it to its end: SL_E_CORRUPT when it is not what the manifest says;
 * SL_E_NOT_FOUND: it is a folder without a manifest. */
SL_MUST_USE int backup_verify(const char *path, struct backup_manifest *ret, struct sl_error *err);

SL_END_DECLS
