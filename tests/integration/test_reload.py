"""SIGHUP: what takes effect at once, what waits, and a file that is wrong."""

import http.client
import signal

import pytest

import plugin_double
from harness import feature, job, plugin, until

START = """\
api:
  http_status: proper
limits:
  jobs_in_admission: 100
plugins:
  timeout: 7 s
log:
  level: info
"""


class Reloading:
    def __init__(self, daemon):
        self.daemon = daemon

    def lines(self, words):
        return [line for line in self.daemon.log.read_text().splitlines() if words in line]

    def load(self, text, words="configuration read again"):
        """Write the file, say so, and return the log's new line with these words."""
        before = len(self.lines(words))
        (self.daemon.folder / "sluiced.yml").write_text(text, encoding="utf-8")
        self.daemon.process.send_signal(signal.SIGHUP)
        return until(lambda: self.lines(words)[before:], 20, words)[-1]


@pytest.fixture
def reloading(make_daemon):
    return Reloading(make_daemon(config=START).start())


def host_status(daemon, name):
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=120)
    try:
        connection.request("GET", "/v1/tokens", headers={"Host": name, "Authorization": "Bearer admin"})
        return connection.getresponse().status
    finally:
        connection.close()


def test_how_the_api_answers(reloading):
    daemon = reloading.daemon
    assert daemon.api.get("/v1/job/detail/nobody").status == 404
    assert host_status(daemon, "gateway.example") == 421
    line = reloading.load("api:\n  http_status: always_200\n  hosts: [gateway.example]\n")
    assert "api.http_status" in line and "api.hosts" in line
    reply = daemon.api.get("/v1/job/detail/nobody")
    assert (reply.status, reply.code) == (200, "OPERATION_TARGET_NOT_FOUND")
    assert host_status(daemon, "gateway.example") == 200
    reloading.load(START)
    assert daemon.api.get("/v1/job/detail/nobody").status == 404
    assert (host_status(daemon, "gateway.example"), host_status(daemon, "localhost")) == (421, 200)


def test_jobs_in_admission(reloading, plugin_server):
    api = reloading.daemon.api
    api.register(feature("hang", plugin("FactorGenerator", plugin_server.on("/hang", plugin_double.hang),
                                        timeoutMs=60000)))
    reloading.load("limits:\n  jobs_in_admission: 2\n")
    taken = [api.submit(job()) for _ in range(2)]
    assert api.post("/v1/job", job()).code == "TOO_MANY_REQUESTS"
    reloading.load("limits:\n  jobs_in_admission: 3\n")
    taken.append(api.submit(job()))
    assert api.post("/v1/job", job()).status == 429
    for one in taken:
        api.put(f"/v1/job/stop/{one}")


def test_defaults_of_plugins_registered_later(reloading, plugin_server):
    api = reloading.daemon.api

    def deadline(path):
        address = plugin_server.on(path, plugin_double.Answer(204))
        api.register(feature(path[1:], plugin("FactorGenerator", address)))
        api.wait_final(api.submit(job()))
        return plugin_server.wait_calls(path, 1)[0].headers["Sluice-Deadline-Ms"]

    assert deadline("/one") == "7000"
    reloading.load("plugins:\n  timeout: 3 s\n  retries: 0\n")
    assert deadline("/two") == "3000"
    away = plugin_server.on("/away", plugin_double.Answer(503))
    api.register(feature("away", plugin("AccessGate", away)))
    assert api.good("POST", "/v1/job?wait=30", job())["reasonCode"] == "plugin_unavailable"
    assert len(plugin_server.at("/away")) == 1  # no retries


def test_budget_and_patience(reloading, plugin_server):
    api = reloading.daemon.api
    api.register(feature("hang", plugin("AccessGate", plugin_server.on("/hang", plugin_double.hang),
                                        timeoutMs=60000)))
    line = reloading.load("plugins:\n  budget: 1 s\n  wait_for: 1 s\n")
    assert "plugins.budget" in line and "plugins.wait_for" in line
    ended = api.wait_final(api.submit(job()))  # a second of work, another of waiting; else minutes
    assert ended["reasonCode"] in ("budget_exhausted", "plugin_unavailable", "plugin_timeout"), ended


def test_log_level_and_format(reloading):
    reloading.load("log:\n  format: json\n")
    assert reloading.lines('"configuration read again"')


def test_what_waits_for_a_restart_is_named(reloading):
    text = START + "store:\n  size_max: 1 GiB\n"
    line = reloading.load(text, "wait for a restart")
    assert "store.size_max" in line and "log.level" not in line and "plugins.timeout" not in line
    assert "store.size_max" in reloading.load(text, "wait for a restart")  # it still does
    before = len(reloading.lines("wait for a restart"))
    assert "nothing" in reloading.load(START)
    assert len(reloading.lines("wait for a restart")) == before


@pytest.mark.parametrize("text, words", [
    ("api:\n  http_status: always_200\n  colour: red\n", "line 3"),
    ("api:\n  http_status: always_200\nlimits:\n  jobs_in_admission: 0\n", "line 4"),
    ("api: {\n", "line 2"),
])
def test_a_bad_file_is_refused_with_its_line(reloading, text, words):
    line = reloading.load(text, "the old one stays")
    assert words in line and "sluiced.yml" in line
    assert reloading.daemon.api.get("/v1/job/detail/nobody").status == 404  # nothing of it is in force
    reloading.load(START)


def test_a_file_that_is_gone_is_refused(reloading):
    (reloading.daemon.folder / "sluiced.yml").unlink()
    reloading.daemon.process.send_signal(signal.SIGHUP)
    until(lambda: reloading.lines("the old one stays"), 20, "a refusal")
    assert reloading.daemon.is_ready()
