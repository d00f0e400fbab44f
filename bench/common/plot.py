"""The figures as a picture: how far each is from its goal. gnuplot draws it."""

import shutil
import subprocess

from common.goal import summary
from common.programs import BenchError

SCRIPT = """
set terminal svg size 1000,{height} dynamic background "white" font "sans,12"
set output {output}
set title {title}
set xlabel "of the goal (left of 1: met)"
set logscale x
set yrange [{top}:-0.7]
set ytics ({tics})
set grid x
set key outside bottom center horizontal
set arrow from 1,-0.7 to 1,{top} nohead lc rgb "#888888" lw 2
plot $now using 2:1:3:4 with xerrorbars lc rgb "#1f5fa8" lw 2 pt 7 ps 0.7 title "median, least and most"{earlier}
"""


def quoted(text):
    return "'" + str(text).replace("'", "''") + "'"


def share(figure, value):
    """1: exactly the goal; below: better."""
    if figure.at_most is not None:
        return value / figure.at_most
    return figure.at_least / value if value else None


def draw(report, path, earlier=None):
    if not shutil.which("gnuplot"):
        raise BenchError("--plot needs gnuplot\n  next: apt install gnuplot-nox")
    rows = [row for row in report.rows() if row[0].wanted() and summary(row[1])[0] > 0]
    now, old = [], []
    for at, (figure, values) in enumerate(rows):
        shares = sorted(share(figure, value) for value in values)
        now.append(f"{at} {share(figure, summary(values)[1]):.6g} {shares[0]:.6g} {shares[-1]:.6g}")
        if earlier and earlier.get(figure.name):
            old.append(f"{at} {share(figure, earlier[figure.name]):.6g}")
    tics = ", ".join(f"{quoted(f'{f.goal}: {f.name}')} {at}" for at, (f, _) in enumerate(rows))
    title = f"Sluice {report.head['commit'] or ''}, {report.head['date'][:10]}"
    script = "".join(f"${name} << END\n" + "\n".join(data) + "\nEND\n"
                     for name, data in (("now", now), ("old", old)) if data)
    script += SCRIPT.format(height=120 + 26 * len(rows), output=quoted(path), title=quoted(title),
                            top=len(rows) - 0.3, tics=tics,
                            earlier=', $old using 2:1 with points lc rgb "#d08020" pt 4 title "earlier"'
                            if old else "")
    done = subprocess.run(["gnuplot"], input=script, text=True, capture_output=True)
    if done.returncode:
        raise BenchError(f"gnuplot: {done.stderr.strip()}")
