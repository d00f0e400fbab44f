"""kill -9 at every named place, on the way from a promise to its keeping: the first half of the
table in core/base/crash.h; the other one is in test_crash_points_2.py, and places that a gateway
does not come to by itself are in test_crash_offline.py."""

import pytest

import crash_points


@crash_points.groups(0)
def test_ended_at_every_place(make_daemon, tmp_path_factory, group):
    crash_points.Visit(tmp_path_factory.mktemp("visit"), make_daemon).run(group)


def test_the_table_is_whole():
    """In a build with crash points every one is visited, in one half or the other."""
    listed = crash_points.listed()
    if not listed:
        pytest.skip("a build without crash points (-Dcrash_points=enabled has them)")
    visited = {name for half in (0, 1) for group in crash_points.visits(half) for name, _ in group}
    visited |= set(crash_points.elsewhere(*crash_points.ELSEWHERE))
    assert listed == crash_points.table()
    assert visited == set(crash_points.table())


def test_what_is_said_of_a_place_is_of_one_that_exists():
    known = set(crash_points.table())
    assert len(known) == len(crash_points.table()) > 0
    named = (crash_points.STARTING | crash_points.STOPPING | crash_points.FIRST_START | crash_points.PASSWORD
             | set(crash_points.LATER))
    assert named <= known, named - known
    for start in (*crash_points.ACTS, *crash_points.ELSEWHERE):
        assert any(name.startswith(start) for name in known), start
