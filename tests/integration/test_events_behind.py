"""/v1/events: readers that fall behind are cut off and come back; the others miss nothing."""

import json
import re
import selectors
import socket
import threading

import pytest

from harness import job, role, until

NULL = {"kind": "TaskSet", "metadata": {"name": "t"},
        "spec": {"engine": "null", "roles": [role("main", "true")]}}
EVENT = re.compile(rb"^id: (\d+)\nevent: job\ndata: (.*)\n\n", re.M)
ROUND, ROUNDS_MAX = 20, 100


class Raw:
    """A reader that keeps the bytes and reads when it is told to."""

    def __init__(self, api, last=None, buffer=None):
        self.socket = socket.socket()
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.settimeout(120)
        self.socket.connect(("127.0.0.1", api.port))
        more = "" if last is None else f"Last-Event-ID: {last}\r\n"
        self.socket.sendall(f"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n{more}"
                            f"Authorization: Bearer {api.token}\r\n\r\n".encode())
        self.bytes, self.ended = b"", False
        while b": all so far\n" not in self.bytes and b"data: " not in self.bytes:
            self.read()
            assert not self.ended, self.bytes

    def read(self, most=1 << 18):
        try:
            got = self.socket.recv(most)
        except ConnectionError:
            got = b""
        self.bytes += got
        self.ended = not got

    def read_to_the_end(self):
        while not self.ended:
            self.read()

    def text(self):
        """The body out of its chunks; a last one that is not whole does not count."""
        left, body = self.bytes.split(b"\r\n\r\n", 1)[1], b""
        while b"\r\n" in left:
            size, left = left.split(b"\r\n", 1)
            size = int(size, 16)
            if len(left) < size + 2:
                break
            body, left = body + left[:size], left[size + 2:]
        return body

    def events(self):
        return [(int(number), json.loads(data)) for number, data in EVENT.findall(self.text())]

    def last(self):
        return int(re.findall(rb"^id: (\d+)\n.*?\n\n", self.text(), re.M | re.S)[-1])


class Readers:
    """Those who read all the time, on one thread."""

    def __init__(self, readers):
        self.all, self.selector = readers, selectors.DefaultSelector()
        for one in self.all:
            self.selector.register(one.socket, selectors.EVENT_READ, one)
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.over.is_set():
            for key, _ in self.selector.select(0.1):
                key.data.read()
                if key.data.ended:
                    self.selector.unregister(key.fileobj)

    def stop(self):
        self.over.set()
        self.thread.join(120)


def streams(api):
    return int(re.search(r"^sluice_streams (\d+)$", api.get("/metrics").raw.decode(), re.M)[1])


def until_streams(api, wanted, seconds=30):
    until(lambda: streams(api) == wanted, seconds, lambda: f"{wanted} streams are open; {streams(api)} are")


def submit_until_streams(api, wanted, slow):
    """The jobs go on until only those who read are left; the slow ones take a little of each round."""
    jobs = []
    for _ in range(ROUNDS_MAX):
        jobs += [api.submit(job(NULL, user="u" * 100)) for _ in range(ROUND)]
        for one in slow:
            one.read(500)
        if streams(api) == wanted:
            break
    for job_id in jobs:
        api.wait_final(job_id)
    until_streams(api, wanted, 10)
    return jobs


@pytest.mark.parametrize("limits, reading", [
    ("stream_behind: 1 h, stream_behind_bytes: 64 KiB", 50),
    ("stream_behind: 5 s, stream_behind_bytes: 1 GiB", 5)], ids=["bytes", "time"])
def test_who_stops_reading_is_cut_off_and_comes_back(make_daemon, limits, reading):
    daemon = make_daemon(config="limits: {streams: 100, connections: 400, %s}" % limits).start()
    api = daemon.api
    readers = Readers([Raw(api) for _ in range(reading)])
    stopped = [Raw(api, buffer=4096) for _ in range(10)]
    assert streams(api) == reading + 10
    jobs = submit_until_streams(api, reading, stopped[:3])
    for one in stopped:
        one.read_to_the_end()  # what the kernel had for it
    again = Readers([Raw(api, last=one.last()) for one in stopped])
    late = api.submit(job(NULL))
    api.wait_final(late)
    wanted = {(job_id, n) for job_id in jobs + [late] for n in (1, 2, 3, 4)}

    def seen(*parts):
        return [event for part in parts for event in part.events()]

    def until_whole(*parts):
        until(lambda: len(seen(*parts)) >= len(wanted) or parts[-1].ended, 20,
              lambda: f"it is told all {len(wanted)}; it was told {len(seen(*parts))}")
        events = seen(*parts)
        numbers = [number for number, _ in events]
        assert numbers == sorted(set(numbers))
        assert {(event["id"], event["sequence"]) for _, event in events} == wanted
        assert len(events) == len(wanted)

    for one in readers.all:
        until_whole(one)
    for first, second in zip(stopped, again.all):
        assert len(first.events()) < len(wanted) - 4
        until_whole(first, second)
    for some in (readers, again):
        some.stop()
    for one in readers.all + again.all + stopped:
        one.socket.close()
    until_streams(api, 0)


def test_one_token_has_a_quarter_of_the_places(make_daemon):
    api = make_daemon(config="limits: {streams: 8}").start().api
    caller, other = api.token_for("read_job"), api.token_for("read_job")
    held = [Raw(caller), Raw(caller)]
    refused = caller.get("/v1/events")
    assert refused.status == 429 and "token" in refused.document["msg"], refused.document
    held += [Raw(other), Raw(other)] + [Raw(api) for _ in range(4)]  # the admin has no share
    assert api.get("/v1/events").status == 503
    held.pop(0).socket.close()
    until_streams(api, 7)
    held.append(Raw(caller))
    for one in held:
        one.socket.close()
