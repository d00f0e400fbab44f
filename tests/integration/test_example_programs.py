"""Each example plugin as a program: what it is to answer, and the whole protocol besides."""

import contextlib
import http.server
import json
import os
import pathlib
import subprocess
import threading

import pytest

from harness import BUILD, ROOT, job, program, role, taskset, until

EXAMPLES = ROOT / "plugins-sdk/examples"
KEY = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo0NTY3ODk="
GO = "/usr/lib/go-1.19/bin/go"
PATHS = {"TemplateTranslator": "/translate", "FactorGenerator": "/factors", "AccessGate": "/gate",
         "TemplateDecorator": "/decorate", "SchedulerBinder": "/bind", "LifeHook": "/hook"}


def python(name):
    return ["/usr/bin/python3", "-B", f"{name}.py"]


def node(_):
    return ["node", "main.js"]


def built(name):
    return [str(BUILD / f"plugins-sdk/example-{name}")]


@pytest.fixture(scope="module")
def go(tmp_path_factory):
    """Builds an example in Go, once."""
    folder = tmp_path_factory.mktemp("go")

    def build(name):
        if not (folder / name).exists():
            made = subprocess.run([GO if os.path.exists(GO) else "go", "build", "-o", str(folder / name), "."],
                                  cwd=EXAMPLES / name, capture_output=True, text=True, timeout=300,
                                  env={**os.environ, "GOPROXY": "off", "GOFLAGS": "-buildvcs=false"})
            assert made.returncode == 0, made.stderr
        return [str(folder / name)]
    return build


class Program:
    """An example that runs, its port taken from its port file."""

    def __init__(self, folder, name, command, environment=None, arguments=()):
        self.name, self.folder = name, pathlib.Path(folder)
        self.command, self.arguments = command, list(arguments)
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("SLUICE_", "PLUGIN_"))}
        self.environment = {**inherited, "PYTHONPATH": str(ROOT / "plugins-sdk/python"),
                            **(environment or {})}
        self.process = None

    def start(self, listen="127.0.0.1:0"):
        file = self.folder / "port"
        file.unlink(missing_ok=True)
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [*self.command, "--listen", listen, "--port-file", str(file), *self.arguments],
                cwd=EXAMPLES / self.name, stdout=log, stderr=log, env=self.environment)
        until(lambda: file.exists() or self.process.poll() is not None, 30, "its port is open")
        assert self.process.poll() is None, self.log()
        self.port = int(file.read_text())
        return self

    def log(self):
        return (self.folder / "log").read_text(errors="replace")

    def kill9(self):
        self.process.kill()
        self.process.wait(120)

    def end(self):
        self.process.terminate()
        assert self.process.wait(120) == 0, self.log()
        assert "Sanitizer" not in self.log() and "runtime error:" not in self.log()


@contextlib.contextmanager
def running(folder, name, command, environment=None, arguments=()):
    made = Program(folder, name, command, environment, arguments).start()
    try:
        yield made
    finally:
        made.end()


