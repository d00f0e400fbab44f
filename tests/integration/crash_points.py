"""The places where a test may end the gateway, as core/base/crash.h lists them, and how each
is reached. Two files of tests go over halves of the table, so that they run side by side."""

import contextlib
import re
import subprocess

import pytest

import crash_scene
import harness
from harness import until

# Reached on the way up, and on the way down; all others while it works.
STARTING = {"start-store-open", "start-key-unnamed", "start-key-made", "start-engines-open",
            "start-recovered", "start-taken-in", "start-run-found", "start-ready"}
STOPPING = {"stopping", "stop-drained", "stop-loop-over", "stop-writer-over"}
FIRST_START = {"start-key-unnamed"}
PASSWORD = {"password-unwritten", "password-written"}
# What happens often is ended at more than its first time.
LATER = {"writer-committed": (4, 9), "writer-guest": (6,), "call-answered": (3, 5), "stage-over": (2, 4),
         "progress-written": (3,), "run-saved": (3,), "hook-answered": (4,), "answer-made": (9,),
         "report-judged": (4,), "audit-applied": (4,)}
# Not on the way of a gateway's own work, or of another process: test_crash_offline.py goes over them.
ELSEWHERE = ("move-", "backup-", "restore-", "spawner-", "supervisor-")
# Which act comes to a place soonest, by the beginning of its name.
ACTS = {"resume": "suspended", "suspend": "suspended", "stop": "stop", "local-stop": "stop", "hold": "hold",
        "feature": "feature", "token": "token", "audit": "feature", "due": "again", "erase": "erase"}
GROUP = 12
TABLE = harness.ROOT / "core" / "base" / "crash.h"
EX_UNAVAILABLE = 69  # a build without them, as a release is


def table():
    """All names, as the sources say."""
    return re.findall(r'\bX\(\w+, "([^"]+)"\)', TABLE.read_text(encoding="utf-8"))


def listed():
    """The names in the gateway that is tested; none where it says that it has none."""
    done = subprocess.run([harness.program("sluiced"), "--crash-points"], capture_output=True, text=True,
                          timeout=120, check=False)
    if done.returncode == EX_UNAVAILABLE and not done.stdout:
        return []
    assert done.returncode == 0, f"sluiced --crash-points: {done.returncode}: {done.stderr}"
    return done.stdout.split()


def elsewhere(*starts):
    """Those of them that a test of its own visits; none in a build without."""
    return [name for name in listed() if name.startswith(starts)]


def visits(half):
    """(place, nth) for one half of the table, in groups that one gateway goes through."""
    every = [(name, nth) for name in listed() if not name.startswith(ELSEWHERE)
             for nth in (1, *LATER.get(name, ()))]
    mine = every[:len(every) // 2] if half == 0 else every[len(every) // 2:]
    return [mine[at:at + GROUP] for at in range(0, len(mine), GROUP)]


def groups(half):
    found = visits(half)
    return pytest.mark.parametrize("group", found, ids=[f"{one[0][0]}..{one[-1][0]}" for one in found])


class Visit:
    """A gateway that is ended at one place after the other, with all that it was told."""

    def __init__(self, folder, make):
        self.folder, self.make = folder, make
        self.marks = folder / "marks"
        self.marks.mkdir(parents=True)
        (folder / "open").mkdir()
        self.daemon = make(config="shutdown_grace: 1 s\n")
        self.scene = crash_scene.Scene(self.daemon, folder / "open")
        self.plain = dict(self.daemon.environment)

    def arm(self, name, nth):
        (self.marks / name).unlink(missing_ok=True)
        self.daemon.environment = {**self.plain, "SLUICE_CRASH_AT": f"{name}:{nth}",
                                   "SLUICE_CRASH_DIR": str(self.marks)}

    def start(self):
        self.daemon.environment = self.plain
        self.daemon.start()

    def died(self, name, nth):
        code = self.daemon.process.wait(120)
        assert code == -9, f"{name}:{nth}: it ended with {code}: {self.daemon.tail()}"
        assert len((self.marks / name).read_bytes()) >= nth, f"{name}: it died elsewhere"

    def go(self, name, nth):
        if name in FIRST_START:
            self.first_start(name, nth)
        elif name in STARTING:
            self.starting(name, nth)
        elif name in STOPPING:
            self.stopping(name, nth)
        else:
            self.working(name, nth)

    def starting(self, name, nth):
        self.start()
        assert self.scene.leave_work()
        self.daemon.kill9()
        self.arm(name, nth)
        self.daemon.spawn()
        self.died(name, nth)

    def first_start(self, name, nth):
        """A gateway that ends while it makes its folder for the first time."""
        fresh = Visit(self.folder / name, self.make)
        fresh.arm(name, nth)
        fresh.daemon.spawn()
        fresh.died(name, nth)
        fresh.start()
        fresh.scene.prepare()
        assert fresh.scene.play()
        fresh.scene.finish()
        fresh.scene.close()

    def come_up(self):
        """Ready, or at its end already: what was left goes on as soon as it starts."""
        self.daemon.spawn()
        until(lambda: self.daemon.process.poll() is not None or self.daemon.answers(), 30, "it is ready")
        with contextlib.suppress(*crash_scene.GONE):
            self.scene.look()

    def stopping(self, name, nth):
        self.arm(name, nth)
        self.daemon.start()
        self.scene.look()
        assert self.scene.leave_work()
        self.daemon.process.terminate()
        self.died(name, nth)

    def working(self, name, nth):
        self.arm(name, nth)
        self.come_up()
        first = next((act for start, act in ACTS.items() if name.startswith(start)), None)
        for _ in range(5):
            if not (self.scene.play_password() if name in PASSWORD else self.scene.play(first)):
                break
        self.died(name, nth)

    def run(self, group):
        try:
            self.daemon.start()
            self.scene.prepare()
            self.daemon.kill9()
            for name, nth in group:
                self.go(name, nth)
            self.start()
            self.scene.look()
            self.scene.finish()
            assert self.daemon.stop() == 0
            self.daemon.check_store()
        finally:
            self.scene.close()
