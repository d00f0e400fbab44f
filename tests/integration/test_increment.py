"""The increment rule from outside: plugins of several kinds on one TaskSet."""

import http.server
import json
import threading

from harness import feature, job, plugin, role, taskset
from plugin_double import Answer

MANY = 6


def label(name, value):
    def answer(call):
        call.job["metadata"].setdefault("labels", {})[name] = value
        return call.job
    return answer


def test_six_factors_and_six_decorators_overlap(api, plugin_server):
    """Each waits for all of its stage: they end only if all are asked at one time."""
    p = plugin_server
    factors = threading.Barrier(MANY, timeout=120)
    decorators = threading.Barrier(MANY, timeout=120)

    def advise(number):
        def answer(_call):
            factors.wait()
            return {"topic": "t", "advice": number, "reason": ""}
        return answer

    def decorate(number):
        def answer(call):
            decorators.wait()
            return label(f"n{number}", "x")(call)
        return answer

    api.register(feature(
        "many",
        *(plugin("FactorGenerator", p.on(f"/f{n}", advise(n)), name=f"f{n}", timeoutMs=30000) for n in range(MANY)),
        *(plugin("TemplateDecorator", p.on(f"/d{n}", decorate(n)), name=f"d{n}", timeoutMs=30000)
          for n in range(MANY))))
    job_id = api.submit(job(), wait=60)
    assert not factors.broken and not decorators.broken
    assert p.overlap(*(f"/f{n}" for n in range(MANY))) == MANY
    assert p.overlap(*(f"/d{n}" for n in range(MANY))) == MANY
    assert api.taskset(job_id)["metadata"]["labels"] == {f"n{n}": "x" for n in range(MANY)}
    factors_seen = p.at("/d0")[0].factors["t"]
    assert [one["advice"] for one in factors_seen] == [str(n) for n in range(MANY)]  # in plugin order


class Plain(http.server.BaseHTTPRequestHandler):
    """A plugin that knows the body and nothing else: no header of ours, HTTP/1.0, no Content-Type."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/gate":
            answer = {"decision": "pass", "reason": "ok", "more": [1]}
        else:
            answer = body["job"]
            answer["spec"]["roles"][0]["template"]["spec"]["containers"][0].setdefault("env", []).append(
                {"name": "WHO", "value": body["header"]["userID"]})
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answer, indent=4).encode())

    def log_message(self, *_):
        pass


def test_a_plugin_that_knows_none_of_our_headers(api):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Plain)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        api.register(feature("plain", plugin("AccessGate", url + "/gate"), plugin("TemplateDecorator", url + "/d")))
        job_id = api.submit(job(taskset(role("main", 'test "$WHO" = ann'))))
        assert api.wait_final(job_id)["state"] == "succeeded"
    finally:
        server.shutdown()
        server.server_close()


def test_a_plugin_that_decodes_into_a_fixed_type(api, plugin_server):
    """It knows three members of a TaskSet and gives those back, with one addition."""
    def fixed(call):
        containers = call.job["spec"]["roles"][0]["template"]["spec"]["containers"]
        return {"kind": call.job["kind"], "metadata": {"name": call.job["metadata"]["name"], "labels": {"a": "b"}},
                "spec": {"roles": [{"name": call.job["spec"]["roles"][0]["name"], "template": {"spec": {
                    "containers": [{"name": containers[0]["name"]}]}}}]}}

    document = taskset(role("main", "true", replicas=2), name="unknown-members")
    document["spec"]["roles"][0]["priorityClass"] = "mine"
    api.register(feature("f", plugin("TemplateDecorator", plugin_server.on("/d", fixed), answer="typed")))
    job_id = api.submit(job(document))
    assert api.wait_final(job_id)["state"] == "succeeded"
    after = api.taskset(job_id)
    assert after["metadata"]["labels"] == {"a": "b"} and after["spec"]["roles"][0]["priorityClass"] == "mine"
    assert after["spec"]["roles"][0]["replicas"] == 2
    api.register(feature("f", plugin("TemplateDecorator", plugin_server.url("/d"), answer="whole")))
    refused = api.wait_final(api.submit(job(document)))
    assert refused["state"] == "failed" and refused["reasonCode"] == "increment_violation"


def test_paths_that_the_operator_protects(make_daemon, plugin_server):
    daemon = make_daemon(config="increment:\n  protect: [/metadata/labels/team]\n").start()
    api = daemon.api
    api.register(feature("f", plugin("TemplateDecorator", plugin_server.on("/d", label("cost", "1")))))
    assert api.wait_final(api.submit(job()))["state"] == "succeeded"
    plugin_server.on("/d", label("team", "red"))
    ended = api.wait_final(api.submit(job()))
    assert ended["state"] == "failed" and "/metadata/labels/team" in ended["reason"]


def test_an_answer_that_cannot_be_json_is_no_increment(api, plugin_server):
    api.register(feature("f", plugin("TemplateDecorator", plugin_server.on("/d", Answer(200, b'{"kind":NaN}')))))
    assert api.wait_final(api.submit(job()))["reasonCode"] == "plugin_bad_answer"
