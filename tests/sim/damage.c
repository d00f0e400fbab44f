/* Whatever is damaged in a store is found by the check: stores as the simulation leaves
 * them, one entry of each kind removed, cut, made longer or doubled at a time, and records
 * that say something else than before. Nothing is found in them as they are. */
#include "core/access/admin.h"
#include "core/access/token.h"
#include "core/check.h"
#include "core/ledger/erase.h"
#include "core/ledger/feed.h"
#include "core/ledger/ledger.h"
#include "core/wire.h"
#include "store/store_mem.h"
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>

enum { SEEDS = 6, STEPS = 900, OF_A_KIND = 3, KINDS = 256 };

enum damage { REMOVED, CUT, LONGER, DOUBLED, DAMAGES };
static const char *const damage_names[] = {"removed", "cut", "longer", "doubled"};

enum which { ANY, OLDEST, NEWEST };

/* What cannot be told from a store that rightly is like that: the rest says nothing of it.
 * Each is needed: one that covers nothing any more is told, and taken out. */
static const struct {
	enum store_table table;
	const char *begins;
	enum which which;
} unseen[] = {
	{STORE_META, "admin.password", ANY}, /* then the first one is in force */
	{STORE_META, "erased", ANY},         /* unless the feed knows newer ones */
	{STORE_META, "hold.", ANY},          /* released */
	{STORE_COUNTS, "N", ANY},            /* groups were never counted */
	{STORE_INDEX, "x", ANY},             /* when nothing of the stages is left */
	{STORE_HOOKS, "g", ANY},             /* when nothing was meant for it */
	{STORE_REPLICAS, "", ANY},           /* it was never reported */
	{STORE_FEED, "", OLDEST},            /* its time was over */
	{STORE_AUDIT, "", NEWEST},           /* it was never written */
};

struct kind {
	enum store_table table;
	char letter;
	size_t len;
	unsigned seen;
};

struct scene {
	struct sim *sim;
	struct store *whole;
	struct kind kind[KINDS];
	size_t kinds;
	unsigned damages, misses;
	unsigned used[countof(unseen)];
};

/* ---- the check ---- */

static void count_fault(void *user, const struct check_fault *fault)
{
	scoped(buf_finip) struct buf words = {0};
	buf_init(&words, 8192);
	check_tell(fault, &words);
	if (user)
		printf("%s\n", buf_str(&words));
}

static uint64_t faults_of(struct scene *q, struct store *store, bool tell)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct check_config config = {
		.secret_key = q->sim->secret, .fault = count_fault, .user = tell ? q : NULL};
	struct check_sum sum;
	if (store_begin(store, STORE_READ, &txn) || check_store(txn, &config, &sum))
		abort();
	return sum.faults;
}

/* ---- one damage ---- */

static bool stands_at(const struct scene *q, enum store_table table, struct bytes key,
		      enum which which)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	struct bytes at, val;
	if (which == ANY)
		return true;
	if (store_begin(q->whole, STORE_READ, &txn) || store_cursor_open(txn, table, &c))
		abort();
	int rc = which == OLDEST ? store_seek(c, BYTES(""), &at, &val)
				 : store_seek_last(c, BYTES(""), &at, &val);
	return rc == 0 && bytes_eq(at, key);
}

static bool may_be_missed(struct scene *q, enum store_table table, struct bytes key,
			  enum damage how)
{
	if (how == CUT && table == STORE_INDEX && bytes_starts(key, "e"))
		return true; /* what is left of an engine's name is a name */
	if (how != REMOVED)
		return false;
	for (size_t i = 0; i < countof(unseen); i++)
		if (unseen[i].table == table && bytes_starts(key, unseen[i].begins) &&
		    stands_at(q, table, key, unseen[i].which)) {
			q->used[i]++;
			return true;
		}
	/* what is added by nobody has none of them */
	return table == STORE_DOCS && strchr("VPF01234", *(const char *)key.at);
}

