#!/usr/bin/python3
"""A long time under all kinds of traffic, and whether anything grows meanwhile.

    tests/soak.py [--minutes 60] [--build build] [--seed 1]

Clients submit (with and without keys), stop, resume, run again and erase; operators change
features, tokens and holds; streams of events are read, broken off and taken up; plugins fail,
hang and come back. In the first quarter the gateway is also restarted, in good order and by
kill -9; then it stays. Every now and then the traffic pauses until everything has ended, and
memory, descriptors, threads and store are looked at while it rests. Ends with a table and a
verdict: exit code 0 when nothing was lost and nothing grew from rest to rest over the second
half of the time, but the store by what it keeps of each submission for a day. Everything on 127.0.0.1, in a folder that is removed.
"""

import argparse
import collections
import contextlib
import http.client
import os
import pathlib
import random
import re
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "integration"))

LOOK_S, REST_S, PACE_S, KEEP_JOBS = 1, 25, 0.03, 2000
CONFIG = f"""
store:
  size_max: 512 MiB
  keep_stages: 60 s
retention:
  jobs_count: {KEEP_JOBS}
shutdown_grace: 2 s
engines:
  local: {{slots: 8}}
"""


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--build", default="build", help="the folder with sluiced (build)")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


ASKED = arguments() if __name__ == "__main__" else None
if ASKED:
    os.environ["SLUICE_BUILD"] = str(pathlib.Path(ASKED.build).resolve())

from crash_scene import GONE, Gone  # noqa: E402  (SLUICE_BUILD is read when it is imported)
from harness import FINAL, Daemon, until  # noqa: E402
from plugin_double import Answer, hang  # noqa: E402
from test_kill9 import Load  # noqa: E402


# How a Reply tells that the gateway is too busy, alone or behind what was asked.
NOT_NOW = re.compile(r"(^|: )(429|503) b'")


class Look:
    """One look at the gateway from outside."""

    def __init__(self, daemon, began, answered):
        status = pathlib.Path(f"/proc/{daemon.process.pid}/status").read_text()
        lines = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
        self.at = time.monotonic() - began
        self.rss_kib = int(lines["RssAnon"].split()[0])  # pages of the store come and go
        self.threads = int(lines["Threads"])
        self.descriptors = len(os.listdir(f"/proc/{daemon.process.pid}/fd"))
        self.store_kib = (daemon.data / "store" / "data.mdb").stat().st_blocks // 2
        self.answered = answered


COLUMNS = [("memory KiB", "rss_kib"), ("descriptors", "descriptors"), ("threads", "threads"),
           ("store KiB", "store_kib")]
# What may be between the line's ends over the second half: a share of its mean, and at least so much.
MAY_GROW = {"rss_kib": (0.10, 8192), "descriptors": (0.10, 40), "threads": (0.02, 8), "store_kib": (0.15, 8192)}
# A submission leaves its events in the feed and its key for a day, and what operators did meanwhile is
# in the audit log for longer: so many KiB more for each.
LEFT_KIB = 1


