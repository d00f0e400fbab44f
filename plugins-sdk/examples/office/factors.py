"""Two FactorGenerators about one topic, `priority`: who asks, and how much is asked for.

They know nothing of each other; whoever binds the job weighs what they say.
"""

import json
import os
import threading

import taskset
from sluice_plugin import factor


class UserLevel:
    """Priority by the user's level, from a table in a file that may change at any time:

    {"levels": {"admin": 10, "staff": 5, "guest": 1}, "users": {"ann": "admin"}, "default": "guest"}

    The level comes from the table and not from the job's header, which is the
    submitter's own claim.
    """

    def __init__(self, path):
        self.path = path
        self.lock = threading.Lock()
        self.stamp, self.table = None, None
        self.read()

    def read(self):
        with self.lock:
            status = os.stat(self.path)
            stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
            if stamp != self.stamp:
                with open(self.path, encoding="utf-8") as file:
                    self.table = check_levels(json.load(file), self.path)
                self.stamp = stamp
            return self.table

    def __call__(self, call):
        table = self.read()
        level = table["users"].get(call.user, table["default"])
        return factor("priority", str(table["levels"][level]), f"user is {level}")


def check_levels(table, path):
    levels, users = table["levels"], table["users"]
    for name in [*users.values(), table["default"]]:
        if not isinstance(levels.get(name), int):
            raise ValueError(f"{path}: level {name!r} has no whole number under levels")
    return table


SIZES = [  # up to so many replicas, cpus, bytes
    ("small", 4, 4, 8 * 2**30, 4),
    ("medium", 32, 64, 128 * 2**30, 2),
]


def job_size(call):
    """Small jobs first: they finish soon and hold up nobody."""
    replicas, cpus, memory = taskset.size(call.job)
    name, advice = "large", 0
    for size_name, replicas_max, cpus_max, memory_max, size_advice in SIZES:
        if replicas <= replicas_max and cpus <= cpus_max and memory <= memory_max:
            name, advice = size_name, size_advice
            break
    asked = f"{replicas} replica{'' if replicas == 1 else 's'}, {cpus.normalize():f} cpu"
    if memory:
        asked += f", {memory / 2**20:.0f} MiB"
    return factor("priority", str(advice), f"a {name} job: {asked}")