static void apply(struct store_txn *txn, enum store_table table, struct bytes key, struct bytes val,
		  enum damage how)
{
	scoped(buf_finip) struct buf k = {0}, v = {0};
	buf_init(&k, STORE_KEY_MAX + 1);
	buf_init(&v, 64 << 20);
	buf_add_bytes(&k, key);
	buf_add_bytes(&v, val);
	if (how == CUT)
		v.len--;
	if (how == LONGER)
		buf_add_char(&v, '\1');
	if (how == DOUBLED)
		buf_add_char(&k, '\xfe');
	if (how == REMOVED)
		store_del(txn, table, buf_bytes(&k));
	else
		store_put(txn, table, buf_bytes(&k), buf_bytes(&v));
}

static void tell_missed(const char *what, enum store_table table, struct bytes key)
{
	scoped(buf_finip) struct buf words = {0};
	struct check_fault fault = {table, key, what};
	buf_init(&words, 8192);
	check_tell(&fault, &words);
	fprintf(stderr, "not found: %s\n", buf_str(&words));
}

static void damage_entry(struct scene *q, enum store_table table, struct bytes key,
			 struct bytes val, enum damage how)
{
	scoped(store_closep) struct store *copy = NULL;
	struct store_txn *txn;
	if ((how == CUT && !val.len) || (how == DOUBLED && key.len == STORE_KEY_MAX))
		return;
	if (store_mem_reopen(q->whole, &copy) || store_begin(copy, STORE_WRITE, &txn))
		abort();
	apply(txn, table, key, val, how);
	if (store_commit(&txn))
		abort();
	q->damages++;
	if (faults_of(q, copy, false) || may_be_missed(q, table, key, how))
		return;
	q->misses++;
	tell_missed(damage_names[how], table, key);
}

/* Some of each kind of entry: of a table, with a letter and a length. */
static bool wanted(struct scene *q, enum store_table table, struct bytes key)
{
	static const enum store_table lettered[] = {STORE_INDEX,  STORE_COUNTS, STORE_HOOKS,
						    STORE_OUTBOX, STORE_META,   STORE_ORDER};
	struct kind k = {table, 0, 0, 0};
	for (size_t i = 0; i < countof(lettered); i++)
		if (table == lettered[i])
			k.letter = *(const char *)key.at;
	if (table == STORE_DOCS)
		k.letter = *(const char *)key.at;
	if (table == STORE_SEEN)
		k.len = key.len;
	for (size_t i = 0; i < q->kinds; i++)
		if (q->kind[i].table == k.table && q->kind[i].letter == k.letter &&
		    q->kind[i].len == k.len)
			return q->kind[i].seen++ < OF_A_KIND;
	if (q->kinds == KINDS)
		abort();
	k.seen = 1;
	q->kind[q->kinds++] = k;
	return true;
}

static void damage_table(struct scene *q, enum store_table table)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	struct bytes key, val;
	if (store_begin(q->whole, STORE_READ, &txn) || store_cursor_open(txn, table, &c))
		abort();
	for (int rc = store_seek(c, BYTES(""), &key, &val); rc == 0;
	     rc = store_next(c, &key, &val)) {
		if (!wanted(q, table, key))
			continue;
		for (int how = 0; how < DAMAGES; how++)
			damage_entry(q, table, key, val, (enum damage)how);
	}
}

/* ---- records that say something else ---- */

