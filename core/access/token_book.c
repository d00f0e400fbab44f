#include "core/access/token_book.h"

#include "core/base/crash.h"
#include "core/json/build.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static const struct bytes key_key = {"token.key", 9};

struct token_book {
	struct store *store;
	struct writer *writer;
	const struct clock *clock;
	const struct token *admin;
	uint8_t key[CRYPT_KEY_SIZE];
	atomic_bool used;           /* Something is to be written behind. */
	pthread_mutex_t change;     /* One change at a time, from its checks to its end. */
	pthread_rwlock_t lock;      /* Of the two below. */
	const struct token **token; /* Sorted by hash. */
	size_t tokens;
};

/* A change on its way to the store. */
struct token_write {
	struct write w;
	const char *id;
	const uint8_t *hash;
	struct bytes record;             /* Empty: delete. */
	const struct audit_entry *audit; /* or NULL */
};

static int apply(struct write *w, struct store_txn *txn)
{
	struct token_write *tw = container_of(w, struct token_write, w);
	struct bytes hash = bytes_of(tw->hash, CRYPT_HASH_SIZE);
	if (tw->record.len) {
		store_put(txn, STORE_TOKENS, bytes_str(tw->id), tw->record);
		store_put(txn, STORE_HASHES, hash, bytes_str(tw->id));
	} else {
		store_del(txn, STORE_TOKENS, bytes_str(tw->id));
		store_del(txn, STORE_HASHES, hash);
	}
	audit_append(txn, tw->audit);
	crash_at(CRASH_TOKEN_APPLIED);
	return 0;
}

static int run_write(struct token_book *book, struct token_write *tw)
{
	crash_at(CRASH_TOKEN_UNWRITTEN);
	int rc = writer_run(book->writer, &tw->w);
	crash_at(CRASH_TOKEN_WRITTEN);
	return rc;
}

/* What the audit log says of a change: the texts of an entry, made before it is written. */
struct recorded {
	struct audit_entry entry;
	struct buf before, after;
};

static void recorded_fini(struct recorded *q)
{
	buf_fini(&q->before);
	buf_fini(&q->after);
}

static int print(const struct token *token, struct buf *to)
{
	scoped(jb_freep) struct json_object *shown = token ? token_show(token) : NULL;
	buf_init(to, 4 * TOKEN_HEADER_MAX);
	return token ? jb_print(shown, to) : 0;
}

static int record(const struct token_book *book, struct audit_by by, const char *action,
		  const struct token *before, const struct token *after, struct recorded *ret)
{
	int rc = print(before, &ret->before);
	if (rc == 0)
		rc = print(after, &ret->after);
	ret->entry = (struct audit_entry){.by = by,
					  .time_ms = clock_wall_ms(book->clock),
					  .action = action,
					  .target = bytes_str((before ? before : after)->id),
					  .before = buf_bytes(&ret->before),
					  .after = buf_bytes(&ret->after)};
	return rc;
}

static int write_token(struct token_book *book, const struct token *token,
		       const struct audit_entry *audit)
{
	scoped(buf_finip) struct buf record = {0};
	buf_init(&record, 4 * TOKEN_HEADER_MAX);
	int rc = token_encode(token, &record);
	if (rc < 0)
		return rc;
	struct token_write tw = {.w.apply = apply,
				 .id = token->id,
				 .hash = token->hash,
				 .record = buf_bytes(&record),
				 .audit = audit};
	return run_write(book, &tw);
}

/* ---- the table ---- */

/* Where the hash stands, or would stand. */
static size_t seat(const struct token_book *book, const uint8_t *hash, bool *ret_found)
{
	size_t low = 0, high = book->tokens;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = memcmp(book->token[mid]->hash, hash, CRYPT_HASH_SIZE);
		if (c == 0) {
			*ret_found = true;
			return mid;
		}
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*ret_found = false;
	return low;
}

/* Takes over `token`; there is room. */
static void seat_token(struct token_book *book, const struct token *token)
{
	bool found;
	size_t at = seat(book, token->hash, &found);
	if (found) {
		token_unref(book->token[at]);
	} else {
		memmove(&book->token[at + 1], &book->token[at],
			(book->tokens - at) * sizeof(book->token[0]));
		book->tokens++;
	}
	book->token[at] = token;
}

