"""LifeHooks: who is told of which state changes, in what order, and what an answer means."""

import collections
import http.client
import json
import os
import subprocess
import threading

import pytest

from harness import feature, job, plugin, program, role, until, when
from plugin_double import Answer, hang

NULL = {"kind": "TaskSet", "metadata": {"name": "t"},
        "spec": {"engine": "null", "roles": [role("main", "true")]}}


def hook(address, *states, selector=None, **more):
    """A LifeHook that hears of these states; none: of the usual ones."""
    own = selector or {"conditions": [], "expression": "*"}
    return plugin("LifeHook", address, jobSelector={**own, "states": list(states) or ["*"]}, **more)


def text(words, status=200, **headers):
    return Answer(status, words.encode(), {"Content-Type": "text/plain", **headers})


def told(server, path="/hook", job_id=None):
    """What a subscriber was sent, first sendings only."""
    seen, bodies = set(), []
    for call in server.at(path):
        key = call.headers["webhook-id"]
        if key not in seen and (job_id is None or call.body["id"] == job_id):
            seen.add(key)
            bodies.append(call.body)
    return bodies


def states(server, path="/hook", job_id=None):
    return [body["current_state"] for body in told(server, path, job_id)]


def until_told(server, wanted, path="/hook", job_id=None, seconds=20):
    until(lambda: states(server, path, job_id) == wanted, seconds, f"{path} is told {wanted}")


def test_every_state_in_order(api, plugin_server):
    plugin_server.on("/hook", text("OK"))
    api.register(feature("watch", hook(plugin_server.url("/hook"), "*", "preparing")))
    job_id = api.submit(job(NULL, header={"team": "a"}), wait=20)
    until_told(plugin_server, ["preparing", "waiting", "running", "succeeded"], job_id=job_id)
    bodies = told(plugin_server, job_id=job_id)
    assert [body["sequence"] for body in bodies] == [1, 2, 3, 4]
    assert [body["previous_state"] for body in bodies] == [None, "preparing", "waiting", "running"]
    last = bodies[-1]
    assert last["userID"] == "ann" and last["jobKind"] == "TaskSet" and last["jobName"] == "a test"
    assert last["reasonCode"] == "succeeded" and last["time"].endswith("Z") and last["reason"]
    call = plugin_server.at("/hook")[0]
    assert call.headers["Sluice-Job-Id"] == job_id and call.headers["Sluice-Stage"] == "LifeHook"
    assert call.headers["Sluice-Attempt"] == "1"
    assert call.headers["Sluice-Plugin-Key"] == "LifeHook.watch.qa"
    assert call.headers["webhook-signature"].startswith("v1,")


def test_the_star_leaves_out_preparing_and_suspended(api, plugin_server):
    plugin_server.on("/hook", text("OK"))
    plugin_server.on("/gate", {"decision": "suspend", "reason": "later"})
    api.register(feature("watch", hook(plugin_server.url("/hook"))))
    api.register(feature("gate", plugin("AccessGate", plugin_server.url("/gate"))))
    job_id = api.submit(job(NULL))
    api.wait_state(job_id, "suspended")
    api.put(f"/v1/job/resume/{job_id}", {})
    until_told(plugin_server, ["waiting", "running", "succeeded"])


def test_selectors_decide(api, plugin_server):
    plugin_server.on("/hook", text("OK"))
    plugin_server.on("/all", text("OK"))
    api.register(feature("mine", hook(plugin_server.url("/hook"), "succeeded",
                                      selector=when("team", "a"))))
    api.register(feature("all", hook(plugin_server.url("/all"), "succeeded")))
    api.submit(job(NULL, header={"team": "b"}), wait=20)
    mine = api.submit(job(NULL, header={"team": "a"}), wait=20)
    until(lambda: len(states(plugin_server, "/all")) == 2, 20, "both jobs are told of")
    until_told(plugin_server, ["succeeded"])
    assert told(plugin_server)[0]["id"] == mine


@pytest.mark.parametrize("answer", ["OK", "ok", " Ok\r\n", '"OK"', "'ok' ", 204])
def test_acknowledged(api, plugin_server, answer):
    plugin_server.on("/hook", Answer(204, b"") if answer == 204 else text(answer))
    api.register(feature("watch", hook(plugin_server.url("/hook"), "waiting", "succeeded")))
    api.submit(job(NULL), wait=20)
    until_told(plugin_server, ["waiting", "succeeded"])
    assert len(plugin_server.at("/hook")) == 2


@pytest.mark.parametrize("answer", [text("RE"), text('" re "'), text("later"), text("", 200),
                                    text("no", 500), text("OK", 201), text("", 302)])
