#include "core/ledger/kept.h"

#include "core/ledger/patch.h"
#include "core/progress.h"
#include "core/wire.h"

enum {
	RECORD_BLAKE2B = 1, /* of earlier versions: the digest is BLAKE2b */
	RECORD_SHA256 = 2,  /* it is that */
	RECORD_VERSION = 3, /* the flags say which */
	CHANGED = 1,
	GONE = 2,
	BLAKE2B = 4,
	TEXT_MAX = 64 << 20,
	INDEX_KEY_SIZE = 1 + 8 + 16,
};

/* ---- one stage's record ---- */

void kept_encode(const struct kept_stage *record, struct buf *to)
{
	wire_put(to, RECORD_VERSION, 1);
	wire_put(to,
		 (record->changed ? CHANGED : 0u) | (record->gone ? GONE : 0u) |
			 (record->blake2b ? BLAKE2B : 0u),
		 1);
	wire_put_var(to, record->generation);
	buf_add(to, record->digest, sizeof(record->digest));
	buf_add_bytes(to, record->patch);
}

static int decode(struct bytes text, struct kept_stage *ret)
{
	struct wire w = wire_of(text);
	unsigned version = (unsigned)wire_get(&w, 1);
	if (version < RECORD_BLAKE2B || version > RECORD_VERSION)
		return SL_E_CORRUPT;
	unsigned flags = (unsigned)wire_get(&w, 1);
	*ret = (struct kept_stage){.blake2b = version == RECORD_BLAKE2B || flags & BLAKE2B,
				   .changed = flags & CHANGED,
				   .gone = flags & GONE};
	ret->generation =
		version == RECORD_VERSION ? wire_get_var(&w, UINT64_MAX) : wire_get(&w, 8);
	struct bytes digest = wire_get_some(&w, sizeof(ret->digest));
	if (w.bad || flags > (CHANGED | GONE | BLAKE2B))
		return SL_E_CORRUPT;
	memcpy(ret->digest, digest.at, sizeof(ret->digest));
	ret->patch = version == RECORD_VERSION ? wire_get_some(&w, (size_t)(w.end - w.at))
					       : wire_get_bytes(&w);
	return w.bad || w.at != w.end || ((ret->gone || !ret->changed) && ret->patch.len)
		       ? SL_E_CORRUPT
		       : 0;
}

int kept_stage(struct store_txn *txn, struct uuid id, enum plugin_type stage,
	       struct kept_stage *ret)
{
	struct bytes record;
	int rc = ledger_doc(txn, id, kept_part(stage), &record);
	return rc ? rc : decode(record, ret);
}

/* ---- the body ---- */

void kept_body(struct bytes factors, struct bytes header, struct bytes document, struct buf *to)
{
	buf_add_str(to, "{\"factors\":");
	buf_add_bytes(to, factors);
	buf_add_str(to, ",\"header\":");
	buf_add_bytes(to, header);
	buf_add_str(to, ",\"job\":");
	buf_add_bytes(to, document);
	buf_add_char(to, '}');
}

bool kept_matches(const struct kept *k, struct bytes body)
{
	uint8_t digest[CRYPT_HASH_SIZE];
	if (k->blake2b)
		crypt_hash(bytes_of("", 0), body, digest);
	else
		crypt_sha256(body, digest);
	return !k->called || memcmp(digest, k->digest, sizeof(digest)) == 0;
}

/* ---- a stage as it was given ---- */

static int not_so_far(enum plugin_type stage, struct sl_error *err)
{
	return sl_fail(err, SL_E_NOT_FOUND, "the job has not come to the stage %s",
		       plugin_type_name(stage));
}

/* Take the TaskSet back over one stage. */
static int undo(struct store_txn *txn, struct uuid id, enum plugin_type stage, struct kept *k)
{
	struct kept_stage record;
	scoped(buf_finip) struct buf earlier = {0};
	int rc = kept_stage(txn, id, stage, &record);
	if (rc == SL_E_NOT_FOUND)
		return 0;
	if (!rc && record.gone)
		rc = SL_E_GONE;
	if (rc || !record.changed)
		return rc;
	buf_init(&earlier, TEXT_MAX);
	rc = patch_apply(record.patch, k->document, &earlier);
	if (rc)
		return rc;
	buf_fini(&k->text);
	k->text = earlier;
	earlier = (struct buf){0};
	k->document = buf_bytes(&k->text);
	return 0;
}

static int read_taskset(struct store_txn *txn, struct uuid id, enum plugin_type stage,
			struct kept *k)
{
	int rc = ledger_doc(txn, id, PART_TASKSET, &k->document);
	for (int s = PLUGIN_BINDER; s >= (int)stage && !rc; s--)
		rc = undo(txn, id, (enum plugin_type)s, k);
	if (rc || stage == PLUGIN_FACTOR)
		return rc;
	struct bytes factors;
	rc = ledger_doc(txn, id, PART_FACTORS, &factors);
	if (!rc)
		k->factors = factors;
	return rc == SL_E_NOT_FOUND ? 0 : rc;
}

/* By its progress, or by a later stage that was asked: of what failed there no progress is
 * written. */
static bool came_to(struct store_txn *txn, struct uuid id, enum plugin_type stage)
{
	struct bytes record;
	struct progress progress = {0};
	for (int later = (int)stage + 1; later < PLUGIN_STAGES; later++)
		if (ledger_doc(txn, id, kept_part((enum plugin_type)later), &record) == 0)
			return true;
	return ledger_doc(txn, id, PART_PROGRESS, &record) == 0 &&
	       progress_decode(record, &progress) == 0 && progress.stage >= stage;
}

