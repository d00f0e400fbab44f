/* Answers that go on: logs that are followed, events as they happen, long files.
 *
 * A handler that wants one makes a stream of a source (`ops` and `user`) and puts it into
 * reply->stream, with reply->type. Once the head is out the connection's thread calls
 * run(), which writes and waits in turn until it has nothing more to say:
 *
 *	while ((rc = fill(&buf)) > 0 || !over)
 *		if ((rc = stream_write(s, buf)) || (rc = stream_wait(s, 15000)) == SL_E_CANCELED)
 *			return rc;
 *
 * Whoever has news for it (a store's commit, inotify, an engine) calls stream_wake(), which
 * never sleeps; a wake that comes while the source is busy ends its next wait at once, so
 * none is missed if the source looks before it waits. What is not yet written is the
 * source's: it keeps a bounded buffer, or reads what comes next when it is asked.
 *
 * No reader holds anything for long: a piece is handed to the kernel only when there is
 * room, and a reader that makes none for `stall_ms` is cut off, or as soon as the source
 * says so, which is asked while there is none; one that goes away ends a wait, and one whose
 * token has ended gets nothing more. There are at most `max` streams, a quarter of them for
 * one token that is not the admin's; when the gateway stops, every wait ends.
 *
 * Layer 3. Threads: run() and what it calls on the connection's own (100 KiB of stack);
 * stream_wake(), streams_*() on any. Times in milliseconds. */
#pragma once

#include "core/base/err.h"

struct streams;
struct stream;
struct token;

struct stream_ops {
	/** Write all there is to say. 0: that was all. Negative: it is broken off; the
	 * connection is closed without an end, so that the reader knows. */
	int (*run)(void *user, struct stream *s);
	/** Called once, whether run() was or not (HEAD, a reader that has gone). */
	void (*free)(void *user);
	/** A write finds no room: called at once and then every STREAM_LOOK_MS. Negative: the
	 * reader is too far behind, cut it off. Or NULL. */
	int (*held_up)(void *user);
};

enum { STREAM_PIECE_MAX = 16 * 1024, STREAM_LOOK_MS = 250 };

SL_BEGIN_DECLS

SL_MUST_USE int streams_create(unsigned max, uint32_t stall_ms, struct streams **ret);
/** No stream may be left. NULL is fine; returns NULL. */
struct streams *streams_free(struct streams *all);
/** No new ones; every wait ends from now on, a write that stalls soon does. */
void streams_end(struct streams *all);
unsigned streams_open(const struct streams *all);
unsigned streams_max(const struct streams *all);
/** Readers that were cut off so far, as they made no room or were too far behind. */
uint64_t streams_cut(const struct streams *all);

/** For a caller with `token` (NULL: nobody's share). SL_E_UNAVAILABLE: all places are taken,
 * or the gateway stops; SL_E_BUSY: the token's share is used up. `user` is the caller's still;
 * else it is the stream's. */
SL_MUST_USE int stream_create(struct streams *all, const struct token *token,
			      const struct stream_ops *ops, void *user, struct stream **ret,
			      struct sl_error *err);
/** Frees the source first: it takes itself out of wherever it is woken from. */
struct stream *stream_free(struct stream *s);
void stream_wake(struct stream *s);

/* In run(): */

/** Write a piece of any length. SL_E_CANCELED: the reader has gone, stands still, or may no
 * longer read. */
SL_MUST_USE int stream_write(struct stream *s, struct bytes piece);
/** Sleep until stream_wake() (0), for `ms` at most (SL_E_TIMEOUT); SL_E_CANCELED: the
 * reader has gone or may no longer read, or the gateway stops. */
SL_MUST_USE int stream_wait(struct stream *s, uint32_t ms);
/** Does the gateway stop? For sources that have much to say and no reason to wait. */
bool stream_ending(const struct stream *s);

/* For the server: */

/** Where a stream goes: `fd` is the connection's socket, or a duplicate of it. */
struct stream_io {
	int fd;
	int (*write)(void *user, struct bytes piece); /**< Negative: the connection is broken. */
	/** Asked before each piece and each wait: may the reader still have it? Or NULL. */
	bool (*may_go_on)(void *user);
	void *user;
};

SL_MUST_USE int stream_run(struct stream *s, const struct stream_io *io);

SL_DEFINE_SCOPED(struct stream, stream_free)
SL_DEFINE_SCOPED(struct streams, streams_free)

SL_END_DECLS
