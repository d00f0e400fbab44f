"""What a function gives back, and the two ways in which it says that it cannot answer."""

from __future__ import annotations

import datetime
from typing import Any

OK = "OK"  #: a hook's answer: done
RE = "RE"  #: a hook's answer: tell me again later


class Refuse(Exception):
    """The job cannot be worked with: it fails, and its submitter reads these words.

    Name the place: Refuse("job.steps[0].name: must be a text").
    """


class Unavailable(Exception):
    """No answer can be given right now: the job waits, and the question comes again."""

    def __init__(self, words: str, seconds: int = 5) -> None:
        super().__init__(words)
        self.seconds = max(1, int(seconds))


def _answer(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def factor(topic: str, advice: str | float | bool, reason: str | None = None) -> dict[str, Any]:
    """One piece of advice. A FactorGenerator gives one, a list of them, or None."""
    return _answer(topic=topic, advice=advice, reason=reason)


def passed(reason: str | None = None) -> dict[str, Any]:
    """The job may go on. (`pass` is a word of Python's own.)"""
    return _answer(decision="pass", reason=reason)


def suspend(reason: str, *, code: str | None = None, retry_after: int | None = None,
            expires_at: datetime.datetime | str | None = None,
            ask_on_resume: bool = False) -> dict[str, Any]:
    """The job waits: until it is resumed, or for `retry_after` seconds; it ends at `expires_at`.

    A resumed job goes on behind this gate, or with `ask_on_resume` is asked about once more.
    """
    if isinstance(expires_at, datetime.datetime):
        if expires_at.tzinfo is None:
            raise ValueError("expires_at: needs a time zone")
        expires_at = expires_at.isoformat()
    return _answer(decision="suspend", reason=reason, reasonCode=code, retryAfterSec=retry_after,
                   expiresAt=expires_at, onResume="ask" if ask_on_resume else None)


def stop(reason: str, *, code: str | None = None) -> dict[str, Any]:
    """The job ends here, for good."""
    return _answer(decision="stop", reason=reason, reasonCode=code)


def exception(words: str = "") -> str:
    """A hook's answer: do not tell me again; the words are kept for whoever looks after it."""
    return ("EX " + " ".join(words.split())).rstrip()