static void unseat(struct token_book *book, const uint8_t *hash)
{
	bool found;
	size_t at = seat(book, hash, &found);
	if (!found)
		return;
	token_unref(book->token[at]);
	memmove(&book->token[at], &book->token[at + 1],
		(book->tokens - at - 1) * sizeof(book->token[0]));
	book->tokens--;
}

static void hash_of(const struct token_book *book, struct bytes access_id,
		    uint8_t ret[CRYPT_HASH_SIZE])
{
	crypt_hash(bytes_of(book->key, sizeof(book->key)), access_id, ret);
}

/* ---- open ---- */

struct key_write {
	struct write w;
	const uint8_t *key;
};

static int key_apply(struct write *w, struct store_txn *txn)
{
	store_put(txn, STORE_META, key_key,
		  bytes_of(container_of(w, struct key_write, w)->key, CRYPT_KEY_SIZE));
	return 0;
}

static int load_key(struct token_book *book)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct bytes key;
	int rc = store_begin(book->store, STORE_READ, &txn);
	if (rc == 0)
		rc = store_get(txn, STORE_META, key_key, &key);
	if (rc < 0)
		return rc;
	if (key.len != CRYPT_KEY_SIZE)
		return SL_E_CORRUPT;
	memcpy(book->key, key.at, key.len);
	return 0;
}

static int make_key(struct token_book *book)
{
	struct key_write kw = {.w.apply = key_apply, .key = book->key};
	crypt_random(book->key, sizeof(book->key));
	return writer_run(book->writer, &kw.w);
}

static int load_one(struct token_book *book, struct store_txn *txn, struct bytes hash,
		    struct bytes id)
{
	scoped(buf_finip) struct buf keep = {0};
	buf_init(&keep, 4 * TOKEN_HEADER_MAX);
	struct token token;
	const struct token *made;
	struct bytes record;
	int64_t used_ms;
	if (hash.len != CRYPT_HASH_SIZE || book->tokens >= TOKENS_MAX)
		return SL_E_CORRUPT;
	int rc = store_get(txn, STORE_TOKENS, id, &record);
	if (rc == 0)
		rc = token_decode(record, &keep, &token, &used_ms);
	if (rc < 0)
		return rc == SL_E_NOT_FOUND ? SL_E_CORRUPT : rc;
	memcpy(token.hash, hash.at, CRYPT_HASH_SIZE);
	rc = token_create(&token, &made);
	if (rc < 0)
		return rc;
	token_touch(made, used_ms);
	seat_token(book, made);
	return 0;
}

static int load_all(struct token_book *book)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	scoped(store_cursor_freep) struct store_cursor *cursor = NULL;
	struct bytes hash, id;
	int rc = store_begin(book->store, STORE_READ, &txn);
	if (rc == 0)
		rc = store_cursor_open(txn, STORE_HASHES, &cursor);
	if (rc == 0)
		rc = store_seek(cursor, bytes_of(NULL, 0), &hash, &id);
	while (rc == 0) {
		rc = load_one(book, txn, hash, id);
		if (rc == 0)
			rc = store_next(cursor, &hash, &id);
		else if (rc == SL_E_NOT_FOUND)
			rc = SL_E_CORRUPT;
	}
	return rc == SL_E_NOT_FOUND ? 0 : rc;
}

int token_book_open(struct store *store, struct writer *writer, const struct clock *clock,
		    struct token_book **ret)
{
	scoped(token_book_freep) struct token_book *book = calloc(1, sizeof(*book));
	struct token admin = {.id = "admin", .privileges = PRIV_ALL};
	if (!book)
		return SL_E_NO_MEMORY;
	book->store = store;
	book->writer = writer;
	book->clock = clock;
	pthread_mutex_init(&book->change, NULL);
	pthread_rwlock_init(&book->lock, NULL);
	book->token = calloc(TOKENS_MAX, sizeof(book->token[0]));
	int rc = book->token ? token_create(&admin, &book->admin) : SL_E_NO_MEMORY;
	if (rc == 0) {
		rc = load_key(book);
		if (rc == SL_E_NOT_FOUND)
			rc = make_key(book);
	}
	if (rc == 0)
		rc = load_all(book);
	if (rc == 0)
		*ret = take_ptr(&book);
	return rc;
}

struct token_book *token_book_free(struct token_book *book)
{
	if (!book)
		return NULL;
	for (size_t i = 0; i < book->tokens; i++)
		token_unref(book->token[i]);
	token_unref(book->admin);
	free(book->token);
	pthread_rwlock_destroy(&book->lock);
	pthread_mutex_destroy(&book->change);
	crypt_wipe(book->key, sizeof(book->key));
	free(book);
	return NULL;
}

