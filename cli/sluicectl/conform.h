/* One endpoint held to the plugin protocol (doc/protocol.md), as any gateway would use it.
 *
 * conform_ask() sends one call, in the way that a check wants it; conform_judge() says
 * whether an answer is a legal one of its plugin type; conform_checks are the checks, each
 * a name and a function. Everything lives in the run's arena. One thread. */
#pragma once

#include "cli/sluicectl/ctl.h"
#include "cli/sluicectl/plugin_kind.h"
#include "core/json/index.h"
#include "core/plugin.h"
#include "net/request.h"

enum { CONFORM_ANSWER_MAX = 1 << 20, CONFORM_CALLS_MAX = 256, CONFORM_WORDS = 512 };

/** One call that the plugin is expected to answer legally. */
struct sample {
	const char *name;
	struct bytes body;    /**< The whole body. */
	struct bytes wanted;  /**< JSON that it must answer, or empty. */
	unsigned wanted_code; /**< Status that it must answer, or 0. */
};

struct conform {
	struct ctl *ctl;
	const struct plugin_kind *kind;
	enum plugin_type type;
	const char *url;
	struct feature feature; /**< Holds the signing key; empty: calls are not signed. */
	bool typed;             /**< Members missing in an answer count as unchanged. */
	uint32_t deadline_ms;
	struct requester *requester;
	struct increment_rules *rules;
	struct sample sample[CONFORM_CALLS_MAX];
	size_t samples;
	unsigned asked;   /**< Calls made: makes their ids differ. */
	bool not_its_job; /**< The made-up call was understood and refused: 400, 409 or 422. */
};

enum signing { SIGNED, UNSIGNED, SIGNED_BY_ANOTHER, SIGNED_LONG_AGO, SIGNED_TWICE };

/** How a call differs from an ordinary one; zero: not at all. */
struct way {
	const char *method;  /**< NULL: POST. */
	const char *call_id; /**< NULL: a new one. */
	enum signing signing;
	bool bare;    /**< None of the gateway's headers. */
	bool dry_run; /**< */
	unsigned attempt;
};

/** What came back; conform_answer_fini() after. */
struct conform_answer {
	struct reply reply;
	struct reply_header head[1];
	struct json json; /**< After conform_judge(), where it is JSON. */
	int rc;           /**< Why no HTTP answer came: SL_E_UNAVAILABLE, ... */
};

enum outcome { PASSED, FAILED, SKIPPED };

struct check {
	const char *name; /**< "a body that is not JSON is refused" */
	unsigned types;   /**< Bit per enum plugin_type; 0: all. */
	bool needs_key;
	enum outcome (*run)(struct conform *c, char why[CONFORM_WORDS]);
};

SL_BEGIN_DECLS

/** The checks, in the order in which they are made. */
extern const struct check conform_checks[];
extern const size_t conform_check_count;

/** `type` and `timeout_ms` may be NULL (then conform_samples() takes the type of a file's first
 * call; 10 s), `key` too: calls are not signed. CTL_DONE, or an error (told). */
int conform_begin(struct conform *c, const char *type, const char *key, const char *timeout_ms);
int conform_set_type(struct conform *c, const char *name);
void conform_end(struct conform *c); /**< Also after a failure. */

/** Send a body. False, with words, when no HTTP answer came. */
bool conform_ask(struct conform *c, struct bytes body, const struct way *way,
		 struct conform_answer *ret, char why[CONFORM_WORDS]);
void conform_answer_fini(struct conform_answer *a);
static inline void conform_answer_finip(struct conform_answer *a) { conform_answer_fini(a); }

/** Is this a legal answer to that body? False, with words. */
bool conform_judge(struct conform *c, struct bytes body, struct conform_answer *answer,
		   char why[CONFORM_WORDS]);

/** Is it what the sample says that it must be, where it does? False, with words. */
bool conform_as_recorded(const struct sample *sample, struct conform_answer *answer,
			 char why[CONFORM_WORDS]);

/** The calls to make: those of a file, or made up. CTL_DONE, or an error (told). */
int conform_samples(struct conform *c, const char *file);
/** The sample's body with `members` (JSON, without braces) put into it at the front: at the
 * outermost level, and into its header where there is one. In the arena. */
struct bytes conform_vary(struct conform *c, struct bytes body, const char *outer,
			  const char *header);

SL_END_DECLS
