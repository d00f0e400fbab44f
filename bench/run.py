#!/usr/bin/env python3
"""The gateway against the least that any gateway could do, side by side in turn.

Usage: bench/run.py [--build DIR] [--rounds N] [--jobs N] [--json FILE]

Each round measures bare (five POSTs and two flushes a job, nothing parsed) and Sluice
(the same plugin, five stages, accepted and ended durably) one after the other. A figure
is the ratio within a round; the table has its minimum, median and maximum. The machine
must be idle otherwise. Data lies in a temporary folder on the disk of the build.
"""

import argparse
import http.client
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

STAGES = [("TemplateTranslator", "translate"), ("FactorGenerator", "factor"), ("AccessGate", "gate"),
          ("TemplateDecorator", "decorate"), ("SchedulerBinder", "bind")]
TICK = os.sysconf("SC_CLK_TCK")


def wait_until(condition, what, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"bench: {what}: not within {seconds} s")
        time.sleep(0.02)


class Gateway:
    def __init__(self, build, folder):
        self.folder = folder
        self.log = open(folder / "sluiced.log", "wb")
        self.process = subprocess.Popen([str(build / "cli/sluiced"), "--data", str(folder / "data"),
                                         "--listen", "127.0.0.1:0"], stderr=self.log)
        wait_until(self.find_port, "sluiced is ready")

    def find_port(self):
        for line in (self.folder / "sluiced.log").read_text(errors="replace").splitlines():
            if "msg=ready" in line:
                self.port = int(line.split(" port=")[1].split()[0])
                return True
        return False

    def call(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, json.dumps(body) if body is not None else None,
                           {"token": "admin"})
        answer = json.loads(connection.getresponse().read())
        connection.close()
        if answer["code"] != "OPERATION_SUCCEEDED":
            sys.exit(f"bench: {method} {path}: {answer['msg']}")
        return answer.get("payload")

    def cpu_s(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def count(self, **query):
        tail = "&".join(f"{key}={value}" for key, value in query.items())
        return self.call("GET", "/v1/job/count?" + tail)["count"]

    def close(self):
        self.process.terminate()
        self.process.wait(30)


def numbers(command):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, check=True)
    seconds, cpu, p50 = done.stdout.split()
    return float(seconds), float(cpu), float(p50)


class Bench:
    def __init__(self, build, folder):
        self.peer, self.folder = build / "bench/peer", folder
        self.plugin = subprocess.Popen([str(self.peer), "plugin", str(folder / "port")])
        wait_until(lambda: (folder / "port").exists() and (folder / "port").read_text().strip(),
                   "the plugin listens")
        self.port = int((folder / "port").read_text())
        self.gateway = Gateway(build, folder)
        for kind, path in STAGES:
            self.gateway.call("POST", "/v1/features", {
                "name": path, "author": "bench", "enabled": True,
                "jobSelector": {"conditions": [], "expression": "*"},
                "plugins": [{"pluginType": kind,
                             "callAddress": f"http://127.0.0.1:{self.port}/{path}"}]})

    def bare(self, jobs, flight):
        return numbers([self.peer, "bare", self.port, jobs, flight, self.folder / "bare.log"])

    def sluice(self, jobs, flight):
        """Until every job has ended well, not only until it was handed over."""
        before, cpu = self.gateway.count(state="succeeded"), self.gateway.cpu_s()
        began = time.monotonic()
        _, _, p50 = numbers([self.peer, "load", self.gateway.port, jobs, flight])
        wait_until(lambda: self.gateway.count(state="succeeded") >= before + jobs, "all jobs end", 120)
        return time.monotonic() - began, self.gateway.cpu_s() - cpu, p50

    def close(self):
        self.gateway.close()
        self.plugin.terminate()
        self.plugin.wait(30)


def one_round(bench, jobs):
    bare, sluice = bench.bare(jobs, 64), bench.sluice(jobs, 64)
    alone = max(jobs // 20, 50)
    bare_one, sluice_one = bench.bare(alone, 1), bench.sluice(alone, 1)
    return {"jobs/s, 64 in flight / bare": bare[0] / sluice[0],
            "CPU per job, 64 in flight / bare": sluice[1] / max(bare[1], 1e-9),
            "p50 of a job, one at a time / bare": sluice_one[2] / bare_one[2],
            "jobs/s of Sluice": jobs / sluice[0],
            "CPU us per job of Sluice": sluice[1] / jobs * 1e6}


GOALS = {"jobs/s, 64 in flight / bare": ">= 0.5", "CPU per job, 64 in flight / bare": "<= 2.5",
         "p50 of a job, one at a time / bare": "<= 3"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build", help="a release build")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=10000)
    parser.add_argument("--json", help="write the figures there")
    options = parser.parse_args()
    build = pathlib.Path(options.build).resolve()
    rows = []
    with tempfile.TemporaryDirectory(dir=build, prefix="bench-") as folder:
        bench = Bench(build, pathlib.Path(folder))
        try:
            for number in range(options.rounds):
                rows.append(one_round(bench, options.jobs))
                print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
        finally:
            bench.close()
    print(f"{'figure':40} {'min':>9} {'median':>9} {'max':>9}  goal")
    for name in rows[0]:
        values = [row[name] for row in rows]
        print(f"{name:40} {min(values):9.2f} {statistics.median(values):9.2f} {max(values):9.2f}"
              f"  {GOALS.get(name, '')}")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
