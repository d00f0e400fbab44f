"""How far the roles of a watched job are: in lines, and in a block on terminals."""

import json
import re
import unittest

from gateway_double import Case, no, ok

JOB = "0193a1c2-5d7e-7b3a-9f00-2a4c6e8d1b35"
DETAIL, EVENTS = f"GET /v1/job/detail/{JOB}", f"GET /v1/job/events/{JOB}"
SHORT = {"waiting": "waiting", "w": "waiting", "r": "running", "d": "succeeded", "f": "failed", "s": "stopped"}


def detail(state, **roles):
    """Each role as "state rrdf": a letter for every replica."""
    tasks = []
    for name, words in roles.items():
        role, replicas = words.split()
        tasks.append({"name": name, "state": role, "replicas": [
            {"index": i, "state": SHORT[one]} for i, one in enumerate(replicas)]})
    return ok({"job": {"id": JOB, "state": state, "reason": "it is"}, "tasks": tasks})


def screen(text):
    """What stands on a terminal in the end, and all lines that ever stood there."""
    lines, row, column, ever = [""], 0, 0, set()
    for part in re.findall(r"\x1b\[\d*[A-Z]|\x1b\[[\d;]*m|\r|\n|[^\x1b\r\n]+", text):
        if part == "\r":
            column = 0
        elif part == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif part.endswith("A") and part[0] == "\x1b":
            row -= int(part[2:-1])
            assert row >= 0, "drew above its own lines"
        elif part == "\x1b[K":
            lines[row] = lines[row][:column]
        elif part == "\x1b[J":
            lines[row:] = [lines[row][:column]]
        elif part[0] != "\x1b":
            lines[row] = lines[row][:column].ljust(column) + part + lines[row][column + len(part):]
            column += len(part)
        ever.update(lines)
    return lines, ever


