"""7: a job that meets 6 factors, 3 gates and 6 decorators, against its 17 POSTs in a row."""

from common.gateway import SEVENTEEN, Gateway
from common.goal import TURNS, Figure, Group, in_turn, mean_of
from common.programs import plugin

FLIGHT = 64


class Fanout(Group):
    figures = (
        Figure(7, "jobs/s of 17 plugins, 64 in flight / bare", at_least=0.5),
        Figure(7, "p50 of 17 plugins that think 1 ms / bare in a row", at_most=0.6),
    )
    seconds = 15

    def __init__(self, build):
        super().__init__(build)
        self.jobs = (400 if build.quick else 3000) // TURNS
        self.alone = (20 if build.quick else 100) // TURNS
        self.plugin, self.gateway = plugin(build), None
        self.ring = build.fresh("bare") / "ring"
        try:
            self.gateway = Gateway(build)
            self.gateway.register_stages(SEVENTEEN, self.plugin.port, "now", "Wide")
            self.gateway.register_stages(SEVENTEEN, self.plugin.port, "think", "Thinks")
            self.gateway.load(100, FLIGHT, "ended", "Wide")
        except BaseException:
            self.close()
            raise

    def bare(self, jobs, flight, manner):
        return self.build.numbers("bare", self.plugin.port, jobs, flight, self.ring, manner, "wide")

    def round(self):
        load = self.gateway.load
        bare, ours = in_turn(lambda: self.bare(self.jobs, FLIGHT, "now"),
                             lambda: load(self.jobs, FLIGHT, "ended", "Wide"))
        in_a_row, thinks = in_turn(lambda: self.bare(self.alone, 1, "think"),
                                   lambda: load(self.alone, 1, "ended", "Thinks"))
        return {"jobs/s of 17 plugins, 64 in flight / bare": mean_of(bare, 0) / mean_of(ours, 0),
                "p50 of 17 plugins that think 1 ms / bare in a row": mean_of(thinks, 2) / mean_of(in_a_row, 2)}

    def close(self):
        if self.gateway:
            self.gateway.close()
        self.plugin.close()