class Soak(Load):
    def __init__(self, daemon, folder, seed):
        super().__init__(daemon, folder, seed)
        self.over, self.restarting, self.resting = threading.Event(), threading.Event(), threading.Event()
        self.busy = 0  # acts that are going on
        self.done = collections.Counter()
        self.faults, self.looks = [], []

    # --- the traffic ----------------------------------------------------------------------------

    def loop(self, name, act):
        """Again and again until the end; a gateway that is being restarted is waited for."""
        dice = random.Random(f"{self.seed}.{name}")
        while not self.over.is_set():
            if not self.may_begin():
                self.over.wait(0.1)
                continue
            try:
                act(dice)
                self.done[name] += 1
            except (Gone, *GONE):
                self.done["found it gone"] += 1
                self.over.wait(0.2)
            except AssertionError as fault:
                if self.restarting.is_set() or NOT_NOW.search(str(fault)):
                    self.over.wait(0.2)
                else:
                    self.faults.append(f"{name}: {str(fault)[:500]}")
            except Exception as fault:  # whatever it is: told at the end
                self.faults.append(f"{name}: {fault!r:.500}")
                self.over.wait(0.2)
            finally:
                with self.lock:
                    self.busy -= 1

    def may_begin(self):
        """One more act, unless it is the time to rest."""
        with self.lock:
            self.busy += not self.resting.is_set()
            return not self.resting.is_set()

    def submit_one(self, dice):
        self.over.wait(dice.uniform(0, 2 * PACE_S))
        kept = self.one_job(dice)
        turn = dice.random()
        if turn < 0.05:
            self.wait(kept, *FINAL, "suspended")
            self.ask("POST", f"/v1/job/rerun/{kept.id}")
        elif turn < 0.1:
            self.wait(kept, *FINAL, "suspended")
            kept.erasing = True
            kept.erased = self.ask("DELETE", f"/v1/job/{kept.id}").status == 200
        elif turn < 0.2:
            self.ask("GET", f"/v1/job/explain/{kept.id}")
            self.ask("GET", f"/v1/job/events/{kept.id}")

    def resume_some(self, _dice):
        self.over.wait(1)
        for one in self.good("GET", "/v1/job/list?state=suspended&pageSize=100"):
            self.ask("PUT", f"/v1/job/resume/{one['jobID']}", {})

    def operate(self, dice):
        getattr(self, dice.choice(["play_token", "play_feature", "play_hold"]))()
        self.tokens.clear()
        self.flags.clear()
        self.over.wait(0.3)

    def read_events(self, dice):
        """A reader of the stream that leaves after a while, in the middle."""
        connection = http.client.HTTPConnection("127.0.0.1", self.daemon.port, timeout=5)
        try:
            connection.request("GET", "/v1/events", headers={"Authorization": "Bearer admin"})
            answer = connection.getresponse()
            end = time.monotonic() + dice.uniform(0.1, 3)
            while time.monotonic() < end and not self.over.is_set() and answer.fp.readline():
                pass
        finally:
            connection.close()

    def trouble(self, dice):
        """Plugins that fail, hang, or are not there for a moment."""
        self.over.wait(dice.uniform(2, 6))
        p, how = self.plugin, dice.choice(["away", "/gate", "/factor", "/ears", "/extra"])
        if how == "away":
            p.close()
        else:
            before = p.answers[how]
            p.on(how, dice.choice([Answer(500, {}), Answer(200, b"no answer"), hang]))
        self.over.wait(dice.uniform(0.2, 1.5))
        if how == "away":
            p.open()
        else:
            p.on(how, before)
            p.released.set()
            p.released.clear()
        with p.changed:
            p.calls.clear()
            p.peaks.clear()

    # --- the gateway ----------------------------------------------------------------------------

    def restart(self, dice):
        self.restarting.set()
        if dice.random() < 0.5:
            self.daemon.kill9()
            self.done["kill -9"] += 1
        else:
            assert self.daemon.stop() == 0, self.daemon.tail()
            self.done["restarts"] += 1
        self.daemon.start()
        self.restarting.clear()

    def rest(self, began):
        """The traffic pauses until all is done; then it is looked at."""
        with self.lock:
            self.resting.set()
        until(lambda: self.busy == 0, 120, lambda: f"what is at it comes to its end; {self.busy} are")
        self.end_all()
        self.looks.append(Look(self.daemon, began, len(self.kept)))
        self.plugin.suspends = True
        self.resting.clear()

    def run(self, seconds):
        dice, began = random.Random(self.seed), time.monotonic()
        acts = [(f"submissions {n}", self.submit_one) for n in range(3)]
        acts += [("resumes", self.resume_some), ("operations", self.operate), ("streams", self.read_events),
                 ("streams 2", self.read_events), ("troubles", self.trouble)]
        threads = [threading.Thread(target=self.loop, args=act, name=act[0], daemon=True) for act in acts]
        for one in threads:
            one.start()
        again_at, rest_at = time.monotonic() + 5, began + seconds / 4
        while time.monotonic() - began < seconds:
            time.sleep(LOOK_S)
            assert self.daemon.process.poll() is None, f"it ended: {self.daemon.tail()}"
            if time.monotonic() > rest_at:
                self.rest(began)
                rest_at = time.monotonic() + REST_S
            if time.monotonic() - began < seconds / 4 and time.monotonic() > again_at:
                self.restart(dice)
                again_at = time.monotonic() + dice.uniform(5, 15)
        self.over.set()
        self.plugin.released.set()
        for one in threads:
            one.join(60)
        self.faults += [f"{one.name}: it does not come to its end" for one in threads if one.is_alive()]

    # --- the end --------------------------------------------------------------------------------

    def end_all(self):
        """Everything comes to its end."""
        if self.plugin.server is None:
            self.plugin.open()
        self.answers()
        self.plugin.suspends = False
        self.api.put("/v1/admission/release", {"userID": "held"})

        def all_ended():
            for one in self.api.list(state="suspended", pageSize=1000):
                self.api.put(f"/v1/job/resume/{one['jobID']}", {})
            return self.api.count() == self.api.count(state=",".join(FINAL))
        until(all_ended, 120, "all have ended")
        until(lambda: not self.api.good("GET", "/v1/hooks/deliveries?state=pending,retrying"), 120, "all is told")

    def settle(self):
        """At the end nothing that was answered and is still kept is missing, and nothing ran twice."""
        self.end_all()
        for one in self.kept[-KEEP_JOBS // 2:]:
            reply = self.api.get(f"/v1/job/detail/{one.id}")
            assert reply.status in one.statuses(), f"{one.id}: {reply}, not one of {one.statuses()}"
        counted = collections.Counter(self.runs.read_text().splitlines())
        assert not [line for line, n in counted.items() if n > 1], "a replica ran twice"
        return len(counted)


def slope(looks, member):
    """The least squares line through a member of the looks: its growth from the first to the last."""
    xs, ys = [one.at for one in looks], [getattr(one, member) for one in looks]
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    below = sum((at - x) ** 2 for at in xs)
    rise = sum((at - x) * (value - y) for at, value in zip(xs, ys)) / below if below else 0
    return rise * (xs[-1] - xs[0]), y


def judge(looks):
    """The table of the second half, and what has grown in it."""
    half, bad = looks[len(looks) // 2:], []
    print(f"\n{'at rest, second half':<22}{'first':>12}{'last':>12}{'most':>12}{'growth':>12}{'allowed':>12}")
    for title, member in COLUMNS:
        values = [getattr(one, member) for one in half]
        grown, mean = slope(half, member)
        share, least = MAY_GROW[member]
        allowed = max(share * mean, least)
        if member == "store_kib":
            allowed += LEFT_KIB * (half[-1].answered - half[0].answered)
        bad += [title] if grown > allowed else []
        print(f"{title:<22}{values[0]:>12}{values[-1]:>12}{max(values):>12}{grown:>12.0f}{allowed:>12.0f}")
    return bad


def main():
    with tempfile.TemporaryDirectory(prefix="sluice-soak-", dir="/var/tmp") as at:
        folder = pathlib.Path(at)
        (folder / "open").mkdir()
        folder.chmod(0o755)
        daemon = Daemon(folder / "gateway", config=CONFIG)
        soak = Soak(daemon.start(), folder / "open", ASKED.seed)
        soak.prepare()
        try:
            soak.run(ASKED.minutes * 60)
            ran = soak.settle()
        finally:
            with contextlib.suppress(OSError):
                soak.close()
            daemon.close()
    print(f"{ASKED.minutes:g} minutes: {len(soak.kept)} submissions answered, {ran} replicas ran; "
          + ", ".join(f"{n} {name}" for name, n in sorted(soak.done.items())))
    bad = judge(soak.looks)
    for fault in soak.faults[:20]:
        print(f"wrong: {fault}")
    for title in bad:
        print(f"grows: {title}")
    print("verdict: " + ("something is wrong" if bad or soak.faults else "good"))
    return 1 if bad or soak.faults else 0


if __name__ == "__main__":
    sys.exit(main())
