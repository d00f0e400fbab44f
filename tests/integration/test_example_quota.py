"""The quota: the line fills, and goes on by itself, whoever is killed meanwhile."""

import concurrent.futures

import pytest

from harness import job, role, taskset, until
from test_example_programs import KEY, Program, python

LIMIT = 2


def waiting(folder):
    """A job that runs until its file is there."""
    return taskset(role("main", f"until [ -e {folder}/$SLUICE_JOB_ID ]; do sleep 0.02; done"))


@pytest.fixture
def quota(daemon, tmp_path):
    """The quota with a token that may only what it needs, on a gateway of its own."""
    token = daemon.api.token_for("read_job", "resume_job", "register_feature").token
    made = Program(tmp_path, "quota", python("quota"), {
        "PLUGIN_SIGNING_KEY": KEY, "SLUICE_TOKEN": token, "QUOTA_LIMIT": str(LIMIT),
        "QUOTA_RETRY": "600", "SLUICE_SERVER": f"http://127.0.0.1:{daemon.port}"}, ["--register"]).start()
    until(lambda: daemon.api.get("/v1/features/detail/quota").status == 200, 20, "it is registered")
    daemon.api.turn("quota", "on")
    yield made
    made.end()


class Line:
    """Jobs of one user, in the order of their submission."""

    def __init__(self, api, folder, count, user="ann"):
        self.api, self.folder = api, folder
        # Each is decided upon before the next one comes: so it is certain who is first.
        self.ids = [api.submit(job(waiting(folder), user=user), wait=60) for _ in range(count)]

    def states(self):
        return [self.api.state(job_id) for job_id in self.ids]

    def end(self, *which):
        for one in which:
            (self.folder / self.ids[one]).touch()

    def expect(self, *states, seconds=40):
        until(lambda: self.states() == list(states), seconds, f"{states}; they are {self.states()}")


R, S, D = "running", "suspended", "succeeded"


@pytest.fixture
def signals(tmp_path):
    folder = tmp_path / "signals"
    folder.mkdir()
    folder.chmod(0o777)
    tmp_path.chmod(0o755)
    return folder


def test_it_fills_and_goes_on_by_itself_in_order(daemon, quota, signals):
    line = Line(daemon.api, signals, 5)
    line.expect(R, R, S, S, S)
    assert daemon.api.job(line.ids[2])["reasonCode"] == "quota_full"
    other = Line(daemon.api, signals, 1, user="bob")
    other.expect(R)
    line.end(1)
    line.expect(R, D, R, S, S)
    daemon.api.good("PUT", f"/v1/job/stop/{line.ids[3]}", {"reason": "not needed"})
    line.end(0)
    line.expect(D, D, R, "stopped", R)
    asked = [one for one in daemon.api.events(line.ids[4]) if "quota" in str(one)]
    assert len(asked) <= 6, asked  # it was not asked about again and again
    line.end(2, 4)
    line.expect(D, D, D, "stopped", D)


def test_many_at_once_never_get_more_than_the_places(daemon, quota, signals):
    line = Line(daemon.api, signals, 0)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        line.ids = list(pool.map(lambda _: daemon.api.submit(job(waiting(signals))), range(8)))
    for finished in range(8):
        wanted = sorted([D] * finished + [R] * min(LIMIT, 8 - finished) + [S] * (8 - finished - LIMIT))
        until(lambda wanted=wanted: sorted(line.states()) == wanted, 40, lambda: f"{wanted}; they are {line.states()}")
        line.end(line.states().index(R))
    line.expect(*[D] * 8)


def test_a_killed_quota_takes_up_the_line_again(daemon, quota, signals):
    line = Line(daemon.api, signals, 4)
    line.expect(R, R, S, S)
    port = quota.port
    quota.kill9()
    line.end(0)
    line.expect(D, R, S, S)
    quota.start(listen=f"127.0.0.1:{port}")
    line.expect(D, R, R, S)
    line.end(1, 2)
    line.expect(D, D, D, R)
    line.end(3)
    line.expect(D, D, D, D)


def test_a_killed_gateway_takes_up_the_line_again(daemon, quota, signals):
    line = Line(daemon.api, signals, 4)
    line.expect(R, R, S, S)
    daemon.kill9()
    line.end(0)
    daemon.start()
    line.expect(D, R, R, S)
    line.end(1, 2, 3)
    line.expect(D, D, D, D)
