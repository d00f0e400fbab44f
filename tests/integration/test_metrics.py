"""/metrics: the names, what they count, who may read them, and what Prometheus makes of them."""

import json
import re
import subprocess
import urllib.parse
import urllib.request

import metrics
import pytest
from harness import ALL, ROOT, feature, free_port, job, plugin, until
from plugin_double import Answer, passes

NAMES = """
sluice_http_requests_total sluice_http_request_duration_seconds sluice_jobs sluice_unfinished_jobs
sluice_job_admission_seconds sluice_stage_duration_seconds sluice_plugin_call_duration_seconds
sluice_plugin_in_flight sluice_plugin_breaker_state sluice_decisions_total
sluice_decorator_conflicts_total sluice_fail_open_total sluice_hook_lag_seconds sluice_hook_dead
sluice_selector_seconds sluice_store_commit_seconds sluice_store_batch_size
sluice_store_bytes_used process_cpu_seconds_total process_resident_memory_bytes process_open_fds
""".split()


def read(api):
    return metrics.of(api)


def gate(plugin_server, name, answer, **more):
    return feature(name, plugin("AccessGate", plugin_server.on(f"/{name}", answer), **more))


def hook(name, address):
    return feature(name, plugin("LifeHook", address, jobSelector={**ALL, "states": ["*"]}))


def test_every_name_is_there_from_the_start(daemon):
    assert set(NAMES) <= read(daemon.api).names()


def test_the_text_is_clean(daemon, plugin_server):
    daemon.api.register(gate(plugin_server, "pass", passes))
    daemon.api.submit(job(), wait=20)
    text = daemon.api.get("/metrics").raw
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True,
                             timeout=60, check=False)
    assert checked.returncode == 0 and not checked.stderr + checked.stdout, checked


def test_what_a_job_leaves(daemon, plugin_server):
    daemon.api.register(gate(plugin_server, "pass", passes))
    one = daemon.api.submit(job())
    daemon.api.wait_final(one)
    now = read(daemon.api)
    assert now.value("sluice_jobs", state="succeeded") == 1
    assert now.value("sluice_decisions_total", decision="pass") == 1
    assert now.value("sluice_plugin_call_duration_seconds_count",
                     plugin="AccessGate.pass.qa", outcome="answered") == 1
    assert now.value("sluice_stage_duration_seconds_count", stage="AccessGate") == 1
    assert now.value("sluice_stage_duration_seconds_count", stage="SchedulerBinder") == 0
    assert now.value("sluice_job_admission_seconds_count") == 1
    assert now.value("sluice_selector_seconds_count") == 1
    assert now.value("sluice_http_requests_total", route="/v1/job", code="200") == 1
    assert now.value("sluice_plugin_breaker_state", plugin="AccessGate.pass.qa") in (0, None)


def test_what_holds_unfinished_jobs(daemon, plugin_server):
    plugin_server.on("/hold", {"decision": "suspend", "reason": "later", "reasonCode": "quota_used"})
    daemon.api.register(feature("hold", plugin("AccessGate", plugin_server.url("/hold"))))
    first = daemon.api.submit(job(), wait=20)
    daemon.api.submit(job(), wait=20)
    held = {"state": "suspended", "reason_code": "quota_used", "plugin": "AccessGate.hold.qa"}
    assert read(daemon.api).value("sluice_unfinished_jobs", **held) == 2
    daemon.restart()
    assert read(daemon.api).value("sluice_unfinished_jobs", **held) == 2, "it is stored"
    daemon.api.put(f"/v1/job/stop/{first}")
    assert read(daemon.api).value("sluice_unfinished_jobs", **held) == 1
    assert read(daemon.api).value("sluice_jobs", state="stopped") == 1


def test_failing_plugins_show(daemon, plugin_server):
    daemon.api.register(gate(plugin_server, "ill", Answer(503, {}), failurePolicy="ignore",
                             retries=0))
    for _ in range(11):
        daemon.api.submit(job(), wait=20)
    now = read(daemon.api)
    assert now.value("sluice_fail_open_total") == 11
    assert now.value("sluice_plugin_call_duration_seconds_count",
                     plugin="AccessGate.ill.qa", outcome="unavailable") == 10
    assert now.value("sluice_plugin_breaker_state", plugin="AccessGate.ill.qa") == 2


def test_hooks_that_do_not_answer_show(daemon, plugin_server):
    plugin_server.on("/deaf", Answer(503, {}))
    daemon.api.register(hook("deaf", plugin_server.url("/deaf")))
    daemon.api.submit(job(), wait=20)
    plugin_server.wait_calls("/deaf", 1)
    key = "LifeHook.deaf.qa"
    until(lambda: (read(daemon.api).value("sluice_hook_lag_seconds", plugin=key) or 0) > 0, 20,
          "the lag shows")
    assert read(daemon.api).value("sluice_hook_dead", plugin=key) == 0


def test_dead_deliveries_show(daemon, plugin_server):
    daemon.api.register(hook("no", plugin_server.on("/no", Answer(200, b"EX: not for me"))))
    daemon.api.wait_final(daemon.api.submit(job()))
    until(lambda: (read(daemon.api).value("sluice_hook_dead", plugin="LifeHook.no.qa") or 0) > 0,
          20, "dead deliveries show")


