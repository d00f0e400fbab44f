#include "core/access/admin.h"

#include "core/base/clock.h"
#include "core/base/crash.h"
#include "core/base/crypt.h"

#include <pthread.h>
#include <stdlib.h>

enum {
	AT_ONCE = 2,  /* Argon2 verifications. */
	WAITING = 32, /* Callers that wait for one of them. */
	WRONG = 64,   /* Known wrong passwords that are remembered. */
};

static const struct bytes meta_key = {"admin.password", 14};

struct admin {
	struct store *store;
	struct writer *writer;
	uint8_t key[CRYPT_KEY_SIZE]; /* Of the hashes below; new at each start. */
	pthread_mutex_t change;      /* One change at a time, from the store to memory. */
	pthread_mutex_t lock;        /* Of everything below. */
	pthread_cond_t room;
	char hash[CRYPT_PASSWORD_HASH_SIZE]; /* "": the default holds. */
	uint64_t generation;                 /* Of `hash`. */
	bool seen_set;
	uint8_t seen[CRYPT_HASH_SIZE];
	uint8_t wrong[WRONG][CRYPT_HASH_SIZE];
	size_t wrong_next;
	unsigned running, waiting;
};

static int load(struct admin *admin)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct bytes hash;
	int rc = store_begin(admin->store, STORE_READ, &txn);
	if (rc < 0)
		return rc;
	rc = store_get(txn, STORE_META, meta_key, &hash);
	if (rc == SL_E_NOT_FOUND)
		return 0;
	if (rc < 0)
		return rc;
	if (hash.len == 0 || hash.len >= sizeof(admin->hash))
		return SL_E_CORRUPT;
	memcpy(admin->hash, hash.at, hash.len);
	return 0;
}

int admin_open(struct store *store, struct writer *writer, struct admin **ret)
{
	struct admin *admin = calloc(1, sizeof(*admin));
	if (!admin)
		return SL_E_NO_MEMORY;
	admin->store = store;
	admin->writer = writer;
	crypt_random(admin->key, sizeof(admin->key));
	/* What was never tried must not look known: random, not zero. */
	crypt_random(admin->wrong, sizeof(admin->wrong));
	pthread_mutex_init(&admin->change, NULL);
	pthread_mutex_init(&admin->lock, NULL);
	pthread_cond_init(&admin->room, NULL);
	int rc = load(admin);
	if (rc < 0) {
		admin_free(admin);
		return rc;
	}
	*ret = admin;
	return 0;
}

struct admin *admin_free(struct admin *admin)
{
	if (admin) {
		pthread_cond_destroy(&admin->room);
		pthread_mutex_destroy(&admin->change);
		pthread_mutex_destroy(&admin->lock);
		crypt_wipe(admin, sizeof(*admin));
		free(admin);
	}
	return NULL;
}

bool admin_is_default(struct admin *admin)
{
	pthread_mutex_lock(&admin->lock);
	bool is = !admin->hash[0];
	pthread_mutex_unlock(&admin->lock);
	return is;
}

static int right_or_wrong(bool right) { return right ? 0 : SL_E_UNKNOWN_CALLER; }

/* Under the lock: can it be told without Argon2? 1 when it cannot. */
static int known(const struct admin *admin, const uint8_t hash[CRYPT_HASH_SIZE],
		 struct bytes password, bool local)
{
	if (!admin->hash[0])
		return right_or_wrong(local && password.len == 5 &&
				      crypt_same(password.at, "admin", 5));
	if (admin->seen_set)
		return right_or_wrong(crypt_same(admin->seen, hash, CRYPT_HASH_SIZE));
	for (size_t i = 0; i < WRONG; i++)
		if (crypt_same(admin->wrong[i], hash, CRYPT_HASH_SIZE))
			return SL_E_UNKNOWN_CALLER;
	return 1;
}

/* Under the lock, which is let go meanwhile: verify, and remember what came out. */
static int verify(struct admin *admin, const uint8_t hash[CRYPT_HASH_SIZE], struct bytes password)
{
	char stored[CRYPT_PASSWORD_HASH_SIZE];
	uint64_t generation = admin->generation;
	memcpy(stored, admin->hash, sizeof(stored));
	admin->running++;
	pthread_mutex_unlock(&admin->lock);
	bool right = crypt_password_matches(stored, password);
	pthread_mutex_lock(&admin->lock);
	admin->running--;
	pthread_cond_broadcast(&admin->room);
	if (generation != admin->generation)
		return SL_E_UNKNOWN_CALLER;
	if (right) {
		admin->seen_set = true;
		memcpy(admin->seen, hash, CRYPT_HASH_SIZE);
	} else {
		memcpy(admin->wrong[admin->wrong_next++ % WRONG], hash, CRYPT_HASH_SIZE);
	}
	return right_or_wrong(right);
}

