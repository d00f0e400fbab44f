/* A bounded queue from many threads to one: how threads talk.
 *
 * A letter is an intrusive node inside the sender's message; posting moves the whole
 * message to the receiver. Posting: any thread. Taking: the owner thread only. The
 * optional `wake` is called after a post to an empty box, outside the lock, on the
 * poster's thread. */
#pragma once

#include "core/base/err.h"

struct letter {
	struct letter *next;
};

struct mailbox;

SL_BEGIN_DECLS

SL_MUST_USE int mailbox_create(size_t max, void (*wake)(void *user), void *user,
			       struct mailbox **ret);
/** The box must be empty: letters are their receiver's to free. */
struct mailbox *mailbox_free(struct mailbox *box);

/** SL_E_BUSY when full; SL_E_CANCELED after mailbox_close(); then the letter stays the caller's. */
SL_MUST_USE int mailbox_post(struct mailbox *box, struct letter *letter);
/** As above, but past the ceiling: for messages whose number is bounded elsewhere. */
SL_MUST_USE int mailbox_post_always(struct mailbox *box, struct letter *letter);

/** All letters in order of posting, linked by `next`, or NULL at once if there is none. */
struct letter *mailbox_take(struct mailbox *box);
/** As above, but sleeps until there is a letter; NULL once the box is closed and empty. */
struct letter *mailbox_wait(struct mailbox *box);
void mailbox_close(struct mailbox *box); /**< No more posts; wakes the waiter. */

SL_DEFINE_SCOPED(struct mailbox, mailbox_free)

SL_END_DECLS