@pytest.fixture
def chat():
    """A webhook; `lines` is what was posted."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.server.lines.append(body["text"])
            self.send_response(self.server.status)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.lines, server.status = [], 200
    server.url = f"http://127.0.0.1:{server.server_address[1]}/hooks/x"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join(120)
    server.server_close()


def conform_all(made, folder):
    """Hold each plugin of a program to its recorded calls and to the protocol."""
    calls = json.loads((EXAMPLES / made.name / "calls.json").read_bytes())["calls"]
    plugins = {}
    for call in calls:
        parts = call.get("pluginKey", "").split(".")
        path = PATHS[call["pluginType"]] + (f"/{parts[3]}" if len(parts) == 4 else "")
        plugins.setdefault((path, call["pluginType"]), []).append(call)
    for (path, kind), some in plugins.items():
        some.sort(key=lambda call: call["answer"]["status"])  # the first is the sample for all checks
        file = folder / "some.json"
        file.write_text(json.dumps({"protocol": 1, "calls": some}))
        done = subprocess.run(
            [program("sluicectl"), "plugin", "conform", f"http://127.0.0.1:{made.port}{path}", "--type",
             kind, "--key", KEY, "--calls", str(file)], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, (path, done.stdout, done.stderr, made.log())
        assert "FAIL" not in done.stdout


@pytest.mark.parametrize("name,kind", [
    ("office", python), ("tfjob", python), ("cost-label", node), ("priority-table", node),
    ("proxy-environment", built), ("shelljob", built), ("image-allow-list", "go"),
    ("priority-class", "go")])
def test_it_conforms(tmp_path, go, name, kind):
    command = go(name) if kind == "go" else kind(name)
    environment = {"PLUGIN_SIGNING_KEY": KEY, "JOB_HTTP_PROXY": "http://proxy:3128"}
    with running(tmp_path, name, command, environment) as made:
        conform_all(made, tmp_path)


def test_the_notifier_conforms(tmp_path, go, chat):
    environment = {"PLUGIN_SIGNING_KEY": KEY, "NOTIFIER_URL": chat.url}
    with running(tmp_path, "notifier", go("notifier"), environment) as made:
        conform_all(made, tmp_path)
    assert any("hello of ann" in line for line in chat.lines)


def test_the_quota_conforms(tmp_path, shared_daemon):
    environment = {"PLUGIN_SIGNING_KEY": KEY, "SLUICE_TOKEN": "admin",
                   "SLUICE_SERVER": f"http://127.0.0.1:{shared_daemon.port}"}
    with running(tmp_path, "quota", python("quota"), environment) as made:
        conform_all(made, tmp_path)


@pytest.mark.parametrize("name,environment,words", [
    ("image-allow-list", {"IMAGE_ALLOW_LIST": "/nowhere"}, "IMAGE_ALLOW_LIST"),
    ("priority-class", {"PRIORITY_CLASSES": "/nowhere"}, "PRIORITY_CLASSES"),
    ("notifier", {}, "NOTIFIER_URL"), ("proxy-environment", {}, "JOB_HTTP_PROXY"),
    ("quota", {"QUOTA_LIMIT": "many"}, "QUOTA_LIMIT"), ("tfjob", {"TFJOB_ADDRESS": "{host}"}, "TFJOB_ADDRESS"),
    ("cost-label", {"COST_CENTERS": "/nowhere"}, "/nowhere")])
def test_bad_settings_end_it_with_words(go, name, environment, words):
    kind = {"proxy-environment": built, "quota": python, "tfjob": python, "cost-label": node}.get(name, go)
    done = subprocess.run(kind(name), cwd=EXAMPLES / name, capture_output=True, text=True, timeout=120, env={
        **os.environ, "PYTHONPATH": str(ROOT / "plugins-sdk/python"), **environment})
    assert done.returncode != 0 and words in done.stderr, done


def serve_registered(api, daemon, folder, name, command, environment):
    """Registered with --register and turned on."""
    made = Program(folder, name, command, {
        **environment, "PLUGIN_SIGNING_KEY": KEY, "SLUICE_TOKEN": "admin",
        "SLUICE_SERVER": f"http://127.0.0.1:{daemon.port}"}, ["--register"]).start()
    until(lambda: api.get(f"/v1/features/detail/{name}").status == 200, 20, "it is registered")
    api.turn(name, "on")
    return made


def test_a_training_job_runs(api, shared_daemon, tmp_path):
    made = serve_registered(api, shared_daemon, tmp_path, "tfjob", python("tfjob"), {})
    try:
        def replicas(count, script):
            container = {"name": "tensorflow", "command": ["sh", "-c", script]}
            return {"replicas": count, "restartPolicy": "OnFailure",
                    "template": {"spec": {"containers": [container]}}}
        sent = {"kind": "TFJob", "metadata": {"name": "mnist"}, "spec": {"tfReplicaSpecs": {
            "PS": replicas(1, "exec sleep 1000"), "Worker": replicas(3, 'echo "$TF_CONFIG"')}}}
        job_id = api.submit(job(sent))
        assert api.wait_final(job_id)["state"] == "succeeded"
        seen = json.loads(api.logs(job_id, role="worker-0").strip())
        assert seen["task"] == {"type": "worker", "index": 0} and len(seen["cluster"]["worker"]) == 3
    finally:
        made.end()


def test_the_list_of_images_may_change_at_any_time(api, shared_daemon, tmp_path, go):
    allowed = tmp_path / "allowed"
    allowed.write_text("alpine:3.*\n")
    made = serve_registered(api, shared_daemon, tmp_path, "image-allow-list", go("image-allow-list"),
                            {"IMAGE_ALLOW_LIST": str(allowed)})
    try:
        def explain(image):
            sent = job(taskset(role("main", "true", container={"image": image}), engine="null"))
            return api.good("POST", "/v1/job?wait=30", sent)
        refused = explain("debian:12")
        assert (refused["state"], refused["reasonCode"]) == ("stopped", "image_not_allowed")
        assert '"debian:12"' in refused["reason"] and "containers[0].image" in refused["reason"]
        assert explain("alpine:3.19")["state"] != "stopped"
        (tmp_path / "new").write_text("debian:12\n")
        os.replace(tmp_path / "new", allowed)
        assert explain("debian:12")["state"] != "stopped"
    finally:
        made.end()
