"""What is measured, and what it should be."""

import dataclasses
import statistics

TURNS = 4  # parts of a round


@dataclasses.dataclass(frozen=True)
class Figure:
    """A row of the table. `at_most` or `at_least` is the goal; neither: told, not judged."""
    goal: int
    name: str
    at_most: float | None = None
    at_least: float | None = None
    unit: str = ""

    def wanted(self):
        if self.at_most is not None:
            return f"<= {self.at_most:g}"
        return f">= {self.at_least:g}" if self.at_least is not None else ""

    def met(self, value):
        """None where there is no goal."""
        if self.at_most is not None:
            return value <= self.at_most
        return value >= self.at_least if self.at_least is not None else None


class Group:
    """Goals that are measured together. Made once (`build`), asked for `rounds`, closed.

    round() gives {figure: value}; figures that it leaves out were not measured in that
    round. Within one round everything that is set against another is measured in turn: in_turn().
    """
    figures: tuple = ()
    seconds = 10  # what a round takes, roughly: for the first estimate
    rounds = None  # how many at most; None: as many as are asked for

    def __init__(self, build):
        self.build = build

    def round(self):
        raise NotImplementedError

    def close(self):
        pass

    @classmethod
    def goals(cls):
        return {figure.goal for figure in cls.figures}


def in_turn(*measures, turns=TURNS):
    """What each of the measures gave, a list for each. All of them are taken so many times, every
    second time backwards: a machine that grows slower or faster meanwhile does so for all."""
    given = [[] for _ in measures]
    for turn in range(turns):
        for measure, to in list(zip(measures, given))[::-1 if turn % 2 else 1]:
            to.append(measure())
    return given


def mean_of(given, field):
    return statistics.fmean(one[field] for one in given)


def summary(values):
    return min(values), statistics.median(values), max(values)
