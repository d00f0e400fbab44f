"""Two AccessGates: office hours, and how many jobs of one user may be under way."""

import datetime
import json
import math
import threading
import urllib.error
import urllib.parse
import urllib.request
import zoneinfo

from plugin import Refusal

DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEK_S = 7 * 24 * 3600


def parse_hours(text):
    """`mon-fri 08:00-18:00, sat 10:00-14:00` -> [(weekday, start, end)]; `always` -> None."""
    if text.strip() == "always":
        return None
    hours = []
    for part in text.split(","):
        days, _, times = part.strip().partition(" ")
        first, _, last = days.partition("-")
        start, _, end = times.strip().partition("-")
        start, end = datetime.time.fromisoformat(start), datetime.time.fromisoformat(end)
        if start >= end:
            raise ValueError(f"{part.strip()}: the hours must end after they begin, on the same day")
        day, stop = DAYS.index(first), DAYS.index(last or first)
        hours.append((day, start, end))
        while day != stop:
            day = (day + 1) % 7
            hours.append((day, start, end))
    return hours


class OfficeHours:
    """Suspends what comes outside the hours, until they begin again."""

    def __init__(self, hours, zone="UTC", now=None):
        self.hours = parse_hours(hours)
        self.zone = datetime.timezone.utc if zone == "UTC" else zoneinfo.ZoneInfo(zone)
        self.now = now or (lambda: datetime.datetime.now(self.zone))

    def __call__(self, call):
        now = self.now().astimezone(datetime.timezone.utc)
        wait = self.seconds_until_open(now)
        if wait == 0:
            return {"decision": "pass", "reason": "within office hours"}
        opens = (now + datetime.timedelta(seconds=wait)).astimezone(self.zone)
        return {"decision": "suspend", "reasonCode": "outside_office_hours",
                "reason": f"outside office hours, open again {opens:%a %H:%M %Z}",
                "retryAfterSec": min(max(wait, 1), WEEK_S)}

    def seconds_until_open(self, now):
        """Reckoned in UTC: the zone's clock may jump in between."""
        if self.hours is None:
            return 0
        waits = []
        today = now.astimezone(self.zone).date()
        for ahead in range(8):
            date = today + datetime.timedelta(days=ahead)
            for day, start, end in self.hours:
                if day != date.weekday():
                    continue
                begin, finish = self.moment(date, start), self.moment(date, end)
                if begin <= now < finish:
                    return 0
                if begin > now:
                    waits.append(math.ceil((begin - now).total_seconds()))
        return min(waits)

    def moment(self, date, time):
        return datetime.datetime.combine(date, time, self.zone).astimezone(datetime.timezone.utc)


class Quota:
    """At most `limit` jobs of one user between this gate and their end.

    It asks the gateway who is waiting or running and counts no events, so nothing is lost
    while it is down. A job that just passed is not with its engine yet: until it is, or has
    ended otherwise, it is remembered here as granted. Questions about one user are answered
    one after another, so two jobs cannot both take the last place.
    """

    def __init__(self, limit, server, token, retry_s=5):
        self.limit, self.server, self.token, self.retry_s = limit, server, token, retry_s
        self.lock = threading.Lock()
        self.users = {}  # user -> [lock, set of granted job ids, calls that use the entry]

    def __call__(self, call):
        if self.limit == 0:
            return {"decision": "pass", "reason": "no limit is set"}
        entry = self.enter(call.user)
        try:
            with entry[0]:
                return self.decide(call, entry[1])
        finally:
            self.leave(call.user, entry)

    def enter(self, user):
        with self.lock:
            entry = self.users.setdefault(user, [threading.Lock(), set(), 0])
            entry[2] += 1
            return entry

    def leave(self, user, entry):
        with self.lock:
            entry[2] -= 1
            if entry[2] == 0 and not entry[1]:
                del self.users[user]

    def decide(self, call, granted):
        busy = self.with_engine(call.user)
        for job_id in list(granted - busy):
            if self.state(job_id) != "preparing":
                granted.discard(job_id)
        granted -= busy
        taken = len((busy | granted) - {call.job_id})
        if taken >= self.limit:
            return {"decision": "suspend", "reasonCode": "quota_full", "onResume": "ask",
                    "reason": f"{taken} of {self.limit} jobs of this user are under way",
                    "retryAfterSec": self.retry_s}
        if not call.dry_run:
            granted.add(call.job_id)
        return {"decision": "pass", "reason": f"{taken} of {self.limit} jobs are under way"}

    def with_engine(self, user):
        query = urllib.parse.urlencode({"userID": user, "state": "waiting,running",
                                        "pageSize": min(self.limit + 1, 1000)})
        return {job["jobID"] for job in self.ask(f"/v1/job/list?{query}")}

    def state(self, job_id):
        try:
            return self.ask(f"/v1/job/detail/{urllib.parse.quote(job_id, safe='')}")["job"]["state"]
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return "gone"
            raise Refusal(503, f"the gateway answered {error.code}") from None

    def ask(self, path):
        request = urllib.request.Request(self.server + path,
                                         headers={"Authorization": f"Bearer {self.token}"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=5) as answer:
                return json.loads(answer.read(4 * 2**20))["payload"]
        except urllib.error.HTTPError as error:
            if error.code == 404:
                raise
            raise Refusal(503, f"the gateway answered {error.code}") from None
        except (OSError, ValueError) as error:
            # 503: the gateway keeps the job and asks again, nothing passes unchecked
            raise Refusal(503, f"the gateway cannot be asked: {error}") from None
