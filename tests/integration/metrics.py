"""Reads the Prometheus text format, as far as ours goes."""

import re

SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')


class Metrics:
    def __init__(self, text):
        self.types, self.samples = {}, []
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                name, kind = line.split()[2:4]
                self.types[name] = kind
            elif not line.startswith("#"):
                name, labels, value = SAMPLE.match(line).groups()
                self.samples.append((name, dict(LABEL.findall(labels or "")), float(value)))

    def names(self):
        """As they are declared; a histogram's once."""
        return set(self.types)

    def series(self):
        """As they are asked for: a histogram's three."""
        found = set()
        for name, kind in self.types.items():
            found |= {name + end for end in ("_bucket", "_sum", "_count")} \
                if kind == "histogram" else {name}
        return found

    def value(self, name, **labels):
        """Of the one sample with exactly these labels, or None."""
        for one, have, value in self.samples:
            if one == name and have == labels:
                return value
        return None


def of(api):
    reply = api.get("/metrics")
    assert reply.status == 200, reply
    assert reply.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return Metrics(reply.raw.decode())
