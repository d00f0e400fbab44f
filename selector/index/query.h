/* One job that an index (selector/index/index.h) is asked about, as the files see it that answer:
 *   header.c   which keys have a value there
 *   lookup.c   which selectors stand under these values
 *   judge.c    what such a selector says
 * Not for other folders. */
#pragma once

#include "selector/index/indexing.h"
#include "selector/index/parts.h"

struct query {
	const struct selector_index *index;
	struct selector_scratch *scratch;
	struct indexing *x;
	const struct json *header;
	selector_found found;
	void *user;
	const struct segment *segment; /* that is looked into */
	int rc;
};

SL_BEGIN_DECLS

/** Read the members of the header, once for all segments. SL_E_NO_MEMORY. */
SL_MUST_USE int header_read(struct query *q);
/** Fill `hit` with the keys of the segment that have a value. */
void header_find_keys(struct query *q);
/** The value's text when it is not as it stands in the header. */
struct bytes header_text(struct query *q, struct key_slot *slot);

/** Tell the caller what this selector of the segment says, unless it says no. */
void judge_selector(struct query *q, uint32_t i);
/** Is this pattern not found, whatever the limits of the selector that uses it? */
bool judge_is_no(struct query *q, const struct condition *c);

/** Borrowed until the next text is read. */
static inline struct bytes slot_text(struct query *q, struct key_slot *slot)
{
	return slot->state == SLOT_PLAIN ? slot->text : header_text(q, slot);
}

SL_END_DECLS
