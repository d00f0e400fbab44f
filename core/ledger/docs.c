#include "core/ledger/docs.h"

#include "core/base/shrink.h"
#include "core/wire.h"

enum how {
	WHOLE,       /* as it is, and short */
	CUT,         /* as it is */
	SHRUNK,      /* by itself */
	SHRUNK_LIKE, /* against the submission */
};

enum {
	SHRINK_FROM = 192, /* shorter ones are not worth it */
	SHORT_MAX = 320,   /* what is no longer has no pieces */
	PIECE_MAX = 480,   /* longer ones leave more of a page empty, shorter ones cost more */
	/* What is longer gets pages of its own: the last of four or more may stay half empty. */
	CUT_MAX = 32 * PIECE_MAX,
	PIECES_MAX = 33,
	ID_SIZE = 16,
	OWNER_SIZE = 1 + ID_SIZE,
	HEAD_MAX = 1 + 1 + 4 + 8,
};

/* In the order in which they are erased: a TaskSet before what it may be shrunk against. */
static const char parts[] = "HTJFVP01234";
static const struct bytes old_key = {"docs.old", 8};

struct doc_key {
	uint8_t at[DOCS_KEY_SIZE];
};

static struct doc_key key_of(struct uuid id, enum job_part part)
{
	struct doc_key k = {.at = {(uint8_t)part}};
	memcpy(k.at + 1, id.at, ID_SIZE);
	return k;
}

static struct bytes key_bytes(const struct doc_key *k) { return bytes_of(k->at, sizeof(k->at)); }

/* Part and id: whose a piece is. */
static struct bytes owner_bytes(const struct doc_key *k) { return bytes_of(k->at, OWNER_SIZE); }

static struct bytes old_key_of(struct uuid id, enum job_part part, uint8_t to[DOCS_OLD_KEY_SIZE])
{
	memcpy(to, id.at, ID_SIZE);
	to[ID_SIZE] = (uint8_t)part;
	return bytes_of(to, DOCS_OLD_KEY_SIZE);
}

bool docs_key_read(struct bytes key, struct uuid *ret, enum job_part *ret_part)
{
	const uint8_t *at = key.at;
	bool old = key.len == DOCS_OLD_KEY_SIZE;
	if (!old && (key.len != DOCS_KEY_SIZE || at[DOCS_KEY_SIZE - 1]))
		return false;
	uint8_t part = at[old ? ID_SIZE : 0];
	memcpy(ret->at, at + !old, ID_SIZE);
	*ret_part = (enum job_part)part;
	return part && strchr(parts, part);
}

/* ---- pieces ---- */

struct piece_key {
	uint8_t at[DOCS_PIECE_KEY_SIZE];
};

static enum store_table table_of(enum job_part part)
{
	return part == PART_FACTORS || (part >= '0' && part <= '9') ? STORE_PASSING : STORE_PIECES;
}

static struct piece_key piece_key(uint64_t number, unsigned piece)
{
	struct piece_key k;
	wire_be64(k.at, number);
	k.at[8] = (uint8_t)piece;
	return k;
}

static struct bytes piece_bytes(const struct piece_key *k)
{
	return bytes_of(k->at, sizeof(k->at));
}

/* The number behind all that there are. */
static int next_number(struct store_txn *txn, enum store_table table, uint64_t *ret)
{
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	struct bytes key, val;
	int rc = store_cursor_open(txn, table, &c);
	if (!rc)
		rc = store_seek_last(c, BYTES(""), &key, &val);
	if (rc == SL_E_NOT_FOUND)
		key = BYTES("");
	else if (rc || key.len != DOCS_PIECE_KEY_SIZE)
		return rc ? rc : SL_E_CORRUPT;
	*ret = key.len ? wire_from_be(key.at, 8) + 1 : 1;
	return 0;
}

static size_t count_pieces(size_t len)
{
	return len <= CUT_MAX ? (len + PIECE_MAX - 1) / PIECE_MAX : 1;
}

/* All alike in length. */
static void put_pieces(struct store_txn *txn, enum store_table table, uint64_t number,
		       struct bytes all)
{
	size_t n = count_pieces(all.len);
	for (size_t i = 0, from = 0; i < n; i++) {
		size_t upto = all.len * (i + 1) / n;
		struct piece_key k = piece_key(number, (unsigned)i);
		store_append(txn, table, piece_bytes(&k),
			     bytes_of((const char *)all.at + from, upto - from));
		from = upto;
	}
}

