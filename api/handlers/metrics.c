/* /metrics: everything that is counted, in the Prometheus text format. */
#include "api/api.h"
#include "core/base/process.h"
#include "core/telemetry/meter_jobs.h"
#include "core/telemetry/meter_plugins.h"

static void write_gateway(struct api *api, struct buf *to)
{
	scoped(buf_finip) struct buf labels = {0};
	struct driver_stats s;
	driver_stats(api->driver, &s);
	buf_init(&labels, 256);
	metric_label(&labels, "version", bytes_str(api->version));
	metric_head(to, "sluice_build_info", "gauge", "Always 1; the version is a label.");
	metric_sample(to, "sluice_build_info", buf_str(&labels), 1);
	metric_single(to, "sluice_ready", "gauge", "1 when /readyz answers 200.",
		      api_state(api) == API_READY);
	metric_single(to, "sluice_admission_jobs", "gauge", "Jobs in admission.", s.in_admission);
	metric_single(to, "sluice_admission_jobs_max", "gauge",
		      "Jobs that may be in admission; over it submissions are answered 429.",
		      s.in_admission_max);
	metric_single(to, "sluice_documents_bytes", "gauge",
		      "Documents in memory of all jobs at work, roughly.", s.documents);
	metric_single(to, "sluice_documents_bytes_max", "gauge",
		      "Documents that may be in memory; over it submissions are answered 429.",
		      s.documents_max);
	metric_single(to, "sluice_streams", "gauge",
		      "Answers that are being streamed: logs, events, files.",
		      streams_open(api->streams));
	metric_single(to, "sluice_streams_max", "gauge",
		      "Answers that may be streamed; over it a further one is answered 503.",
		      streams_max(api->streams));
	metric_single(to, "sluice_streams_cut_total", "counter",
		      "Streamed answers that were broken off: their reader took nothing.",
		      streams_cut(api->streams));
}

static void write_store(struct api *api, struct buf *to)
{
	const struct writer_meter *m = writer_meter(api->writer);
	struct store_room room;
	metric_head(to, "sluice_store_commit_seconds", "histogram",
		    "Commits, until they were on disk.");
	metric_sample_histogram(to, "sluice_store_commit_seconds", "", &metric_seconds,
				&m->commit_us);
	metric_head(to, "sluice_store_batch_size", "histogram", "Writes of one commit.");
	metric_sample_histogram(to, "sluice_store_batch_size", "", &metric_numbers, &m->writes);
	if (store_room(api->store, &room))
		return;
	metric_single(to, "sluice_store_bytes_used", "gauge", "Bytes of the store that are used.",
		      room.used);
	metric_single(to, "sluice_store_bytes_max", "gauge",
		      "What the store may grow to: store.size_max, or less when the disk is full.",
		      room.max);
}

static void write_traces(struct api *api, struct buf *to)
{
	struct tracer_stats s;
	tracer_stats(api->tracer, &s);
	metric_single(to, "sluice_trace_spans_total", "counter", "Spans that were made.", s.made);
	metric_single(to, "sluice_trace_spans_exported_total", "counter",
		      "Spans that the collector took.", s.exported);
	metric_single(to, "sluice_trace_spans_dropped_total", "counter",
		      "Spans that were dropped: the queue was full, or the collector did not "
		      "take them.",
		      s.dropped);
}

static void write_tls(struct api *api, struct buf *to)
{
	static const char name[] = "sluice_tls_certificate_expiry_timestamp_seconds";
	metric_head(to, name, "gauge", "When the API's certificate ends, Unix seconds.");
	if (api->tls)
		metric_sample(to, name, "", (uint64_t)tls_until(api->tls));
}

static int write_stored(struct api *api, struct buf *to)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	int rc = store_begin(api->store, STORE_READ, &txn);
	if (!rc)
		rc = meter_write_jobs(txn, to);
	return rc ? rc : meter_write_hooks(txn, clock_wall_ms(api->clock), to);
}

static int metrics(struct api *api, struct request *req, struct reply *reply)
{
	struct buf *to = &reply->raw;
	(void)req;
	write_gateway(api, to);
	http_meter_write(api->http_meter, to);
	int rc = write_stored(api, to);
	if (!rc)
		rc = meter_write_standings(driver_standings(api->driver), api->hook_standings, to);
	if (rc)
		return reply_fail(reply, (enum sl_err)rc, "%s", sl_err_text(rc));
	meter_write(api->meter, to);
	write_store(api, to);
	write_traces(api, to);
	write_tls(api, to);
	log_write_metrics(api->log, to);
	process_write(to);
	reply->type = "text/plain; version=0.0.4; charset=utf-8";
	return to->rc;
}

static const struct route routes[] = {
	{
		.method = "GET",
		.pattern = "/metrics",
		.needs = PRIV_READ_FEATURE,
		.flags = ROUTE_LOCAL | ROUTE_ALWAYS,
		.handle = metrics,
		.summary = "What the gateway counts, for Prometheus. Callers on this machine need "
			   "no token.",
		.produces = "text/plain",
	},
};

const struct route_group group_metrics = {routes, countof(routes)};
