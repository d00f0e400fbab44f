/* A submission out of the body of POST /v1/job: read and checked, for real or for a dry run. */
#pragma once

#include "api/api.h"

/** Borrows from the request; free with json_fini(&token_header). */
struct job_submission {
	struct submission s;
	struct json token_header;
};

/** `*ret` zeroed. It is to be freed whatever is returned. */
SL_MUST_USE int job_submission_read(struct api *api, struct request *req,
				    struct job_submission *ret, struct sl_error *err);

/** The Idempotency-Key, or nothing. SL_E_INVALID. */
SL_MUST_USE int job_submission_key(const struct request *req, struct bytes *ret,
				   struct sl_error *err);

/** POST /v1/job?dryRun=true */
int job_dry_run(struct api *api, struct request *req, struct reply *reply);
