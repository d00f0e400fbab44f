"""12: LifeHook deliveries against raw keep-alive POSTs of their size."""

from common.gateway import Gateway
from common.goal import Figure, Group
from common.programs import BenchError, Server, wait_until

STATES, FLIGHT, SUBSCRIBERS, CLIENTS, LAG_S = 4, 64, 100, 16, 5


class Hooks(Group):
    """Raw POSTs, 64 in flight; what is delivered of a backlog (four changes a job) once its
    subscriber goes on; the lag while jobs come at half that rate; the backlog once more for
    100 subscribers."""
    figures = (
        Figure(12, "deliveries/s to one subscriber / raw POSTs", at_least=0.15),
        Figure(12, "lag p99 at half that rate, ms", at_most=50, unit="ms"),
        Figure(12, "lag p50 at half that rate, ms", unit="ms"),
        Figure(12, "deliveries/s to 100 subscribers / raw POSTs"),
        Figure(12, "deliveries/s to one subscriber", unit="1/s"),
    )
    seconds = 25

    def __init__(self, build):
        super().__init__(build)
        self.jobs = 500 if build.quick else 5000
        self.subscriber, self.gateway = Server(build, "hooks", "subscriber", "@/port"), None
        try:
            self.gateway = Gateway(build)
        except BaseException:
            self.close()
            raise

    def register(self, name, count):
        address = f"http://127.0.0.1:{self.subscriber.port}/"
        self.gateway.register(name, [{"pluginType": "LifeHook", "callAddress": f"{address}{number}",
                                      "name": f"n{number}", "timeoutMs": 120000,
                                      "jobSelector": {"states": ["*", "preparing"]}} for number in range(count)])

    def delivered(self):
        return not any(self.gateway.call("GET", f"/v1/hooks/deliveries?pageSize=1&plugin={one['key']}")
                       for one in self.gateway.call("GET", "/v1/plugins/list/LifeHook"))

    def backlog(self, jobs):
        """How many deliveries, and how many of them a second once the subscriber goes on."""
        self.subscriber.ask("/hold")
        self.gateway.load(jobs, CLIENTS, "ended", "TaskSet")
        self.subscriber.ask("/go")
        wait_until(self.delivered, "all is delivered", 300)
        count, seconds, _, _ = self.subscriber.ask("/stats").split()
        return int(count), int(count) / float(seconds)

    def lag(self, per_s):
        self.gateway.load(int(per_s / STATES * LAG_S), CLIENTS, "accepted", "TaskSet", per_s / STATES)
        wait_until(self.delivered, "all is delivered", 60)
        _, _, p50, p99 = self.subscriber.ask("/stats").split()
        return int(p50) / 1000, int(p99) / 1000

    def many(self):
        parts = [f"many{part}" for part in range(2)]  # a feature holds 64 at most
        for part in parts:
            self.register(part, SUBSCRIBERS // len(parts))
        _, per_s = self.backlog(max(1, self.jobs // SUBSCRIBERS))
        for part in parts:
            self.gateway.call("DELETE", f"/v1/features/{part}")
        return per_s

    def round(self):
        count = self.jobs * STATES
        raw = count / self.build.numbers("hooks", "posts", self.subscriber.port, count, FLIGHT)[0]
        self.subscriber.ask("/stats")
        self.register("one", 1)
        delivered, one = self.backlog(self.jobs)
        if delivered != count:
            raise BenchError(f"{delivered} deliveries of {count}")
        p50, p99 = self.lag(one / 2)
        self.gateway.call("DELETE", "/v1/features/one")
        return {"deliveries/s to one subscriber / raw POSTs": one / raw, "lag p99 at half that rate, ms": p99,
                "lag p50 at half that rate, ms": p50, "deliveries/s to one subscriber": one,
                "deliveries/s to 100 subscribers / raw POSTs": self.many() / raw}

    def close(self):
        if self.gateway:
            self.gateway.close()
        self.subscriber.close()
