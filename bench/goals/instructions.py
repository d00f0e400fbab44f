"""A guard beside the goals: instructions of the gateway per job, counted by callgrind.

Steady to a percent or two where times are not. Few jobs at a time (8), so that
batches hardly depend on the machine's mood."""

import glob
import re
import shutil
import subprocess

from common.gateway import FIVE, Gateway
from common.goal import Figure, Group
from common.programs import BenchError, plugin


class Instructions(Group):
    figures = (Figure(20, "thousand instructions per job, 8 in flight"),)
    seconds = 40
    rounds = 1

    def __init__(self, build):
        super().__init__(build)
        if not shutil.which("valgrind"):
            raise BenchError("instructions are counted by callgrind\n  next: apt install valgrind, or leave out goal 20")
        self.jobs = 100 if build.quick else 400
        self.plugin, self.gateway = plugin(build), None
        self.out = build.fresh("callgrind")
        try:
            self.gateway = Gateway(build, config=("limits:", "  connections: 32", "store:", "  size_max: 1GiB"), prefix=(
                "valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={self.out}/out"))
            self.gateway.register_stages(FIVE, self.plugin.port)
            self.gateway.load(100, 8)
        except BaseException:
            self.close()
            raise

    def control(self, *words):
        subprocess.run(["callgrind_control", *words, str(self.gateway.process.pid)], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120)

    def round(self):
        self.control("-z")
        self.gateway.load(self.jobs, 8)
        self.control("-d")
        total = 0
        for path in glob.glob(f"{self.out}/out*"):
            with open(path, encoding="utf-8", errors="replace") as file:
                found = re.search(r"^(?:totals|summary): (\d+)", file.read(), re.M)
            total += int(found[1]) if found else 0
        if not total:
            raise BenchError("callgrind wrote no counts")
        return {"thousand instructions per job, 8 in flight": total / self.jobs / 1000}

    def close(self):
        if self.gateway:
            self.gateway.close()
        self.plugin.close()
