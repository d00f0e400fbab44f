/* News for streams: jobs have moved. Whoever commits tells (news_tell(), which never
 * sleeps and costs next to nothing); a thread of its own wakes the streams that listen.
 * A few are woken at once; many at most every 5 ms, so that they cost the store's writer
 * no more than one does. Layer 3. Threads: as said; entering and leaving, any. */
#pragma once

#include "api/stream.h"
#include "core/base/list.h"

struct news;

struct listener {
	struct list link;
	struct stream *stream;
};

SL_BEGIN_DECLS

SL_MUST_USE int news_create(struct news **ret);
/** Nobody may listen any more, or tell. NULL is fine; returns NULL. */
struct news *news_free(struct news *news);
void news_tell(struct news *news);
/** `l->stream` is woken from now on until news_leave(). */
void news_enter(struct news *news, struct listener *l);
void news_leave(struct news *news, struct listener *l);

SL_DEFINE_SCOPED(struct news, news_free)

SL_END_DECLS
