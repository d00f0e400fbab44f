/* What the reading handlers of jobs share: finding a job that the caller may see. */
#pragma once

#include "api/api.h"

/** The job of the path's first parameter in `txn`. SL_E_NOT_FOUND also for jobs of others
 * when the token is bound to a user. */
SL_MUST_USE int job_read_find(struct store_txn *txn, const struct request *req, struct job *ret,
			      struct sl_error *err);
/** reason, reasonCode, since, plugin, next: why a job is where it is. */
void job_read_put_why(struct json_object *to, const struct job *job);
/** rerunOf, rerunAs, where there are any. */
void job_read_put_rerun(struct json_object *to, const struct job *job);
/** The document of GET /v1/job/detail; `place`: in its engine's line, or zero. */
SL_MUST_USE int job_read_detail(struct store_txn *txn, const struct job *job,
				const struct engine_place *place, struct json_object **ret);
/** The TaskSet with its status; SL_E_NOT_FOUND before translation. */
SL_MUST_USE int job_read_taskset(struct store_txn *txn, const struct job *job,
				 struct json_object **ret);
/** Handlers in files of their own. */
int job_read_artifacts(struct api *api, struct request *req, struct reply *reply);
int job_read_logs(struct api *api, struct request *req, struct reply *reply);
int job_read_calls(struct api *api, struct request *req, struct reply *reply);
int job_read_explain(struct api *api, struct request *req, struct reply *reply);
int job_read_list(struct api *api, struct request *req, struct reply *reply);
int job_read_count(struct api *api, struct request *req, struct reply *reply);

extern const struct route_query job_list_query[], job_count_query[], job_explain_query[],
	job_logs_query[];