def test_asked_again_with_the_same_id(api, plugin_server, answer):
    answers = collections.deque([answer, text("OK")])
    plugin_server.on("/hook", lambda call: answers.popleft() if answers else text("OK"))
    api.register(feature("watch", hook(plugin_server.url("/hook"), "waiting", "succeeded")))
    api.submit(job(NULL), wait=20)
    until_told(plugin_server, ["waiting", "succeeded"])
    calls = plugin_server.at("/hook")
    assert [call.body["current_state"] for call in calls] == ["waiting", "waiting", "succeeded"]
    assert calls[0].headers["webhook-id"] == calls[1].headers["webhook-id"]
    assert [call.headers["Sluice-Attempt"] for call in calls] == ["1", "2", "1"]


def test_only_the_jobs_own_later_states_wait(api, plugin_server):
    """RE delays one job; the others of the same subscriber go on."""
    plugin_server.on("/hook", lambda call: text("RE" if call.body["jobName"] == "slow" else "OK"))
    api.register(feature("watch", hook(plugin_server.url("/hook"), "waiting", "succeeded")))
    slow = api.submit(job(NULL, name="slow"), wait=20)
    for _ in range(3):
        job_id = api.submit(job(NULL), wait=20)
        until_told(plugin_server, ["waiting", "succeeded"], job_id=job_id)
    assert set(states(plugin_server, job_id=slow)) == {"waiting"}


def test_off_holds_and_deleted_drops(api, plugin_server):
    plugin_server.on("/hook", text("no", 503))
    api.register(feature("watch", hook(plugin_server.url("/hook"), "succeeded")))
    held = api.submit(job(NULL), wait=20)
    until_told(plugin_server, ["succeeded"])
    api.turn("watch", "off")
    api.wait_final(api.submit(job(NULL)))  # nobody listens
    plugin_server.on("/hook", text("OK"))
    api.turn("watch", "on")
    until(lambda: plugin_server.at("/hook")[-1].headers["Sluice-Attempt"] != "1", 20, "sent again")
    assert {body["id"] for body in told(plugin_server)} == {held}
    plugin_server.on("/hook", text("no", 503))
    api.submit(job(NULL), wait=20)
    until(lambda: len(told(plugin_server)) == 2, 20, "the next one is sent")
    api.delete("/v1/features/watch")
    plugin_server.on("/hook", text("OK"))
    api.register(feature("watch", hook(plugin_server.url("/hook"), "succeeded")))
    later = api.submit(job(NULL), wait=20)
    until(lambda: told(plugin_server)[-1]["id"] == later, 20, "the newest job is told of")
    assert len(told(plugin_server)) == 3, "what was for the deleted one is dropped"


# --- what is pending and dead ----------------------------------------------------------------


def deliveries(api, **query):
    tail = "&".join(f"{key}={value}" for key, value in query.items())
    return api.good("GET", "/v1/hooks/deliveries" + (f"?{tail}" if tail else ""))


def test_an_exception_is_a_dead_letter(api, plugin_server):
    answers = collections.deque([text(" ex: no such channel \n")])
    plugin_server.on("/hook", lambda call: answers.popleft() if answers else text("OK"))
    api.register(feature("watch", hook(plugin_server.url("/hook"), "waiting", "succeeded")))
    job_id = api.submit(job(NULL), wait=20)
    until_told(plugin_server, ["waiting", "succeeded"])  # the next goes on
    dead = until(lambda: deliveries(api, jobID=job_id, state="dead"), 20, "it is a dead letter")
    assert len(dead) == 1 and len(plugin_server.at("/hook")) == 2
    one = dead[0]
    assert one["lastAnswer"] == "no such channel" and one["cause"] == "exception"
    assert one["plugin"] == "LifeHook.watch.qa" and one["attempts"] == 1
    assert one["currentState"] == "waiting" and "redeliver" in one["reason"]
    assert api.good("POST", "/v1/hooks/redeliver", {"id": one["id"]}) == {"redelivered": 1}
    plugin_server.wait_calls("/hook", 3)
    calls = plugin_server.at("/hook")
    assert calls[2].headers["webhook-id"] == calls[0].headers["webhook-id"]
    until(lambda: not deliveries(api, jobID=job_id), 20, "nothing is left")
    again = api.post("/v1/hooks/redeliver", {"id": one["id"]})
    assert (again.status, again.code) == (404, "OPERATION_TARGET_NOT_FOUND")


