"""11: `true` from submit to finished, against posix_spawn and wait between two flushes."""

import statistics

from common.gateway import Gateway
from common.goal import TURNS, Figure, Group, in_turn


class Engine(Group):
    figures = (
        Figure(11, "true, submit to finished / spawn", at_most=3),
        Figure(11, "us of spawn", unit="us"),
        Figure(11, "us of true by Sluice", unit="us"),
    )
    seconds = 4

    def __init__(self, build):
        super().__init__(build)
        self.jobs = (30 if build.quick else 100) // TURNS
        self.log = build.fresh("spawn") / "ring"
        self.gateway = Gateway(build)
        self.ours()

    def least(self):
        return statistics.median(self.build.numbers("spawn", self.jobs, self.log))

    def ours(self):
        """To the event of its end, which is on disk then."""
        _, _, p50 = self.gateway.load(self.jobs, 1, "ended", "true")
        return p50

    def round(self):
        least, ours = map(statistics.fmean, in_turn(self.least, self.ours))
        return {"true, submit to finished / spawn": ours / least, "us of spawn": least,
                "us of true by Sluice": ours}

    def close(self):
        self.gateway.close()
