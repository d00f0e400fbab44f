#include "cli/sluiced/telemetry.h"

#include "api/api.h"

enum {
	QUEUE_MAX = 16384, /* spans */
	SEND_MS = 10000,
	CONNECT_MS = 5000,
	CONNECTION_AGE_S = 60,
	GRACE_MS = 3000,
};

/* On an executor of its own, which no plugin can fill. */
static int open_tracer(const struct config *config, struct store *store, struct log *log,
		       struct tracer **ret, struct sl_error *err)
{
	struct http_config http = {.connections_max = 2,
				   .connections_host_max = 2,
				   .connect_timeout_ms = CONNECT_MS,
				   .connection_age_s = CONNECTION_AGE_S,
				   .user_agent = "sluice/" SLUICE_VERSION};
	struct tracer_config tracer = {.endpoint = config->otel.endpoint,
				       .version = SLUICE_VERSION,
				       .sample_percent = (unsigned)config->otel.sample_percent,
				       .queue_max = QUEUE_MAX,
				       .timeout_ms = SEND_MS};
	struct executor *x;
	int rc = http_check_address(&http, bytes_str(tracer.endpoint), err);
	if (!rc)
		rc = http_executor_create(&http, &x, err);
	if (!rc)
		rc = tracer_create(&tracer, x, store, &clock_system, log, ret);
	return rc ? rc : tracer_start(*ret);
}

int telemetry_open(const struct config *config, struct store *store, struct log *log,
		   struct telemetry *ret, struct sl_error *err)
{
	int rc = meter_create(&ret->meter);
	if (!rc)
		rc = http_meter_create(api_routes, &ret->http_meter);
	if (rc)
		return sl_fail(err, (enum sl_err)rc, "%s", sl_err_text(rc));
	if (!*config->otel.endpoint)
		return 0;
	rc = open_tracer(config, store, log, &ret->tracer, err);
	if (rc && !err->code)
		sl_fail(err, (enum sl_err)rc, "%s", sl_err_text(rc));
	return rc ? sl_wrap(err, rc, "otel.endpoint: ") : 0;
}

void telemetry_close(struct telemetry *t, uint32_t grace_ms)
{
	tracer_close(t->tracer, grace_ms < GRACE_MS ? grace_ms : GRACE_MS);
	http_meter_free(t->http_meter);
	meter_free(t->meter);
	*t = (struct telemetry){0};
}
