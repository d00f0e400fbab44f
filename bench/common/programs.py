"""The bench's programs in C, and how they are run."""

import http.client
import json
import os
import pathlib
import shutil
import subprocess
import time

NAMES = ("plugin", "bare", "echo", "load", "hooks", "spawn", "flush", "fill", "selectors")
TICK = os.sysconf("SC_CLK_TCK")


class BenchError(Exception):
    """What went wrong, in words for the one who runs the bench."""


def wait_until(condition, what, seconds=60, pause=0.02):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise BenchError(f"{what}: not within {seconds} s")
        time.sleep(pause)


def check_build(build):
    """Everything is there, or words that say how to make it."""
    needed = [build / "cli/sluiced", build / "cli/sluice-spawner", *(build / f"bench/bench-{name}" for name in NAMES)]
    missing = [path for path in needed if not path.exists()]
    if missing:
        raise BenchError(f"{missing[0]} is missing\n  next: ninja -C {build} bench"
                         f"   (a release build: meson setup --buildtype=release {build})")


def build_type(build):
    """What meson was told, or None."""
    try:
        options = json.loads((build / "meson-info/intro-buildoptions.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    found = {option["name"]: option["value"] for option in options}
    kind, sanitize = found.get("buildtype"), found.get("b_sanitize", "none")
    return kind if sanitize == "none" else f"{kind}, {sanitize}"


class Build:
    """A build folder and a temporary one on its disk."""

    def __init__(self, path, folder, quick):
        self.path, self.folder, self.quick = path, folder, quick
        self.sluiced = path / "cli/sluiced"
        self.count = 0

    def program(self, name):
        return self.path / f"bench/bench-{name}"

    def fresh(self, name):
        """A new folder."""
        self.count += 1
        folder = self.folder / f"{self.count}-{name}"
        folder.mkdir()
        return folder

    def run(self, name, *arguments, timeout=600):
        """A program's words on standard output."""
        done = subprocess.run([str(self.program(name)), *map(str, arguments)], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=timeout, text=True)
        if done.returncode:
            raise BenchError(f"bench-{name} failed: {done.stderr.strip()}")
        return done.stdout.split()

    def numbers(self, name, *arguments, timeout=600):
        return [float(word) for word in self.run(name, *arguments, timeout=timeout)]

    def server(self, name, *arguments):
        return Server(self, name, *arguments)

    def remove(self, folder):
        shutil.rmtree(folder, ignore_errors=True)


class Server:
    """One of our programs that listens."""

    def __init__(self, build, name, *arguments):
        folder = build.fresh(name)
        words = [str(build.program(name)), *(str(a).replace("@", str(folder)) for a in arguments)]
        self.process = subprocess.Popen(words)
        file = folder / "port"
        wait_until(lambda: file.exists() and file.read_text().endswith("\n"), f"bench-{name} listens")
        self.port = int(file.read_text())

    def ask(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("POST", path, b"")
        text = connection.getresponse().read().decode()
        connection.close()
        return text

    def cpu_s(self):
        return cpu_s(self.process.pid)

    def close(self):
        self.process.kill()
        self.process.wait()


def plugin(build):
    return Server(build, "plugin", "@/port")


def cpu_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK
