"""sluicectl hold, release, job rerun, and stop and resume of many, as their users run them."""

import json
import time
import unittest

from gateway_double import Case, no, ok

STATE = {"held": True, "heldJobs": 3, "jobsInAdmission": 0, "jobsInAdmissionMax": 10000, "holds": [
    {"kind": "k", "userID": "ada", "reason": "a\x1b[31mmove", "who": "ops", "since": "2026-11-21T20:00:00.000Z"},
    {"reason": "", "who": "admin", "since": "2026-11-21T20:00:01.000Z"}]}


class Holding(Case):
    def test_hold_says_what_is_held(self):
        self.answers["PUT /v1/admission/hold"] = [ok(STATE)]
        out, err = self.run_ctl("hold", "--kind", "k", "-u", "ada", "-r", "a move")
        self.assertEqual(self.body(), {"kind": "k", "userID": "ada", "reason": "a move"})
        self.assertEqual(out.splitlines(), [
            "held: jobs of kind k of user ada, since 2026-11-21T20:00:00.000Z, by ops, because: a\\x1b[31mmove",
            "held: all jobs, since 2026-11-21T20:00:01.000Z, by admin",
            "held jobs: 3"])
        self.assertEqual(err, "")
        out, _ = self.run_ctl("hold", "-o", "json")
        self.assertEqual(self.body(), {})
        self.assertEqual(json.loads(out)["heldJobs"], 3)

    def test_list_changes_nothing(self):
        self.answers["GET /v1/admission"] = [ok({"held": False, "heldJobs": 0, "holds": []})]
        out, _ = self.run_ctl("hold", "--list")
        self.assertEqual(out, "nothing is held\nheld jobs: 0\n")
        self.assertEqual([one[0] for one in self.requests], ["GET"])

    def test_release_of_what_was_not_held_is_told(self):
        self.answers["PUT /v1/admission/release"] = [ok({**STATE, "changed": False}), ok({**STATE, "changed": True})]
        out, err = self.run_ctl("release", "--user", "eve")
        self.assertEqual(self.body(), {"userID": "eve"})
        self.assertIn("were not held", err)
        self.assertIn("next: ", err)
        self.assertIn("held: all jobs", out)
        _, err = self.run_ctl("release", "--user", "ada", "--kind", "k")
        self.assertEqual(err, "")

    def test_a_refusal_is_told(self):
        self.answers["PUT /v1/admission/hold"] = [no(403, "PERMISSION_DENIED", "write_feature is needed")]
        _, err = self.run_ctl("hold", code=1)
        self.assertIn("write_feature is needed", err)


class Many(Case):
    LIST = "GET /v1/job/list?userID=ada&state=preparing%2Csuspended%2Cwaiting%2Crunning&order=asc&pageSize=1000"

    def setUp(self):
        super().setUp()
        self.answers[self.LIST] = [ok([{"jobID": "j1"}, {"jobID": "j2"}], X_Next_Cursor="c")]
        self.answers[self.LIST + "&cursor=c"] = [ok([{"jobID": "j3"}])]
        for job in ("j1", "j3"):
            self.answers[f"PUT /v1/job/stop/{job}"] = [ok({"state": "stopped", "stopping": False})]
        self.answers["PUT /v1/job/stop/j2"] = [no(409, "UNSUPPORTED_OPERATION", "has already succeeded")]

    def stopped(self):
        return [path for method, path, _, _ in self.requests if method == "PUT"]

    def test_all_that_a_filter_finds_the_oldest_first(self):
        out, err = self.run_ctl("job", "stop", "--user", "ada", "--yes", "-r", "flood")
        self.assertEqual(self.stopped(), [f"/v1/job/stop/j{i}" for i in (1, 2, 3)])
        self.assertEqual(self.body(), {"reason": "flood"})
        self.assertEqual(out, "")
        self.assertEqual(err, "stopping: 2 of 3, 1 had moved on by themselves\n")

    def test_without_a_terminal_nothing_happens_unasked(self):
        _, err = self.run_ctl("job", "stop", "--user", "ada", code=2)
        self.assertIn("3 jobs match", err)
        self.assertIn("--yes", err)
        self.assertEqual(self.stopped(), [])

    def test_a_dry_run_lists_them(self):
        out, err = self.run_ctl("job", "stop", "--user", "ada", "--dry-run", "--yes")
        self.assertEqual((out, err), ("j1\nj2\nj3\n", "3 jobs match\n"))
        self.assertEqual(self.stopped(), [])

    def test_a_terminal_is_asked(self):
        code, seen = self.on_terminal("job", "stop", "-u", "ada", typed=[("stop 3 jobs? [y/N]", "n")])
        self.assertEqual((code, self.stopped()), (1, []))
        self.assertIn("nothing was changed", seen)
        code, seen = self.on_terminal("job", "stop", "-u", "ada", typed=[("stop 3 jobs? [y/N]", "y")])
        self.assertEqual((code, len(self.stopped())), (0, 3))
        self.assertIn("stopping: 2 of 3", seen)

    def test_resume_looks_at_suspended_ones(self):
        self.answers["GET /v1/job/list?state=suspended&plugin=K&order=asc&pageSize=1000"] = [
            ok([{"jobID": "j1"}, {"jobID": "j2"}])]
        self.answers["PUT /v1/job/resume/j1"] = [no(429, "TOO_MANY_REQUESTS", "full"), ok()]
        self.answers["PUT /v1/job/resume/j2"] = [no(403, "PERMISSION_DENIED", "resume_job is needed")]
        _, err = self.run_ctl("job", "resume", "--plugin", "K", "--per-second", "50", "--yes", code=1)
        self.assertIn("resume_job is needed", err)
        self.assertIn("resumed: 1 of 2, 1 failed\n", err)

    def test_pace(self):
        ids = [{"jobID": f"p{i}"} for i in range(6)]
        self.answers["GET /v1/job/list?kind=k&state=suspended&order=asc&pageSize=1000"] = [ok(ids)]
        for one in ids:
            self.answers[f"PUT /v1/job/resume/{one['jobID']}"] = [ok()]
        began = time.monotonic()
        self.run_ctl("job", "resume", "-k", "k", "--per-second", "10", "-y")
        self.assertGreaterEqual(time.monotonic() - began, 0.5)

    def test_names_or_a_filter(self):
        for args in ((), ("j1", "--user", "ada")):
            _, err = self.run_ctl("job", "stop", *args, code=2)
            self.assertIn("next: ", err)
        self.assertEqual(self.requests, [])

    def test_nothing_matches(self):
        self.answers["GET /v1/job/list?userID=eve&state=suspended&order=asc&pageSize=1000"] = [ok([])]
        _, err = self.run_ctl("job", "resume", "-u", "eve")
        self.assertEqual(err, "0 jobs match\n")


