"""quota: so many jobs of one user at once; the others wait in line, first come, first served.

It keeps no books. Who waits and who runs, the gateway knows: each question is answered from its
lists, so that nothing is lost when this service, or the gateway, is killed at any moment.

The gate passes a job when fewer than QUOTA_LIMIT jobs are ahead of it: those that wait for their
engine or run, and of those still in admission or suspended here the ones submitted earlier. The
hook hears of each end and of each suspension, and resumes just as many from the front of the line
as there is room for; the gate is then asked about each again, and has the last word.
"""

import os
import sys
import threading
import time
import urllib.error

from gateway import Gateway
from sluice_plugin import OK, RE, App, Unavailable, passed, suspend

CODE = "quota_full"
LIMIT_MAX = 500
LOCKS = 64
NEWEST = "~"  # sorts behind each id


class Quota:
    def __init__(self, gateway, limit, retry_s=60, now=time.time):
        self.gateway, self.limit, self.retry_s = gateway, limit, retry_s
        self.locks = [threading.Lock() for _ in range(LOCKS)]  # one user's questions one by one
        self.granted = {}  # user -> jobs that passed here, and are not with their engine yet
        self.began = id_of_moment(now())

    def lock(self, user):
        return self.locks[hash(user) % LOCKS]

    def look(self, user):
        """The user's jobs: the front of the line, those in admission, those with an engine. Asked
        in this order, a job that moves on meanwhile is seen twice, and never not at all."""
        line = self.gateway.jobs(user, "suspended", reasonCode=CODE, pageSize=self.limit + 1)
        preparing = self.gateway.jobs(user, "preparing", pageSize=1000)
        busy = self.gateway.jobs(user, "waiting,running", pageSize=self.limit + 1)
        kept = self.granted.get(user, set()) & {*line, *preparing}
        if kept:
            self.granted[user] = kept
        else:
            self.granted.pop(user, None)
        return line, preparing, busy

    def ask(self, call):
        """The gate."""
        try:
            with self.lock(call.user):
                return self.decide(call, *self.look(call.user))
        except (OSError, ValueError, KeyError) as error:
            raise Unavailable(f"the gateway cannot be asked: {error}", 5) from None

    def decide(self, call, line, preparing, busy):
        me = NEWEST if call.dry_run else call.job_id
        granted = self.granted.get(call.user, set())
        ahead = set(busy)
        ahead |= {job for job in line if job < me or job in granted}
        # one from before this service began may have passed: nobody remembers
        ahead |= {job for job in preparing if job < me or job in granted or job < self.began}
        ahead.discard(call.job_id)
        if len(ahead) >= self.limit:
            return suspend(f"this user's {self.limit} places are taken: it goes on by itself when one is free",
                           code=CODE, retry_after=self.retry_s, ask_on_resume=True)
        if not call.dry_run:
            self.granted.setdefault(call.user, set()).add(call.job_id)
        return passed(f"{len(ahead)} of {self.limit} places are taken")

    def wake(self, change):
        """The hook."""
        user = str(change.body.get("userID", ""))
        if change.dry_run or not user:
            return OK
        try:
            with self.lock(user):
                line, preparing, busy = self.look(user)
                room = self.limit - len({*preparing, *busy})
                for job in line[:max(room, 0)]:
                    self.gateway.resume(job, "there is room in the quota")
        except urllib.error.HTTPError as error:
            if 400 <= error.code < 500 and error.code != 429:
                raise  # a token that may not: for the log, and told again until somebody mends it
            return RE
        except OSError:
            return RE
        return OK


def id_of_moment(seconds):
    """What the ids (UUIDv7) of jobs submitted before it sort in front of."""
    digits = f"{int(seconds * 1000):012x}"
    return f"{digits[:8]}-{digits[8:]}"


def quota_app(quota):
    app = App("quota", author="examples", description=f"{quota.limit} jobs of one user at once")
    app.gate()(quota.ask)
    app.hook(["suspended", "succeeded", "failed", "stopped"])(quota.wake)
    return app


def setting(name, default, least, most):
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or not least <= int(text) <= most:
        sys.exit(f"quota: {name}: {text}: must be a number from {least} to {most}")
    return int(text)


def main():
    environment = os.environ.get
    gateway = Gateway(environment("SLUICE_SERVER") or "http://127.0.0.1:8080",
                      environment("QUOTA_TOKEN") or environment("SLUICE_TOKEN", ""))
    quota_app(Quota(gateway, setting("QUOTA_LIMIT", 2, 1, LIMIT_MAX),
                    setting("QUOTA_RETRY", 60, 1, 604800))).main()


if __name__ == "__main__":
    main()