/* ---- reading ---- */

struct head {
	enum how how;
	unsigned pieces;
	size_t len; /* of the document */
	uint64_t number;
	struct bytes own; /* without pieces */
};

static int head_read(struct bytes val, struct head *ret)
{
	struct wire w = wire_of(val);
	*ret = (struct head){.how = (enum how)wire_get(&w, 1)};
	if (ret->how != WHOLE) {
		ret->pieces = (unsigned)wire_get(&w, 1);
		ret->len = (size_t)wire_get(&w, 4);
	}
	if (ret->pieces)
		ret->number = wire_get(&w, 8);
	ret->own = bytes_of(w.at, (size_t)(w.end - w.at));
	bool bad = w.bad || ret->how > SHRUNK_LIKE || ret->pieces > PIECES_MAX;
	return bad || (ret->pieces && ret->own.len) ? SL_E_CORRUPT : 0;
}

/* A document that is put together: in the caller's memory or, without `to`, in the
 * transaction's. */
struct reading {
	struct store_txn *txn;
	struct uuid id;
	enum job_part part;
	struct buf *to;
};

static int room_of(const struct reading *r, size_t len, void **ret)
{
	if (r->to)
		buf_reset(r->to);
	*ret = r->to ? buf_room(r->to, len) : store_lend(r->txn, len);
	if (*ret)
		return 0;
	return r->to ? r->to->rc : SL_E_NO_MEMORY;
}

/* Piece 0 without the owner, who must be this one. */
static int first_piece(const struct reading *r, struct bytes *piece)
{
	struct doc_key k = key_of(r->id, r->part);
	if (piece->len <= OWNER_SIZE || memcmp(piece->at, k.at, OWNER_SIZE) != 0)
		return SL_E_CORRUPT;
	*piece = bytes_of((const char *)piece->at + OWNER_SIZE, piece->len - OWNER_SIZE);
	return 0;
}

/* What it became; `keep` owns it where there are several pieces. */
static int gather(const struct reading *r, const struct head *h, struct buf *keep,
		  struct bytes *ret)
{
	int rc = 0;
	*ret = h->own;
	for (unsigned i = 0; i < h->pieces && !rc; i++) {
		struct piece_key k = piece_key(h->number, i);
		rc = store_get(r->txn, table_of(r->part), piece_bytes(&k), ret);
		if (!rc && i == 0)
			rc = first_piece(r, ret);
		if (!rc && h->pieces > 1)
			buf_add_bytes(keep, *ret);
	}
	if (h->pieces > 1)
		*ret = buf_bytes(keep);
	if (!rc)
		rc = keep->rc;
	return rc == SL_E_NOT_FOUND || rc == SL_E_TOO_BIG ? SL_E_CORRUPT : rc;
}

static int read_doc(const struct reading *r, struct bytes *ret);

static int read_like(const struct reading *r, const struct head *h, struct buf *keep,
		     struct bytes *ret)
{
	*ret = bytes_of("", 0);
	if (h->how != SHRUNK_LIKE)
		return 0;
	struct reading like = {r->txn, r->id, PART_JOB, keep};
	int rc = r->part == PART_JOB ? SL_E_CORRUPT : read_doc(&like, ret);
	return rc == SL_E_NOT_FOUND || rc == SL_E_TOO_BIG ? SL_E_CORRUPT : rc;
}

static int unfold(const struct reading *r, const struct head *h, struct bytes packed,
		  struct bytes *ret)
{
	scoped(buf_finip) struct buf keep = {0};
	struct bytes like;
	void *at;
	buf_init(&keep, SHRINK_LIKE_MAX);
	if (!h->len ||
	    (h->how == CUT ? h->len != packed.len : !shrink_could_be(packed.len, h->len)))
		return SL_E_CORRUPT;
	int rc = read_like(r, h, &keep, &like);
	if (!rc)
		rc = room_of(r, h->len, &at);
	if (rc)
		return rc;
	if (h->how == CUT)
		memcpy(at, packed.at, packed.len);
	else
		rc = shrink_back(packed, like, at, h->len);
	*ret = bytes_of(at, h->len);
	return rc;
}

