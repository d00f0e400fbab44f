"""18: what bad plugins cost the jobs that do not use them."""

import json
import threading

from common.gateway import FIVE, Gateway
from common.goal import TURNS, Figure, Group, in_turn, mean_of
from common.programs import BenchError, plugin, wait_until

FLIGHT, HUNG, BAD = 64, 64, ("hang", "slow", "flaky")
PAUSE_S = 0.05  # between two jobs for the slow and for the flaky plugin


def kind_of(manner):
    return manner.title() + "Kind"


class Neighbours(Group):
    """Good jobs in turn while nothing else happens, and while 64 jobs hang at a plugin and some
    tens a second go to one that takes 500 ms and to one that answers every second call 503:
    few, for what is measured is what they hold up, not the processor time of their calls."""
    figures = (Figure(18, "jobs/s beside bad plugins / without", at_least=0.95),)
    seconds = 12

    def __init__(self, build):
        super().__init__(build)
        self.jobs = (1000 if build.quick else 6000) // TURNS
        self.plugin, self.bad, self.gateway = plugin(build), plugin(build), None
        try:
            self.gateway = Gateway(build)
            self.gateway.register_stages(FIVE, self.plugin.port)
            for manner in BAD:
                self.gateway.register(manner, [
                    {"pluginType": "TemplateTranslator",
                     "callAddress": f"http://127.0.0.1:{self.plugin.port}/now/translate"},
                    {"pluginType": "AccessGate", "timeoutMs": 60000,
                     "callAddress": f"http://127.0.0.1:{self.bad.port}/{manner}/gate"}], kind_of(manner))
            self.gateway.load(200, FLIGHT)
        except BaseException:
            self.close()
            raise

    def trickle(self, stop):
        """Jobs for the slow and the flaky one, in a thread with a connection of its own."""
        beside, self.trickled = self.gateway.beside(), False
        while not stop.wait(PAUSE_S):
            for manner in ("slow", "flaky"):
                job = {"kind": kind_of(manner)}
                answer = beside("POST", "/v1/job", json.dumps({"userID": "bench", "jobName": "bad",
                                                               "jobKind": job["kind"], "job": job}))
                if b"SUCCEEDED" not in answer[:40]:
                    return
        self.trickled = True

    def without(self):
        return self.gateway.load(self.jobs, FLIGHT)

    def beside(self):
        self.gateway.load(HUNG, 16, "accepted", kind_of("hang"))
        stop = threading.Event()
        thread = threading.Thread(target=self.trickle, args=(stop,))
        thread.start()
        try:
            numbers = self.gateway.load(self.jobs, FLIGHT)
        finally:
            stop.set()
            thread.join()
        if not self.trickled:
            raise BenchError("jobs for the bad plugins were refused")
        self.stop_hung()
        return numbers

    def round(self):
        without, beside = in_turn(self.without, self.beside)
        return {"jobs/s beside bad plugins / without": mean_of(without, 0) / mean_of(beside, 0)}

    def stop_hung(self):
        unfinished = "state=preparing,suspended,waiting,running"
        for job in self.gateway.call("GET", f"/v1/job/list?kind={kind_of('hang')}&pageSize=1000&{unfinished}"):
            self.gateway.request("PUT", f"/v1/job/stop/{job['jobID']}", {})
        wait_until(lambda: self.gateway.call("GET", f"/v1/job/count?{unfinished}")["count"] == 0,
                   "jobs at bad plugins end")

    def close(self):
        if self.gateway:
            self.gateway.close()
        self.plugin.close()
        self.bad.close()
