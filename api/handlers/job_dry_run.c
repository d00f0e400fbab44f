/* POST /v1/job?dryRun=true: what would happen to this job? */
#include "api/handlers/job_submission.h"
#include "api/handlers/preview_show.h"

enum { MOST_MS = 150000, HEADER_BYTES_MAX = 1 << 20 };

static int take_registry(struct api *api, struct request *req, const struct registry_ref **ret,
			 struct sl_error *err)
{
	struct bytes with = {NULL, 0};
	const struct feature *feature;
	int rc = request_query_only(req, "dryRun,with", err);
	if (!rc)
		rc = request_query(req, "with", &with, err);
	if (rc && rc != SL_E_NOT_FOUND)
		return rc;
	if (rc == 0 && with.len) {
		rc = registry_preview(api->registry, with, NULL, NULL, ret, &feature, err);
		return rc ? sl_wrap(err, rc, "with: ") : 0;
	}
	*ret = registry_take(api->registry);
	return 0;
}

static int run(struct api *api, struct request *req, const struct submission *s,
	       const struct registry_ref *registry, struct preview **ret, struct sl_error *err)
{
	scoped(buf_finip) struct buf header = {0};
	struct preview_options options = {
		.registry = registry, .most_ms = MOST_MS, .gone = req->hung_up, .user = req->peer};
	struct preview_from from = {.id = preview_id(api->driver),
				    .user = s->user,
				    .name = s->name,
				    .kind = s->kind,
				    .submitted = json_raw(s->json, s->job),
				    .stage = PLUGIN_TRANSLATOR};
	buf_init(&header, HEADER_BYTES_MAX);
	int rc = submission_header(s, from.id, &header);
	if (rc)
		return rc;
	from.header = buf_bytes(&header);
	return driver_preview(api->driver, &from, &options, ret, err);
}

int job_dry_run(struct api *api, struct request *req, struct reply *reply)
{
	scoped(registry_dropp) const struct registry_ref *registry = NULL;
	scoped(preview_freep) struct preview *preview = NULL;
	struct job_submission in = {0};
	int rc = job_submission_read(api, req, &in, &reply->err);
	if (!rc)
		rc = take_registry(api, req, &registry, &reply->err);
	if (!rc)
		rc = run(api, req, &in.s, registry, &preview, &reply->err);
	json_fini(&in.token_header);
	if (!rc)
		reply->payload = preview_show(preview, token_may(req->caller, PRIV_READ_FEATURE));
	return rc;
}