class Deleting(Case):
    LIST = "GET /v1/job/list?userID=ada&state=succeeded%2Cfailed%2Cstopped&order=asc&pageSize=1000"

    def setUp(self):
        super().setUp()
        self.answers[self.LIST] = [ok([{"jobID": "j1"}, {"jobID": "j2"}])]
        self.answers["DELETE /v1/job/j1"] = [no(503, "SERVICE_UNAVAILABLE", "busy"), ok()]
        self.answers["DELETE /v1/job/j2"] = [no(404, "OPERATION_TARGET_NOT_FOUND", "no job j2")]

    def deleted(self):
        return [path for method, path, _, _ in self.requests if method == "DELETE"]

    def test_ended_jobs_that_a_filter_finds(self):
        out, err = self.run_ctl("job", "delete", "-u", "ada", "--yes", "--per-second", "100")
        self.assertEqual(self.deleted(), ["/v1/job/j1", "/v1/job/j1", "/v1/job/j2"])
        self.assertEqual((out, err), ("", "deleted: 1 of 2, 1 had moved on by themselves\n"))

    def test_nothing_is_deleted_unasked(self):
        _, err = self.run_ctl("job", "delete", "-u", "ada", code=2)
        self.assertIn("2 jobs match", err)
        out, _ = self.run_ctl("job", "delete", "-u", "ada", "--dry-run", "--yes")
        self.assertEqual(out, "j1\nj2\n")
        code, seen = self.on_terminal("job", "delete", "-u", "ada", typed=[("delete 2 jobs? [y/N]", "n")])
        self.assertEqual((code, self.deleted()), (1, []))
        self.assertIn("nothing was changed", seen)

    def test_what_cannot_be_meant_is_told(self):
        for args in ((), ("j1", "-u", "ada"), ("--yes",), ("-s", "failed,running", "--yes")):
            _, err = self.run_ctl("job", "delete", *args, code=2)
            self.assertIn("next: ", err)
        self.assertEqual(self.requests, [])

    def test_named_ones_are_deleted_each(self):
        out, err = self.run_ctl("job", "delete", "j2", "j3", code=1)
        self.assertEqual((out, len(self.deleted())), ("", 2))
        self.assertIn("no job j2", err)
        self.answers["DELETE /v1/job/j3"] = [ok()]
        self.assertEqual(self.run_ctl("job", "delete", "j3")[0], "j3\tdeleted\n")


class Rerunning(Case):
    def test_each_job_runs_again(self):
        self.answers["POST /v1/job/rerun/j1"] = [ok({"jobID": "n1", "rerunOf": "j1"})]
        self.answers["POST /v1/job/rerun/j2"] = [no(409, "UNSUPPORTED_OPERATION", "the job is running")]
        out, err = self.run_ctl("job", "rerun", "j1", "j2", code=1)
        self.assertEqual(out, "j1\tn1\n")
        self.assertIn("the job is running", err)


class Backups(Case):
    MADE = ok({"folder": "/b/one", "bytes": 3145728, "jobs": 4, "features": 1, "tokens": 0, "secretKey": False,
               "tookMs": 1500})

    def test_how_far_the_gateway_is_shows_on_a_terminal(self):
        def asked():
            return sum(one[0] == "GET" for one in self.requests)

        class AtWork(list):
            def __len__(inner):  # until it was asked for the third time: two answers are drawn then
                end = time.monotonic() + 60
                while asked() < 3 and time.monotonic() < end:
                    time.sleep(0.02)
                return 1

        self.answers["GET /v1/admin/backup"] = [
            ok({"running": True, "bytes": 1572864, "ofAbout": 3145728, "tookMs": 1234})]
        self.answers["POST /v1/admin/backup"] = AtWork([self.MADE])
        code, seen = self.on_terminal("backup", "--on-gateway", "one")
        self.assertEqual(code, 0, seen)
        self.assertIn("copying on the gateway: 1.5 MiB of about 3.0 MiB, 1 s", seen)
        self.assertTrue(seen.rsplit("\x1b[K", 1)[1].startswith("backup one: 4 jobs, 1 features"), seen)

    def test_elsewhere_nothing_is_asked(self):
        self.answers["POST /v1/admin/backup"] = [self.MADE]
        _, err = self.run_ctl("backup", "--on-gateway", "one")
        self.assertTrue(err.startswith("backup one: 4 jobs"), err)
        self.assertEqual([one[0] for one in self.requests], ["POST"])


if __name__ == "__main__":
    unittest.main()
