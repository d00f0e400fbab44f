"""sluicectl submit and sluicectl job, as their users run them."""

import json
import subprocess
import unittest

from gateway_double import PROGRAM, Case, no, ok


class Submitting(Case):
    JOB = "0193a1c2-5d7e-7b3a-9f00-2a4c6e8d1b35"

    def setUp(self):
        super().setUp()
        self.answers["POST /v1/job"] = [ok({"jobID": self.JOB})]

    def detail(self, state, reason="", code=""):
        return ok({"version": "v1", "job": {"id": self.JOB, "state": state, "reason": reason,
                                            "reasonCode": code}})

    def test_whole_json_goes_out_byte_for_byte(self):
        text = '{"userID": "ada", "jobName":"n",  "jobKind":"k", "job": {"kind":"k","n":1.10}}\n'
        out, _ = self.run_ctl("submit", self.file("a.json", text))
        self.assertEqual(out, self.JOB + "\n")
        self.assertEqual(self.requests[0][2], text)
        self.assertEqual(self.requests[0][3]["Authorization"], "Bearer secret-token")
        self.assertEqual(self.requests[0][3]["Content-Type"], "application/json")

    def test_whole_yaml_from_standard_input(self):
        self.run_ctl("submit", "-", stdin="userID: ada\njobName: n\njobKind: k\njob:\n  kind: k\n  mode: 0644\n")
        self.assertEqual(self.body(), {"userID": "ada", "jobName": "n", "jobKind": "k",
                                       "job": {"kind": "k", "mode": "0644"}})

    def test_bare_document_is_wrapped(self):
        path = self.file("train.yml", "kind: train\nsteps: 3\n")
        self.run_ctl("submit", path, "-u", "ada", "-H", "team=vision", "--header", "eq=a=b",
                     "--parent", "p1", "--idempotency-key", "once")
        self.assertEqual(self.body(), {
            "userID": "ada", "jobName": "train", "jobKind": "train", "parentJobID": "p1",
            "header": {"team": "vision", "eq": "a=b"}, "job": {"kind": "train", "steps": 3}})
        self.assertEqual(self.requests[0][3]["Idempotency-Key"], "once")

    def test_what_is_neither_is_told(self):
        bare = self.file("bare.yml", "kind: k\n")
        whole = self.file("whole.yml", "userID: a\njobName: n\njobKind: k\njob: {kind: k}\n")
        _, err = self.run_ctl("submit", bare, code=2)
        self.assertIn("not a whole submission", err)
        self.assertIn("next: ", err)
        _, err = self.run_ctl("submit", whole, "--user", "b", code=2)
        self.assertIn("is a whole submission", err)
        _, err = self.run_ctl("submit", bare, "-H", "novalue", code=2)
        self.assertIn("must be NAME=VALUE", err)
        _, err = self.run_ctl("submit", self.file("list.yml", "- a\n"), code=1)
        self.assertIn("must hold an object", err)
        _, err = self.run_ctl("submit", self.file("bad.yml", "a: 1\nb: [\n"), code=1)
        self.assertIn("bad.yml: line 3", err)
        _, err = self.run_ctl("submit", self.home.name + "/none.yml", code=1)
        self.assertIn("No such file", err)
        self.assertEqual(self.requests, [])

    def test_wait_tells_the_outcome(self):
        path = self.file("a.yml", "kind: k\n")
        url = f"GET /v1/job/detail/{self.JOB}"
        self.answers[url] = [self.detail("preparing"), self.detail("running"),
                             self.detail("succeeded", "done", "succeeded")]
        out, _ = self.run_ctl("submit", path, "-u", "a", "--wait")
        self.assertEqual(out.split("\n")[:2], [self.JOB, "state\tsucceeded"])
        self.answers[url] = [self.detail("waiting"), self.detail("failed", "exit code 3")]
        out, _ = self.run_ctl("submit", path, "-u", "a", "--wait", code=1)
        self.assertIn("reason\texit code 3\n", out)
        self.answers[url] = [self.detail("stopped")]
        out, _ = self.run_ctl("submit", path, "-u", "a", "--wait", "-o", "json", code=1)
        self.assertEqual(json.loads(out)["job"]["state"], "stopped")

    def test_wait_outlasts_a_busy_gateway(self):
        self.answers[f"GET /v1/job/detail/{self.JOB}"] = [
            no(503, "SERVICE_UNAVAILABLE", "starting"), no(429, "TOO_MANY_REQUESTS", "slower"),
            self.detail("succeeded")]
        _, err = self.run_ctl("submit", self.file("a.yml", "kind: k\n"), "-u", "a", "-w")
        self.assertEqual(err, "")

    def test_wait_gives_up_on_a_lasting_error(self):
        self.answers[f"GET /v1/job/detail/{self.JOB}"] = [no(404, "OPERATION_TARGET_NOT_FOUND", "gone")]
        _, err = self.run_ctl("submit", self.file("a.yml", "kind: k\n"), "-u", "a", "-w", code=1)
        self.assertIn("gone (OPERATION_TARGET_NOT_FOUND)", err)

    def test_watch_prints_each_event_once(self):
        first = {"number": 0, "time": "2026-11-21T20:00:00.000Z", "type": "accepted", "extra": [1]}
        second = {"number": 1, "time": "2026-11-21T20:00:01.000Z", "type": "gate", "stage": "AccessGate",
                  "plugin": "AccessGate.q.a", "decision": "pass", "reason": "fine\x1b[31m\n"}
        last = {"number": 9, "time": "2026-11-21T20:00:02.000Z", "type": "state", "state": "succeeded",
                "role": "worker", "replica": 3}
        self.answers[f"GET /v1/job/detail/{self.JOB}"] = [
            self.detail("preparing"), self.detail("running"), self.detail("succeeded")]
        self.answers[f"GET /v1/job/events/{self.JOB}"] = [
            ok([first]), ok([first, second]), ok([first, second, last])]
        out, _ = self.run_ctl("submit", self.file("a.yml", "kind: k\n"), "-u", "a", "--watch")
        self.assertEqual(out.split("\n")[:5], [
            self.JOB,
            "2026-11-21T20:00:00.000Z\taccepted" + "\t" * 7,
            "2026-11-21T20:00:01.000Z\tgate\tAccessGate\tAccessGate.q.a\tpass\t\t\t\tfine\\x1b[31m\\n",
            "2026-11-21T20:00:02.000Z\tstate\t\t\t\tsucceeded\tworker\t3\t",
            "state\tsucceeded"])
        self.answers[f"GET /v1/job/events/{self.JOB}"] = [ok([first, second])]
        out, _ = self.run_ctl("job", "events", self.JOB, "--follow", "-o", "json")
        self.assertEqual([json.loads(line) for line in out.splitlines()], [first, second])

    def story(self, events, *args, state="succeeded", reason="", code="", exit_code=0, **env):
        """What a table says of these events and of a job with one replica that printed a line."""
        detail = self.detail(state, reason, code)
        detail[1]["payload"]["tasks"] = [{"name": "main", "replicas": [{"index": 0}]}]
        self.answers[f"GET /v1/job/detail/{self.JOB}"] = [detail]
        self.answers[f"GET /v1/job/events/{self.JOB}"] = [ok([
            {"number": n, "time": f"2026-11-21T20:00:0{n}.500Z", **event} for n, event in enumerate(events)])]
        self.answers[f"GET /v1/job/logs/{self.JOB}?role=main&replica=0&tail=50"] = [
            (200, b"one\x1b[2J\ntwo", {"Content_Type": "text/plain"})]
        path = self.file("a.yml", "kind: k\n")
        return self.run_ctl("submit", path, "-u", "a", "--watch", "-o", "table", *args, code=exit_code, **env)

    STORY = [
        {"type": "state", "state": "preparing", "reason": "in admission", "who": "ci"},
        {"type": "call", "stage": "FactorGenerator", "plugin": "FactorGenerator.office.ex.level",
         "outcome": "answered", "attempts": 2, "durationUs": 1500, "reason": "priority 10"},
        {"type": "call", "stage": "AccessGate", "plugin": "AccessGate.quota.ex", "decision": "pass",
         "attempts": 1, "durationUs": 2500000, "reason": "fine\x1b[31m"},
        {"type": "call", "stage": "TemplateDecorator", "plugin": "TemplateDecorator.x.y", "attempts": 1,
         "outcome": "illegal", "durationUs": 1, "reason": "TemplateDecorator.x.y: not JSON"},
        {"type": "replica", "outcome": "started", "role": "main", "replica": 0},
        {"type": "replica", "outcome": "failed", "role": "main", "replica": 0, "exitCode": 3},
        {"type": "novelty", "reason": "of a later gateway"},
        {"type": "state", "state": "failed", "reason": "exit code 3"}]

    def test_watch_in_a_table_is_a_story(self):
        out, err = self.story(self.STORY, state="failed", reason="exit code 3", code="replica_failed",
                              exit_code=1)
        self.assertEqual(out.splitlines(), [
            self.JOB,
            "   0.000 s  preparing           in admission (sent by ci)",
            "   1.000 s  FactorGenerator     office/level              1.5 ms  priority 10 (attempt 2)",
            "   2.000 s  AccessGate          quota                     2.5 s   pass: fine\\x1b[31m",
            "   3.000 s  TemplateDecorator   x                         0.0 ms  illegal: not JSON",
            "   4.000 s  replica             main[0]                           started",
            "   5.000 s  replica             main[0]                   1.0 s   failed, exit code 3",
            "   6.000 s  novelty             of a later gateway",
            "   7.000 s  failed              exit code 3",
            "",
            "output",
            "  main[0]          one\\x1b[2J",
            "  main[0]          two",
            "",
            "failed after 7.000 s: exit code 3"])
        self.assertEqual(err, f"  next: sluicectl job logs {self.JOB} shows all that it printed\n")

    def test_a_failure_says_what_to_do_next(self):
        for code, words in (("no_translator", "plugin list TemplateTranslator"),
                            ("engine_refused", "correct the job"),
                            ("something_new", f"sluicectl job explain {self.JOB}")):
            _, err = self.story([], state="failed", code=code, exit_code=1)
            self.assertIn(words, err)
        _, err = self.story([])
        self.assertEqual(err, "")

    def test_a_job_that_is_held_says_who_lets_it_go_on(self):
        held = {"type": "state", "state": "suspended", "reason": "ask ann"}
        path = self.file("a.yml", "kind: k\n")
        self.answers[f"GET /v1/job/detail/{self.JOB}"] = [
            self.detail("suspended"), self.detail("suspended"), self.detail("succeeded")]
        self.answers[f"GET /v1/job/events/{self.JOB}"] = [ok([{"number": 0, **held}])]
        _, err = self.run_ctl("submit", path, "-u", "a", "--watch")
        self.assertEqual(err.count(f"sluicectl job resume {self.JOB} lets it go on"), 1)

    def test_no_output_is_no_error(self):
        logs = f"GET /v1/job/logs/{self.JOB}?role=main&replica=0&tail=50"
        self.story([])
        self.answers[logs] = [no(404, "OPERATION_TARGET_NOT_FOUND", "no roles yet")]
        out, err = self.run_ctl("submit", self.file("a.yml", "kind: k\n"), "-u", "a", "--watch", "-o", "table")
        self.assertEqual((out, err), (f"{self.JOB}\n\nsucceeded after 0.000 s\n", ""))

    def test_events_in_a_table_are_the_same_story(self):
        out, _ = self.story(self.STORY)
        events, _ = self.run_ctl("job", "events", self.JOB, "-o", "table")
        self.assertEqual(out.splitlines()[1:9], events.splitlines())

    def test_colours_are_for_terminals_that_want_them(self):
        self.story(self.STORY)
        args = ["job", "events", self.JOB]
        self.assertIn("\x1b[31m", self.on_terminal(*args)[1])
        self.assertNotIn("\x1b", self.on_terminal(*args, NO_COLOR="1")[1])
        self.assertNotIn("\x1b", self.run_ctl(*args, "-o", "table")[0])


