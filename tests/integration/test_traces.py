"""Traces: what a collector gets, how spans hang together, and that nobody waits for it."""

import http.server
import json
import re
import threading

import metrics
import pytest
from harness import feature, job, plugin, until
from plugin_double import Answer, passes, unchanged

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
NANOSECONDS = re.compile(r"[1-9][0-9]{18}$")
# https://opentelemetry.io/docs/specs/otlp/, JSON Protobuf Encoding: lowerCamelCase, ids in hex,
# enums as numbers, 64-bit numbers as strings.
SPAN_FIELDS = {"traceId", "spanId", "parentSpanId", "flags", "name", "kind", "startTimeUnixNano",
               "endTimeUnixNano", "attributes", "status"}
INTERNAL, CLIENT, CONSUMER, ERROR = 1, 3, 5, 2


class Collector:
    def __init__(self):
        self.requests, self.lock, self.status = [], threading.Lock(), 200
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with collector.lock:
                    collector.requests.append((self.path, self.headers["Content-Type"], body))
                self.send_response(collector.status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02},
                         daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def seen(self):
        with self.lock:
            return list(self.requests)

    def spans(self):
        return [span for _, _, body in self.seen()
                for one in json.loads(body)["resourceSpans"]
                for scope in one["scopeSpans"] for span in scope["spans"]]

    def wait_for(self, name, count=1):
        def found():
            some = [span for span in self.spans() if span["name"] == name]
            return some if len(some) >= count else None
        return until(found, 30, f"{count} spans named {name}; there are {self.spans()}")

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def collector():
    made = Collector()
    yield made
    made.close()


@pytest.fixture
def traced(make_daemon, collector):
    return make_daemon(config=f'otel: {{endpoint: "{collector.url}"}}\n').start()


def facts(span):
    return {one["key"]: one["value"] for one in span["attributes"]}


def run(daemon, **headers):
    one = daemon.api.submit(job(), headers=headers)
    daemon.api.wait_final(one)
    return one


def test_spans_hang_together(traced, collector, plugin_server):
    traced.api.register(feature("a", plugin("AccessGate", plugin_server.on("/g", passes)),
                                plugin("TemplateDecorator", plugin_server.on("/d", unchanged))))
    one = run(traced, traceparent=f"00-{TRACE}-{PARENT}-01")
    top, = collector.wait_for("job")
    stage, = collector.wait_for("AccessGate")
    call, = collector.wait_for("AccessGate.a.qa")
    collector.wait_for("TemplateDecorator.a.qa")
    assert {span["traceId"] for span in collector.spans()} == {TRACE}
    assert top["parentSpanId"] == PARENT
    assert stage["parentSpanId"] == top["spanId"] and call["parentSpanId"] == stage["spanId"]
    sent = plugin_server.at("/g")[0].headers["traceparent"]
    assert sent == f"00-{TRACE}-{call['spanId']}-01", "what the plugin traces hangs below its call"
    assert (top["kind"], stage["kind"], call["kind"]) == (CONSUMER, INTERNAL, CLIENT)
    assert facts(call)["server.port"] == {"intValue": str(plugin_server.port)}
    assert facts(call)["http.response.status_code"] == {"intValue": "200"}
    assert facts(call)["server.address"] == {"stringValue": "127.0.0.1"}
    assert facts(call)["http.request.method"] == {"stringValue": "POST"}
    assert facts(call)["sluice.decision"] == {"stringValue": "pass"}
    assert facts(top)["sluice.job.id"] == {"stringValue": one}
    assert facts(top)["sluice.job.state"] == {"stringValue": "succeeded"}
    for inner, outer in ((stage, top), (call, stage)):
        assert int(inner["endTimeUnixNano"]) <= int(outer["endTimeUnixNano"]) + 10**9
        assert int(inner["startTimeUnixNano"]) >= int(outer["startTimeUnixNano"]) - 10**7


