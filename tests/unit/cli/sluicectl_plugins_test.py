"""sluicectl for those who write plugins: sample calls, replays, dry runs, LifeHooks, the event stream."""

import json
import unittest

from gateway_double import MANUAL, PROGRAM, Case, no, ok

assert PROGRAM and MANUAL


class PluginTest(Case):
    ROUTE = "POST /v1/plugins/test"

    def test_a_legal_answer_is_0(self):
        self.answers[self.ROUTE] = [ok({"summary": "G.q.a answered: pass", "verdict": "legal", "answer": "{}"})]
        out, _ = self.run_ctl("plugin", "test", "G.q.a", "--job", "j1")
        self.assertEqual(out, "G.q.a answered: pass\n")
        self.assertEqual(self.body(), {"key": "G.q.a", "jobID": "j1"})

    def test_an_illegal_one_is_1_and_shown(self):
        self.answers[self.ROUTE] = [ok({"summary": "no legal answer", "verdict": "illegal", "answer": "<html>"})]
        out, _ = self.run_ctl("plugin", "test", "G.q.a", code=1)
        self.assertEqual(out, "no legal answer\nit said: <html>\n")
        out, _ = self.run_ctl("plugin", "test", "G.q.a", "-o", "json", code=1)
        self.assertEqual(json.loads(out)["verdict"], "illegal")

    def test_a_plugin_of_a_file(self):
        self.answers[self.ROUTE] = [ok({"summary": "OK", "verdict": "legal"})]
        path = self.file("p.yml", "pluginType: LifeHook\ncallAddress: http://127.0.0.1:1/\n")
        self.run_ctl("plugin", "test", "-f", path, "-d", self.file("d.json", '{"kind": "k"}'))
        self.assertEqual(self.body(), {"plugin": {"pluginType": "LifeHook", "callAddress": "http://127.0.0.1:1/"},
                                       "job": {"kind": "k"}})

    def test_usage(self):
        _, err = self.run_ctl("plugin", "test", code=2)
        self.assertIn("sluicectl plugin list shows the keys", err)
        _, err = self.run_ctl("plugin", "test", "K", "--job", "j", "-d", "x", code=2)
        self.assertIn("exclude each other", err)
        self.assertEqual(self.requests, [])


class FeatureReplay(Case):
    ROUTE = "POST /v1/features/replay"

    def page(self, failed=0, **more):
        return ok({"sum": {"changed": 1, "failed": failed, "same": 2}, "results": [
            {"jobID": "j1", "outcome": "changed", "changes": [
                {"what": "decision", "plugin": "G.q.a", "old": "pass", "new": "stop", "reason": "full"},
                {"what": "taskset", "path": "/a", "old": None, "new": 1}]},
            {"jobID": "j2", "outcome": "same", "changes": []}], **more})

    def test_pages_are_added_up(self):
        self.answers[self.ROUTE] = [self.page(next={"last": 3, "after": "j2"}), self.page()]
        out, _ = self.run_ctl("feature", "replay", "quota", "--last", "6")
        self.assertEqual([self.body(0), self.body(1)],
                         [{"name": "quota", "last": 6}, {"name": "quota", "last": 3, "after": "j2"}])
        self.assertIn("    decision  G.q.a: pass -> stop: full\n", out)
        self.assertIn("    taskset   /a: nothing -> 1\n", out)
        self.assertNotIn("j2", out)
        self.assertTrue(out.endswith("6 jobs: 2 would change, 4 stay the same\n"), out)

    def test_a_job_that_would_fail_is_1(self):
        self.answers[self.ROUTE] = [self.page(failed=1)]
        out, _ = self.run_ctl("feature", "replay", self.file("q.yml", "name: q\n"), "-j", "j1", "-j", "j2", code=1)
        self.assertEqual(self.body(), {"feature": {"name": "q"}, "jobIDs": ["j1", "j2"]})
        self.assertIn("1 would fail", out)

    def test_refusals_and_usage(self):
        self.answers[self.ROUTE] = [no(404, "OPERATION_TARGET_NOT_FOUND", "name: there is no feature q")]
        _, err = self.run_ctl("feature", "replay", "q", code=1)
        self.assertIn("there is no feature q", err)
        self.run_ctl("feature", "replay", "q", "--last", "2", "--job", "j", code=2)
        self.assertEqual(len(self.requests), 1)


