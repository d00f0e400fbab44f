"""kill -9 at every named place: the second half of the table in core/base/crash.h."""

import crash_points


@crash_points.groups(1)
def test_ended_at_every_place(make_daemon, tmp_path_factory, group):
    crash_points.Visit(tmp_path_factory.mktemp("visit"), make_daemon).run(group)
