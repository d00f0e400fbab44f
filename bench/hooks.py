#!/usr/bin/env python3
"""LifeHook deliveries against raw keep-alive POSTs, side by side in turn.

Usage: bench/hooks.py [--build DIR] [--rounds N] [--jobs N] [--json FILE]

Each round: raw POSTs of a delivery's size, 64 in flight, to the subscriber; then what Sluice
delivers to it when a backlog of N jobs (four changes each) is let go; then the lag of its
deliveries while jobs come at half that rate; then the same backlog for 100 subscribers. With
`--hang` one more subscriber never answers meanwhile. The machine must be idle otherwise.
"""

import argparse
import http.client
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from run import Gateway, wait_until

JOB = json.dumps({"userID": "ann", "jobName": "hello", "jobKind": "TaskSet", "job": {
    "apiVersion": "sluice/v1", "kind": "TaskSet", "metadata": {"name": "hello"}, "spec": {
        "engine": "null", "roles": [{"name": "main", "template": {"spec": {"containers": [
            {"name": "main", "command": ["true"]}]}}}]}}})
STATES, FLIGHT, SUBSCRIBERS, CLIENTS = 4, 64, 100, 16


class Subscriber:
    def __init__(self, build, folder):
        self.build = build
        self.process = subprocess.Popen([str(build / "bench/hook_peer"), "subscriber", str(folder / "port")])
        wait_until(lambda: (folder / "port").exists() and (folder / "port").read_text().endswith("\n"),
                   "the subscriber is up")
        self.port = int((folder / "port").read_text())

    def ask(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("POST", path, b"")
        text = connection.getresponse().read().decode()
        connection.close()
        return text

    def raw_per_s(self, count):
        done = subprocess.run([str(self.build / "bench/hook_peer"), "posts", str(self.port), str(count),
                               str(FLIGHT)], stdout=subprocess.PIPE, check=True)
        self.ask("/stats")
        return count / float(done.stdout)

    def stats(self):
        count, seconds, p50, p99 = self.ask("/stats").split()
        return int(count), float(seconds), int(p50), int(p99)


def submit(gateway, jobs, per_s=None):
    """So many jobs, as fast as it goes or at a rate."""
    left, lock, begun = iter(range(jobs)), threading.Lock(), time.monotonic()

    def client():
        connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=60)
        while True:
            with lock:
                number = next(left, None)
            if number is None:
                return
            if per_s:
                time.sleep(max(0.0, begun + number / per_s - time.monotonic()))
            connection.request("POST", "/v1/job", JOB, {"token": "admin"})
            if connection.getresponse().read()[:30].find(b"SUCCEEDED") < 0:
                sys.exit("bench: a job was refused")

    clients = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for one in clients:
        one.start()
    for one in clients:
        one.join()


class Bench:
    def __init__(self, options, folder):
        self.options, self.build = options, pathlib.Path(options.build)
        self.subscriber = Subscriber(self.build, folder)
        self.gateway = Gateway(self.build, folder)
        self.deaf = None
        if options.hang:
            self.deaf = Subscriber(self.build, pathlib.Path(tempfile.mkdtemp(dir=folder)))
            self.deaf.ask("/hold")
            self.register("deaf", self.deaf.port, 1)

    def register(self, name, port, count):
        address = f"http://127.0.0.1:{port}/"
        self.gateway.call("POST", "/v1/features", {
            "name": name, "author": "bench", "description": "", "enabled": True,
            "jobSelector": {"conditions": [], "expression": "*"},
            "plugins": [{"pluginType": "LifeHook", "callAddress": f"{address}{number}", "description": "",
                         "name": f"n{number}", "timeoutMs": 120000,
                         "jobSelector": {"states": ["*", "preparing"]}} for number in range(count)]})

    def delivered(self):
        return not any(self.gateway.call("GET", f"/v1/hooks/deliveries?pageSize=1&plugin={one['key']}")
                       for one in self.gateway.call("GET", "/v1/plugins/list/LifeHook")
                       if not one["key"].startswith("LifeHook.deaf."))

    def settled(self, jobs):
        return self.gateway.count(state="succeeded") == jobs

    def backlog(self, jobs):
        """Deliveries per second once the subscriber goes on."""
        before = self.gateway.count(state="succeeded")
        self.subscriber.ask("/hold")
        submit(self.gateway, jobs)
        wait_until(lambda: self.settled(before + jobs), "the jobs are over", 120)
        self.subscriber.ask("/go")
        wait_until(self.delivered, "all is delivered", 300)
        count, seconds, _, _ = self.subscriber.stats()
        return count, count / seconds

    def lag(self, per_s, seconds):
        submit(self.gateway, int(per_s / STATES * seconds), per_s / STATES)
        wait_until(self.delivered, "all is delivered", 60)
        _, _, p50, p99 = self.subscriber.stats()
        return p50 / 1000, p99 / 1000

    def round(self):
        raw = self.subscriber.raw_per_s(self.options.jobs * STATES)
        self.register("one", self.subscriber.port, 1)
        count, one = self.backlog(self.options.jobs)
        if count != self.options.jobs * STATES:
            sys.exit(f"bench: {count} deliveries of {self.options.jobs * STATES}")
        p50, p99 = self.lag(one / 2, 5)
        self.gateway.call("DELETE", "/v1/features/one")
        for part in range(2):  # a feature holds 64 at most
            self.register(f"many{part}", self.subscriber.port, SUBSCRIBERS // 2)
        _, many = self.backlog(max(1, self.options.jobs // SUBSCRIBERS))
        for part in range(2):
            self.gateway.call("DELETE", f"/v1/features/many{part}")
        return {"raw POSTs/s": raw, "deliveries/s": one, "of raw": one / raw,
                "lag p50 ms": p50, "lag p99 ms": p99, "100 subscribers/s": many, "100 of raw": many / raw}

    def close(self):
        self.gateway.close()
        for one in (self.subscriber, self.deaf):
            if one:
                one.process.kill()
                one.process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=5000)
    parser.add_argument("--hang", action="store_true", help="one more subscriber never answers")
    parser.add_argument("--json", help="write the figures there")
    options = parser.parse_args()
    options.build = str(pathlib.Path(options.build).resolve())
    with tempfile.TemporaryDirectory(dir=options.build) as folder:
        bench = Bench(options, pathlib.Path(folder))
        try:
            rounds = [bench.round() for _ in range(options.rounds)]
        finally:
            bench.close()
    print(f"{'':>20} {'least':>10} {'median':>10} {'most':>10}")
    for name in rounds[0]:
        values = [one[name] for one in rounds]
        print(f"{name:>20} {min(values):>10.2f} {statistics.median(values):>10.2f} {max(values):>10.2f}")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(rounds, indent=1), encoding="utf-8")


main()
