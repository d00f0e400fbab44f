#!/usr/bin/env python3
"""A gate written with each SDK against the least one by hand, side by side in turn.

Usage: bench/sdk.py [--rounds N] [--turns N] [--connections N] [--language L] [--json FILE]

The least one (plain/) is the language's own HTTP server and JSON: it checks nothing and logs
nothing. That of the SDK (sdk/) does all that plugins-sdk/README.md promises, its log going to a
file. Each pair is asked without and with signatures (the least one then checks them too, with the
same library). A round starts both anew and lets both run until it ends; they are asked in turn, a
second each, the first one changing from turn to turn, with the same body of 4 KB over kept
connections: what else the machine does meets both alike. A figure is the ratio within a round, of
calls per second and of the server's own processor time per call. Needs wrk.
"""

import argparse
import base64
import contextlib
import hashlib
import hmac
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
SDK = HERE.parent / "plugins-sdk"
TICK = os.sysconf("SC_CLK_TCK")
KEY = bytes(range(32))
GOAL = 0.9


def body():
    container = {"name": "main", "command": ["sh", "-c", "echo hello"],
                 "env": [{"name": f"VARIABLE_{i}", "value": "some value of it"} for i in range(60)]}
    made = {"factors": {"priority": [{"topic": "priority", "advice": "10", "reason": "x"}]},
            "header": {"userID": "ann", "jobName": "hello", "jobKind": "TaskSet", "team": "red",
                       "jobID": "01a200aa-b256-7000-92e5-148469c5c019"},
            "job": {"apiVersion": "sluice/v1", "kind": "TaskSet", "metadata": {"name": "hello"},
                    "spec": {"roles": [{"name": "main", "replicas": 1,
                                        "template": {"spec": {"containers": [container]}}}]}}}
    return json.dumps(made)


def script(text, signed):
    """What wrk sends; it is signed anew for each turn, for signatures grow old."""
    headers = {"Content-Type": "application/json", "webhook-id": "msg_1", "Sluice-Attempt": "1",
               "Sluice-Job-Id": "01a200aa-b256-7000-92e5-148469c5c019", "Sluice-Deadline-Ms": "10000"}
    if signed:
        stamp = str(int(time.time()))
        mac = hmac.new(KEY, f"msg_1.{stamp}.{text}".encode(), hashlib.sha256).digest()
        headers |= {"webhook-timestamp": stamp, "webhook-signature": "v1," + base64.b64encode(mac).decode()}
    lines = [f'wrk.headers["{name}"] = "{value}"' for name, value in headers.items()]
    return "\n".join([f'wrk.method = "POST"\nwrk.body = [==[{text}]==]', *lines, ""])


def go(source, output):
    tool = "/usr/lib/go-1.19/bin/go"
    subprocess.run([tool if os.path.exists(tool) else "go", "build", "-buildvcs=false", "-o", output, "."],
                   cwd=HERE / source, check=True, env={**os.environ, "GOPROXY": "off"})
    return [str(output)]


def c(sources, output):
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "json-c", "libsodium", "libcurl"],
                           check=True, capture_output=True, text=True).stdout.split()
    subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", f"-I{SDK}/include", "-o", output, *map(str, sources), *flags,
                    "-lcivetweb", "-lpthread", "-lm"], check=True)
    return [str(output)]


def commands(language, folder):
    """How the plain one and that of the SDK are started."""
    if language == "python":
        return [["/usr/bin/python3", "-B", str(HERE / f"{kind}/gate.py")] for kind in ("plain", "sdk")]
    if language == "node":
        return [["node", str(HERE / f"{kind}/gate.mjs")] for kind in ("plain", "sdk")]
    if language == "go":
        return [go(f"{kind}/go", folder / f"go-{kind}") for kind in ("plain", "sdk")]
    return [c([HERE / "plain/gate.c"], folder / "c-plain"),
            c([HERE / "sdk/gate.c", *SDK.glob("c/*.c")], folder / "c-sdk")]


