#!/usr/bin/env python3
"""Measures Sluice against its goals, side by side with the least that any program could do.

Each round measures everything that is set against another in turn, so that a machine whose
speed moves harms no ratio. The figures and the method: doc/performance.md. The machine should
be idle otherwise. Data lies in a temporary folder on the disk of the build.
"""

import argparse
import pathlib
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from common import plot, programs, report  # noqa: E402
from goals import GROUPS  # noqa: E402

QUICK_ROUNDS, ROUNDS = 1, 5


class Progress:
    """What is being done and how long the rest may take, on standard error."""

    def __init__(self, groups, rounds):
        self.left = {group: min(rounds, group.rounds or rounds) for group in groups}
        self.took = {group: group.seconds for group in groups}

    def rest(self):
        seconds = sum(self.took[group] * left for group, left in self.left.items())
        return f"about {seconds / 60:.0f} min left" if seconds >= 90 else f"about {seconds:.0f} s left"

    def begin(self, group, number, rounds):
        goals = ",".join(str(goal) for goal in sorted(group.goals()))
        print(f"bench: goal {goals}, round {number + 1} of {rounds}, {self.rest()}", file=sys.stderr,
              flush=True)

    def end(self, group, seconds):
        self.took[group] = seconds
        self.left[group] -= 1


def goal_list(text):
    goals = {int(word) for word in text.split(",")}
    known = set().union(*(group.goals() for group in GROUPS))
    if goals - known:
        raise argparse.ArgumentTypeError(f"no goal {min(goals - known)}; there are "
                                         f"{', '.join(map(str, sorted(known)))}")
    return goals


def arguments():
    parser = argparse.ArgumentParser(prog="sluicectl bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--goals", type=goal_list, help="only these: 1,2,5 (default: all)")
    parser.add_argument("--rounds", type=int, help=f"how often (default {ROUNDS}; with --quick {QUICK_ROUNDS})")
    parser.add_argument("--quick", action="store_true", help="fewer jobs and rounds: does it all work?")
    parser.add_argument("--build", type=pathlib.Path, default="build-rel", help="a release build")
    parser.add_argument("--json", metavar="FILE", help="write all rounds there")
    parser.add_argument("--against", metavar="FILE", help="compare with an earlier --json")
    parser.add_argument("--plot", metavar="FILE.svg", help="draw how far each figure is from its goal")
    options = parser.parse_args()
    if options.rounds is not None and not 1 <= options.rounds <= 1000:
        parser.error("--rounds: 1 to 1000")
    options.rounds = options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS)
    return options


def measure(groups, build, rounds, result):
    progress = Progress(groups, rounds)
    for group in groups:
        most = progress.left[group]
        measured = None
        try:
            for number in range(most):
                progress.begin(group, number, most)
                began = time.monotonic()
                measured = measured or group(build)
                result.add(group.figures, measured.round())
                progress.end(group, time.monotonic() - began)
        finally:
            if measured:
                measured.close()


def run(options):
    path = options.build.resolve()
    programs.check_build(path)
    kind = programs.build_type(path)
    if kind != "release":
        print(f"bench: {path} is a {kind} build: figures of a release build are meant", file=sys.stderr)
    earlier = report.read_medians(options.against) if options.against else None
    groups = [group for group in GROUPS if not options.goals or group.goals() & options.goals]
    result = report.Report(path, HERE)
    with tempfile.TemporaryDirectory(dir=path, prefix="bench-") as folder:
        build = programs.Build(path, pathlib.Path(folder), options.quick)
        try:
            measure(groups, build, options.rounds, result)
        finally:
            if result.values:
                result.print_table(earlier)
                if options.json:
                    result.write(options.json)
    if options.plot:
        plot.draw(result, options.plot, earlier)
    missed = len(result.missed())
    print(f"\n{missed} of {sum(bool(f.wanted()) for f, _ in result.rows())} goals missed"
          + (" (a quick run: too short to believe)" if options.quick else ""))


def main():
    try:
        run(arguments())
    except programs.BenchError as error:
        sys.exit(f"bench: {error}")
    except KeyboardInterrupt:
        sys.exit("bench: interrupted")


if __name__ == "__main__":
    main()
