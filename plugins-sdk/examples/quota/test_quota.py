import pathlib
import threading
import unittest
import urllib.error

from quota import Quota, quota_app
from sluice_plugin import RE, Unavailable
from sluice_plugin.call import Call, Change
from sluice_plugin.log import silent
from sluice_plugin.testing import replay


class Known:
    """A gateway as the quota sees it: id -> state; resuming is written down."""

    def __init__(self, **jobs):
        self.states, self.resumed, self.down = jobs, [], False

    def jobs(self, _, states, pageSize, **__):
        if self.down:
            raise OSError("connection refused")
        return sorted(job for job, state in self.states.items() if state in states.split(","))[:pageSize]

    def resume(self, job, _):
        self.resumed.append(job)
        self.states[job] = "preparing"


def ask(quota, job, **more):
    return quota.ask(Call(header={"userID": "ann", "jobID": job}, **more))["decision"]


def tell(quota):
    return quota.wake(Change(job_id="x", state="succeeded", body={"userID": "ann"}))


class TheQuota(unittest.TestCase):
    def test_recorded_calls(self):
        app = quota_app(Quota(Known(), 2))
        app.log = silent
        self.assertEqual(replay(app, pathlib.Path(__file__).with_name("calls.json")), [])

    def test_many_at_once_get_only_the_places(self):
        gateway = Known(**{f"j{i}": "preparing" for i in range(6)})
        quota, answers = Quota(gateway, 2, now=lambda: 0), {}
        threads = [threading.Thread(target=lambda i=i: answers.update({i: ask(quota, f"j{i}")}))
                   for i in range(6)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        self.assertEqual([i for i in sorted(answers) if answers[i] == "pass"], [0, 1])

    def test_who_came_first_goes_first(self):
        quota = Quota(Known(a="running", b="suspended", c="preparing"), 2, now=lambda: 0)
        self.assertEqual([ask(quota, "c"), ask(quota, "b")], ["suspend", "pass"])

    def test_as_many_are_woken_as_there_is_room_for(self):
        gateway = Known(a="running", b="succeeded", c="suspended", d="suspended", e="suspended")
        quota = Quota(gateway, 3, now=lambda: 0)
        self.assertEqual((tell(quota), gateway.resumed), ("OK", ["c", "d"]))
        self.assertEqual([ask(quota, "d"), ask(quota, "c")], ["pass", "pass"])
        tell(quota)
        self.assertEqual(gateway.resumed, ["c", "d"])

    def test_a_later_one_that_passed_keeps_its_place(self):
        gateway = Known(b="preparing")
        quota = Quota(gateway, 1, now=lambda: 0)
        self.assertEqual(ask(quota, "b"), "pass")
        gateway.states["a"] = "preparing"
        self.assertEqual(ask(quota, "a"), "suspend")

    def test_after_a_restart_nobody_is_forgotten(self):
        gateway = Known(**{"01890000-0000-7": "preparing", "01890000-0001-7": "preparing"})
        fresh = Quota(gateway, 1)
        self.assertEqual(ask(fresh, "01890000-0000-7"), "suspend")

    def test_a_dry_run_takes_no_place(self):
        quota = Quota(Known(), 1, now=lambda: 0)
        self.assertEqual([ask(quota, "a", dry_run=True) for _ in range(2)], ["pass"] * 2)
        self.assertEqual(quota.granted, {})

    def test_without_the_gateway_nothing_passes(self):
        gateway = Known()
        gateway.down = True
        quota = Quota(gateway, 1)
        self.assertRaises(Unavailable, ask, quota, "a")
        self.assertEqual(tell(quota), RE)

    def test_nothing_is_kept_of_jobs_that_ended(self):
        gateway = Known(a="preparing")
        quota = Quota(gateway, 1, now=lambda: 0)
        ask(quota, "a")
        gateway.states["a"] = "succeeded"
        tell(quota)
        self.assertEqual(quota.granted, {})

    def test_a_token_that_may_not_resume_is_told(self):
        gateway = Known(a="suspended")

        def refuse(*_):
            raise urllib.error.HTTPError("", 403, "forbidden", {}, None)
        gateway.resume = refuse
        self.assertRaises(urllib.error.HTTPError, tell, Quota(gateway, 1))


if __name__ == "__main__":
    unittest.main()
