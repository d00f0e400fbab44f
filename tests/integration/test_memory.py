"""Each allocation of our own code fails once, in turn, while jobs are submitted and features
registered: a clear refusal that changes nothing, or it is done; nothing leaks, nothing hangs."""

import errno
import http.client

import pytest

from faults import Faults
from harness import ALL, FINAL, feature, job, plugin, role, taskset, until, when
from plugin_double import Answer, passes, unchanged

NULL = taskset(role("main", "true"), engine="null")


@pytest.fixture
def faulty(make_daemon, tmp_path_factory):
    daemon, faults = make_daemon(), Faults(tmp_path_factory.mktemp("memory"))
    daemon.program = "sluiced-faulty"
    daemon.environment.update(faults.environment(preload=False))
    yield daemon.start(), faults
    faults.clear()


def asked(api, method, path, body):
    """The reply, or None when there was no memory for one: then it may have been done, or not."""
    try:
        return api.call(method, path, body)
    except (OSError, http.client.HTTPException):
        return None


def sweep(faults, act, most=3000):
    """`act` with the n-th allocation failing, n = 0, 1, ... until none has failed some times."""
    spared, n = 0, 0
    while spared < 3 and n < most:
        faults.fail("ALLOC", errno.ENOMEM, skip=n)
        act(n)
        spared = 0 if faults.hits("ALLOC") else spared + 1
        n += 1
    faults.clear()
    assert 20 < n < most, f"{n} allocations were tried"
    return n


def assert_refused(reply):
    assert (reply.status, reply.code) == (503, "SERVICE_UNAVAILABLE") and "memory" in reply.msg, reply


def told(reply):
    """Why it was refused; without more words there may have been no memory for the answer itself."""
    return reply.msg != "out of memory"


def test_submissions(faulty, plugin_server):
    daemon, faults = faulty
    api, ids, refused = daemon.api, [], []
    p = plugin_server
    api.register(feature(
        "all", plugin("AccessGate", p.on("/g", passes)), plugin("TemplateDecorator", p.on("/d", unchanged)),
        plugin("FactorGenerator", p.on("/f", {"topic": "t", "advice": "1", "reason": ""})),
        plugin("LifeHook", p.on("/ears", Answer(200, b"OK")), jobSelector={**ALL, "states": ["*"]})))

    def act(n):
        name = f"n{n}.{len(ids)}"
        reply = asked(api, "POST", "/v1/job", job(NULL, name=name))
        if reply is not None and reply.status == 200:
            ids.append(reply.payload["jobID"])
        elif reply is not None:
            assert_refused(reply)
            refused.extend([name] if told(reply) else [])
    for _ in range(5):  # what a job does behind its answer may take the fault of the next
        sweep(faults, act)
        if refused:
            break
    until(lambda: api.count() == api.count(state=",".join(FINAL)), 60, "all have ended")
    for one in ids:
        end = api.job(one)
        assert end["state"] == "succeeded" or "memory" in end["reason"], end
    for name in refused:
        assert api.count(name=name) == 0, f"{name}: nothing is stored when a request is refused"
    assert ids and refused, "some were taken, and the caller's own part was swept"
    until(lambda: not api.good("GET", "/v1/hooks/deliveries?state=pending,retrying"), 60, "all is told")


def test_features(faulty):
    daemon, faults = faulty
    api, there, gone = daemon.api, set(), set()

    def act(n):
        made = feature(f"f{n}", plugin("AccessGate", "http://127.0.0.1:1/g"), selector=when("a", "b"))
        reply = asked(api, "POST", "/v1/features", made)
        if reply is not None and reply.status == 200:
            there.add(f"f{n}")
        elif reply is not None:
            assert_refused(reply)
            gone.update([f"f{n}"] if told(reply) else [])
    sweep(faults, act)

    def names():
        return {one["name"] for one in api.good("GET", "/v1/features/list/all")}
    now = names()
    assert there <= now and not gone & now, gone & now
    daemon.restart()
    assert names() == now, "what is in force is what is stored"
