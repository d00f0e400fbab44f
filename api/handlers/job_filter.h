/* Which jobs a list or a count is about: the query's filter, and whose they may be. */
#pragma once

#include "api/handlers/job_read.h"

enum { JOB_FILTER_VALUES_MAX = 64 };

/* Of a route's table of parameters. */
#define JOB_FILTER_QUERY                                                                           \
	{"userID", "string", "Users, with commas."},                                               \
		{"startAt", "integer", "Submitted then or later (Unix seconds)."},                 \
		{"endAt", "integer", "Submitted then or earlier (Unix seconds)."},                 \
		{"kind", "string", "Kinds, with commas."},                                         \
		{"state", "string", "States, with commas."}, {"name", "string", "The jobName."},   \
		{"reasonCode", "string", "Reason codes, with commas."},                            \
	{                                                                                          \
		"plugin", "string", "The plugin that it waits for or was decided by."              \
	}
/* The same names, for request_query_only(). */
#define JOB_FILTER_NAMES "userID,startAt,endAt,kind,state,name,reasonCode,plugin"

struct job_query {
	struct job_filter f; /**< Points into the rest. */
	struct bytes users[JOB_FILTER_VALUES_MAX], kinds[JOB_FILTER_VALUES_MAX],
		codes[JOB_FILTER_VALUES_MAX];
	bool nothing; /**< No job can match. */
};

/** "a,b" of a parameter into `to`; `*ret` stays when it is absent. */
SL_MUST_USE int job_filter_list(struct request *req, const char *name,
				struct bytes to[JOB_FILTER_VALUES_MAX], size_t *ret,
				struct sl_error *err);
/** A parameter that may be absent. */
SL_MUST_USE int job_filter_text(struct request *req, const char *name, struct bytes *ret,
				struct sl_error *err);
/** All of it; a token that is bound to a user sees that one's jobs only. */
SL_MUST_USE int job_filter_read(struct request *req, struct job_query *q, struct sl_error *err);
