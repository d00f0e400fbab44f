#!/usr/bin/env python3
"""The time from submit to finished of a job that runs `true`, against the least it could be.

Usage: bench/run_true.py [--build DIR] [--rounds N] [--jobs N] [--json FILE]

Each round measures, one job at a time and in turn, the yardstick (posix_spawn of `true`,
wait, and an append with fdatasync before and after: bench/spawn.c) and Sluice (POST
/v1/job?wait, then asking for its state until it has succeeded, over one kept connection).
The figure is the ratio of the medians within a round; the table has its minimum, median
and maximum. Data of both lies on the disk of the build.
"""

import argparse
import http.client
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from run import Gateway

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
            sys.exit(f"bench: {method} {path}: {answer['msg']}")
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
                sys.exit(f"bench: a job that runs true is {job['state']}: {job['reason']}")
            time.sleep(0.0005)  # both share the machine


def bare(program, jobs, folder):
    done = subprocess.run([str(program), str(jobs), str(folder / "bare.log")], stdout=subprocess.PIPE,
                          check=True)
    return [float(line) for line in done.stdout.split()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build", help="a release build")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--jobs", type=int, default=100, help="of each kind in a round")
    parser.add_argument("--json", help="write the figures there")
    options = parser.parse_args()
    build = pathlib.Path(options.build).resolve()
    rows = []
    with tempfile.TemporaryDirectory(dir=build, prefix="bench-") as name:
        folder = pathlib.Path(name)
        gateway = Gateway(build, folder)
        try:
            client = Client(gateway.port)
            for _ in range(10):
                client.run_one()
            for _ in range(options.rounds):
                least = statistics.median(bare(build / "bench/spawn", options.jobs, folder))
                ours = statistics.median(client.run_one() for _ in range(options.jobs))
                rows.append({"true, submit to finished / bare": ours / least,
                             "us of bare": least, "us of Sluice": ours})
        finally:
            gateway.close()
    print(f"{'figure':40} {'min':>9} {'median':>9} {'max':>9}  goal")
    for name in rows[0]:
        values = [row[name] for row in rows]
        goal = "<= 3" if "/" in name else ""
        print(f"{name:40} {min(values):9.2f} {statistics.median(values):9.2f} {max(values):9.2f}  {goal}")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