/* ---- look up ---- */

static const struct token *find_hash(struct token_book *book, const uint8_t *hash)
{
	const struct token *token = NULL;
	bool found;
	pthread_rwlock_rdlock(&book->lock);
	size_t at = seat(book, hash, &found);
	if (found)
		token = token_ref(book->token[at]);
	pthread_rwlock_unlock(&book->lock);
	return token;
}

const struct token *token_book_find(struct token_book *book, struct bytes access_id)
{
	uint8_t hash[CRYPT_HASH_SIZE];
	int64_t now_ms = clock_wall_ms(book->clock);
	hash_of(book, access_id, hash);
	const struct token *token = find_hash(book, hash);
	if (token && token_expired(token, now_ms))
		return token_unref(token);
	if (token && token_touch(token, now_ms))
		atomic_store(&book->used, true);
	return token;
}

const struct token *token_book_admin(struct token_book *book) { return token_ref(book->admin); }

static const struct token *find_id(struct token_book *book, struct bytes id)
{
	const struct token *token = NULL;
	pthread_rwlock_rdlock(&book->lock);
	for (size_t i = 0; i < book->tokens && !token; i++)
		if (bytes_is(id, book->token[i]->id))
			token = token_ref(book->token[i]);
	pthread_rwlock_unlock(&book->lock);
	return token;
}

static const struct token *find_name(struct token_book *book, struct token_name which)
{
	uint8_t hash[CRYPT_HASH_SIZE];
	if (!which.access_id.len)
		return find_id(book, which.id);
	hash_of(book, which.access_id, hash);
	const struct token *token = find_hash(book, hash);
	/* Both were given: they must mean the same. */
	if (token && which.id.len && !bytes_is(which.id, token->id))
		return token_unref(token);
	return token;
}

/* ---- change ---- */

/* Write `made` with its entry in the audit log, then put it in force; `old`: what it was. */
static int put(struct token_book *book, struct audit_by by, const char *action,
	       const struct token *old, const struct token *made)
{
	scoped(recorded_fini) struct recorded q = {0};
	int rc = record(book, by, action, old, made, &q);
	if (rc == 0)
		rc = write_token(book, made, &q.entry);
	if (rc < 0) {
		token_unref(made);
		return rc;
	}
	pthread_rwlock_wrlock(&book->lock);
	seat_token(book, made);
	pthread_rwlock_unlock(&book->lock);
	return 0;
}

static int add(struct token_book *book, const struct token *draft, struct audit_by by)
{
	const struct token *made = NULL;
	int rc = token_create(draft, &made);
	return rc < 0 ? rc : put(book, by, "token.create", NULL, made);
}

int token_book_add(struct token_book *book, const struct token *by, struct token *draft,
		   struct bytes address, char ret_access_id[CRYPT_ACCESS_ID_SIZE + 1],
		   char ret_id[TOKEN_ID_LEN + 1], struct sl_error *err)
{
	draft->created_ms = clock_wall_ms(book->clock);
	int rc = token_check_new(by, draft, draft->created_ms, err);
	if (rc < 0)
		return rc;
	crypt_random_text(draft->id, TOKEN_ID_LEN);
	crypt_random_text(ret_access_id, CRYPT_ACCESS_ID_SIZE);
	hash_of(book, bytes_str(ret_access_id), draft->hash);
	pthread_mutex_lock(&book->change);
	rc = book->tokens < TOKENS_MAX
		     ? add(book, draft, (struct audit_by){bytes_str(by->id), address})
		     : sl_fail(err, SL_E_BUSY, "there are %d tokens already", TOKENS_MAX);
	pthread_mutex_unlock(&book->change);
	memcpy(ret_id, draft->id, TOKEN_ID_LEN + 1);
	return rc;
}

static int not_found(struct sl_error *err) { return sl_fail(err, SL_E_NOT_FOUND, "no such token"); }

static int replace(struct token_book *book, const struct token *by, const struct token *old,
		   struct bytes address, uint32_t privileges, struct sl_error *err)
{
	const struct token *made = NULL;
	struct token changed = *old;
	changed.privileges = privileges;
	int rc = token_check_update(by, old, privileges, err);
	if (rc == 0)
		rc = token_create(&changed, &made);
	if (rc < 0)
		return rc;
	token_touch(made, token_used_ms(old));
	return put(book, (struct audit_by){bytes_str(by->id), address}, "token.update", old, made);
}

