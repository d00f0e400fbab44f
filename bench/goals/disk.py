"""16: what a finished job takes on disk, against its distinct documents."""

import json

from common.gateway import FIVE, Gateway
from common.goal import Figure, Group
from common.programs import plugin, wait_until

FLIGHT, BESIDE = 64, 1024
USED = "sluice_store_bytes_used"


class Disk(Group):
    """Once jobs that a translator makes TaskSets of, once jobs that are TaskSets, which
    decorator and binder add to. Distinct documents: what was submitted, the TaskSet where it
    did not begin as that, the factors. The store is fresh and each round fills it further."""
    figures = (
        Figure(16, "disk per translated job / (documents + 1 KB)", at_most=1.3),
        Figure(16, "disk per TaskSet job / (documents + 1 KB)", at_most=1.3),
        Figure(16, "bytes per translated job", unit="B"),
        Figure(16, "bytes per TaskSet job", unit="B"),
    )
    seconds = 10
    rounds = 3

    def __init__(self, build):
        super().__init__(build)
        self.jobs = 500 if build.quick else 5000
        self.plugin, self.gateway = plugin(build), None
        try:
            self.gateway = Gateway(build)
            self.gateway.register_stages(FIVE, self.plugin.port)
            self.gateway.register_stages(FIVE[1:], self.plugin.port, kind="TaskSet")
            for kind in ("Bench", "TaskSet"):
                self.gateway.load(200, FLIGHT, "ended", kind)
        except BaseException:
            self.close()
            raise

    def documents(self, kind):
        job = self.gateway.call("GET", f"/v1/job/list?kind={kind}&pageSize=1")[0]["jobID"]
        submitted = len(self.gateway.request("GET", f"/v1/job/config/{job}"))
        taskset = self.gateway.call("GET", f"/v1/job/taskset/{job}")
        written = len(json.dumps(taskset, separators=(",", ":")))
        factors = len(json.dumps({"priority": [{"topic": "priority", "advice": "10", "reason": "0" * 3300}]}))
        return submitted + factors + (written if kind != "TaskSet" else written - submitted)

    def per_job(self, kind):
        before = self.settled()
        self.gateway.load(self.jobs, FLIGHT, "ended", kind)
        return (self.settled() - before) / self.jobs

    def settled(self):
        """Bytes that are used, once what is written behind is there: two looks say the same."""
        seen = [-1.0]

        def same():
            seen.append(self.gateway.metric(USED))
            return seen[-1] == seen[-2]
        wait_until(same, "the store is at rest", 30, 0.5)
        return seen[-1]

    def round(self):
        found = {}
        for kind, name in (("Bench", "translated"), ("TaskSet", "TaskSet")):
            size = self.per_job(kind)
            found[f"bytes per {name} job"] = size
            found[f"disk per {name} job / (documents + 1 KB)"] = size / (self.documents(kind) + BESIDE)
        return found

    def close(self):
        if self.gateway:
            self.gateway.close()
        self.plugin.close()
