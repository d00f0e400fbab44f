/* Many selectors, asked at once: which of them does a job match?
 *
 * An index answers exactly as selector_match() on each of them would, errors included, and
 * takes far less time than that: it looks only at selectors of which a condition that they
 * cannot do without holds, and tries each condition once (doc/selector.md, "Many
 * selectors"). How it is laid out: selector/index/segment.h.
 *
 * An index is immutable and counted. A change makes another one, which shares all but some
 * small parts with the one before, so that many generations cost little; large parts are
 * made anew only after many changes. Selectors must have joined one pool. Any thread; a
 * scratch is one thread's. */
#pragma once

#include "selector/selector.h"

struct selector_index;

/** Of one selector that does not say no: `verdict` is true or unknown, `err` has the words
 * for unknown. In no particular order. `owner` is what selector_join() was told. */
typedef void (*selector_found)(void *user, const void *owner, enum verdict verdict,
			       const struct sl_error *err);

SL_BEGIN_DECLS

/** An index over nothing. */
SL_MUST_USE int selector_index_create(struct selector_pool *pool, struct selector_index **ret);
/** As `from`, without `gone` (those it does not hold are no matter) and with `come`. It holds
 * its selectors itself, and those of `from` for a while, though it does not find them: one that
 * has gone must not come again (compile it anew). */
SL_MUST_USE int selector_index_change(const struct selector_index *from,
				      struct selector *const *gone, size_t n_gone,
				      struct selector *const *come, size_t n_come,
				      struct selector_index **ret);
struct selector_index *selector_index_share(const struct selector_index *index);
struct selector_index *selector_index_free(struct selector_index *index); /**< Returns NULL. */

/** 0, or SL_E_NO_MEMORY: then not everything was told. */
SL_MUST_USE int selector_index_match(const struct selector_index *index,
				     struct selector_scratch *scratch, const struct json *header,
				     selector_found found, void *user);

struct selector_index_view {
	size_t selectors; /**< That it finds. */
	size_t parts;     /**< Tables that are looked into one after another. */
	size_t bytes;     /**< Of these tables. */
	size_t always;    /**< Selectors that are looked at for every job. */
};
struct selector_index_view selector_index_view(const struct selector_index *index);

SL_DEFINE_SCOPED(struct selector_index, selector_index_free)

SL_END_DECLS