class DryRun(Case):
    def test_it_goes_nowhere_else(self):
        self.answers["POST /v1/job?dryRun=true"] = [no(400, "WRONG_PARAM", "job.kind: is required")]
        path = self.file("a.yml", "kind: k\n")
        _, err = self.run_ctl("submit", path, "-u", "a", "--dry-run", code=1)
        self.assertIn("job.kind: is required", err)
        self.assertEqual([r[1] for r in self.requests], ["/v1/job?dryRun=true"])
        self.run_ctl("submit", path, "-u", "a", "--dry-run", "--wait", code=2)
        self.run_ctl("submit", path, "-u", "a", "--with", "f", code=2)
        self.assertEqual(len(self.requests), 1)


class Hooks(Case):
    LIST = "GET /v1/hooks/deliveries?state=dead&plugin=LifeHook.m.o&pageSize=100"

    def test_list(self):
        self.answers[self.LIST] = [ok([{"id": "7", "plugin": "LifeHook.m.o", "jobID": "j", "currentState": "failed",
                                        "state": "dead", "attempts": 2, "lastAnswer": "EX"}])]
        out, _ = self.run_ctl("hooks", "list", "--state", "dead", "--plugin", "LifeHook.m.o")
        self.assertTrue(out.startswith("7\tLifeHook.m.o\tj\tfailed\tdead\t2\t"), out)

    def test_redeliver(self):
        self.answers["POST /v1/hooks/redeliver"] = [ok({"redelivered": 1}), no(404, "OPERATION_TARGET_NOT_FOUND", "gone"),
                                                    ok({"redelivered": 3})]
        out, err = self.run_ctl("hooks", "redeliver", "7", "8", code=1)
        self.assertEqual((out, [self.body(0), self.body(1)]), ("7\t1\n", [{"id": "7"}, {"id": "8"}]))
        self.assertIn("gone", err)
        out, _ = self.run_ctl("hooks", "redeliver", "--plugin", "LifeHook.m.o", "--since", "2026-11-21T20:00:00Z")
        self.assertEqual(self.body(), {"plugin": "LifeHook.m.o", "since": "2026-11-21T20:00:00.000Z"})
        self.assertEqual(out, "LifeHook.m.o\t3\n")

    def test_ids_or_a_plugin(self):
        for args in ((), ("7", "--plugin", "K"), ("7", "--since", "2h"), ("--plugin", "K", "--since", "soon")):
            self.run_ctl("hooks", "redeliver", *args, code=2)
        self.assertEqual(self.requests, [])


class Events(Case):
    def test_what_is_kept_and_no_more(self):
        change = '{"id": "j1", "current_state": "running", "userID": "ada", "time": "2026-11-21T20:00:00.000Z"}'
        self.answers["GET /v1/events?since=0&state=running"] = [
            (200, f"id: 4\ndata: {change}\n\n: all so far\n\nid: 5\ndata: {change}\n\n".encode(),
             {"Content_Type": "text/event-stream"})]
        out, _ = self.run_ctl("events", "--state", "running", "-o", "json")
        self.assertEqual(out, change + "\n")

    def test_a_refusal_is_told(self):
        self.answers["GET /v1/events?since=0"] = [no(403, "NO_PRIVILEGE", "read_job is needed")]
        _, err = self.run_ctl("events", code=1)
        self.assertIn("read_job is needed", err)


if __name__ == "__main__":
    unittest.main()
