"""13 and 14: what a large store costs: a restart, and reading lists, counts and details.

Two stores of the same kind, 1 000 jobs and 1 000 000, a fifth of them suspended; built by
bench/c/fill.c through the gateway's own ledger."""

import statistics
import sys
import time

from common.gateway import Gateway
from common.goal import Figure, Group
from common.programs import BenchError

JOB = {"userID": "bench", "jobName": "one", "jobKind": "TaskSet", "job": {
    "kind": "TaskSet", "metadata": {"name": "one"}, "spec": {"engine": "null", "roles": [
        {"name": "main", "template": {"spec": {"containers": [{"name": "main", "command": ["true"]}]}}}]}}}
ASKS, FEW = 60, 1000
READS = {"list page": "/v1/job/list?pageSize=20", "list page of a state": "/v1/job/list?state=suspended&pageSize=20",
         "list page without a match": "/v1/job/list?state=succeeded&name=nobody&pageSize=20",
         "count by state": "/v1/job/count?state=suspended",
         "count grouped": "/v1/job/count?groupBy=state,reasonCode"}


class Scale(Group):
    figures = (
        Figure(13, "seconds from start to first accept, large store", at_most=0.5, unit="s"),
        Figure(13, "seconds from start to first accept, small store", unit="s"),
        *(Figure(14, f"{name}, large store / small", at_most=2) for name in (*READS, "detail")),
    )
    seconds = 20

    def __init__(self, build):
        super().__init__(build)
        self.many = 100_000 if build.quick else 1_000_000
        self.sides = []
        try:
            for jobs in (FEW, self.many):
                self.sides.append(self.filled(jobs))
        except BaseException:
            self.close()
            raise

    def filled(self, jobs):
        gateway = Gateway(self.build)
        gateway.stop()
        if jobs > FEW:
            print(f"bench: building a store of {jobs} jobs", file=sys.stderr, flush=True)
        self.build.run("fill", gateway.data / "store", jobs, jobs // 5, timeout=3600)
        gateway.start()
        return gateway

    def restart(self, gateway):
        """From the start of the process to the answer to the first submission."""
        gateway.stop()
        began = time.monotonic()
        gateway.start()
        if b"SUCCEEDED" not in gateway.request("POST", "/v1/job", JOB)[:40]:
            raise BenchError("the first submission after a restart was refused")
        return time.monotonic() - began

    def read(self, path):
        """Median in turn: small, large."""
        times = ([], [])
        for _ in range(ASKS):
            for gateway, took in zip(self.sides, times):
                began = time.perf_counter()
                answer = gateway.request("GET", path if isinstance(path, str) else path[gateway])
                took.append(time.perf_counter() - began)
                if b"OPERATION_SUCCEEDED" not in answer[:200]:
                    raise BenchError(f"GET {path}: {answer[:300]!r}")
        return [statistics.median(took) for took in times]

    def round(self):
        small, large = (self.restart(gateway) for gateway in self.sides)
        found = {"seconds from start to first accept, large store": large,
                 "seconds from start to first accept, small store": small}
        detail = {gateway: "/v1/job/detail/" + gateway.call("GET", "/v1/job/list?state=succeeded&pageNumber=5")[0]["jobID"]
                  for gateway in self.sides}
        for name, path in {**READS, "detail": detail}.items():
            few, many = self.read(path)
            found[f"{name}, large store / small"] = many / few
        return found

    def close(self):
        for gateway in self.sides:
            gateway.close()
