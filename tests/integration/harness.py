"""Starts the real gateway, and talks to it."""

import contextlib
import http.client
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import time
import urllib.parse

from described import LOOKOUT

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SLUICE_BUILD", ROOT / "build")).resolve()


def program(name):
    """A program of the build, wherever its folder is."""
    for place in (name, f"cli/{name}", f"cli/{name}/{name}", f"plugins-sdk/{name}", f"tests/lib/{name}"):
        if (BUILD / place).is_file():
            return str(BUILD / place)
    raise FileNotFoundError(f"{BUILD} holds no {name}: build first, or set SLUICE_BUILD")


library = program


FINAL = {"succeeded", "failed", "stopped"}
ALL = {"conditions": [], "expression": "*"}
CONNECTIONS = os.environ.get("SLUICE_TEST_CONNECTIONS")  # few for the thread sanitizer: each is a thread
READY_S = 60  # under a sanitizer, on a busy machine: a thousand threads take their time
POLL_S = 0.02
PATIENCE = 4  # times what a wait should need: only a test that fails meets its end


def free_port():
    """A port below those that the kernel gives to outgoing connections, so that it stays free."""
    while True:
        port = random.randrange(10000, 32000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def until(condition, seconds, what):
    """Ask again in short intervals until there is an answer; for what only shows from outside.
    `seconds`: more than it needs on a quiet machine."""
    seconds *= PATIENCE
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {seconds} s: {what() if callable(what) else what}"
        time.sleep(POLL_S)


class Reply:
    def __init__(self, status, headers, raw):
        self.status, self.headers, self.raw = status, headers, raw
        try:
            self.document = json.loads(raw)
        except ValueError:
            self.document = None

    @property
    def code(self):
        return self.document["code"]

    @property
    def msg(self):
        return self.document["msg"]

    @property
    def payload(self):
        return self.document["payload"]

    def __repr__(self):
        return f"{self.status} {self.raw[:600]!r}"


def check(path, *arguments):
    """`sluicectl check` of a store that nobody uses."""
    return subprocess.run([program("sluicectl"), "check", *arguments, str(path)],
                          capture_output=True, text=True, timeout=120)


class Api:
    """One caller: a port and a token; `tls`: the context of an https gateway."""

    def __init__(self, port, token="admin", tls=None):
        self.port, self.token, self.tls = port, token, tls

    def with_token(self, token):
        return Api(self.port, token, self.tls)

    def connection(self, timeout):
        if self.tls:
            return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=self.tls)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def call(self, method, path, body=None, headers=None, timeout=120):
        """`body`: bytes as they are, anything else as JSON."""
        sent = dict(headers or {})
        if self.token is not None:
            sent.setdefault("Authorization", f"Bearer {self.token}")
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        connection = self.connection(timeout)
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            reply = Reply(answer.status, answer.headers, answer.read())
        finally:
            connection.close()
        LOOKOUT.check(method, path, reply, Daemon)
        return reply

    def get(self, path, **more):
        return self.call("GET", path, **more)

    def put(self, path, body=None, **more):
        return self.call("PUT", path, body, **more)

    def post(self, path, body=None, **more):
        return self.call("POST", path, body, **more)

    def delete(self, path, body=None, **more):
        return self.call("DELETE", path, body, **more)

    def answers(self):
        """Whoever listens there is ready; False also where nobody does."""
        try:
            return self.get("/readyz", timeout=5).status == 200
        except (OSError, http.client.HTTPException):
            return False

    def good(self, method, path, body=None, **more):
        """The payload of a call that must succeed."""
        reply = self.call(method, path, body, **more)
        assert reply.status == 200 and reply.code == "OPERATION_SUCCEEDED", f"{method} {path}: {reply}"
        return reply.document.get("payload")

    # --- features -----------------------------------------------------------------------

    def register(self, feature, enable=True):
        made = self.good("POST", "/v1/features", {**feature, "enabled": enable})
        return made

    def turn(self, name, how):
        return self.good("PUT", f"/v1/features/turn-{how}/{name}")

    # --- jobs ---------------------------------------------------------------------------

    def submit(self, job, wait=None, **more):
        path = "/v1/job" + (f"?wait={wait}" if wait is not None else "")
        return self.good("POST", path, job, **more)["jobID"]

    def detail(self, job_id):
        return self.good("GET", f"/v1/job/detail/{job_id}")

    def job(self, job_id):
        return self.detail(job_id)["job"]

    def state(self, job_id):
        return self.job(job_id)["state"]

    def wait_state(self, job_id, *states, seconds=30):
        """The `job` part of detail once it is in one of the states; a final state that is
        not among them ends the waiting."""
        deadline = time.monotonic() + seconds * PATIENCE
        while True:
            job = self.job(job_id)
            if job["state"] in states:
                return job
            assert job["state"] not in FINAL, f"{job_id} is {job['state']}: {job['exitDiagnostics']}"
            assert time.monotonic() < deadline, f"{job_id} is still {job['state']}, not {states}"
            time.sleep(POLL_S)

    def wait_final(self, job_id, seconds=30):
        return self.wait_state(job_id, *FINAL, seconds=seconds)

    def events(self, job_id):
        return self.good("GET", f"/v1/job/events/{job_id}")

    def taskset(self, job_id):
        return self.good("GET", f"/v1/job/taskset/{job_id}")

    def logs(self, job_id, **query):
        tail = "?" + urllib.parse.urlencode(query) if query else ""
        reply = self.get(f"/v1/job/logs/{job_id}{tail}")
        assert reply.status == 200, reply
        return reply.raw.decode()

    def count(self, **query):
        return self.good("GET", "/v1/job/count?" + urllib.parse.urlencode(query))["count"]

    def list(self, **query):
        return self.good("GET", "/v1/job/list?" + urllib.parse.urlencode(query))

    def token_for(self, *privileges, **more):
        """A caller with a new token."""
        made = self.good("POST", "/v1/tokens",
                         {"privileges": list(privileges), "forwho": "a test", "note": "", **more})
        return self.with_token(made["token"])


