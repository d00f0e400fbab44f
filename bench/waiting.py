#!/usr/bin/env python3
"""What jobs cost that wait for a plugin, and what a hung plugin costs the others.

Usage: bench/waiting.py [--build DIR] [--jobs N] [--times N] [--hung N] [--rounds N] [--json FILE]

First N jobs (5000) wait for a gate that is down; then it comes back. That happens several
times, and the last one counts: by then whatever is kept for reuse is there. Printed are the
gateway's anonymous memory before, while all wait and after (resident memory would count
the store's pages), what a waiting job holds of it, how many calls the gate had at once
and in all, and whether every job ended. Then jobs that need no gate run in turn while
none and while --hung others hang at one: the ratio of the medians within a round. The
jobs' replicas do not run (engine null). The machine must be idle otherwise.
"""

import argparse
import json
import pathlib
import statistics
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/integration"))

from plugin_double import Plugin  # noqa: E402
from run import Gateway, wait_until  # noqa: E402

ALONE = 60  # jobs that are timed in a round, with and without hung ones


def document(kind):
    return {"userID": "bench", "jobName": "waits", "jobKind": "TaskSet", "header": {"gate": kind}, "job": {
        "apiVersion": "sluice/v1", "kind": "TaskSet", "metadata": {"name": "waits"}, "spec": {
            "engine": "null", "roles": [{"name": "main", "replicas": 1, "template": {"spec": {
                "restartPolicy": "Never", "containers": [{"name": "main", "command": ["true"]}]}}}]}}}


def anonymous_kib(gateway):
    for line in pathlib.Path(f"/proc/{gateway.process.pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1])
    raise ValueError("smaps_rollup has no Anonymous")


def register(gateway, name, address, **more):
    gateway.call("POST", "/v1/features", {
        "name": name, "author": "bench", "enabled": True,
        "jobSelector": {"conditions": [{"name": "it", "key": "gate", "expect": name}], "expression": "it"},
        "plugins": [{"pluginType": "AccessGate", "callAddress": address, **more}]})


def submit(gateway, kind):
    return gateway.call("POST", "/v1/job", document(kind))["jobID"]


def submit_many(gateway, kind, jobs):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: submit(gateway, kind), range(jobs)))


def unfinished(gateway):
    return gateway.count(state="preparing,suspended,waiting,running")


def settled_kib(gateway):
    """Once it moves no more: memory is given back in turns of the loop."""
    seen = [anonymous_kib(gateway)]
    for _ in range(40):
        time.sleep(0.25)
        seen.append(anonymous_kib(gateway))
        if len(seen) > 4 and max(seen[-4:]) == min(seen[-4:]):
            break
    return seen[-1]


def waiting(gateway, jobs):
    """One time that a gate is down."""
    gate = Plugin()
    register(gateway, "down", gate.on("/down", {"decision": "pass"}))
    ended = gateway.count(state="succeeded")
    gate.close()
    before = settled_kib(gateway)
    submit_many(gateway, "down", jobs)
    wait_until(lambda: gateway.count(state="suspended") == jobs, "all jobs wait", 300)
    during = settled_kib(gateway)
    began = time.monotonic()
    gate.open()
    wait_until(lambda: unfinished(gateway) == 0, "all jobs end", 300)
    seconds = time.monotonic() - began
    after = settled_kib(gateway)
    found = {"anonymous before, KiB": before, "anonymous while all wait, KiB": during,
             "anonymous after, KiB": after, "bytes a waiting job": (during - before) * 1024 / jobs,
             "jobs lost": jobs - (gateway.count(state="succeeded") - ended),
             "calls once it is back": len(gate.calls), "calls at once, most": gate.overlap("/down"),
             "seconds until all ended": seconds}
    gate.close()
    gateway.call("DELETE", "/v1/features/down")
    return found


def median_ms(gateway):
    times = []
    for _ in range(ALONE):
        began = time.monotonic()
        gateway.call("POST", "/v1/job?wait=30", document("none"))
        times.append((time.monotonic() - began) * 1000)
    return statistics.median(times)


def beside_hung(gateway, hung, rounds):
    released = threading.Event()
    gate = Plugin()

    def hang(_call):
        released.wait(600)
        return {"decision": "pass"}

    register(gateway, "hung", gate.on("/hung", hang), timeoutMs=300000)
    ratios = []
    for _ in range(rounds):
        released.clear()
        alone = median_ms(gateway)
        before = len(gate.calls)
        submit_many(gateway, "hung", hung)
        gate.wait_calls("/hung", before + hung)
        ratios.append(median_ms(gateway) / alone)
        released.set()
        wait_until(lambda: unfinished(gateway) == 0, "hung jobs end", 60)
    gate.close()
    return {f"median of a job beside {hung} hung / alone, {name}": value for name, value in (
        ("min", min(ratios)), ("median", statistics.median(ratios)), ("max", max(ratios)))}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build", help="a release build")
    parser.add_argument("--jobs", type=int, default=5000)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--hung", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", help="write the figures there")
    options = parser.parse_args()
    build, lost = pathlib.Path(options.build).resolve(), 0
    with tempfile.TemporaryDirectory(dir=build, prefix="bench-") as folder:
        gateway = Gateway(build, pathlib.Path(folder))
        try:
            for number in range(options.times):
                found = waiting(gateway, options.jobs)
                lost += found["jobs lost"]
                print(f"time {number + 1}: {json.dumps(found)}", file=sys.stderr)
            found.update(beside_hung(gateway, options.hung, options.rounds))
        finally:
            gateway.close()
    for name, value in found.items():
        print(f"{name:48} {value:10.2f}" if isinstance(value, float) else f"{name:48} {value:10}")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(found, indent=1) + "\n")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
