"""One line of JSON per event, to standard error: for people with grep, and for collectors."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

Log = Callable[..., None]

BEHIND_S = 0.1     #: a line of level info is written so much later at most,
BEHIND_MAX = 4096  #: or with so many others
_encode = json.JSONEncoder(default=str).encode


_told = [(0, "")]  # the second that was told last, in words


def _stamp(now: float) -> str:
    second, text = _told[0]
    if second != int(now):
        second, text = int(now), time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
        _told[0] = second, text
    return f"{text}.{int(now % 1 * 1000):03d}Z"


def _format(level: str, msg: str, facts: dict[str, Any]) -> str:
    entry = {"time": _stamp(time.time()), "level": level, "msg": msg}
    for name, value in facts.items():
        if value is not None and value != "":
            entry[name] = value
    return _encode(entry) + "\n"


def line(level: str, msg: str, **facts: Any) -> None:
    """Written at once."""
    sys.stderr.write(_format(level, msg, facts))
    sys.stderr.flush()


def silent(level: str, msg: str, **facts: Any) -> None:
    """For tests."""


class Behind:
    """Lines of level info are written a little later, many at once: a write a call is a third of
    what a call costs. All others, and all before them, are written at once; close() writes the rest."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._lock = threading.Lock()     # for the list; nothing slow is done under it
        self._writing = threading.Lock()  # taken before the other: lines stay in their order
        self._some, self._closed = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._write_behind, daemon=True)
        self._thread.start()

    def line(self, level: str, msg: str, **facts: Any) -> None:
        text = _format(level, msg, facts)
        with self._lock:
            self._lines.append(text)
            count = len(self._lines)
        if level != "info" or count >= BEHIND_MAX or self._closed.is_set():
            self.flush()
        elif count == 1:
            self._some.set()

    def flush(self) -> None:
        with self._writing:
            with self._lock:
                lines, self._lines = self._lines, []
            sys.stderr.write("".join(lines))
            sys.stderr.flush()

    def _write_behind(self) -> None:
        while not self._closed.is_set():
            self._some.wait()
            self._closed.wait(BEHIND_S)
            self._some.clear()
            self.flush()

    def close(self) -> None:
        self._closed.set()
        self._some.set()
        self._thread.join()  # or it would write while the interpreter ends
        self.flush()