class Daemon:
    """One gateway with its own data folder; everything it starts ends with close()."""

    def __init__(self, folder, config=None, arguments=(), port=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.data, self.log = self.folder / "data", self.folder / "sluiced.log"
        self.arguments, self.process = list(arguments), None
        self.tls = None  # a context, where the gateway speaks https
        self.sound = True  # False: a test damages its store
        self.program = "sluiced"
        self.port = port or free_port()
        # Room for replicas that wait for each other; a test about slots says its own.
        self.environment = {} if config and "slots" in config else {"SLUICE_ENGINES_LOCAL_SLOTS": "64"}
        if CONNECTIONS and not (config and "connections" in config):
            self.environment["SLUICE_LIMITS_CONNECTIONS"] = CONNECTIONS
        if config is not None:
            path = self.folder / "sluiced.yml"
            path.write_text(config, encoding="utf-8")
            self.arguments += ["--config", str(path)]

    @property
    def api(self):
        return Api(self.port, tls=self.tls)

    def spawn(self):
        """Start without waiting: for what must not come up."""
        environment = {key: value for key, value in os.environ.items()
                       if not key.startswith("SLUICE_")}
        environment.update(self.environment)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [program(self.program), "--data", str(self.data),
                 "--listen", f"127.0.0.1:{self.port}", *self.arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                cwd=self.folder)
        return self

    def start(self):
        self.spawn()
        until(self.is_ready, READY_S, lambda: f"sluiced is ready; its log: {self.tail()}")
        return self

    def is_ready(self):
        assert self.process.poll() is None, f"sluiced ended ({self.process.returncode}): {self.tail()}"
        return self.answers()

    def answers(self):
        """It is ready now; it need not even live."""
        return self.api.answers()

    def tail(self):
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return text[-3000:]

    def kill9(self):
        self.process.kill()
        self.process.wait(120)

    def stop(self):
        """SIGTERM; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(120)

    def restart(self):
        assert self.stop() == 0, self.tail()
        return self.start()

    def check_log(self):
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        for sign in ("AddressSanitizer", "LeakSanitizer", "ThreadSanitizer", "runtime error:",
                     "Assertion `"):
            assert sign not in text, f"{sign} in {self.log}:\n{text[-6000:]}"

    def check_store(self):
        """However a test has ended it, what it leaves agrees with itself."""
        if self.sound and (self.data / "store" / "data.mdb").exists():
            done = check(self.data)
            assert done.returncode == 0, f"{self.data}: {done.stdout[-3000:]}{done.stderr}"

    def close(self):
        """End jobs, the gateway and what its replicas left; then look at the log."""
        code = None
        try:
            if self.process is not None and self.process.poll() is None:
                self.stop_jobs()
                code = self.stop()
        finally:
            if self.process is not None and self.process.poll() is None:
                self.kill9()
            self.end_leftovers()
        self.check_log()
        self.check_store()
        assert code in (None, 0), f"sluiced ended with {code}: {self.tail()}"

    def stop_jobs(self):
        try:
            for job in self.api.list(state="waiting,running", pageSize=1000):
                self.api.put(f"/v1/job/stop/{job['jobID']}", {"reason": "end of the test"})
            until(lambda: self.api.count(state="waiting,running") == 0, 20, "jobs are stopped")
        except (AssertionError, OSError, http.client.HTTPException, KeyError, TypeError):
            pass  # a test that changed the password or broke the gateway; see end_leftovers

    def end_leftovers(self):
        """Processes that still have to do with our own data folder."""
        for pid in processes_of(self.folder):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.remove_groups()

    def remove_groups(self):
        """Cgroups of replicas whose supervisors were killed, as their notes name them."""
        for note in self.data.glob("run/*/*/cgroup"):
            name = f"{note.parent.parent.name}-{note.parent.name}"
            for line in note.read_text().splitlines():
                group = pathlib.Path(line.split(" ", 2)[2]) / name
                with contextlib.suppress(OSError, AssertionError):
                    until(lambda group=group: not (group / "cgroup.procs").read_text(), 5, "it is empty")
                    group.rmdir()


def processes_of(folder):
    """Process ids, not ours, whose command line, work directory or environment names the folder."""
    needle, found = str(folder).encode(), []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            text = (entry / "cmdline").read_bytes() + os.fsencode(os.readlink(entry / "cwd"))
            if needle in text + (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def processes_with(text):
    """Process ids whose environment holds a text, as a job's id; zombies have none."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if text.encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


# --- documents ------------------------------------------------------------------------------


def plugin(kind, address, **more):
    return {"pluginType": kind, "callAddress": address, "description": "", **more}


def feature(name, *plugins, selector=None, author="qa", **more):
    return {"name": name, "author": author, "description": "for a test",
            "jobSelector": selector or ALL, "plugins": list(plugins), **more}


def when(key, expect):
    """A selector with one condition."""
    return {"conditions": [{"name": "it", "key": key, "expect": expect}], "expression": "it"}


def role(name, script, replicas=1, **more):
    container = {"name": "main", "command": ["sh", "-c", script]}
    container.update(more.pop("container", {}))
    pod = {"restartPolicy": "Never", "containers": [container], **more.pop("pod", {})}
    return {"name": name, "replicas": replicas, "template": {"spec": pod}, **more}


def taskset(*roles, name="test", **spec):
    return {"apiVersion": "sluice/v1", "kind": "TaskSet", "metadata": {"name": name},
            "spec": {"roles": list(roles), **spec}}


def job(document=None, user="ann", name="a test", header=None, **more):
    """A submission; without a document a TaskSet that succeeds at once."""
    document = document or taskset(role("main", "true"))
    made = {"userID": user, "jobName": name, "jobKind": document["kind"], "job": document, **more}
    if header is not None:
        made["header"] = header
    return made


def event_text(events):
    return json.dumps(events)