static int read_old(const struct reading *r, struct bytes *ret)
{
	uint8_t key[DOCS_OLD_KEY_SIZE];
	return store_get(r->txn, STORE_DOCS, old_key_of(r->id, r->part, key), ret);
}

static int read_doc(const struct reading *r, struct bytes *ret)
{
	scoped(buf_finip) struct buf keep = {0};
	struct doc_key k = key_of(r->id, r->part);
	struct head h;
	struct bytes val, packed;
	int rc = store_get(r->txn, STORE_DOCS, key_bytes(&k), &val);
	if (rc)
		return rc == SL_E_NOT_FOUND ? read_old(r, ret) : rc;
	rc = head_read(val, &h);
	if (!rc && h.how == WHOLE)
		*ret = h.own;
	if (rc || h.how == WHOLE)
		return rc;
	buf_init(&keep, PIECES_MAX * PIECE_MAX);
	rc = gather(r, &h, &keep, &packed);
	return rc ? rc : unfold(r, &h, packed, ret);
}

int ledger_doc(struct store_txn *txn, struct uuid id, enum job_part part, struct bytes *ret)
{
	struct reading r = {txn, id, part, NULL};
	return read_doc(&r, ret);
}

bool docs_has_piece(struct store_txn *txn, enum store_table table, struct bytes key,
		    struct bytes val)
{
	struct doc_key owner = {{0}};
	struct piece_key first;
	struct head h;
	if (key.len != sizeof(first.at))
		return false;
	memcpy(first.at, key.at, sizeof(first.at));
	unsigned piece = first.at[8];
	first.at[8] = 0;
	if (piece && store_get(txn, table, piece_bytes(&first), &val))
		return false;
	if (val.len < OWNER_SIZE)
		return false;
	memcpy(owner.at, val.at, OWNER_SIZE);
	return store_get(txn, STORE_DOCS, key_bytes(&owner), &val) == 0 &&
	       head_read(val, &h) == 0 && piece < h.pieces &&
	       table_of((enum job_part)owner.at[0]) == table &&
	       h.number == wire_from_be(first.at, 8);
}

/* ---- dropping ---- */

/* What the entry refers to; how many went. */
static unsigned drop_pieces(struct store_txn *txn, const struct doc_key *key)
{
	struct head h;
	struct bytes val;
	if (store_get(txn, STORE_DOCS, key_bytes(key), &val) || head_read(val, &h))
		return 0;
	for (unsigned i = 0; i < h.pieces; i++) {
		struct piece_key k = piece_key(h.number, i);
		store_del(txn, table_of((enum job_part)key->at[0]), piece_bytes(&k));
	}
	return h.pieces;
}

static void drop_old(struct store_txn *txn, struct uuid id, enum job_part part)
{
	uint8_t key[DOCS_OLD_KEY_SIZE];
	struct bytes newest;
	if (store_get(txn, STORE_META, old_key, &newest) == 0 && newest.len == ID_SIZE &&
	    memcmp(id.at, newest.at, ID_SIZE) <= 0)
		store_del(txn, STORE_DOCS, old_key_of(id, part, key));
}

void ledger_drop_doc(struct store_txn *txn, struct uuid id, enum job_part part)
{
	struct doc_key k = key_of(id, part);
	drop_pieces(txn, &k);
	store_del(txn, STORE_DOCS, key_bytes(&k));
	drop_old(txn, id, part);
}

/* ---- writing ---- */

/* What a TaskSet is shrunk against. Where memory is short it does without. */
static struct bytes like_of(struct store_txn *txn, struct uuid id, enum job_part part,
			    struct bytes doc, struct buf *keep)
{
	struct reading submitted = {txn, id, PART_JOB, keep};
	struct bytes like;
	if (part != PART_TASKSET || doc.len < SHRINK_FROM || doc.len > SHRINK_LIKE_MAX ||
	    read_doc(&submitted, &like) || like.len > SHRINK_LIKE_MAX)
		return bytes_of("", 0);
	return like;
}

