"""kill -9 at random moments under load: SLUICE_KILLS of them (10)."""

import os
import random
import threading
import time

from crash_scene import NULL, Gone, Scene
from harness import until

JOBS_A_ROUND = 40


class Load(Scene):
    """Clients of all sorts at once; what they were answered is checked over all the kills."""

    def __init__(self, daemon, folder, seed):
        super().__init__(daemon, folder)
        self.seed, self.rounds, self.left = seed, 0, 0
        self.newest = ""

    def one_job(self, dice):
        document = dice.choice([NULL, self.local(), self.local("exit 0", 2), {"kind": "Own"},
                                self.local("sleep 0.1")])
        how = dice.choice([{}, {}, {}, {"how": "hold"}])
        kept = self.submit(document, key=dice.random() < 0.6, header=how, ends=("succeeded", "stopped"))
        if how and dice.random() < 0.7:
            self.move(kept, "resume")
        elif dice.random() < 0.15:
            self.move(kept, "stop")
        return kept

    def move(self, kept, how):
        reply = self.ask("PUT", f"/v1/job/{how}/{kept.id}", {"reason": "load"})
        assert reply.status in (200, 409), reply
        if reply.status == 200 and how == "stop":
            kept.ends = {"stopped"}

    def submitter(self, number):
        dice = random.Random(f"{self.seed}.{self.rounds}.{number}")
        newest = self.newest
        try:
            while self.take():
                kept = self.one_job(dice)
                assert kept.id > newest, "ids increase strictly"
                newest = kept.id
        except Gone:
            pass

    def take(self):
        with self.lock:
            self.left -= 1
            return self.left >= 0

    def operator(self):
        try:
            while True:
                for act in (self.play_token, self.play_feature, self.play_hold):
                    act()
        except Gone:
            pass

    def guard(self, act, *arguments):
        def run():
            try:
                act(*arguments)
            except Exception as fault:  # whatever it is: told by round()
                self.faults.append(fault)
        return threading.Thread(target=run, daemon=True)

    def round(self, seconds):
        """Load, and the end of the gateway in the middle of it."""
        self.rounds += 1
        self.left, self.faults = JOBS_A_ROUND, []
        self.newest = max((one.id for one in self.kept), default="")
        threads = [self.guard(self.submitter, number) for number in range(3)] + [self.guard(self.operator)]
        for one in threads:
            one.start()
        moment = time.monotonic() + seconds
        until(lambda: time.monotonic() >= moment, seconds + 20, "the moment has come")
        self.daemon.kill9()
        for one in threads:
            one.join(60)
        assert not self.faults, self.faults
        assert not any(one.is_alive() for one in threads), "a caller still waits for a gateway that is gone"


def test_killed_under_load(make_daemon, tmp_path_factory):
    kills, seed = int(os.environ.get("SLUICE_KILLS", "10")), int(os.environ.get("SLUICE_SEED", "1"))
    folder = tmp_path_factory.mktemp("open")
    load, dice = Load(make_daemon(), folder, seed), random.Random(seed)
    try:
        load.daemon.start()
        load.prepare()
        for _ in range(kills):
            load.round(dice.uniform(0.02, 0.7))
            load.daemon.start()
            load.look(last=100)
        load.look()
        load.finish(seconds=120)
        print(f"{kills} kills, {len(load.kept)} jobs answered, {load.api.count()} in the store, "
              f"{len(load.runs.read_text().splitlines())} replicas ran, {len(load.plugin.calls)} calls")
        assert load.daemon.stop() == 0
        load.daemon.check_store()
    finally:
        load.close()