def test_gone_until_it_is_turned_on_again(api, plugin_server):
    plugin_server.on("/hook", text("bye", 410))
    api.register(feature("watch", hook(plugin_server.url("/hook"), "succeeded")))
    first = api.submit(job(NULL), wait=20)
    dead = until(lambda: deliveries(api, jobID=first, state="dead"), 20, "it is dead")
    assert dead[0]["cause"] == "gone"
    second = api.submit(job(NULL), wait=20)
    held = until(lambda: deliveries(api, jobID=second, state="pending"), 20, "it is held")
    assert "turned on again" in held[0]["reason"] and held[0]["nextAttemptAt"] is None
    assert len(plugin_server.at("/hook")) == 1
    plugin_server.on("/hook", text("OK"))
    api.turn("watch", "on")
    until(lambda: states(plugin_server, job_id=second) == ["succeeded"], 20, "the held one is sent")
    assert api.good("POST", "/v1/hooks/redeliver", {"plugin": "LifeHook.watch.qa"}) == {"redelivered": 1}
    until(lambda: len(plugin_server.at("/hook")) == 3, 20, "the dead one is sent")


def test_the_list_of_deliveries(api, plugin_server):
    plugin_server.on("/hook", text("RE"))
    api.register(feature("watch", hook(plugin_server.url("/hook"))))
    jobs = [api.submit(job(NULL), wait=20) for _ in range(3)]
    until(lambda: len(deliveries(api, state="retrying")) == 3, 20, "each job's first was refused")
    all_of_them = until(lambda: (now := deliveries(api)) and len(now) == 9 and now, 20, "three each")
    assert {one["jobID"] for one in all_of_them} == set(jobs)
    waits = [one for one in all_of_them if one["state"] == "pending"]
    assert len(waits) == 6 and all(one["attempts"] == 0 for one in waits)
    seen, cursor = [], ""
    while True:
        reply = api.get(f"/v1/hooks/deliveries?pageSize=2{cursor}")
        seen += [one["id"] for one in reply.payload]
        if "X-Next-Cursor" not in reply.headers:
            break
        cursor = "&cursor=" + reply.headers["X-Next-Cursor"]
    assert seen == [one["id"] for one in all_of_them]
    pending = api.post("/v1/hooks/redeliver", {"id": waits[0]["id"]})
    assert (pending.status, pending.code) == (409, "UNSUPPORTED_OPERATION")
    for path, status in (("?state=lost", 400), ("?plugin=LifeHook.no.one", 404), ("?jobID=x", 400),
                         ("?cursor=x", 400), ("?more=1", 400)):
        assert api.get("/v1/hooks/deliveries" + path).status == status, path
    for body, status in (({}, 400), ({"id": "1-x"}, 400), ({"id": "9999-1"}, 404),
                         ({"plugin": "LifeHook.no.one"}, 404), ({"id": "1-1", "plugin": "x"}, 400),
                         ({"plugin": "LifeHook.watch.qa", "since": "today"}, 400)):
        assert api.post("/v1/hooks/redeliver", body).status == status, body
    assert api.token_for("read_job").get("/v1/hooks/deliveries").status == 403
    assert api.token_for("read_feature").post("/v1/hooks/redeliver", {"id": "1-1"}).status == 403


def test_too_many_and_too_old(make_daemon, plugin_server):
    """Over the limit the oldest die; what nobody takes in time dies, held or not."""
    plugin_server.on("/hook", text("RE"))
    daemon = make_daemon(config="lifehook: {pending_max: 4, retry_for: 8 s, keep_dead: 168 h}").start()
    api = daemon.api
    api.register(feature("watch", hook(plugin_server.url("/hook"), "succeeded")))
    jobs = [api.submit(job(NULL), wait=20) for _ in range(6)]
    overflow = until(lambda: [one for one in deliveries(api, state="dead") if one["cause"] == "overflow"],
                     20, "the oldest died")
    assert overflow[0]["jobID"] == jobs[0]
    api.turn("watch", "off")
    until(lambda: len(deliveries(api)) == len(deliveries(api, state="dead")), 20,
          "the clock runs while it is off")
    dead = deliveries(api, state="dead")  # they are bounded likewise
    assert len(dead) == 4 and {one["cause"] for one in dead} >= {"expired"}


# --- subscribers apart, and crashes ----------------------------------------------------------


def test_one_that_hangs_costs_the_others_nothing(api, plugin_server):
    plugin_server.on("/hang", hang)
    plugin_server.on("/hook", text("OK"))
    api.register(feature("hangs", hook(plugin_server.url("/hang"), timeoutMs=60000)))
    api.register(feature("works", hook(plugin_server.url("/hook"))))
    jobs = []
    clients = [threading.Thread(target=lambda: jobs.extend(api.submit(job(NULL)) for _ in range(40)))
               for _ in range(4)]
    for one in clients:
        one.start()
    for one in clients:
        one.join(60)
    until(lambda: len(told(plugin_server)) == 3 * len(jobs) == 480, 30, "the other one is told all")
    for job_id in jobs:
        assert states(plugin_server, job_id=job_id) == ["waiting", "running", "succeeded"]
    assert plugin_server.overlap("/hang") <= 16
    plugin_server.released.set()


