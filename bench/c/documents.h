/* What jobs and plugins of the bench say: documents of 4 KB in which every default is
 * written out, so that what plugins add is the only difference.
 *
 * A plugin's path is /MANNER/STAGE. Stages: translate, factor, gate, decorate, bind; for
 * jobs of the wide kind hint (a short factor), decorate1 to decorate6 and bindwide; suspend is a
 * gate that suspends.
 * Manners: now; think (1 ms); slow (500 ms); flaky (503 every second time); hang (never). */
#pragma once

#include <stddef.h>

#include "wire.h"

enum { DOCUMENT_MAX = 8192, CALLS_MAX = 32 };

/** A whole HTTP message. */
struct message {
	char *at;
	size_t len;
};

/** The POSTs of one job, in order. */
struct calls {
	struct message at[CALLS_MAX];
	size_t n;
};

/** The plugin's answer to a stage; len 0: no such stage. */
struct message answer_of(const char *stage);
/** Those of a job of five plugins, or of 17 (`wide`: 6 factors, 3 gates, 6 decorators). */
void calls_of(struct calls *ret, const char *manner, bool wide);
/** What a submitter sends: of jobKind `kind`; a TaskSet for the engine null where it is "TaskSet",
 * one that runs /bin/true by the engine local, and is short, where it is "true". */
struct message submission_of(const char *path, const char *kind);
/** The jobKind of that: "TaskSet" of "true". */
const char *job_kind_of(const char *kind);
