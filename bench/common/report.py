"""The table, the file of figures, the comparison with an earlier one."""

import datetime
import json
import os
import pathlib
import platform
import subprocess

from common.goal import summary
from common.programs import BenchError, build_type

FORMAT = 1


def number(value):
    """Four digits are enough."""
    if value is None:
        return "-"
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2 if abs(value) >= 10 else 3
    return f"{value:.{digits}f}"


def commit_of(source):
    def git(*words):
        return subprocess.run(["git", "-C", str(source), *words], capture_output=True, text=True).stdout.strip()
    commit = git("rev-parse", "--short=12", "HEAD")
    return commit + ("+changes" if commit and git("status", "--porcelain", "-uno") else "") if commit else None


def machine():
    model = next((line.split(":", 1)[1].strip() for line in
                  pathlib.Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    return {"cpu": model, "cores": len(os.sched_getaffinity(0)), "kernel": platform.release(),
            "load": os.getloadavg()[0]}


class Report:
    def __init__(self, build, source):
        self.head = {"format": FORMAT, "commit": commit_of(source), "build": build_type(build),
                     "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
                     "machine": machine()}
        self.figures, self.values = {}, {}

    def add(self, figures, round_of):
        for figure in figures:
            if figure.name in round_of:
                self.figures[figure.name] = figure
                self.values.setdefault(figure.name, []).append(round_of[figure.name])
        unknown = set(round_of) - set(self.values)
        if unknown:
            raise BenchError(f"not declared: {', '.join(sorted(unknown))}")

    def rows(self):
        """(figure, values), by goal."""
        return sorted(((self.figures[name], values) for name, values in self.values.items()),
                      key=lambda row: row[0].goal)

    def missed(self):
        return [figure for figure, values in self.rows() if figure.met(summary(values)[1]) is False]

    def print_table(self, earlier=None):
        width = max([len(figure.name) for figure, _ in self.rows()] + [10])
        head = f"{'goal':>4}  {'figure':{width}} {'min':>9} {'median':>9} {'max':>9}  {'wanted':9} {'met':3}"
        print(head + (f" {'earlier':>9} {'change':>7}" if earlier else ""))
        for figure, values in self.rows():
            least, median, most = summary(values)
            met = {True: "yes", False: "NO", None: ""}[figure.met(median)]
            line = (f"{figure.goal:>4}  {figure.name:{width}} {number(least):>9} {number(median):>9} "
                    f"{number(most):>9}  {figure.wanted():9} {met:3}")
            if earlier:
                old = earlier.get(figure.name)
                change = f"{(median / old - 1) * 100:+.0f} %" if old else ""
                line += f" {number(old):>9} {change:>7}"
            print(line.rstrip())

    def document(self):
        return {**self.head, "figures": [
            {"goal": figure.goal, "name": figure.name, "unit": figure.unit, "at_most": figure.at_most,
             "at_least": figure.at_least, "median": summary(values)[1],
             "met": figure.met(summary(values)[1]), "rounds": values} for figure, values in self.rows()]}

    def write(self, path):
        pathlib.Path(path).write_text(json.dumps(self.document(), indent=1) + "\n", encoding="utf-8")


def read_medians(path):
    """{name: median} of an earlier file."""
    try:
        document = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
        if document["format"] != FORMAT:
            raise BenchError(f"{path}: written by another version of the bench")
        return {figure["name"]: figure["median"] for figure in document["figures"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BenchError(f"{path}: not a file of figures: {error}\n"
                         "  next: make one with --json FILE") from error
