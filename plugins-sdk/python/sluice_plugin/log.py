"""One line of JSON per event, to standard error: for people with grep, and for collectors."""

from __future__ import annotations

import datetime
import json
import sys
from typing import Any, Callable

Log = Callable[..., None]


def line(level: str, msg: str, **facts: Any) -> None:
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")
    entry = {"time": now.replace("+00:00", "Z"), "level": level, "msg": msg}
    entry.update((name, value) for name, value in facts.items() if value not in (None, ""))
    sys.stderr.write(json.dumps(entry, default=str) + "\n")
    sys.stderr.flush()


def silent(level: str, msg: str, **facts: Any) -> None:
    """For tests."""
