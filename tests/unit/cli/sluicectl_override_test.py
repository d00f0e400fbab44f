"""sluicectl feature rotate-key and plugin override, as their users run them."""

import json
import unittest

from gateway_double import Case, no, ok

KEY = "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"
ROTATE = "PUT /v1/features/rotate-key/quota"
UNTIL = "2026-11-23T20:00:00.000Z"


class Rotating(Case):
    def setUp(self):
        super().setUp()
        self.answers[ROTATE] = [ok({"name": "quota", "signingKey": KEY, "oldKeyUntil": UNTIL})]

    def test_a_made_key_is_for_a_terminal_or_json(self):
        code, seen = self.on_terminal("feature", "rotate-key", "quota")
        self.assertEqual(code, 0)
        self.assertIn(KEY, seen)
        self.assertIn("2026-11-23 20:00:00", seen)
        out, _ = self.run_ctl("feature", "rotate-key", "quota", "-o", "json")
        self.assertEqual(json.loads(out)["signingKey"], KEY)
        self.assertEqual(self.body(), {})

    def test_a_key_that_nobody_would_see_is_not_made(self):
        _, err = self.run_ctl("feature", "rotate-key", "quota", code=2)
        self.assertIn("nothing was changed", err)
        self.assertIn("next: ", err)
        self.assertEqual(self.requests, [])

    def test_a_key_of_ones_own(self):
        path = self.file("key", KEY + "\n")
        for given, stdin in ((KEY, ""), ("@" + path, ""), ("@-", KEY + "\n")):
            out, err = self.run_ctl("feature", "rotate-key", "quota", "--key", given, stdin=stdin)
            self.assertEqual(self.body(), {"signingKey": KEY})
            self.assertEqual(out, f"quota\t{UNTIL}\n")
            self.assertNotIn(KEY, err)

    def test_files_without_a_key(self):
        for path in (self.file("empty", ""), self.file("other", "secret\n"), "/no/such/file"):
            _, err = self.run_ctl("feature", "rotate-key", "quota", "-k", "@" + path, code=1 if "/no/" in path else 2)
            self.assertIn(path, err)
            self.assertNotIn("secret", err)
        self.assertEqual(self.requests, [])

    def test_overlap(self):
        for text, seconds in (("0", 0), ("90s", 90), ("2d", 172800), ("600", 600)):
            self.run_ctl("feature", "rotate-key", "quota", "-k", KEY, "--overlap", text)
            self.assertEqual(self.body()["overlapSec"], seconds)
        for text in ("soon", "-1d", "2026-11-21T20:00:00Z", "1w"):
            _, err = self.run_ctl("feature", "rotate-key", "quota", "-k", KEY, "--overlap=" + text, code=2)
            self.assertIn("not a span", err)

    def test_a_refusal_is_told(self):
        self.answers[ROTATE] = [no(400, "WRONG_PARAM", "signingKey: must be whsec_")]
        _, err = self.run_ctl("feature", "rotate-key", "quota", "-k", "x", code=1)
        self.assertIn("signingKey: must be", err)


class Overriding(Case):
    GATE = "AccessGate.quota.ada"
    PUT = "PUT /v1/plugins/override/" + GATE

    def test_what_is_given_is_sent(self):
        self.answers[self.PUT] = [ok({"key": self.GATE, "override": {"retries": 0, "failurePolicy": "ignore"}})]
        out, _ = self.run_ctl("plugin", "override", self.GATE, "--retries", "0", "--failure-policy", "ignore")
        self.assertEqual(self.body(), {"retries": 0, "failurePolicy": "ignore"})
        self.assertEqual(out, self.GATE + '\t{"retries":0,"failurePolicy":"ignore"}\n')
        self.run_ctl("plugin", "override", self.GATE, "-t", "1500", "-m", "7")
        self.assertEqual(self.body(), {"timeoutMs": 1500, "maxInFlight": 7})

    def test_clear(self):
        self.answers[self.PUT] = [ok({"key": self.GATE}), ok()]  # the second: it is registered no more
        for _ in range(2):
            out, _ = self.run_ctl("plugin", "override", self.GATE, "--clear")
            self.assertEqual(self.body(), {})
            self.assertEqual(out, self.GATE + "\t\n")

    def test_all_or_something(self):
        for args in ((), ("--clear", "--retries", "1")):
            _, err = self.run_ctl("plugin", "override", self.GATE, *args, code=2)
            self.assertIn("next: ", err)
        for args in (("-p", "never"), ("-r", "-1"), ("-t", "x")):
            self.run_ctl("plugin", "override", self.GATE, *args, code=2)
        self.assertEqual(self.requests, [])

    def test_list_shows_it_when_wide(self):
        self.answers["GET /v1/plugins/list/AccessGate"] = [ok([{
            "key": self.GATE, "sequence": 1, "enabled": True, "callAddress": "http://x", "retries": 2,
            "override": {"retries": 0}}])]
        out, _ = self.run_ctl("plugin", "list", "AccessGate", "-o", "wide")
        self.assertIn("OVERRIDE", out.splitlines()[0])
        self.assertIn('{"retries":0}', out.splitlines()[1])
        self.assertNotIn("OVERRIDE", self.run_ctl("plugin", "list", "AccessGate", "-o", "table")[0])


if __name__ == "__main__":
    unittest.main()
