"""kill -9 at every named place, on the way from a promise to its keeping: the first half of the
table in core/base/crash.h; the other one is in test_crash_points_2.py."""

import subprocess

import crash_points
from harness import program


@crash_points.groups(0)
def test_ended_at_every_place(make_daemon, tmp_path_factory, group):
    crash_points.Visit(tmp_path_factory.mktemp("visit"), make_daemon).run(group)


def test_the_table_is_whole():
    """In a build with crash points every one is visited, in one half or the other."""
    done = subprocess.run([program("sluiced"), "--crash-points"], capture_output=True, text=True,
                          timeout=20, check=False)
    visited = {name for half in (0, 1) for group in crash_points.visits(half) for name, _ in group}
    assert set(done.stdout.split()) == visited
