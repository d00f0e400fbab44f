"""11: `true` from submit to finished, against posix_spawn and wait between two flushes."""

import http.client
import json
import statistics
import time

from common.gateway import Gateway
from common.goal import Figure, Group
from common.programs import BenchError

JOB = {"userID": "bench", "jobName": "true", "jobKind": "TaskSet",
       "job": {"kind": "TaskSet", "metadata": {"name": "true"}, "spec": {"roles": [
           {"name": "main", "template": {"spec": {"containers": [{"command": ["/bin/true"]}]}}}]}}}
HEADERS = {"token": "admin", "Content-Type": "application/json"}
MOST_S = 30


class Client:
    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def call(self, method, path, body=None):
        self.connection.request(method, path, body, HEADERS)
        answer = json.loads(self.connection.getresponse().read())
        if answer["code"] != "OPERATION_SUCCEEDED":
            raise BenchError(f"{method} {path}: {answer['msg']}")
        return answer.get("payload")

    def run_one(self):
        """Microseconds from the request to the moment at which the job is seen to be over."""
        began = time.perf_counter()
        job_id = self.call("POST", "/v1/job", json.dumps(JOB))["jobID"]
        while True:
            job = self.call("GET", f"/v1/job/detail/{job_id}")["job"]
            if job["state"] == "succeeded":
                return (time.perf_counter() - began) * 1e6
            if job["state"] in ("failed", "stopped") or time.perf_counter() - began > MOST_S:
                raise BenchError(f"a job that runs true is {job['state']}: {job['reason']}")
            time.sleep(0.0005)  # both share the machine


class Engine(Group):
    figures = (
        Figure(11, "true, submit to finished / spawn", at_most=3),
        Figure(11, "us of spawn", unit="us"),
        Figure(11, "us of true by Sluice", unit="us"),
    )
    seconds = 3

    def __init__(self, build):
        super().__init__(build)
        self.jobs = 30 if build.quick else 100
        self.log = build.fresh("spawn") / "ring"
        self.gateway = Gateway(build)
        self.client = Client(self.gateway.port)
        for _ in range(10):
            self.client.run_one()

    def round(self):
        least = statistics.median(self.build.numbers("spawn", self.jobs, self.log))
        ours = statistics.median(self.client.run_one() for _ in range(self.jobs))
        return {"true, submit to finished / spawn": ours / least, "us of spawn": least,
                "us of true by Sluice": ours}

    def close(self):
        self.gateway.close()