/* Its own record, where there is one; else whether the job came so far at all. */
static int read_record(struct store_txn *txn, struct uuid id, enum plugin_type stage,
		       struct kept *k)
{
	struct kept_stage record;
	int rc = kept_stage(txn, id, stage, &record);
	if (rc == SL_E_NOT_FOUND)
		return stage == PLUGIN_TRANSLATOR || came_to(txn, id, stage) ? 0 : rc;
	if (rc)
		return rc;
	k->called = true;
	k->blake2b = record.blake2b;
	k->generation = record.generation;
	memcpy(k->digest, record.digest, sizeof(k->digest));
	return 0;
}

int kept_read(struct store_txn *txn, struct uuid id, enum plugin_type stage, struct kept *ret,
	      struct sl_error *err)
{
	struct kept k = {.factors = BYTES("{}")};
	int rc = ledger_doc(txn, id, PART_HEADER, &k.header);
	if (rc == SL_E_NOT_FOUND)
		return sl_fail(err, rc, "there is no such job");
	if (!rc)
		rc = read_record(txn, id, stage, &k);
	if (!rc)
		rc = stage == PLUGIN_TRANSLATOR ? ledger_doc(txn, id, PART_JOB, &k.document)
						: read_taskset(txn, id, stage, &k);
	if (!rc) {
		*ret = k;
		return 0;
	}
	kept_fini(&k);
	if (rc == SL_E_NOT_FOUND)
		return not_so_far(stage, err);
	return rc == SL_E_GONE ? sl_fail(err, SL_E_GONE,
					 "what the stage %s was given is no longer kept, only its "
					 "digest (store.keep_stages)",
					 plugin_type_name(stage))
			       : sl_fail(err, (enum sl_err)rc, "%s", sl_err_text(rc));
}

void kept_fini(struct kept *k)
{
	buf_fini(&k->text);
	*k = (struct kept){0};
}

/* ---- cutting down ---- */

struct index_key {
	uint8_t at[INDEX_KEY_SIZE];
};

static struct index_key index_key(int64_t ended_ms, struct uuid id)
{
	struct index_key k = {.at = {'x'}};
	wire_be64(k.at + 1, (uint64_t)ended_ms);
	memcpy(k.at + 9, id.at, sizeof(id.at));
	return k;
}

void kept_ended(struct store_txn *txn, const struct job *job, bool there)
{
	struct index_key k = index_key(job->finished_ms, job->id);
	if (there)
		store_put(txn, STORE_INDEX, bytes_of(k.at, sizeof(k.at)), BYTES(""));
	else
		store_del(txn, STORE_INDEX, bytes_of(k.at, sizeof(k.at)));
}

static int cut_stage(struct store_txn *txn, struct uuid id, enum plugin_type stage)
{
	scoped(buf_finip) struct buf text = {0};
	struct kept_stage record;
	int rc = kept_stage(txn, id, stage, &record);
	if (rc || record.gone)
		return rc == SL_E_NOT_FOUND ? 0 : rc;
	record.gone = true;
	record.patch = bytes_of("", 0);
	buf_init(&text, TEXT_MAX);
	kept_encode(&record, &text);
	if (!text.rc)
		ledger_put_doc(txn, id, kept_part(stage), buf_bytes(&text));
	return text.rc;
}

/* A record that cannot be read is left as it is; the others go on. */
static int cut_job(struct store_txn *txn, struct uuid id)
{
	int rc = 0;
	for (int s = 0; s < PLUGIN_STAGES && (!rc || rc == SL_E_CORRUPT); s++)
		rc = cut_stage(txn, id, (enum plugin_type)s);
	ledger_drop_doc(txn, id, PART_FACTORS);
	return rc == SL_E_CORRUPT ? 0 : rc;
}

/* The first that ended before `before_ms`. */
static int next_ended(struct store_txn *txn, int64_t before_ms, struct index_key *ret)
{
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	struct bytes key, val;
	int rc = store_cursor_open(txn, STORE_INDEX, &c);
	if (!rc)
		rc = store_seek(c, BYTES("x"), &key, &val);
	if (rc)
		return rc;
	if (key.len != INDEX_KEY_SIZE || *(const char *)key.at != 'x' ||
	    (int64_t)wire_from_be((const uint8_t *)key.at + 1, 8) >= before_ms)
		return SL_E_NOT_FOUND;
	memcpy(ret->at, key.at, INDEX_KEY_SIZE);
	return 0;
}

int kept_trim(struct store_txn *txn, int64_t before_ms, size_t most, bool *ret_more)
{
	struct index_key k;
	int rc = 0;
	*ret_more = true;
	for (size_t i = 0; i < most; i++) {
		struct uuid id;
		rc = next_ended(txn, before_ms, &k);
		if (rc)
			break;
		memcpy(id.at, k.at + 9, sizeof(id.at));
		rc = cut_job(txn, id);
		if (rc)
			break;
		store_del(txn, STORE_INDEX, bytes_of(k.at, INDEX_KEY_SIZE));
	}
	if (rc == SL_E_NOT_FOUND)
		*ret_more = false;
	return rc == SL_E_NOT_FOUND ? store_failed(txn) : rc;
}