/* What it becomes, behind a place for its owner. */
static int pack(struct bytes doc, struct bytes like, struct packed_doc *ret)
{
	static const char owner[OWNER_SIZE];
	struct buf *to = &ret->text;
	buf_init(to, UINT32_MAX);
	buf_add(to, owner, sizeof(owner));
	ret->len = doc.len;
	if (to->rc)
		return to->rc;
	if (doc.len >= SHRINK_FROM && shrink(doc, like, to) == 0) {
		ret->how = like.len ? SHRUNK_LIKE : SHRUNK;
		return 0;
	}
	to->rc = 0;
	buf_add_bytes(to, doc);
	ret->how = doc.len <= SHORT_MAX ? WHOLE : CUT;
	return to->rc;
}

int ledger_pack(struct bytes doc, struct packed_doc *ret)
{
	return pack(doc, bytes_of("", 0), ret);
}

void packed_doc_finip(struct packed_doc *doc) { buf_fini(&doc->text); }

static void put_value(struct store_txn *txn, enum job_part part, const struct packed_doc *doc,
		      struct buf *to)
{
	struct bytes packed = buf_bytes(&doc->text);
	struct bytes own = bytes_of((const char *)packed.at + OWNER_SIZE, packed.len - OWNER_SIZE);
	bool is_short = own.len <= SHORT_MAX;
	wire_put(to, doc->how, 1);
	if (doc->how != WHOLE) {
		wire_put(to, is_short ? 0 : count_pieces(packed.len), 1);
		wire_put(to, doc->len, 4);
	}
	if (is_short) {
		buf_add_bytes(to, own);
		return;
	}
	uint64_t number;
	int rc = next_number(txn, table_of(part), &number);
	if (rc) {
		store_fail(txn, rc);
		return;
	}
	wire_put(to, number, 8);
	put_pieces(txn, table_of(part), number, packed);
}

void ledger_put_first(struct store_txn *txn, struct uuid id, enum job_part part,
		      struct packed_doc *doc)
{
	scoped(buf_finip) struct buf value = {0};
	struct doc_key k = key_of(id, part);
	buf_init(&value, HEAD_MAX + SHORT_MAX);
	memcpy(doc->text.at, owner_bytes(&k).at, OWNER_SIZE);
	put_value(txn, part, doc, &value);
	store_put_buf(txn, STORE_DOCS, key_bytes(&k), &value);
}

void ledger_put_doc(struct store_txn *txn, struct uuid id, enum job_part part, struct bytes doc)
{
	scoped(packed_doc_finip) struct packed_doc packed = {0};
	scoped(buf_finip) struct buf keep = {0};
	struct doc_key k = key_of(id, part);
	buf_init(&keep, SHRINK_LIKE_MAX);
	int rc = pack(doc, like_of(txn, id, part, doc, &keep), &packed);
	if (rc) {
		store_fail(txn, rc);
		return;
	}
	drop_pieces(txn, &k);
	drop_old(txn, id, part);
	ledger_put_first(txn, id, part, &packed);
}

/* ---- all of a job ---- */

static bool has_entry(struct store_txn *txn, struct uuid id, enum job_part part)
{
	struct doc_key k = key_of(id, part);
	uint8_t key[DOCS_OLD_KEY_SIZE];
	return store_has(txn, STORE_DOCS, key_bytes(&k)) ||
	       store_has(txn, STORE_DOCS, old_key_of(id, part, key));
}

bool docs_any(struct store_txn *txn, struct uuid id)
{
	for (const char *p = parts; *p; p++)
		if (has_entry(txn, id, (enum job_part) * p))
			return true;
	return false;
}

int docs_erase(struct store_txn *txn, struct uuid id, size_t *left)
{
	for (const char *p = parts; *p && *left; p++) {
		enum job_part part = (enum job_part) * p;
		struct doc_key k = key_of(id, part);
		if (!has_entry(txn, id, part))
			continue;
		size_t gone = 1 + drop_pieces(txn, &k);
		ledger_drop_doc(txn, id, part);
		*left -= gone < *left ? gone : *left;
	}
	return store_failed(txn);
}

int docs_mark_old(struct store_txn *txn)
{
	struct uuid newest;
	int rc = ledger_newest(txn, &newest);
	if (!rc && !uuid_is_nil(newest))
		store_put(txn, STORE_META, old_key, bytes_of(newest.at, sizeof(newest.at)));
	return rc;
}