def test_the_payload_is_otlp(traced, collector, plugin_server):
    traced.api.register(feature("a", plugin("AccessGate", plugin_server.on("/g", passes))))
    one = run(traced)
    top, = collector.wait_for("job")
    collector.wait_for("AccessGate.a.qa")
    assert {(path, kind) for path, kind, _ in collector.seen()} == {("/v1/traces", "application/json")}
    for _, _, body in collector.seen():
        document = json.loads(body)
        assert set(document) == {"resourceSpans"}
        for part in document["resourceSpans"]:
            assert set(part) == {"resource", "scopeSpans"}
            assert facts(part["resource"])["service.name"] == {"stringValue": "sluice"}
            assert set(part["scopeSpans"][0]) == {"scope", "spans"}
    for span in collector.spans():
        assert set(span) <= SPAN_FIELDS
        assert re.fullmatch("[0-9a-f]{32}", span["traceId"]) and re.fullmatch("[0-9a-f]{16}", span["spanId"])
        assert NANOSECONDS.match(span["startTimeUnixNano"]) and NANOSECONDS.match(span["endTimeUnixNano"])
        assert isinstance(span["kind"], int) and span["status"] == {}
    assert "parentSpanId" not in top and top["traceId"] == one.replace("-", "")


def test_a_failure_is_told(traced, collector, plugin_server):
    traced.api.register(feature("a", plugin("AccessGate", plugin_server.on("/g", Answer(500, {})),
                                            retries=1, failurePolicy="fail")))
    run(traced)
    call, = collector.wait_for("AccessGate.a.qa")
    top, = collector.wait_for("job")
    assert call["status"] == {"code": ERROR, "message": "plugin_unavailable"}
    assert facts(call)["http.request.resend_count"] == {"intValue": "1"}
    assert facts(call)["http.response.status_code"] == {"intValue": "500"}
    assert top["status"]["code"] == ERROR and facts(top)["error.type"] == {"stringValue": "plugin_unavailable"}


def test_what_is_not_sampled_is_not_sent(traced, collector, plugin_server):
    traced.api.register(feature("a", plugin("AccessGate", plugin_server.on("/g", passes))))
    run(traced, traceparent=f"00-{TRACE}-{PARENT}-00")
    assert plugin_server.at("/g")[0].headers["traceparent"].endswith("-00")
    run(traced)
    collector.wait_for("job")
    assert TRACE not in {span["traceId"] for span in collector.spans()}


def test_a_restart_stays_in_the_trace(traced, collector, plugin_server):
    plugin_server.on("/g", {"decision": "suspend", "reason": "later"})
    traced.api.register(feature("a", plugin("AccessGate", plugin_server.url("/g"))))
    one = traced.api.submit(job(), wait=20, headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
    first, = collector.wait_for("AccessGate")
    traced.restart()
    traced.api.put(f"/v1/job/stop/{one}")
    top, = collector.wait_for("job")
    assert first["parentSpanId"] == top["spanId"] and top["traceId"] == TRACE
    assert facts(top)["sluice.job.state"] == {"stringValue": "stopped"}


def test_no_job_waits_for_a_collector(make_daemon, plugin_server):
    gone = Collector()
    url = gone.url
    gone.close()
    daemon = make_daemon(config=f'otel: {{endpoint: "{url}"}}\n').start()
    daemon.api.register(feature("a", plugin("AccessGate", plugin_server.on("/g", passes))))
    for _ in range(5):
        run(daemon)
    assert metrics.of(daemon.api).value("sluice_trace_spans_total") >= 5
    until(lambda: "spans cannot be delivered" in daemon.log.read_text(), 30, "it is told")
    assert daemon.stop() == 0


def test_a_collector_that_refuses_costs_spans_only(traced, collector):
    collector.status = 400
    run(traced)
    until(lambda: metrics.of(traced.api).value("sluice_trace_spans_dropped_total") >= 1, 30, "they are dropped")
    collector.status = 200
    run(traced)
    until(lambda: metrics.of(traced.api).value("sluice_trace_spans_exported_total") >= 1, 30, "they go again")
    assert traced.log.read_text().count("spans cannot be delivered") == 1


def test_an_endpoint_that_is_none_is_refused(make_daemon):
    daemon = make_daemon(config='otel: {endpoint: "localhost:4318"}\n').spawn()
    assert daemon.process.wait(120) == 78
    assert "otel.endpoint" in daemon.tail()