int token_book_update(struct token_book *book, const struct token *by, struct token_name which,
		      struct bytes address, uint32_t privileges, struct sl_error *err)
{
	pthread_mutex_lock(&book->change);
	scoped(token_unrefp) const struct token *old = find_name(book, which);
	int rc = old ? replace(book, by, old, address, privileges, err) : not_found(err);
	pthread_mutex_unlock(&book->change);
	return rc;
}

static int drop(struct token_book *book, const struct token *by, const struct token *old,
		struct bytes address, struct sl_error *err)
{
	const struct audit_by who = {bytes_str(by->id), address};
	scoped(recorded_fini) struct recorded q = {0};
	int rc = token_check_target(by, old, err);
	if (rc == 0)
		rc = record(book, who, "token.delete", old, NULL, &q);
	if (rc < 0)
		return rc;
	struct token_write tw = {
		.w.apply = apply, .id = old->id, .hash = old->hash, .audit = &q.entry};
	rc = run_write(book, &tw);
	if (rc < 0)
		return rc;
	pthread_rwlock_wrlock(&book->lock);
	unseat(book, old->hash);
	pthread_rwlock_unlock(&book->lock);
	return 0;
}

int token_book_delete(struct token_book *book, const struct token *by, struct token_name which,
		      struct bytes address, struct sl_error *err)
{
	pthread_mutex_lock(&book->change);
	scoped(token_unrefp) const struct token *old = find_name(book, which);
	int rc = old ? drop(book, by, old, address, err) : not_found(err);
	pthread_mutex_unlock(&book->change);
	return rc;
}

/* ---- list and write behind ---- */

static int older(const void *a, const void *b)
{
	const struct token *const *x = a, *const *y = b;
	int64_t one = (*x)->created_ms, other = (*y)->created_ms;
	return one != other ? (one > other) - (one < other) : strcmp((*x)->id, (*y)->id);
}

/* All of them, counted, oldest first. */
static size_t snapshot(struct token_book *book, const struct token ***ret)
{
	pthread_rwlock_rdlock(&book->lock);
	size_t n = book->tokens;
	const struct token **all = calloc(n + 1, sizeof(*all));
	for (size_t i = 0; all && i < n; i++)
		all[i] = token_ref(book->token[i]);
	pthread_rwlock_unlock(&book->lock);
	*ret = all;
	if (!all)
		return 0;
	qsort(all, n, sizeof(*all), older);
	return n;
}

void token_book_list(struct token_book *book, const struct token *by,
		     void (*each)(void *user, const struct token *token), void *user)
{
	const struct token **all;
	size_t n = snapshot(book, &all);
	for (size_t i = 0; i < n; i++) {
		if (token_check_target(by, all[i], NULL) == 0)
			each(user, all[i]);
		token_unref(all[i]);
	}
	free(all);
}

struct flush_write {
	struct write w;
	const struct token **token;
	size_t tokens;
	int64_t since_ms;
};

static int flush_apply(struct write *w, struct store_txn *txn)
{
	struct flush_write *fw = container_of(w, struct flush_write, w);
	scoped(buf_finip) struct buf record = {0};
	buf_init(&record, 4 * TOKEN_HEADER_MAX);
	for (size_t i = 0; i < fw->tokens; i++) {
		if (token_used_ms(fw->token[i]) < fw->since_ms)
			continue;
		buf_reset(&record);
		int rc = token_encode(fw->token[i], &record);
		if (rc < 0)
			return rc;
		store_put_buf(txn, STORE_TOKENS, bytes_str(fw->token[i]->id), &record);
	}
	return 0;
}

int token_book_flush(struct token_book *book)
{
	struct flush_write fw = {.w.apply = flush_apply};
	if (!atomic_exchange(&book->used, false))
		return 0;
	pthread_mutex_lock(&book->change); /* A deleted one must not come back. */
	fw.tokens = snapshot(book, &fw.token);
	fw.since_ms = clock_wall_ms(book->clock) - TOKEN_FLUSH_MS;
	int rc = fw.token ? writer_run(book->writer, &fw.w) : SL_E_NO_MEMORY;
	if (rc < 0)
		atomic_store(&book->used, true); /* it is tried again */
	pthread_mutex_unlock(&book->change);
	for (size_t i = 0; i < fw.tokens; i++)
		token_unref(fw.token[i]);
	free(fw.token);
	return rc;
}
