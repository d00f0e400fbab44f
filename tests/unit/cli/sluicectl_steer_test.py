"""sluicectl hold and release, as their users run them."""

import json
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


if __name__ == "__main__":
    unittest.main()
