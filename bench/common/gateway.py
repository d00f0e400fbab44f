"""A gateway of its own for a group of goals."""

import http.client
import json
import pathlib
import re
import subprocess
import time

from common.programs import BenchError, cpu_s, wait_until

# A job of five plugins, and one of 17 that are asked.
FIVE = [("TemplateTranslator", "translate"), ("FactorGenerator", "factor"), ("AccessGate", "gate"),
        ("TemplateDecorator", "decorate"), ("SchedulerBinder", "bind")]
SEVENTEEN = [("TemplateTranslator", "translate"), *[("FactorGenerator", "hint")] * 6,
             *[("AccessGate", "gate")] * 3,
             *[("TemplateDecorator", f"decorate{i}") for i in range(1, 7)], ("SchedulerBinder", "bindwide")]


STEADY = 24  # looks, four a second: longer than the gateway is idle before it gives memory back


class Gateway:
    def __init__(self, build, data=None, config=(), prefix=()):
        """`config`: lines of the configuration; `prefix`: a command that runs it (valgrind)."""
        self.build, self.folder = build, build.fresh("gateway")
        self.data = data or self.folder / "data"
        self.config = self.folder / "sluice.yaml"
        self.config.write_text("".join(f"{line}\n" for line in config))
        self.prefix, self.process, self.connection = list(prefix), None, None
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def start(self, seconds=300):
        """Until it says that it is ready; how long that took, in seconds."""
        self.log = open(self.folder / "sluiced.log", "wb")
        began = time.monotonic()
        self.process = subprocess.Popen(
            [*self.prefix, str(self.build.sluiced), "--config", str(self.config), "--data",
             str(self.data), "--listen", "127.0.0.1:0"], stderr=self.log)
        wait_until(self.find_port, "sluiced is ready", seconds, 0.001)
        return time.monotonic() - began

    def find_port(self):
        text = (self.folder / "sluiced.log").read_text(errors="replace")
        if self.process.poll() is not None:
            raise BenchError(f"sluiced ended: {text[-500:]}")
        found = re.search(r"msg=ready.* port=(\d+)", text)
        self.port = int(found[1]) if found else None
        return found

    def request(self, method, path, body=None):
        """Over one kept connection: the bytes of the answer."""
        text = json.dumps(body) if body is not None else None
        headers = {"token": "admin", "Content-Type": "application/json"}
        if not self.connection:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            self.connection.request(method, path, text, headers)
            return self.connection.getresponse().read()
        except (http.client.HTTPException, OSError):  # it was idle for too long: once more
            self.connection.close()
            self.connection.request(method, path, text, headers)
            return self.connection.getresponse().read()

    def beside(self):
        """For another thread: a function that sends a request over a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)

        def request(method, path, text=None):
            connection.request(method, path, text, {"token": "admin", "Content-Type": "application/json"})
            return connection.getresponse().read()
        return request

    def call(self, method, path, body=None):
        answer = json.loads(self.request(method, path, body))
        if answer["code"] != "OPERATION_SUCCEEDED":
            raise BenchError(f"{method} {path}: {answer['msg']}")
        return answer.get("payload")

    def count(self, **query):
        tail = "&".join(f"{key}={value}" for key, value in query.items())
        return self.call("GET", "/v1/job/count?" + tail)["count"]

    def metric(self, name):
        text = self.request("GET", "/metrics").decode()
        return sum(float(value) for value in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.M))

    def cpu_s(self):
        return cpu_s(self.process.pid)

    def anonymous_kib(self):
        """Resident memory but for files: LMDB's pages are the kernel's to keep or drop."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Anonymous:"):
                return int(line.split()[1])
        raise BenchError("smaps_rollup has no Anonymous")

    def settled_kib(self):
        """The same, once it moves no more: memory is given back when nothing has come for a while."""
        seen = [self.anonymous_kib()]
        for _ in range(80):
            time.sleep(0.25)
            seen.append(self.anonymous_kib())
            last = seen[-STEADY:]
            if len(last) == STEADY and max(last) - min(last) <= 64:
                break
        return seen[-1]

    def register(self, name, plugins, kind=None):
        """A feature that is on; with `kind` for jobs of that kind only."""
        selector = {"conditions": [], "expression": "*"}
        if kind:
            selector = {"conditions": [{"name": "it", "key": "jobKind", "expect": kind}], "expression": "it"}
        self.call("POST", "/v1/features", {"name": name, "author": "bench", "enabled": True,
                                           "jobSelector": selector, "plugins": plugins})

    def register_stages(self, stages, port, manner="now", kind="Bench"):
        """One feature with all plugins that jobs of a kind are to meet."""
        self.register(f"stages-{kind}", [
            {"pluginType": plugin, "name": f"p{i}", "callAddress": f"http://127.0.0.1:{port}/{manner}/{path}"}
            for i, (plugin, path) in enumerate(stages)], kind)

    def load(self, jobs, flight, until="ended", kind="Bench", per_s=0):
        """Seconds, the client's CPU seconds, the median of a job in us; at most so many a second."""
        job_kind = "TaskSet" if kind == "true" else kind
        ended = self.count(state="succeeded", kind=job_kind) if until == "ended" else 0
        numbers = self.build.numbers("load", self.port, jobs, flight, until, kind, per_s)
        if until == "ended" and self.count(state="succeeded", kind=job_kind) != ended + jobs:
            raise BenchError(f"some of {jobs} jobs of kind {kind} did not succeed")
        return numbers

    def stop(self):
        if self.connection:
            self.connection.close()
            self.connection = None
        self.process.terminate()
        self.process.wait(120)
        self.log.close()

    def close(self):
        if self.process and self.process.poll() is None:
            self.stop()
