/* What the handlers of GET /v1/job/explain share. */
#pragma once

#include "api/handlers/job_read.h"
#include "core/json/index.h"

/** ?plugin=KEY: why this plugin does or does not match the job. */
int job_explain_plugin(struct api *api, struct request *req, struct reply *reply,
		       struct store_txn *txn, const struct job *job, struct bytes key);
/** ?all=true: likewise for every plugin, a page at a time. */
int job_explain_every(struct api *api, struct request *req, struct reply *reply,
		      struct store_txn *txn, const struct job *job);
/** The header information of a job as its selectors see it; borrows from `txn`. */
SL_MUST_USE int job_explain_header(struct store_txn *txn, const struct job *job, struct json *ret);
