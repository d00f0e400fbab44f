"""5 and 6: durable acceptance. Admission is held, so nothing else happens."""

import os
import re
import shutil
import subprocess

from common.gateway import Gateway
from common.goal import TURNS, Figure, Group, in_turn, mean_of
from common.programs import BenchError, Server, wait_until

FLIGHT, COMMITS = 64, "sluice_store_commit_seconds_count"
FLUSHES = ("fdatasync", "fsync", "msync")
O_DSYNC = 0o10000


class Front(Group):
    figures = (
        Figure(5, "durable accepts/s, 64 clients / durable echo", at_least=0.25),
        Figure(5, "durable accepts/s of Sluice", unit="1/s"),
        Figure(6, "flushes per durable accept, alone", at_most=2),
        Figure(6, "flushes per durable accept, 64 clients", at_most=0.5),
    )
    seconds = 8

    def __init__(self, build):
        super().__init__(build)
        self.jobs = (2000 if build.quick else 20000) // TURNS
        self.echo, self.gateway = Server(build, "echo", "@/port", "@/ring"), None
        try:
            self.gateway = Gateway(build)
            self.gateway.call("PUT", "/v1/admission/hold", {"reason": "bench"})
            self.gateway.load(500, FLIGHT, "accepted")
            self.flushes_a_commit = self.count_flushes()
        except BaseException:
            self.close()
            raise

    def commits(self, jobs, flight):
        before = self.gateway.metric(COMMITS)
        seconds, _, _ = self.gateway.load(jobs, flight, "accepted")
        return self.gateway.metric(COMMITS) - before, seconds

    def count_flushes(self):
        """How many flushes a commit is: system calls counted once, for tracing slows."""
        if not shutil.which("strace"):
            raise BenchError("goal 6 counts system calls with strace\n  next: apt install strace")
        pid, trace = self.gateway.process.pid, self.gateway.folder / "trace"
        process = subprocess.Popen(["strace", "-f", "-qq", "-p", str(pid), "-o", str(trace), "-e",
                                    "trace=fdatasync,fsync,msync,sync_file_range,pwrite64,pwritev,pwritev2,write"],
                                   stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: self.traced(pid), "strace has taken hold", 60)
            commits, _ = self.commits(40, 1)
        finally:
            process.terminate()
            process.wait(60)
        dsync = self.dsync_fds(pid)
        flushes = 0
        for line in trace.read_text(errors="replace").splitlines():
            call = re.match(r"\d+ +(\w+)\((\d+)?", line)
            if call and (call[1] in FLUSHES or (call[1].startswith(("pwrite", "write")) and
                                                (call[2] in dsync or "RWF_DSYNC" in line))):
                flushes += 1
        if not commits or not flushes:
            raise BenchError("no flush was seen: can strace trace here?")
        return flushes / commits

    @staticmethod
    def traced(pid):
        """All threads are."""
        return all("TracerPid:\t0" not in open(f"/proc/{pid}/task/{task}/status", encoding="ascii").read()
                   for task in os.listdir(f"/proc/{pid}/task"))

    @staticmethod
    def dsync_fds(pid):
        fds = set()
        for fd in os.listdir(f"/proc/{pid}/fdinfo"):
            with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii", errors="replace") as info:
                flags = re.search(r"flags:\s+(\d+)", info.read())
            if flags and int(flags[1], 8) & O_DSYNC:
                fds.add(fd)
        return fds

    def round(self):
        echo, ours = in_turn(lambda: self.build.numbers("load", self.echo.port, self.jobs, FLIGHT, "accepted"),
                             lambda: self.commits(self.jobs, FLIGHT))
        echo_s, together, ours_s = mean_of(echo, 0), mean_of(ours, 0), mean_of(ours, 1)
        alone = max(self.jobs // 10, 50)
        commits, _ = self.commits(alone, 1)
        return {"durable accepts/s, 64 clients / durable echo": echo_s / ours_s,
                "durable accepts/s of Sluice": self.jobs / ours_s,
                "flushes per durable accept, alone": commits * self.flushes_a_commit / alone,
                "flushes per durable accept, 64 clients": together * self.flushes_a_commit / self.jobs}

    def close(self):
        if self.gateway:
            self.gateway.close()
        self.echo.close()
