/* DELETE /v1/job: a job that has ended goes, with its logs and artifacts. */
#include "api/api.h"

static int erase(struct api *api, struct request *req, struct reply *reply)
{
	struct job_request r = {.who = bytes_str(req->caller->id),
				.user = req->caller->user_id,
				.by = request_by(req)};
	if (uuid_parse(req->param[0], &r.job))
		return sl_fail(&reply->err, SL_E_NOT_FOUND, "there is no such job");
	return driver_erase(api->driver, &r, &reply->err);
}

static const struct route routes[] = {
	{
		.method = "DELETE",
		.pattern = "/v1/job/{jobID}",
		.needs = PRIV_WRITE_JOB,
		.handle = erase,
		.summary = "Erase a job that has ended, with its logs and artifacts",
	},
};

const struct route_group group_job_erase = {routes, countof(routes)};