int admin_check(struct admin *admin, struct bytes password, bool local)
{
	uint8_t hash[CRYPT_HASH_SIZE];
	if (password.len == 0 || password.len > ADMIN_PASSWORD_MAX)
		return SL_E_UNKNOWN_CALLER;
	crypt_hash(bytes_of(admin->key, sizeof(admin->key)), password, hash);
	pthread_mutex_lock(&admin->lock);
	int rc;
	while ((rc = known(admin, hash, password, local)) == 1 && admin->running >= AT_ONCE) {
		if (admin->waiting >= WAITING) {
			rc = SL_E_BUSY;
			break;
		}
		admin->waiting++;
		pthread_cond_wait(&admin->room, &admin->lock);
		admin->waiting--;
	}
	if (rc == 1)
		rc = verify(admin, hash, password);
	pthread_mutex_unlock(&admin->lock);
	return rc;
}

/* ---- change ---- */

static int check_password(struct bytes password, struct sl_error *err)
{
	if (password.len == 0)
		return sl_fail(err, SL_E_LACK, "token: is missing");
	if (password.len < ADMIN_PASSWORD_MIN)
		return sl_fail(err, SL_E_INVALID, "token: at least %d characters",
			       ADMIN_PASSWORD_MIN);
	if (password.len > ADMIN_PASSWORD_MAX)
		return sl_fail(err, SL_E_INVALID, "token: at most %d bytes", ADMIN_PASSWORD_MAX);
	const unsigned char *c = password.at;
	bool fits = c[0] != ' ' && c[password.len - 1] != ' ';
	for (size_t i = 0; i < password.len && fits; i++)
		fits = c[i] >= ' ' && c[i] != 127;
	if (!fits)
		return sl_fail(err, SL_E_INVALID,
			       "token: no control characters, and no space at its ends, because it "
			       "travels in a header");
	return 0;
}

/* That it was changed; the password itself stays out. */
static void put_hash(struct store_txn *txn, const char *hash, const struct audit_by *by)
{
	struct audit_entry e = {.by = *by,
				.time_ms = clock_wall_ms(&clock_system),
				.action = "admin.password",
				.target = BYTES("admin")};
	store_put(txn, STORE_META, meta_key, bytes_str(hash));
	audit_append(txn, &e);
}

int admin_put(struct store_txn *txn, struct bytes password, const struct audit_by *by,
	      struct sl_error *err)
{
	char hash[CRYPT_PASSWORD_HASH_SIZE];
	int rc = check_password(password, err);
	if (rc == 0)
		rc = crypt_password_hash(password, hash);
	if (rc == 0)
		put_hash(txn, hash, by);
	return rc;
}

struct password_write {
	struct write w;
	char hash[CRYPT_PASSWORD_HASH_SIZE];
	const struct audit_by *by;
};

static int apply(struct write *w, struct store_txn *txn)
{
	const struct password_write *change = container_of(w, struct password_write, w);
	put_hash(txn, change->hash, change->by);
	return 0;
}

static void put_in_force(struct admin *admin, const char hash[CRYPT_PASSWORD_HASH_SIZE],
			 struct bytes password)
{
	pthread_mutex_lock(&admin->lock);
	memcpy(admin->hash, hash, sizeof(admin->hash));
	admin->generation++;
	admin->seen_set = true;
	crypt_hash(bytes_of(admin->key, sizeof(admin->key)), password, admin->seen);
	pthread_mutex_unlock(&admin->lock);
}

int admin_set(struct admin *admin, struct bytes password, const struct audit_by *by,
	      struct sl_error *err)
{
	struct password_write change = {.w.apply = apply, .by = by};
	int rc = check_password(password, err);
	if (rc == 0)
		rc = crypt_password_hash(password, change.hash);
	crash_at(CRASH_PASSWORD_UNWRITTEN);
	if (rc < 0)
		return rc;
	pthread_mutex_lock(&admin->change);
	rc = writer_run(admin->writer, &change.w);
	crash_at(CRASH_PASSWORD_WRITTEN);
	if (rc == 0)
		put_in_force(admin, change.hash, password);
	pthread_mutex_unlock(&admin->change);
	return rc;
}
