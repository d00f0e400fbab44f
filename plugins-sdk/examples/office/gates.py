"""An AccessGate: office hours."""

import datetime
import math
import zoneinfo

from sluice_plugin import passed, suspend


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
            return passed("within office hours")
        opens = (now + datetime.timedelta(seconds=wait)).astimezone(self.zone)
        return suspend(f"outside office hours, open again {opens:%a %H:%M %Z}",
                       code="outside_office_hours", retry_after=min(max(wait, 1), WEEK_S))

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