class Watching(Case):
    def setUp(self):
        super().setUp()
        self.answers["POST /v1/job"] = [ok({"jobID": JOB})]
        self.answers[EVENTS] = [ok([])]
        self.path = self.file("a.yml", "kind: k\n")

    def watch(self, *details, flag="--watch", **more):
        self.answers[DETAIL] = list(details)
        return self.run_ctl("submit", self.path, "-u", "a", flag, **more)

    def test_a_line_when_the_numbers_of_a_role_change(self):
        _, err = self.watch(
            detail("preparing"), detail("waiting", worker="waiting www", after="waiting w"),
            detail("running", worker="running rrw", after="waiting w"),
            detail("running", worker="running rrw", after="waiting w"),
            detail("running", worker="running drf", after="waiting w"),
            detail("running", worker="succeeded ddf", after="running r"),
            detail("succeeded", worker="succeeded ddf", after="succeeded d"))
        self.assertEqual(err.splitlines(), [
            "role worker: running, 0 done, 2 running, 0 failed of 3",
            "role worker: running, 1 done, 1 running, 1 failed of 3",
            "role worker: succeeded, 2 done, 0 running, 1 failed of 3",
            "role after: running, 0 done, 1 running, 0 failed of 1",
            "role after: succeeded, 1 done, 0 running, 0 failed of 1"])

    def test_a_role_that_begins_anew_and_one_that_is_stopped_are_news(self):
        _, err = self.watch(detail("running", w="running rf"), detail("running", w="waiting ww"),
                            detail("stopped", w="stopped ss"), code=1)
        self.assertEqual([line.split(": ")[1] for line in err.splitlines() if line.startswith("role")], [
            "running, 0 done, 1 running, 1 failed of 2", "waiting, 0 done, 0 running, 0 failed of 2",
            "stopped, 0 done, 0 running, 0 failed, 2 stopped of 2"])

    def test_a_gateway_that_restarts_tells_nothing_twice(self):
        _, err = self.watch(detail("running", w="running r"), no(503, "SERVICE_UNAVAILABLE", "starting"),
                            detail("running", w="running r"), detail("succeeded", w="succeeded d"))
        self.assertEqual(err.splitlines(), ["role w: running, 0 done, 1 running, 0 failed of 1",
                                            "role w: succeeded, 1 done, 0 running, 0 failed of 1"])

    def test_standard_output_is_for_the_events_and_waiting_is_silent(self):
        self.answers[EVENTS] = [ok([{"number": 0, "type": "state", "state": "succeeded"}])]
        self.answers[DETAIL] = [detail("running", w="running r"), detail("succeeded", w="succeeded d")]
        out, _ = self.run_ctl("submit", self.path, "-u", "a", "--watch", "-o", "json")
        self.assertEqual([json.loads(line)["number"] for line in out.splitlines()], [0])
        _, err = self.watch(detail("running", w="running r"), detail("succeeded", w="succeeded d"), flag="--wait")
        self.assertEqual(err, "")

    def test_names_cannot_play_with_a_terminal(self):
        _, err = self.watch(detail("succeeded", **{"a\x1b[2Jb": "succeeded d"}))
        self.assertNotIn("\x1b", err)

    def terminal(self, *details, **more):
        self.answers[DETAIL] = list(details)
        code, seen = self.on_terminal("submit", self.path, "-u", "a", "--watch", **more)
        self.assertEqual(code, 0, seen)
        return screen(seen)

    def test_on_a_terminal_the_block_stays_in_its_place(self):
        one, two = ({"number": n, "time": f"2026-11-21T20:00:0{n}.000Z", "type": "state", "state": state}
                    for n, state in enumerate(("running", "succeeded")))
        self.answers[EVENTS] = [ok([]), ok([one]), ok([one]), ok([one, two])]
        lines, ever = self.terminal(
            detail("waiting", worker="waiting www", b="waiting w"), detail("running", worker="running rrw", b="waiting w"),
            detail("running", worker="running drf", b="waiting w"),
            detail("succeeded", worker="succeeded ddf", b="succeeded d"))
        for line in ("  worker  waiting, 0 done, 0 running, 0 failed of 3",
                     "  worker  running, 0 done, 2 running, 0 failed of 3",
                     "  worker  running, 1 done, 1 running, 1 failed of 3",
                     "  b       waiting, 0 done, 0 running, 0 failed of 1"):
            self.assertIn(line, ever)
        self.assertTrue(any(re.fullmatch(r"running: it is \(\d+ s\)", line) for line in ever), ever)
        self.assertEqual([line.rstrip() for line in lines], [
            JOB, "   0.000 s  running", "   1.000 s  succeeded", "", "succeeded after 1.000 s", ""])

    def test_more_roles_than_the_terminal_has_lines(self):
        roles = {f"role{i}": "running r" for i in range(40)}
        lines, ever = self.terminal(detail("running", **roles), detail("succeeded", **roles))
        self.assertIn("  and 19 more roles", ever)
        self.assertEqual(lines[0], JOB)
        self.assertFalse([line for line in lines if "running" in line])

    def test_a_tiny_terminal_holds_the_block(self):
        roles = {"worker": "running rr", "helper": "running r"}
        _, ever = self.terminal(detail("running", **roles), detail("succeeded", **roles), size=(4, 12))
        block = [line for line in ever if line.startswith(("runn", "  worker", "  and"))]
        self.assertTrue(len(block) >= 3 and all(len(line) < 12 for line in block), ever)

    def test_a_long_reason_takes_one_line(self):
        long = ok({"job": {"id": JOB, "state": "running", "reason": "\u00fc" * 500}, "tasks": []})
        _, ever = self.terminal(long, detail("succeeded"))
        heads = [line for line in ever if line.startswith("running: \u00fc")]
        self.assertTrue(heads and all(len(line) < 80 for line in heads), heads)
        self.assertTrue(any("~ (" in line for line in heads))


if __name__ == "__main__":
    unittest.main()
