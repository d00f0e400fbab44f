/* What the parts of the dispatcher share. Not for anybody else.
 *
 *   match.c   the writer's half: deliveries for what moved
 *   line.c    subscribers as the thread knows them, and the window of each
 *   send.c    one delivery on its way
 *   follow.c  the next change of a job, once one is acknowledged
 *   save.c    what became of deliveries, written
 *   loop.c    turns, the thread, life
 *   ack.c     what an answer means
 *
 * A delivery in memory is a `sending`: ready -> flying -> over -> being saved -> freed. */
#pragma once

#include "core/base/list.h"
#include "core/calls/caller.h"
#include "core/hooks.h"
#include "core/hooks/ack.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
	READY_MAX = 128,     /**< Deliveries of one subscriber that are read ahead. */
	WINDOW_FIRST = 16,   /**< Calls in flight to one; grows with good answers. */
	SAVE_MAX = 512,      /**< Outcomes in one write. */
	UNSAVED_MAX = 2048,  /**< Outcomes in memory: over it nothing is sent. */
	SAVE_MANY = 256,     /**< So many are written at once, fewer after ... */
	SAVE_BEHIND_MS = 20, /**< ... this long, or when nothing is in flight. */
	SAVE_AGAIN_MS = 1000,
	SWEEP_MS = 2000,
	SWEEP_AGAIN_MS = 10, /* when there is more: others write, too */
	SWEEP_MOST = 500,
	TURN_BACK_LOOK = 1000,
	TURN_BACK_MOST = 250,
	TOUCHED_MAX = 256,
	SENDING_BUCKETS = 4096,
	PAUSE_MOST_MS = 5 * 60 * 1000,
	BREAKER_PAUSE_MS = 1000,
	WEBHOOK_SIZE = 96,
	ROOM_PERCENT = 80, /* with more of the store used, subscribers keep less: */
	SCARCE_BYTES = 8 << 20,
};

/** A subscriber as the thread knows it. */
struct line {
	struct list link; /* in hooks->lines, by number */
	struct list hot;  /* in hooks->hot: something may be sent or read */
	uint64_t number;
	char *key;
	char tag[PLUGIN_TAG_SIZE]; /* of the key, for webhook-ids */
	bool held;                 /* its feature is off, or it is gone */
	bool dirty;                /* there may be more in the store */
	bool sick;                 /* the last answer was none; told in the log */
	struct list ready;
	unsigned ready_n, flying, window;
	unsigned going;   /* answers 410 that are not yet written */
	uint32_t turns;   /* as the subscriber has it */
	int64_t next_ms;  /* wall: when the next stored one is due; 0: none */
	int64_t pause_ms; /* monotonic: not before; 0 */
};

/** One delivery in memory. */
struct sending {
	struct list link;     /* in line->ready, hooks->flying, hooks->over or save->list */
	struct list trail;    /* in hooks->fresh or hooks->alone: its next one is sought */
	struct sending *next; /* in its bucket */
	struct hooks *hooks;
	struct line *line; /* NULL: the subscriber was deleted meanwhile */
	uint64_t subscriber;
	struct delivery d; /* strings in `keep` and `words` */
	struct buf keep, words, body;
	char webhook[WEBHOOK_SIZE];
	ask_id ask;
	const struct registry_ref *registry;
	enum ack ack;
	uint32_t turns; /* of the line when it was sent */
};

/** Subscribers whose deliveries were changed by commits: from the writer to the thread. */
struct touched {
	pthread_mutex_t lock;
	uint64_t number[TOUCHED_MAX];
	size_t n;
	bool all;
};

/** The writer's own. */
struct matcher {
	struct selector_scratch *scratch;
	struct json header; /* memory of the last one, used again */
	struct buf record;
	uint64_t matched, matching; /* feed numbers: committed, and in this transaction */
	uint64_t number[TOUCHED_MAX];
	size_t n;
	bool all;
	const struct registry_ref *registry;
};

struct hooks {
	struct hooks_config config;
	struct hooks_parts parts;
	atomic_int_fast64_t retry_for_ms, keep_dead_ms; /* in place of the config's */
	struct writer_guest guest;
	struct matcher matcher;
	struct touched touched;
	struct caller *caller;
	struct mailbox *box; /* saves that come back */
	pthread_t thread;
	bool threaded;
	atomic_bool ending;
	/* the thread's own */
	const struct registry_ref *registry; /* of this turn */
	uint64_t generation;                 /* lines were refreshed for */
	struct list lines, hot, flying, over;
	struct list fresh; /* acknowledged in this turn, not yet freed: sending.trail */
	struct list alone; /* likewise before, and nothing followed */
	bool grown;        /* since then deliveries were added */
	size_t flying_n, over_n, saving_n;
	bool stopping, refresh;
	struct sending *bucket[SENDING_BUCKETS];
	struct save *save; /* on its way */
	int64_t save_ms;   /* monotonic: not before, after a failure; 0 */
	int64_t over_ms;   /* monotonic: since when something is in `over` */
	int64_t sweep_ms;  /* monotonic: the next one */
	bool save_failed;  /* told in the log */
	struct clock_watch clock_watch;
	bool turning_back;          /* deliveries may wait for a time that is far off now */
	struct outbox_place turned; /* how far that was looked at */
};

struct outbox_limits hooks_limits(const struct hooks *h);

/* match.c */
SL_MUST_USE int match_create(struct hooks *h);
void match_fini(struct hooks *h);
int match_before_commit(void *user, struct store_txn *txn);
void match_after_commit(void *user);

/* line.c */
/** Learn of changes: subscribers, features, deliveries. */
void lines_look(struct hooks *h);
/** Read ahead where there is room. */
void lines_fill(struct hooks *h);
/** When stored deliveries become due: milliseconds, at most `most`. */
uint32_t lines_wait(struct hooks *h, uint32_t most);
void line_heat(struct hooks *h, struct line *line);
void line_free(struct hooks *h, struct line *line);

/* send.c */
void sending_free(struct sending *s);
bool sending_known(const struct hooks *h, uint64_t subscriber, uint64_t number);
SL_MUST_USE int sending_create(struct line *line, struct hooks *h, const struct delivery *d,
			       struct sending **ret);
void send_all(struct hooks *h); /* as many as may be */
void send_cancel(struct hooks *h);
/** Those that were not called yet, since others of their plugin are; NULL: of all lines. */
void send_cancel_waiting(struct hooks *h, const struct line *line);

/* follow.c */
/** It was answered: its next one may be sent. */
void follow_answered(struct hooks *h, struct sending *s);
/** Make ready what follows those. */
void follow_all(struct hooks *h);

/* save.c */
void save_over(struct hooks *h);
void save_sweep(struct hooks *h);
void save_come_back(struct hooks *h);
/** At the start, and when the clock was turned back: nobody waits for hours for that. */
void save_turn_back(struct hooks *h);
/** What is on its way to the store has this line no longer. */
void save_let_go_of(struct hooks *h, const struct line *line);
uint32_t save_wait(struct hooks *h, uint32_t most);
