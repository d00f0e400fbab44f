"""Callers that take more than their share, or take what they asked for too slowly: the others are served."""

import contextlib
import socket

import pytest

import metrics
from harness import job, role, taskset, until
from pki import authority, certificate
from test_api_tls import make_https  # noqa: F401  gateways behind TLS
from test_logs import done, following

SIZE = 8 << 20


@pytest.fixture
def pki(tmp_path):
    authority(tmp_path, "ca")
    certificate(tmp_path, "first", "ca", "subjectAltName=IP:127.0.0.1")
    return tmp_path


def open_streams(api):
    return metrics.of(api).value("sluice_streams")


def test_a_token_that_takes_all_its_streams_leaves_the_others_theirs(make_daemon):
    """Events and logs count together; what is no stream is answered all the same."""
    api = make_daemon(config="limits: {streams: 8}").start().api
    job_id = api.submit(job(taskset(role("talk", "echo hi; sleep 600"))))
    greedy, other = api.token_for("read_job"), api.token_for("read_job")
    with contextlib.ExitStack() as stack:
        assert stack.enter_context(following(greedy, job_id)).line() == b"hi\n"
        events = stack.enter_context(contextlib.closing(greedy.connection(120)))
        events.request("GET", "/v1/events", headers={"Authorization": f"Bearer {greedy.token}"})
        assert events.getresponse().status == 200
        for path in (f"/v1/job/logs/{job_id}", "/v1/events"):
            refused = greedy.get(path)
            assert refused.status == 429 and "this token" in refused.msg, refused
        assert greedy.get("/v1/job/list").status == 200
        for _ in range(2):
            assert stack.enter_context(following(other, job_id)).line() == b"hi\n"
    until(lambda: open_streams(api) == 0, 20, "places are free again")
    assert metrics.of(api).value("sluice_streams_cut_total") == 0, "they left by themselves"


def test_a_download_that_nobody_takes_is_cut_off_and_counted(make_daemon):
    daemon = make_daemon(config="limits: {streams: 1, stream_behind: 2 s}").start()
    api = daemon.api
    job_id = done(api, role("talk", f"yes | head -c {SIZE}"))
    with socket.socket() as still:
        still.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # or the kernel takes it all
        still.settimeout(120)
        still.connect(("127.0.0.1", api.port))
        still.sendall(f"GET /v1/job/logs/{job_id} HTTP/1.1\r\nHost: localhost\r\n"
                      f"Authorization: Bearer {api.token}\r\n\r\n".encode())
        assert still.recv(12) == b"HTTP/1.1 200"
        assert api.get("/v1/job/list").status == 200
        until(lambda: metrics.of(api).value("sluice_streams_cut_total") == 1, 20, "it is cut off")
        until(lambda: open_streams(api) == 0, 20, "its place is free")
        got = b""
        with contextlib.suppress(ConnectionError):
            while more := still.recv(1 << 16):
                got += more
        assert len(got) < SIZE and not got.endswith(b"\r\n0\r\n\r\n"), "what it got shows no end"
    assert api.get(f"/v1/job/logs/{job_id}?tail=1").raw == b"y\n", "the next one has the place"


def test_half_a_handshake_keeps_nobody_waiting(make_https):  # noqa: F811
    """So many that all places are taken, and more: they are cut off, and it is well again."""
    daemon = make_https(more="limits: {connections: 64}\n").start()
    hello = b"\x16\x03\x01\x02\x00\x01\x00"  # and 509 bytes that never come
    with contextlib.ExitStack() as stack:
        def some(n):
            for _ in range(n):
                peer = stack.enter_context(socket.create_connection(("127.0.0.1", daemon.port), timeout=120))
                peer.sendall(hello)
        some(48)
        for _ in range(5):
            assert daemon.api.get("/v1/job/list").status == 200
        some(150)
        until(daemon.answers, 60, "it answers though they stay")
    until(daemon.answers, 60, "it answers when they have left")