def test_killed_again_and_again(daemon, plugin_server):
    """Whenever the gateway dies, each state of each job arrives, in order."""
    daemon.api.register(feature("watch", hook(plugin_server.on("/hook", text("OK")), "*", "preparing")))
    jobs, stop = [], threading.Event()

    def submit():
        while not stop.is_set():
            try:
                jobs.append(daemon.api.submit(job(NULL)))
            except (OSError, http.client.HTTPException, AssertionError):
                stop.wait(0.05)  # just dead, or not up yet

    clients = [threading.Thread(target=submit) for _ in range(4)]
    for one in clients:
        one.start()
    for round_ in range(6):
        before = len(plugin_server.at("/hook"))
        plugin_server.wait_calls("/hook", before + 20 + 17 * round_)
        daemon.kill9()
        daemon.start()
    stop.set()
    for one in clients:
        one.join(120)
    for job_id in jobs:
        daemon.api.wait_final(job_id)
    until(lambda: not deliveries(daemon.api), 30, "all is delivered")
    by_job, seen = collections.defaultdict(list), set()
    for call in plugin_server.at("/hook"):
        if call.headers["webhook-id"] not in seen:
            seen.add(call.headers["webhook-id"])
            by_job[call.body["id"]].append(call.body["current_state"])
    for job_id in jobs:
        went = [one["state"] for one in daemon.api.events(job_id) if one["type"] == "state"]
        assert went[0] == "preparing" and by_job[job_id] == went, job_id


# --- sluicectl ------------------------------------------------------------------------------


def ctl(api, *arguments, code=0):
    environment = {**os.environ, "SLUICE_SERVER": f"http://127.0.0.1:{api.port}", "SLUICE_TOKEN": api.token}
    done = subprocess.run([program("sluicectl"), *arguments], env=environment, capture_output=True,
                          text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_sluicectl_lists_and_redelivers(api, plugin_server):
    plugin_server.on("/hook", text("EX: the channel \x1b[31mis\xff closed"))
    api.register(feature("watch", hook(plugin_server.url("/hook"), "succeeded")))
    job_id = api.submit(job(NULL), wait=20)
    until(lambda: deliveries(api, state="dead"), 20, "it is dead")
    table = ctl(api, "hooks", "list", "--state", "dead", "-o", "wide")
    assert job_id in table and "the channel" in table and "redeliver" in table and "\x1b" not in table
    one = json.loads(ctl(api, "hooks", "list", "-o", "json"))[0]
    plugin_server.on("/hook", text("OK"))
    assert "to be sent again" in ctl(api, "hooks", "redeliver", one["id"], "-o", "table")
    until(lambda: not deliveries(api), 20, "it is delivered")
    assert "no such delivery" in ctl(api, "hooks", "redeliver", one["id"], code=1)
    assert "0 to be sent" in ctl(api, "hooks", "redeliver", "--plugin", "LifeHook.watch.qa", "--since",
                                 "2h", "-o", "table")
    assert "next:" in ctl(api, "hooks", "redeliver", code=2)


def test_sluicectl_events(api):
    job_id = api.submit(job(NULL), wait=20)
    api.wait_final(job_id)
    lines = [json.loads(line) for line in
             ctl(api, "events", "--since", "0", "--job", job_id, "-o", "json").splitlines()]
    assert [one["current_state"] for one in lines] == ["preparing", "waiting", "running", "succeeded"]
    assert job_id in ctl(api, "events", "-s", "succeeded")
    assert "none of preparing" in ctl(api, "events", "-s", "lost", code=1)


def test_sluicectl_follows_over_a_restart(daemon):
    environment = {**os.environ, "SLUICE_SERVER": f"http://127.0.0.1:{daemon.port}", "SLUICE_TOKEN": "admin"}
    first = daemon.api.submit(job(NULL), wait=20)
    with subprocess.Popen([program("sluicectl"), "events", "-f", "--since", "0", "-o", "json"],
                          env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as reader:
        seen = []
        thread = threading.Thread(target=lambda: [seen.append(json.loads(line)) for line in reader.stdout])
        thread.start()

        def last_of(job_id):
            return lambda: any(one["id"] == job_id and one["current_state"] == "succeeded" for one in list(seen))

        try:
            until(last_of(first), 20, "the first job is seen")
            daemon.kill9()
            daemon.start()
            second = daemon.api.submit(job(NULL), wait=20)
            daemon.api.wait_final(second)
            until(last_of(second), 30, "the second job is seen after the restart")
        finally:
            reader.terminate()
            thread.join(120)
        for job_id in (first, second):
            assert [one["current_state"] for one in seen if one["id"] == job_id] == \
                ["preparing", "waiting", "running", "succeeded"]
