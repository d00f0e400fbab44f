"""8 to 10: finding a job's plugins, against every selector one after another."""

import json

from common.goal import Figure, Group

SIZES = {100: 2, 1000: 5, 10000: 50}  # registered selectors, most microseconds


class Selectors(Group):
    """All in one program (bench/c/selectors.c), which makes rounds of its own and gives medians."""
    figures = (
        *(Figure(8, f"us to find a job's plugins of {n}", at_most=most, unit="us") for n, most in SIZES.items()),
        Figure(9, "naive / index, 10 000 registered", at_least=40),
        Figure(10, "us of an evaluation of a hostile pattern, typical", at_most=1000, unit="us"),
        Figure(10, "us of an evaluation of a hostile pattern, worst", at_most=5000, unit="us"),
    )
    seconds = 30

    def round(self):
        words = self.build.run("selectors", "--json", *(["--quick"] if self.build.quick else []))
        found = json.loads(" ".join(words))
        rows = {row["selectors"]: row for row in found["rows"]}
        figures = {f"us to find a job's plugins of {n}": rows[n]["index_us"] for n in SIZES if n in rows}
        if max(SIZES) in rows:
            figures["naive / index, 10 000 registered"] = rows[max(SIZES)]["naive_over_index"]
        figures["us of an evaluation of a hostile pattern, typical"] = found["hostile"]["typical_us"]
        figures["us of an evaluation of a hostile pattern, worst"] = found["hostile"]["worst_us"]
        return figures