static void say_state(struct job *j)
{
	j->state = j->state == JOB_FAILED ? JOB_STOPPED : JOB_FAILED;
	j->finished_ms = j->finished_ms ? j->finished_ms : j->since_ms;
	j->next = NEXT_NOTHING;
	j->next_ms = 0;
}
static void say_user(struct job *j) { j->user = BYTES("somebody"); }
static void say_kind(struct job *j) { j->kind = BYTES("something"); }
static void say_id(struct job *j) { j->id.at[15] ^= 1; }
static void say_moves(struct job *j) { j->moves--; }
static void say_events(struct job *j) { j->events++; }
static void say_bytes(struct job *j) { j->log_bytes++; }
static void say_next(struct job *j)
{
	j->next_ms += 5;
	j->next = NEXT_ASK;
}
static void say_end(struct job *j) { j->finished_ms = j->finished_ms ? 0 : 77; }
static void say_held(struct job *j)
{
	j->reason_code = job_is_held(j) ? BYTES("in_admission") : BYTES("held");
	j->state = JOB_PREPARING;
}
static void say_parent(struct job *j) { j->parent.at[0] ^= 1; }
static void say_parked(struct job *j) { j->parked_ms += 9; }

static const struct {
	const char *what;
	void (*change)(struct job *j);
	bool only_open; /* of one that has ended it says nothing */
} changes[] = {
	{"another state", say_state, false}, {"another user", say_user, false},
	{"another kind", say_kind, false},   {"another id", say_id, false},
	{"fewer moves", say_moves, false},   {"more events", say_events, false},
	{"a longer log", say_bytes, false},  {"another time", say_next, false},
	{"another end", say_end, false},     {"held or not", say_held, false},
	{"a parent", say_parent, true},      {"parked", say_parked, true},
};

/* A copy with another value under a key: is it found? */
static void try_value(struct scene *q, enum store_table table, struct bytes key, struct bytes value,
		      const char *what)
{
	scoped(store_closep) struct store *copy = NULL;
	struct store_txn *txn;
	if (store_mem_reopen(q->whole, &copy) || store_begin(copy, STORE_WRITE, &txn))
		abort();
	store_put(txn, table, key, value);
	if (store_commit(&txn))
		abort();
	q->damages++;
	if (faults_of(q, copy, false))
		return;
	q->misses++;
	tell_missed(what, table, key);
}

static void change_job(struct scene *q, struct bytes key, struct bytes val, size_t i)
{
	scoped(buf_finip) struct buf record = {0};
	struct job job;
	if (job_decode(val, &job))
		abort();
	bool waits = job.state == JOB_PREPARING || job.state == JOB_SUSPENDED;
	if (changes[i].only_open &&
	    (!waits || (changes[i].change == say_parked && !job.plugin.len)))
		return;
	changes[i].change(&job);
	buf_init(&record, 1 << 20);
	job_encode(&job, &record);
	try_value(q, STORE_JOBS, key, buf_bytes(&record), changes[i].what);
}

static void change_jobs(struct scene *q)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	struct bytes key, val;
	if (store_begin(q->whole, STORE_READ, &txn) || store_cursor_open(txn, STORE_JOBS, &c))
		abort();
	for (int rc = store_seek(c, BYTES(""), &key, &val); rc == 0; rc = store_next(c, &key, &val))
		for (size_t i = 0; i < countof(changes); i++)
			change_job(q, key, val, i);
}

/* Bytes in the middle: of what plugins were sent, of counters, and of the feed's newest. */
static void flip(struct scene *q, enum store_table table, struct bytes key, struct bytes val,
		 size_t at)
{
	scoped(buf_finip) struct buf v = {0};
	buf_init(&v, 64 << 20);
	buf_add_bytes(&v, val);
	v.at[at] ^= 2;
	try_value(q, table, key, buf_bytes(&v), "a byte changed");
}

static void flip_some(struct scene *q, struct store_txn *txn, enum store_table table)
{
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	struct bytes key, val;
	unsigned n = 0;
	if (store_cursor_open(txn, table, &c))
		abort();
	for (int rc = store_seek_last(c, BYTES(""), &key, &val); rc == 0 && n < 12;
	     rc = store_prev(c, &key, &val)) {
		if (table == STORE_COUNTS && val.len == 8)
			flip(q, table, key, val, 7);
		if (table == STORE_FEED && /* of an erased one it is all there is */
		    store_has(txn, STORE_JOBS, bytes_of((const char *)val.at + 1, 16)))
			flip(q, table, key, val, 17); /* its state */
		n++;
	}
}

