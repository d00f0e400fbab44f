"""Everything people do with a gateway, and what they were answered: for tests that end it.

A `Scene` has one plugin server, one file that replicas append to, and notes of everything
that was answered. `play()` does each kind of thing once, until done or until the gateway is
gone; after a restart `look()` checks what can be seen at once, `finish()` lets all jobs end
and checks the whole. What was asked and not answered may have happened or not, never half.
"""

import collections
import http.client
import itertools
import os
import threading

from harness import ALL, FINAL, feature, job, plugin, role, taskset, until, when
from plugin_double import Answer, Plugin, binds, labels, passes

GONE = (OSError, http.client.HTTPException)
NULL = taskset(role("main", "true"), engine="null")
LONG_S = 300


class Gone(Exception):
    """The gateway does not answer any more."""


class Kept:
    """One job that was answered with an id."""

    def __init__(self, job_id, ends, key=None, body=None):
        self.id, self.ends = job_id, set(ends)
        self.key, self.body = key, body
        self.erasing = self.erased = self.stopped = False
        self.endless = f"sleep {LONG_S}" in str(body)

    def statuses(self):
        """What asking for it may be answered with."""
        return {404} if self.erased else {200, 404} if self.erasing else {200}


class Scene:
    def __init__(self, daemon, folder):
        self.daemon, self.folder = daemon, folder
        self.plugin = Plugin()
        self.lock = threading.Lock()
        self.kept, self.unanswered = [], []
        self.flags = {}       # feature -> the values `enabled` may have
        self.tokens = []      # (token, may it be good?, may it be bad?)
        self.holds = [False]  # the values "is user `held` held" may have
        self.numbers = itertools.count()
        self.changed = []     # (action, target) of changes that were answered
        self.passwords = ["admin"]
        self.hang = threading.Event()
        self.runs = folder / "runs"
        self.runs.touch()
        os.chmod(folder, 0o777)
        os.chmod(self.runs, 0o666)
        self.token = "admin"

    @property
    def api(self):
        return self.daemon.api.with_token(self.token)

    # --- what it plays with -------------------------------------------------------------------

    def answers(self):
        p = self.plugin

        def gate(call):
            held = self.plugin.suspends and call.header.get("how") == "hold"
            return {"decision": "suspend", "reason": "wait"} if held else {"decision": "pass"}

        def again(call):
            again = len([c for c in p.at("/again") if c.header["jobID"] == call.header["jobID"]]) < 2
            return {"decision": "suspend", "reason": "soon", "retryAfterSec": 1} if again else \
                {"decision": "pass"}

        def slow(_call):
            self.hang.wait(LONG_S)
            return {"decision": "pass"}

        p.suspends = True
        p.on("/translate", lambda call: taskset(role("main", self.script("exit 0"))))
        p.on("/factor", {"topic": "t", "advice": "1", "reason": ""})
        p.on("/gate", gate)
        p.on("/again", again)
        p.on("/slow", slow)
        p.on("/decorate", labels)
        p.on("/bind", binds)
        p.on("/ears", Answer(200, b"OK"))
        p.on("/extra", passes)

    def prepare(self):
        """Register what all jobs go through."""
        p, api = self.plugin, self.api
        self.answers()
        api.register(feature("path", plugin("TemplateTranslator", p.url("/translate")),
                             plugin("FactorGenerator", p.url("/factor")),
                             plugin("AccessGate", p.url("/gate")),
                             plugin("TemplateDecorator", p.url("/decorate")),
                             plugin("SchedulerBinder", p.url("/bind")),
                             selector=when("jobKind", "Own")))
        api.register(feature("hold", plugin("AccessGate", p.url("/gate")), selector=when("how", "hold")))
        api.register(feature("again", plugin("AccessGate", p.url("/again")), selector=when("how", "again")))
        api.register(feature("slow", plugin("AccessGate", p.url("/slow"), timeoutMs=60000),
                             selector=when("how", "slow")))
        api.register(feature("ears", plugin("LifeHook", p.url("/ears"), jobSelector={
            **ALL, "states": ["*", "preparing", "suspended"]})))

    def script(self, end):
        return f'echo "$SLUICE_JOB_ID $TASKROLE_NAME $TASKROLE_REPLICA_INDEX" >>{self.runs}; {end}'

    def local(self, end="exit 0", replicas=1):
        return taskset(role("main", self.script(end), replicas))

    # --- asking -------------------------------------------------------------------------------

    def ask(self, method, path, body=None, **more):
        try:
            return self.api.call(method, path, body, timeout=120, **more)
        except GONE as gone:
            raise Gone from gone

    def good(self, method, path, body=None, **more):
        reply = self.ask(method, path, body, **more)
        assert reply.status == 200, f"{method} {path}: {reply}"
        return reply.document.get("payload")

    def submit(self, document, ends=("succeeded",), key=True, **more):
        body = job(document, **more)
        name = f"key-{next(self.numbers)}" if key else None
        try:
            made = self.good("POST", "/v1/job", body, headers={"Idempotency-Key": name} if key else {})
        except Gone:
            if key:
                with self.lock:
                    self.unanswered.append((name, body, ends))
            raise
        return self.keep(Kept(made["jobID"], ends, name, body))

    def keep(self, kept):
        with self.lock:
            self.kept.append(kept)
        return kept

    def state(self, kept):
        return self.good("GET", f"/v1/job/detail/{kept.id}")["job"]["state"]

    def wait(self, kept, *states):
        until(lambda: self.state(kept) in states, 30, f"{kept.id} is in one of {states}")

    def may_be(self, values, wanted, act):
        """A change of one value: both are possible until it is answered."""
        before = list(values)
        values[:] = [*before, wanted]
        act()
        values[:] = [wanted]

    # --- one of each --------------------------------------------------------------------------

    def play(self, first=None):
        """Each act once, a named one before the others. True: to the end; False: the gateway
        was gone first."""
        acts = ["path", "suspended", "stop", "hold", "feature", "token", "again", "erase"]
        acts.sort(key=lambda name: name != first)
        try:
            for act in acts:
                getattr(self, f"play_{act}")()
            return True
        except Gone:
            return False

    def play_path(self):
        full = self.submit({"kind": "Own", "x": 1})
        null = self.submit(NULL)
        plain = self.submit(self.local(replicas=2), key=False)
        for one in (full, null, plain):
            self.wait(one, *FINAL)
        self.keep(Kept(self.good("POST", f"/v1/job/rerun/{null.id}")["jobID"], {"succeeded"}))
        self.good("POST", "/v1/hooks/redeliver",
                  {"plugin": "LifeHook.ears.qa", "since": "2020-01-01T00:00:00Z"})

    def play_suspended(self):
        one = self.submit(self.local(), header={"how": "hold"})
        self.wait(one, "suspended")
        self.good("PUT", f"/v1/job/resume/{one.id}", {"reason": "go"})
        self.wait(one, *FINAL)

    def play_stop(self):
        one = self.submit(self.local(f"exec sleep {LONG_S}"), ends=("stopped",))
        self.wait(one, "running")
        self.good("PUT", f"/v1/job/stop/{one.id}", {"reason": "enough"})
        one.stopped = True
        self.wait(one, "stopped")
        two = self.submit(NULL, header={"how": "hold"}, ends=("succeeded", "stopped"))
        self.good("PUT", f"/v1/job/stop/{two.id}", {"reason": "enough"})
        two.ends = {"stopped"}

    def play_hold(self):
        self.may_be(self.holds, True, lambda: self.good("PUT", "/v1/admission/hold", {"userID": "held"}))
        one = self.submit(NULL, user="held")
        assert self.state(one) == "preparing"
        self.may_be(self.holds, False, lambda: self.good("PUT", "/v1/admission/release", {"userID": "held"}))
        self.wait(one, *FINAL)

    def play_feature(self):
        name = f"extra{next(self.numbers)}"
        values = self.flags[name] = [None]
        made = feature(name, plugin("AccessGate", self.plugin.url("/extra")), selector=when("how", "none"))
        self.may_be(values, True, lambda: self.good("POST", "/v1/features", {**made, "enabled": True}))
        self.may_be(values, False, lambda: self.good("PUT", f"/v1/features/turn-off/{name}"))
        self.may_be(values, None, lambda: self.good("DELETE", f"/v1/features/{name}"))
        self.changed += [(f"feature.{act}", name) for act in ("register", "turn-off", "delete")]

    def play_token(self):
        made = self.good("POST", "/v1/tokens", {"privileges": ["read_job"], "forwho": "x", "note": ""})
        note = [made["token"], True, False]
        self.tokens.append(note)
        keep = self.good("POST", "/v1/tokens", {"privileges": ["read_job"], "forwho": "y", "note": ""})
        self.tokens.append([keep["token"], True, False])
        note[2] = True
        self.good("DELETE", f"/v1/tokens?id={made['id']}")
        note[1] = False
        self.changed += [("token.create", made["id"]), ("token.create", keep["id"]), ("token.delete", made["id"])]

    def play_again(self):
        one = self.submit(NULL, header={"how": "again"})
        self.wait(one, *FINAL)

    def play_erase(self):
        one = self.submit(self.local())
        self.wait(one, *FINAL)
        one.erasing = True
        self.good("DELETE", f"/v1/job/{one.id}")
        one.erased = True
        # Its traces go in the background; only then this act is over.
        until(lambda: self.ask("GET", "/readyz") and not any(self.daemon.data.glob(f"*/{one.id}")),
              30, "its files are gone")

    def play_password(self):
        new = f"word-{next(self.numbers)}-{next(self.numbers)}"
        self.passwords.append(new)
        try:
            self.good("PUT", "/v1/tokens/admin", {"token": new})
        except Gone:
            return False
        self.passwords, self.token = [new], new
        return True

    def leave_work(self):
        """Something in each state, for whoever starts next."""
        try:
            self.submit(NULL, header={"how": "slow"})
            self.wait(self.submit(self.local("sleep 1"), ends=("succeeded",)), "running", "succeeded")
            self.wait(self.submit(NULL, header={"how": "hold"}), "suspended")
            return True
        except Gone:
            return False

    # --- looking ------------------------------------------------------------------------------

    def find_password(self):
        for word in reversed(self.passwords):
            if self.api.with_token(word).get("/v1/tokens").status == 200:
                self.passwords, self.token = [word], word
                return
        raise AssertionError(f"none of {self.passwords} is the password")

    def look(self, last=None):
        """Right after a restart: nothing that was answered is missing."""
        self.find_password()
        api = self.api
        for one in self.kept[-last:] if last else self.kept:
            reply = api.get(f"/v1/job/detail/{one.id}")
            assert reply.status in one.statuses(), f"{one.id}: {reply}, not one of {one.statuses()}"
        for name, values in self.flags.items():
            reply = api.get(f"/v1/features/detail/{name}")
            now = None if reply.status == 404 else reply.payload["enabled"]
            # A registration that was not answered, and one that replaced it.
            assert now in values, f"{name}: {now}, not one of {values}"
            values[:] = [now]
        for token, may_be_good, may_be_bad in self.tokens[-last:] if last else self.tokens:
            status = api.with_token(token).get("/v1/job/list").status
            assert status in [200] * may_be_good + [401, 429] * may_be_bad, f"a token: {status}"
        held = any(hold.get("userID") == "held" for hold in api.good("GET", "/v1/admission")["holds"])
        assert held in self.holds, f"held: {held}, not one of {self.holds}"
        self.holds[:] = [held]
        if held:
            api.good("PUT", "/v1/admission/release", {"userID": "held"})
            self.holds[:] = [False]
        self.ask_again(last)

    def ask_again(self, last):
        """Submissions without an answer, with their keys: each is one job, old or new."""
        while self.unanswered:
            name, body, ends = self.unanswered[0]
            made = self.api.good("POST", "/v1/job", body, headers={"Idempotency-Key": name})
            self.kept.append(Kept(made["jobID"], {*ends, "stopped"}, name, body))
            self.unanswered.pop(0)
        for one in self.kept[-last:] if last else self.kept:
            if one.key and not one.erasing:
                made = self.api.good("POST", "/v1/job", one.body, headers={"Idempotency-Key": one.key})
                assert made["jobID"] == one.id, "the same key is the same job"

    def finish(self, seconds=60):
        """Every job comes to its end, once; every subscriber has heard of it."""
        self.plugin.suspends = False
        self.hang.set()
        while (suspended := self.api.list(state="suspended", pageSize=1000)):
            for one in suspended:
                self.api.put(f"/v1/job/resume/{one['jobID']}", {})
        for one in self.kept:
            if one.endless and not one.stopped:
                self.api.put(f"/v1/job/stop/{one.id}", {})
        until(lambda: self.api.count() == self.api.count(state=",".join(FINAL)), seconds,
              lambda: f"all have ended: {self.open_jobs()}")
        for one in self.kept:
            if one.erased:
                until(lambda one=one: not any(self.daemon.data.glob(f"*/{one.id}")), 20,
                      f"the files of {one.id} are gone")
            if not one.erasing:
                end = self.api.job(one.id)
                assert end["state"] in one.ends, f"{one.id}: {end}, not one of {one.ends}"
        self.check_ids()
        self.check_log_of_changes()
        self.check_runs()
        self.check_ears()

    def open_jobs(self):
        return [(one["jobID"], one["state"], one["reason"]) for one in self.api.list(pageSize=1000)
                if one["state"] not in FINAL]

    def check_log_of_changes(self):
        """Each change that was answered is in the audit log, once; numbers have no gaps."""
        entries, cursor = [], ""
        while cursor is not None:
            reply = self.api.get(f"/v1/audit?pageSize=1000&order=asc{cursor}")
            entries += reply.payload
            cursor = f"&cursor={reply.headers['X-Next-Cursor']}" if reply.headers["X-Next-Cursor"] else None
        counted = collections.Counter((one["action"], one.get("target")) for one in entries)
        assert [one["id"] for one in entries] == list(range(1, len(entries) + 1))
        for change in self.changed:
            assert counted[change] == 1, f"{change}: {counted[change]} entries of it"

    def check_ids(self):
        ids = [one.id for one in self.kept]
        assert len(set(ids)) == len(ids), "each submission has a job of its own"

    def check_runs(self):
        """What each replica wrote: none ran twice, and none that succeeded did not run."""
        counted = collections.Counter(self.runs.read_text().splitlines())
        twice = [line for line, n in counted.items() if n > 1]
        assert not twice, f"ran twice: {twice}"
        for one in self.kept:
            if one.erasing or "TASKROLE_NAME" not in str(one.body) or self.api.state(one.id) != "succeeded":
                continue
            replicas = one.body["job"]["spec"]["roles"][0]["replicas"]
            ran = [line for line in counted if line.startswith(one.id)]
            assert len(ran) == replicas, f"{one.id}: {ran}, not {replicas} replicas"

    def moves(self, job_id):
        return [event["state"] for event in self.api.events(job_id) if event["type"] == "state"]

    def heard(self):
        """What the subscriber was told of each job, without repeats, in the order of arrival."""
        seen, told = set(), collections.defaultdict(list)
        for call in self.plugin.at("/ears"):
            if call.headers["webhook-id"] not in seen:
                seen.add(call.headers["webhook-id"])
                told[call.body["id"]].append((call.body["sequence"], call.body["current_state"]))
        return told

    def check_ears(self):
        until(lambda: not self.api.good("GET", "/v1/hooks/deliveries?state=pending,retrying"), 60,
              "all deliveries are sent")
        told = self.heard()
        for one in self.kept:
            if not one.erasing:
                moves = list(enumerate(self.moves(one.id), 1))
                assert told[one.id] == moves, f"{one.id}: the subscriber heard {told[one.id]}, not {moves}"

    def close(self):
        self.hang.set()
        self.plugin.close()
