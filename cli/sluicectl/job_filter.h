/* Which jobs a command is about: the filters of `job list`, also for `job stop`,
 * `job resume` and `job delete`. One thread. */
#pragma once

#include "cli/sluicectl/api.h"

struct job_filter_options { /* NULL where not given */
	const char *user, *kind, *state, *name, *code, *plugin, *since, *until;
};

/* One row: the option `text`, kept in the filter's member `which`. */
#define JOB_FILTER_ROW(type, member, which, text, letter, value, help, hints)                      \
	{                                                                                          \
		text, letter, value, OPTION_TEXT,                                                  \
			offsetof(type, member) + offsetof(struct job_filter_options, which), help, \
			NULL, hints                                                                \
	}

/** Rows for a command whose options are a `t` with the filters in `m`. */
#define JOB_FILTER_OPTIONS(t, m)                                                                   \
	JOB_FILTER_ROW(t, m, user, "user", 'u', "USER[,USER...]", "jobs of these users", NULL),    \
		JOB_FILTER_ROW(t, m, kind, "kind", 'k', "KIND[,KIND...]", "jobs of these kinds",   \
			       NULL),                                                              \
		JOB_FILTER_ROW(t, m, state, "state", 's', "STATE[,STATE...]",                      \
			       "jobs in these states",                                             \
			       "preparing|suspended|waiting|running|succeeded|failed|stopped"),    \
		JOB_FILTER_ROW(t, m, name, "name", 'n', "NAME", "jobs of this name", NULL),        \
		JOB_FILTER_ROW(                                                                    \
			t, m, code, "reason-code", 0, "CODE[,CODE...]",                            \
			"jobs held or ended for these",                                            \
			"held|gate_suspended|plugin_unavailable|replica_failed|waiting_for_slot"), \
		JOB_FILTER_ROW(t, m, plugin, "plugin", 0, "KEY", "jobs that this plugin holds",    \
			       NULL),                                                              \
		JOB_FILTER_ROW(t, m, since, "since", 0, "WHEN",                                    \
			       "submitted at or after: 2h, 3d (ago) or 2026-11-21T20:00:00Z",      \
			       NULL),                                                              \
		JOB_FILTER_ROW(t, m, until, "until", 0, "WHEN", "submitted at or before", NULL)

SL_BEGIN_DECLS

bool job_filter_given(const struct job_filter_options *o);
/** "/v1/job/list" with them; CTL_USAGE (told) for a time that is none. */
int job_filter_url(struct buf *url, const struct job_filter_options *o, bool oldest_first);

SL_END_DECLS