/* ---- a store with some of everything ---- */

static void put_token(struct store_txn *txn, uint8_t n)
{
	scoped(buf_finip) struct buf record = {0};
	const struct token *made;
	struct token t = {.privileges = PRIV_READ_JOB, .forwho = BYTES("me"), .created_ms = 1};
	uint8_t hash[CRYPT_HASH_SIZE] = {n};
	snprintf(t.id, sizeof(t.id), "tokenofme%03u", n);
	buf_init(&record, 1 << 20);
	if (token_create(&t, &made) || token_encode(made, &record))
		abort();
	store_put(txn, STORE_TOKENS, bytes_str(t.id), buf_bytes(&record));
	store_put(txn, STORE_HASHES, bytes_of(hash, sizeof(hash)), bytes_str(t.id));
	token_unref(made);
}

/* The newest job gets two children, and one of the others has to be stopped. */
static void put_children(struct scene *q, struct store_txn *txn)
{
	struct id_source ids;
	struct uuid newest;
	struct why why = {.code = BYTES("stopped_by_user"), .reason = BYTES("r")};
	struct job made[4];
	if (ledger_newest(txn, &newest))
		abort();
	id_source_init(&ids, newest);
	for (size_t i = 0; i < countof(made); i++) {
		made[i] = (struct job){.id = id_next(&ids, clock_wall_ms(&q->sim->clock.base)),
				       .created_ms = 1,
				       .since_ms = 1,
				       .user = BYTES("u"),
				       .name = BYTES("n"),
				       .kind = BYTES("k"),
				       .reason_code = BYTES("in_admission")};
		if (i % 2)
			made[i].parent = made[i - 1].id;
		ledger_put_doc(txn, made[i].id, PART_HEADER, BYTES("{}"));
		ledger_put_doc(txn, made[i].id, PART_JOB, BYTES("{}"));
		ledger_insert(txn, &made[i]);
	}
	if (ledger_stop(txn, &made[2], &why, 2))
		abort();
}

struct first {
	struct uuid id;
	bool found;
};

static bool take_first(void *user, const struct job *job)
{
	struct first *f = user;
	f->id = job->id;
	f->found = true;
	return false;
}

/* One is erased, and what it leaves is still there. */
static void erase_one(struct store_txn *txn)
{
	static const struct uuid nil = {{0}};
	scoped(buf_finip) struct buf keep = {0};
	struct first first = {.found = false};
	struct job_filter f = {.states =
				       1u << JOB_SUCCEEDED | 1u << JOB_FAILED | 1u << JOB_STOPPED};
	struct job job;
	buf_init(&keep, 1 << 20);
	if (ledger_walk(txn, &f, true, nil, take_first, &first))
		abort();
	if (first.found && (ledger_load(txn, first.id, &keep, &job) || ledger_erase(txn, &job)))
		abort();
}

static void add_more(struct scene *q)
{
	struct store_txn *txn;
	uint8_t key[CRYPT_KEY_SIZE] = {9}, body[32] = {0};
	const struct audit_by by = {BYTES("me"), BYTES("here")};
	struct sl_error err;
	if (store_begin(q->whole, STORE_WRITE, &txn))
		abort();
	store_put(txn, STORE_META, BYTES("token.key"), bytes_of(key, sizeof(key)));
	store_put(txn, STORE_META, BYTES("store.id"), bytes_of(key, 16));
	store_put(txn, STORE_META, BYTES("store.magic"), BYTES("sluice"));
	store_put(txn, STORE_COUNTS, BYTES("N"), BYTES("2"));
	put_token(txn, 1);
	put_token(txn, 2);
	erase_one(txn);
	put_children(q, txn);
	if (admin_put(txn, BYTES("a good password"), &by, &err))
		abort();
	for (uint8_t i = 0; i < 3; i++) {
		key[0] = i;
		ledger_put_seen(txn, key, q->sim->job[0].id, body, 1000 + i);
	}
	if (store_commit(&txn))
		abort();
}