def test_what_callers_send_makes_no_series(daemon):
    for i in range(20):
        daemon.api.get(f"/v1/no/such/{i}")
        daemon.api.get(f"/v1/job/detail/00000000-0000-7000-8000-0000000000{i:02}")
    now = read(daemon.api)
    assert now.value("sluice_http_requests_total", route="none", code="404") == 20
    assert now.value("sluice_http_requests_total", route="/v1/job/detail/{jobID}", code="404") == 20


def test_always_200_does_not_hide_the_status(make_daemon):
    daemon = make_daemon(config="api: {http_status: always_200}\n").start()
    assert daemon.api.get("/v1/job/detail/nonsense").status == 200
    now = read(daemon.api)
    assert now.value("sluice_http_requests_total", route="/v1/job/detail/{jobID}", code="200") is None


def test_through_a_proxy_it_takes_a_token(daemon):
    proxied = {"X-Forwarded-For": "10.0.0.1"}
    nobody = daemon.api.with_token(None)
    assert nobody.get("/metrics").status == 200, "on this machine nobody is asked"
    assert nobody.get("/metrics", headers=proxied).status == 401
    assert daemon.api.token_for("read_job").get("/metrics", headers=proxied).status == 403
    assert daemon.api.token_for("read_feature").get("/metrics", headers=proxied).status == 200


# --- what is shipped for Prometheus and Grafana -----------------------------------------------

OWN = re.compile(r"\b(?:sluice|process)_[a-z_]+")
RULES = ROOT / "packaging/prometheus/sluice.rules.yml"
DASHBOARD = ROOT / "packaging/grafana/sluice.json"
ALERT_TESTS = ROOT / "tests/data/alerts.test.yml"


def queries():
    for line in RULES.read_text().splitlines():
        if not line.lstrip().startswith("#"):
            yield line
    board = json.loads(DASHBOARD.read_text())
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"]
    for variable in board["templating"]["list"]:
        yield variable.get("definition", "")


def test_dashboard_and_alerts_name_what_there_is(daemon):
    named = {name for query in queries() for name in OWN.findall(query)}
    assert len(named) > 25
    now = read(daemon.api)
    assert named - now.series() - now.names() == set()


def test_alerts_fire_when_they_should():
    done = subprocess.run(["promtool", "test", "rules", str(ALERT_TESTS)], capture_output=True,
                          text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    tested = set(re.findall(r'alertname="(\w+)"', ALERT_TESTS.read_text()))
    assert tested == set(re.findall(r"- alert: (\w+)", RULES.read_text()))


def test_every_alert_is_explained():
    manual = (ROOT / "doc/observability.md").read_text()
    for alert in re.findall(r"- alert: (\w+)", RULES.read_text()):
        assert f"`{alert}`" in manual, alert


def test_every_number_is_explained(daemon):
    manual = (ROOT / "doc/observability.md").read_text()
    assert [name for name in read(daemon.api).names() if name not in manual] == []


# --- a real Prometheus ------------------------------------------------------------------------


@pytest.fixture
def prometheus(daemon, tmp_path):
    port = free_port()
    (tmp_path / "prometheus.yml").write_text(json.dumps({
        "global": {"scrape_interval": "1s"},
        "rule_files": [str(ROOT / "packaging/prometheus/sluice.rules.yml")],
        "scrape_configs": [{"job_name": "sluice",
                            "static_configs": [{"targets": [f"127.0.0.1:{daemon.port}"]}]}]}))
    with open(tmp_path / "log", "wb") as log:
        process = subprocess.Popen(
            ["prometheus", f"--config.file={tmp_path}/prometheus.yml",
             f"--storage.tsdb.path={tmp_path}/data", f"--web.listen-address=127.0.0.1:{port}"],
            stdout=log, stderr=log, cwd=tmp_path)
    yield port
    process.terminate()
    process.wait(120)


def ask(port, query):
    url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": query})
    try:
        with urllib.request.urlopen(url, timeout=120) as answer:
            found = json.load(answer)["data"]["result"]
    except OSError:
        return None
    return float(found[0]["value"][1]) if found else None


def is_understood(port, query):
    """urlopen raises for what Prometheus cannot parse."""
    url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": query})
    with urllib.request.urlopen(url, timeout=120) as answer:
        return json.load(answer)["status"] == "success"


def test_prometheus_scrapes_it(daemon, plugin_server, prometheus):
    daemon.api.register(gate(plugin_server, "pass", passes))
    daemon.api.wait_final(daemon.api.submit(job()))
    until(lambda: ask(prometheus, 'sluice_jobs{state="succeeded"}') == 1, 60, "a scrape shows the job")
    assert ask(prometheus, "up") == 1
    assert ask(prometheus, 'sluice_plugin_call_duration_seconds_count{outcome="answered"}') == 1
    for query in queries():
        if query.startswith(("sum", "max", "topk", "histogram_quantile", "rate", "sluice_")):
            filled = query.replace("$__rate_interval", "1m").replace("$instance", ".*").replace("$job", ".*")
            assert is_understood(prometheus, filled), query
    assert ask(prometheus, "histogram_quantile(0.9, sluice_job_admission_seconds_bucket)") > 0