class Jobs(Case):
    def row(self, name):
        return {"jobID": name, "jobName": "n", "jobKind": "k", "userID": "u", "state": "running",
                "createdAt": "2026-11-21T20:00:00.000Z", "reason": "r", "plugin": None}

    def test_list_escapes_its_filters(self):
        url = ("GET /v1/job/list?userID=ada%20l%26x&state=running%2Cwaiting&startAt=1700000000"
               "&order=asc&pageSize=5")
        self.answers[url] = [ok([self.row("j1")])]
        out, _ = self.run_ctl("job", "list", "-u", "ada l&x", "-s", "running,waiting", "--since",
                              "1700000000", "--limit", "5", "--oldest-first")
        self.assertEqual(out, "j1\tn\tk\tu\trunning\t2026-11-21T20:00:00.000Z\tr\n")

    def test_list_walks_pages(self):
        self.answers["GET /v1/job/list?pageSize=1000"] = [
            ok([self.row("j1"), self.row("j2")], X_Next_Cursor="a/b")]
        self.answers["GET /v1/job/list?pageSize=1000&cursor=a%2Fb"] = [ok([self.row("j3")])]
        out, _ = self.run_ctl("job", "list", "--all", "-o", "json")
        self.assertEqual([row["jobID"] for row in json.loads(out)], ["j1", "j2", "j3"])

    def test_list_stops_at_its_limit(self):
        self.answers["GET /v1/job/list?pageSize=2"] = [
            ok([self.row("j1"), self.row("j2")], X_Next_Cursor="c")]
        out, _ = self.run_ctl("job", "list", "--limit", "2")
        self.assertEqual(len(out.splitlines()), 2)
        self.assertEqual(len(self.requests), 1)

    def test_formats(self):
        self.answers["GET /v1/job/list?pageSize=20"] = [ok([self.row("j1")])]
        out, _ = self.run_ctl("job", "list", "-o", "table")
        self.assertEqual(out.splitlines(), [
            "JOB  NAME  KIND  USER  STATE    CREATED              REASON",
            "j1   n     k     u     running  2026-11-21 20:00:00  r"])
        out, _ = self.run_ctl("job", "list", "-o", "wide")
        self.assertIn("FINISHED", out)
        out, _ = self.run_ctl("-o", "yaml", "job", "list")
        self.assertIn("- jobID: j1\n", out)
        self.assertIn("  plugin: null\n", out)

    def test_terminal_gets_a_table(self):
        self.answers["GET /v1/job/list?pageSize=20"] = [ok([self.row("j1")])]
        code, seen = self.on_terminal("job", "list")
        self.assertEqual(code, 0)
        self.assertIn("JOB  NAME", seen)
        self.assertIn("2026-11-21 20:00:00", seen)

    def test_bad_times_are_usage(self):
        _, err = self.run_ctl("job", "list", "--since", "yesterday", code=2)
        self.assertIn("--since yesterday: is not a time", err)

    def test_get_shows_roles_and_replicas(self):
        self.answers["GET /v1/job/detail/a%2Fb"] = [ok({
            "version": "v1",
            "job": {"id": "a/b", "state": "running", "startAt": "2026-11-21T20:00:00Z", "exitCode": None},
            "tasks": [{"name": "worker", "state": "running", "replicaAmount": 1, "command": ["sh", "-c", "x"],
                       "replicas": [{"index": 0, "state": "running", "exitCode": None}]}],
            "platformSpecificInfo": {"platform": "local"}})]
        out, _ = self.run_ctl("job", "get", "a/b", "-o", "table")
        self.assertIn("state    running\n", out)
        self.assertIn("engine   local\n", out)
        self.assertNotIn("exit code", out)
        self.assertIn("worker  running  1         sh -c x\n", out)
        self.assertIn("replicas of worker\n", out)

    def test_stop_and_resume(self):
        self.answers["PUT /v1/job/stop/j1"] = [ok({"state": "running", "stopping": True})]
        self.answers["PUT /v1/job/resume/j2"] = [ok()]
        out, _ = self.run_ctl("job", "stop", "j1", "-r", "no \"more\"")
        self.assertEqual(out, "j1\trunning\n")
        self.assertEqual(self.body(), {"reason": "no \"more\""})
        out, _ = self.run_ctl("job", "resume", "j2", "--recheck")
        self.assertEqual(out, "j2\tresumed\n")
        self.assertEqual(self.body(), {"recheck": True})

    def test_one_refusal_of_several_shows(self):
        self.answers["PUT /v1/job/stop/j1"] = [no(409, "UNSUPPORTED_OPERATION", "already succeeded")]
        self.answers["PUT /v1/job/stop/j2"] = [ok({"state": "stopped"})]
        out, err = self.run_ctl("job", "stop", "j1", "j2", code=1)
        self.assertEqual(out, "j2\tstopped\n")
        self.assertIn("already succeeded (UNSUPPORTED_OPERATION)", err)

    def test_logs_come_as_they_are(self):
        log = b"one\n\x1b[1mtwo\x00\n"
        self.answers["GET /v1/job/logs/j?role=w&replica=0&stream=stderr&tail=5&follow=true"] = [
            (200, log, {"Content_Type": "text/plain"})]
        done = subprocess.run(
            [PROGRAM, "job", "logs", "j", "-r", "w", "--replica", "0", "--stream", "stderr", "--tail",
             "5", "-f"], capture_output=True, env=self.environment(), check=False)
        self.assertEqual((done.returncode, done.stdout), (0, log))
        self.assertEqual(self.requests[0][3]["Accept"], "text/plain")

    def lines(self, *lines, url="GET /v1/job/logs/j", roles=(("w", 2),)):
        self.answers["GET /v1/job/detail/j"] = [ok({"job": {"state": "running"}, "tasks": [
            {"name": name, "replicas": [{} for _ in range(n)]} for name, n in roles]})]
        text = "".join(json.dumps(one) + "\n" for one in lines)
        self.answers[url] = [(200, text.encode(), {"Content_Type": "application/x-ndjson"})]

    @staticmethod
    def line(replica, line, stream="stdout", **more):
        return {"role": "w", "replica": replica, "stream": stream, "time": None, "line": line, **more}

    def test_lines_of_several_replicas_say_whose_they_are(self):
        self.lines(self.line(0, "one"), self.line(1, "two\u00e9"), self.line(0, "bad", "stderr"))
        out, _ = self.run_ctl("job", "logs", "j")
        self.assertEqual(out, "[w 0] one\n[w 1] two\u00e9\n[w 0 stderr] bad\n")
        self.assertEqual(self.requests[-1][3]["Accept"], "application/x-ndjson")

    def test_a_line_in_parts_is_one_line_again(self):
        self.lines(self.line(0, "a", partial=True), self.line(0, "b", partial=True), self.line(0, "c"),
                   self.line(0, "d", partial=True), self.line(1, "e"), self.line(0, "f"))
        out, _ = self.run_ctl("job", "logs", "j")
        self.assertEqual(out, "[w 0] abc\n[w 0] d\n[w 1] e\n[w 0] f\n")

    def test_one_replica_needs_no_name(self):
        for args, url, roles in (((), "", (("w", 1),)), (("-r", "w"), "?role=w", (("w", 1), ("x", 9))),
                                 (("--raw",), "", (("w", 5),))):
            self.lines(roles=roles)
            self.answers[f"GET /v1/job/logs/j{url}"] = [(200, b"as it is", {"Content_Type": "text/plain"})]
            out, _ = self.run_ctl("job", "logs", "j", *args)
            self.assertEqual(out, "as it is")
            self.assertEqual(self.requests[-1][3]["Accept"], "text/plain")

    def test_lines_as_json_are_handed_on(self):
        self.lines(self.line(0, "one"))
        out, _ = self.run_ctl("job", "logs", "j", "-o", "json")
        self.assertEqual(json.loads(out), self.line(0, "one"))

    def test_logs_tell_errors_whatever_their_status(self):
        for status in (404, 200):
            self.answers["GET /v1/job/logs/j"] = [no(status, "OPERATION_TARGET_NOT_FOUND", "no job j")]
            out, err = self.run_ctl("job", "logs", "j", code=1)
            self.assertEqual(out, "")
            self.assertIn("no job j (OPERATION_TARGET_NOT_FOUND)", err)


if __name__ == "__main__":
    unittest.main()