/* Does a job stand in a line for a place? */
static bool has_line(struct sim *s)
{
	for (size_t i = 0; i < s->jobs; i++)
		if (s->job[i].parked && !s->job[i].final)
			return true;
	return false;
}

/* Nobody writes to it any more. */
static void make(struct scene *q, uint64_t seed)
{
	world_open(q->sim, seed);
	q->sim->engine.slow_ms = 3000;
	q->sim->engine.fail_percent = 20;
	for (unsigned i = 0; i < STEPS; i++) {
		steps_random(q->sim);
		check_all(q->sim, false);
	}
	for (unsigned i = 0; i < 4000 && seed % 3 == 0 && !has_line(q->sim); i++) {
		steps_random(q->sim);
		check_all(q->sim, false);
	}
	if (seed % 2 == 0)
		hooks_delete_feature(q->sim);
	if (store_mem_reopen(q->sim->store, &q->whole))
		abort();
	add_more(q);
}

static void run(struct scene *q, uint64_t seed)
{
	make(q, seed);
	if (faults_of(q, q->whole, true)) {
		fprintf(stderr, "seed %llu: something is wrong before anything was damaged\n",
			(unsigned long long)seed);
		q->misses++;
	}
	for (int table = 0; table < STORE_TABLES; table++)
		damage_table(q, (enum store_table)table);
	if (seed <= 2)
		change_jobs(q);
	scoped(store_abortp) struct store_txn *txn = NULL;
	if (store_begin(q->whole, STORE_READ, &txn))
		abort();
	flip_some(q, txn, STORE_COUNTS);
	flip_some(q, txn, STORE_FEED);
	txn = store_abort(txn);
	q->whole = store_close(q->whole);
	world_close(q->sim);
}

/* No kind of entry was left out. */
static unsigned check_kinds(const struct scene *q)
{
	static const struct {
		enum store_table table;
		const char *letters;
	} all[] = {
		{STORE_INDEX, "skuhpfxqweo"}, {STORE_COUNTS, "askuhnN"},
		{STORE_DOCS, "HJTFVP01234"},  {STORE_HOOKS, "kngc"},
		{STORE_OUTBOX, "dxqje"},
	};
	unsigned missing = 0;
	for (size_t i = 0; i < countof(all); i++)
		for (const char *l = all[i].letters; *l; l++) {
			bool seen = false;
			for (size_t k = 0; k < q->kinds; k++)
				seen |= q->kind[k].table == all[i].table && q->kind[k].letter == *l;
			if (!seen && ++missing)
				fprintf(stderr, "no entry '%c' in table %d\n", *l, all[i].table);
		}
	return missing;
}

static unsigned check_excuses(const struct scene *q)
{
	unsigned idle = 0;
	for (size_t i = 0; i < countof(unseen); i++)
		if (!q->used[i] && ++idle)
			fprintf(stderr, "always found, so not unseen: '%s' in table %d\n",
				unseen[i].begins, unseen[i].table);
	return idle;
}

int main(void)
{
	static struct sim sim;
	struct scene q = {.sim = &sim};
	seeded_crypt_install();
	if (crypt_start())
		return 1;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		for (size_t i = 0; i < q.kinds; i++)
			q.kind[i].seen = q.kind[i].seen > OF_A_KIND ? OF_A_KIND - 1 : 0;
		run(&q, seed);
	}
	unsigned missing = check_kinds(&q) + check_excuses(&q);
	printf("%u damages of %zu kinds of entries, %u not found\n", q.damages, q.kinds, q.misses);
	return q.misses || missing ? 1 : 0;
}
