"""1 to 4: the way of one job of five plugins, against bare."""

from common.gateway import FIVE, Gateway
from common.goal import TURNS, Figure, Group, in_turn, mean_of
from common.programs import plugin

FLIGHT = 64


class Pair:
    """A gateway with its plugin: the least and ours, with the same jobs."""

    def __init__(self, build):
        self.build, self.plugin, self.gateway = build, plugin(build), None
        self.ring = build.fresh("bare") / "ring"
        try:
            self.gateway = Gateway(build)
            self.gateway.register_stages(FIVE, self.plugin.port)
            self.gateway.load(200, FLIGHT)
        except BaseException:
            self.close()
            raise

    def bare(self, jobs, flight, *more):
        return self.build.numbers("bare", self.plugin.port, jobs, flight, self.ring, *more)

    def gap_us(self):
        """Median between an answer and the job's next call, since it was last asked for."""
        return float(self.plugin.ask("/gaps")) / 1000

    def close(self):
        if self.gateway:
            self.gateway.close()
        self.plugin.close()


class Path(Group):
    figures = (
        Figure(1, "jobs/s, 64 in flight / bare", at_least=0.5),
        Figure(2, "CPU per job, 64 in flight / bare", at_most=2.5),
        Figure(3, "p50 of a job, one at a time / bare", at_most=3),
        Figure(4, "us from answer to next call, less bare's", at_most=25, unit="us"),
        Figure(1, "jobs/s of Sluice", unit="1/s"),
        Figure(2, "CPU us per job of Sluice", unit="us"),
        Figure(3, "us of a job of Sluice, one at a time", unit="us"),
    )
    seconds = 12

    def __init__(self, build):
        super().__init__(build)
        self.jobs = (1000 if build.quick else 6000) // TURNS
        self.alone = (60 if build.quick else 300) // TURNS
        self.pair = Pair(build)

    def bare(self):
        return self.pair.bare(self.jobs, FLIGHT)[:2]

    def ours(self):
        cpu = self.pair.gateway.cpu_s()
        seconds, _, _ = self.pair.gateway.load(self.jobs, FLIGHT)
        return seconds, self.pair.gateway.cpu_s() - cpu

    def alone_with(self, run):
        """p50 of a job and of its gaps, one at a time."""
        self.pair.gap_us()
        _, _, p50 = run(self.alone, 1)
        return p50, self.pair.gap_us()

    def round(self):
        bare, ours = in_turn(self.bare, self.ours)
        bare_s, bare_cpu, ours_s, cpu = (mean_of(side, i) for side in (bare, ours) for i in (0, 1))
        bare, ours = in_turn(lambda: self.alone_with(self.pair.bare),
                             lambda: self.alone_with(self.pair.gateway.load))
        bare_p50, bare_gap, p50, gap = (mean_of(side, i) for side in (bare, ours) for i in (0, 1))
        return {"jobs/s, 64 in flight / bare": bare_s / ours_s,
                "CPU per job, 64 in flight / bare": cpu / max(bare_cpu, 1e-9),
                "p50 of a job, one at a time / bare": p50 / bare_p50,
                "us from answer to next call, less bare's": gap - bare_gap,
                "jobs/s of Sluice": self.jobs / ours_s,
                "CPU us per job of Sluice": cpu / self.jobs * 1e6,
                "us of a job of Sluice, one at a time": p50}

    def close(self):
        self.pair.close()
