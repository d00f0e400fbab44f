"""17: 1 to 5 with 10 000 features registered, against the same with 10."""

from common.gateway import FIVE, Gateway
from common.goal import TURNS, Figure, Group, in_turn
from common.programs import plugin, wait_until

FLIGHT, FEW = 64, 10


class Side:
    """A gateway with so many features beside the one that jobs meet."""

    def __init__(self, build, plug, features):
        self.plugin = plug
        self.gateway = Gateway(build)
        for number in range(features):
            self.gateway.call("POST", "/v1/features", self.feature(number))
        self.gateway.register_stages(FIVE, plug.port)
        self.gateway.load(200, FLIGHT)

    @staticmethod
    def feature(number):
        """Conditions as people write them: one key decides, some values are patterns."""
        expect = f"team-{number}" if number % 2 else f"/^team-{number}-[a-z]+$/"
        return {"name": f"f{number}", "author": "bench", "enabled": True,
                "jobSelector": {"conditions": [{"name": "a", "key": "team", "expect": expect},
                                               {"name": "b", "key": "userID", "expect": f"user{number}"},
                                               {"name": "c", "key": "jobKind", "expect": "Bench"}],
                                "expression": "a && b && c"},
                "plugins": [{"pluginType": "AccessGate", "callAddress": "http://127.0.0.1:9/never"}]}

    def measure(self, jobs, alone):
        """Seconds: each the less, the better."""
        cpu = self.gateway.cpu_s()
        seconds, _, _ = self.gateway.load(jobs, FLIGHT)
        cpu = self.gateway.cpu_s() - cpu
        self.plugin.ask("/gaps")
        _, _, p50 = self.gateway.load(alone, 1)
        gap = float(self.plugin.ask("/gaps"))
        self.gateway.call("PUT", "/v1/admission/hold", {"reason": "bench"})
        accepts, _, _ = self.gateway.load(jobs, FLIGHT, "accepted", "Held")
        self.gateway.call("PUT", "/v1/admission/release", {})
        wait_until(lambda: self.gateway.call("GET", "/v1/job/count?state=preparing")["count"] == 0,
                   "held jobs are through", 120)
        return {"jobs/s": seconds, "CPU per job": cpu, "p50": p50, "gap": gap, "accepts/s": accepts}


class Wide(Group):
    figures = tuple(Figure(17, f"{name}, 10 000 features / 10 (1: as good)", at_least=0.9)
                    for name in ("jobs/s", "CPU per job", "p50", "gap", "accepts/s"))
    seconds = 15

    def __init__(self, build):
        super().__init__(build)
        self.jobs, self.alone = (n // TURNS for n in ((500, 40) if build.quick else (4000, 200)))
        self.plugin, self.sides = plugin(build), []
        try:
            for features in (FEW, 1000 if build.quick else 9990):
                self.sides.append(Side(build, self.plugin, features))
        except BaseException:
            self.close()
            raise

    def round(self):
        few, many = in_turn(*(lambda side=side: side.measure(self.jobs, self.alone) for side in self.sides))
        return {f"{name}, 10 000 features / 10 (1: as good)":
                sum(one[name] for one in few) / sum(one[name] for one in many) for name in few[0]}

    def close(self):
        for side in self.sides:
            side.gateway.close()
        self.plugin.close()