@contextlib.contextmanager
def served(command, folder, name, signed=False):
    """The server's port and process."""
    port, environment = folder / f"{name}.port", {**os.environ, "PYTHONPATH": str(SDK / "python")}
    arguments = [str(port)]
    if not name.startswith("plain"):
        arguments = ["--listen", "127.0.0.1:0", "--port-file", str(port)]
    if signed:
        environment["PLUGIN_SIGNING_KEY"] = "whsec_" + base64.b64encode(KEY).decode()
    with open(folder / f"{name}.log", "wb") as log:
        process = subprocess.Popen([*command, *arguments], stdout=log, stderr=log, env=environment)
    try:
        deadline = time.monotonic() + 20
        while not port.exists() or not port.read_text().strip():
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"bench: {command}: does not start: {(folder / 'log').read_text()}")
            time.sleep(0.02)
        yield int(port.read_text()), process
    finally:
        process.terminate()
        process.wait(30)
        port.unlink(missing_ok=True)


def cpu_s(process):
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def load(options, folder, port, signed):
    """Calls answered within a second, and calls per second."""
    file = folder / "load.lua"
    file.write_text(script(body(), signed))
    done = subprocess.run(["wrk", "-t1", f"-c{options.connections}", "-d1s", "-s", str(file),
                           f"http://127.0.0.1:{port}/gate"], check=True, capture_output=True, text=True).stdout
    count = int(re.search(r"(\d+) requests in", done)[1])
    if re.search(r"Non-2xx|Socket errors", done) or count == 0:
        sys.exit(f"bench: calls failed:\n{done}")
    return count, float(re.search(r"Requests/sec:\s+([\d.]+)", done)[1])


class Side:
    """One server of a round, and what it did in its turns."""

    def __init__(self, options, folder, port, process, signed):
        self.ask = lambda: load(options, folder, port, signed)
        self.process, self.calls, self.cpu, self.rates = process, 0, 0.0, []

    def take_turn(self):
        before = cpu_s(self.process)
        count, rate = self.ask()
        self.calls += count
        self.cpu += cpu_s(self.process) - before
        self.rates.append(rate)

    def figures(self):
        """Calls per second and processor microseconds a call."""
        return statistics.mean(self.rates), self.cpu / self.calls * 1e6


def play(options, folder, plain, sdk, signed):
    """One round: the figures of the plain one and of that of the SDK."""
    with served(plain, folder, "plain", signed) as one, served(sdk, folder, "sdk", signed) as other:
        sides = [Side(options, folder, *who, signed) for who in (one, other)]
        for side in sides:
            side.ask()  # until it is warm
        for turn in range(options.turns):
            for side in sides if turn % 2 == 0 else reversed(sides):
                side.take_turn()
        return [side.figures() for side in sides]


def spread(values):
    return f"{min(values):5.2f} {statistics.median(values):5.2f} {max(values):5.2f}"


def measure(options, language, folder):
    plain, sdk = commands(language, folder)
    figures = {}
    for what, signed in (("unsigned", False), ("signed", True)):
        rounds = [play(options, folder, plain, sdk, signed) for _ in range(options.rounds)]
        rates = [made[0] / least[0] for least, made in rounds]
        costs = [least[1] / made[1] for least, made in rounds]
        figures[what] = {"rate": rates, "cpu": costs}
        for side, name, ratios in ((1, what, f"   {spread(rates)}   {spread(costs)}"), (0, "  plain", "")):
            rate, cost = (statistics.median(one[side][i] for one in rounds) for i in (0, 1))
            print(f"{language:7} {name:9} {rate:9.0f} {cost:7.1f}{ratios}", flush=True)
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--turns", type=int, default=6, help="seconds for each server in a round")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--language", action="append", choices=["python", "node", "go", "c"])
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("bench: needs wrk: apt install wrk")
    print("                     calls/s  us cpu   calls/s, of plain   cpu, of plain\n"
          "                                       min   med   max     min   med   max", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        figures = {language: measure(options, language, pathlib.Path(folder))
                   for language in options.language or ["python", "node", "go", "c"]}
    for language, one in figures.items():
        if statistics.median(one["unsigned"]["rate"]) < GOAL:
            print(f"{language}: below the goal of {GOAL} without signatures")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
