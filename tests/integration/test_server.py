"""The HTTP front: framing, Host, limits, slow and idle clients, and how it starts and stops."""

import concurrent.futures
import json
import socket
import time

import pytest

from harness import CONNECTIONS, Daemon, job, until

HOST = b"Host: 127.0.0.1\r\n"
AUTH = b"Authorization: Bearer admin\r\n"


def connect(daemon):
    peer = socket.create_connection(("127.0.0.1", daemon.port), timeout=120)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return daemon.tls.wrap_socket(peer, server_hostname="127.0.0.1") if daemon.tls else peer


def read_answer(peer):
    """(status, headers, body) of one answer; status 0 when the connection closed without one."""
    text = b""
    while b"\r\n\r\n" not in text:
        more = peer.recv(65536)
        if not more:
            return 0, {}, text
        text += more
    head, _, body = text.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    length = int(headers.get("content-length", "0"))
    while len(body) < length:
        more = peer.recv(65536)
        assert more, "the answer ended early"
        body += more
    return int(lines[0].split()[1]), headers, body


def exchange(daemon, request):
    """The answer to some bytes, and whether the connection is closed after it."""
    with connect(daemon) as peer:
        peer.sendall(request)
        status, headers, body = read_answer(peer)
        peer.settimeout(30)
        try:
            closed = peer.recv(1) == b""
        except ConnectionError:
            closed = True
        except TimeoutError:
            closed = False
        return status, body, closed


GET = b"GET /v1/job/list HTTP/1.1\r\n"
BAD_FRAMING = {
    "no host": GET + AUTH + b"\r\n",
    "two hosts": GET + HOST + HOST + AUTH + b"\r\n",
    "length and chunked": b"POST /v1/job HTTP/1.1\r\n" + HOST + AUTH
                          + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"POST /v1/job HTTP/1.1\r\n" + HOST + AUTH
                   + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "two equal lengths": b"POST /v1/job HTTP/1.1\r\n" + HOST + AUTH
                         + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "two encodings": b"POST /v1/job HTTP/1.1\r\n" + HOST + AUTH
                     + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "negative length": b"POST /v1/job HTTP/1.1\r\n" + HOST + AUTH + b"Content-Length: -1\r\n\r\n",
    "continuation line": GET + HOST + AUTH + b"X: a\r\n b\r\n\r\n",
    "line without a name": GET + HOST + AUTH + b": a\r\n\r\n",
    "line that begins with no letter": GET + HOST + AUTH + b"\xc3\xa9: a\r\nVia: 1.1 x\r\n\r\n",
    "length behind a continuation line": b"POST /v1/job HTTP/1.1\r\n" + HOST + AUTH
                                         + b"X: a\r\n b\r\nContent-Length: 2\r\n\r\n{}",
    "no carriage returns": (GET + HOST + AUTH + b"\r\n").replace(b"\r", b""),
    "space before the colon": b"POST /v1/job HTTP/1.1\r\n" + HOST + AUTH
                              + b"Content-Length : 2\r\n\r\n{}",
    "length no number": b"POST /v1/job HTTP/1.1\r\n" + HOST + AUTH + b"Content-Length: 2x\r\n\r\n{}",
}


def test_header_lines_that_are_odd_but_right(shared_daemon):
    """What the check of the above must let pass."""
    for lines in (b"X:\r\n", b"X: \r\n", b"X:a\r\n", b"X: a \r\n"):
        for more in (lines, lines + b"Y: z\r\n"):
            for head in (GET + HOST + AUTH + more + b"\r\n", GET + more + AUTH + HOST + b"\r\n"):
                assert exchange_once(shared_daemon, head) == 200, head


def exchange_once(daemon, request):
    with connect(daemon) as peer:
        peer.sendall(request)
        return read_answer(peer)[0]


@pytest.mark.parametrize("fault", BAD_FRAMING)
def test_bad_framing_is_400_and_closes(shared_daemon, fault):
    status, body, closed = exchange(shared_daemon, BAD_FRAMING[fault])
    assert status == 400 and closed
    if body.startswith(b"{"):
        assert json.loads(body)["code"] in ("WRONG_PARAM", "LACK_OF_PARAM")


def test_a_smuggled_request_is_not_answered(shared_daemon):
    inner = b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"
    request = (b"POST /v1/job HTTP/1.1\r\n" + HOST + AUTH + b"Content-Length: %d\r\n" % len(b"0\r\n\r\n" + inner)
               + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner)
    with connect(shared_daemon) as peer:
        peer.sendall(request)
        text = b""
        while more := peer.recv(65536):
            text += more
    assert text.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("junk", [b"\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"\x00" * 64,
                                  b"GET / HTTP/9.9\r\n" + HOST + b"\r\n", b"A" * 100000],
                         ids=["empty", "no path", "TLS", "zeros", "version", "endless"])
def test_junk_disturbs_nobody(shared_daemon, junk):
    with connect(shared_daemon) as peer:
        peer.sendall(junk)
        try:
            peer.shutdown(socket.SHUT_WR)
            while peer.recv(65536):
                pass
        except OSError:
            pass  # the gateway may hang up first
    assert shared_daemon.api.get("/readyz").status == 200


@pytest.mark.parametrize("host, status", [
    (b"localhost", 200), (b"localhost:1", 200), (b"127.0.0.1:99", 200), (b"LOCALHOST", 200),
    (b"evil.example", 421), (b"evil.example:8080", 421), (b"127.0.0.1.evil.example", 421), (b"10.1.2.3", 421)])
def test_host(shared_daemon, host, status):
    request = GET + b"Host: " + host + b"\r\n" + AUTH + b"Connection: close\r\n\r\n"
    got, body, _ = exchange(shared_daemon, request)
    assert got == status
    if status == 421:
        assert json.loads(body)["code"] == "WRONG_PARAM"
    for path in (b"/healthz", b"/readyz"):
        got, _, _ = exchange(shared_daemon, b"GET " + path + b" HTTP/1.1\r\nHost: " + host
                             + b"\r\nConnection: close\r\n\r\n")
        assert got == 200, "probes name any host"


def test_configured_hosts(make_daemon):
    daemon = make_daemon(config="api:\n  hosts: [sluice.example]\n").start()
    for host, status in ((b"sluice.example", 200), (b"sluice.example:443", 200), (b"other.example", 421)):
        got, _, _ = exchange(daemon, GET + b"Host: " + host + b"\r\n" + AUTH + b"Connection: close\r\n\r\n")
        assert got == status


def test_host_is_told_before_the_route_and_the_caller(shared_daemon):
    got, _, _ = exchange(shared_daemon, b"GET /nothing HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
    assert got == 421


def test_headers_too_large(shared_daemon):
    request = GET + HOST + AUTH + b"X-Long: " + b"x" * 200000 + b"\r\n\r\n"
    with connect(shared_daemon) as peer:
        try:
            peer.sendall(request)
        except ConnectionError:
            pass
        try:
            status, _, _ = read_answer(peer)
        except ConnectionError:
            pytest.fail("the connection was reset before the answer arrived")
    assert status in (400, 431)
    assert shared_daemon.api.get("/readyz").status == 200


@pytest.mark.parametrize("size", [2**20 + 1, 4 * 2**20, 12 * 2**20])
def test_too_large_a_body_gets_its_answer(shared_daemon, size):
    """Also while the client is still sending."""
    with connect(shared_daemon) as peer:
        peer.sendall(b"POST /v1/job HTTP/1.1\r\n" + HOST + AUTH + b"Content-Length: %d\r\n\r\n" % size)
        try:
            peer.sendall(b"x" * size)
        except ConnectionError:
            pass
        status, _, body = read_answer(peer)
    assert status == 413 and json.loads(body)["code"] == "PAYLOAD_TOO_LARGE"


def test_a_chunked_body(shared_daemon):
    body = json.dumps(job()).encode()
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(body[i:i + 50]), body[i:i + 50]) for i in range(0, len(body), 50))
    status, answer, _ = exchange(shared_daemon, b"POST /v1/job HTTP/1.1\r\n" + HOST + AUTH
                                 + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
    assert status in (200, 400, 411)
    if status == 200:
        assert json.loads(answer)["payload"]["jobID"]


def test_expect_continue(shared_daemon):
    body = json.dumps(job()).encode()
    with connect(shared_daemon) as peer:
        peer.sendall(b"POST /v1/job HTTP/1.1\r\n" + HOST + AUTH
                     + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body))
        text = peer.recv(65536)
        assert text.startswith(b"HTTP/1.1 100")
        peer.sendall(body)
        assert read_answer(peer)[0] == 200


def test_keep_alive_and_one_after_another(shared_daemon):
    with connect(shared_daemon) as peer:
        for _ in range(20):
            peer.sendall(GET + HOST + AUTH + b"\r\n")
            assert read_answer(peer)[0] == 200


def test_a_body_in_single_bytes(shared_daemon):
    body = json.dumps(job()).encode()
    with connect(shared_daemon) as peer:
        for at in range(len(request := b"POST /v1/job HTTP/1.1\r\n" + HOST + AUTH
                            + b"Content-Length: %d\r\n\r\n" % len(body) + body)):
            peer.sendall(request[at:at + 1])
        assert read_answer(peer)[0] == 200


def test_half_a_body_stores_nothing(shared_daemon):
    before = shared_daemon.api.count()
    body = json.dumps(job()).encode()
    with connect(shared_daemon) as peer:
        peer.sendall(b"POST /v1/job HTTP/1.1\r\n" + HOST + AUTH
                     + b"Content-Length: %d\r\n\r\n" % (len(body) + 10) + body)
        peer.shutdown(socket.SHUT_WR)
        read_answer(peer)
    assert shared_daemon.api.count() == before


def test_a_request_must_arrive_within_ten_seconds(shared_daemon):
    with connect(shared_daemon) as peer:
        peer.sendall(GET)
        started = time.monotonic()
        while True:
            try:
                if not peer.recv(4096):
                    break
            except ConnectionError:
                break
        assert time.monotonic() - started < 60


IDLE = int(CONNECTIONS) * 4 // 5 if CONNECTIONS else 900


def test_idle_and_half_sent_connections_starve_nobody(daemon):
    """Nine hundred clients that do nothing; the next one is served at once."""
    peers = []
    try:
        for i in range(IDLE):
            peer = connect(daemon)
            peers.append(peer)
            if i % 3 == 0:
                peer.sendall(GET + HOST + AUTH + b"\r\n")
                read_answer(peer)  # and stays, kept alive
            elif i % 3 == 1:
                peer.sendall(b"POST /v1/job HTTP/1.1\r\nHo")
        for _ in range(5):
            assert daemon.api.call("GET", "/v1/job/list", timeout=120).status == 200
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            ids = list(pool.map(lambda _: daemon.api.submit(job()), range(16)))
        assert len(set(ids)) == 16
    finally:
        for peer in peers:
            peer.close()
    until(lambda: daemon.api.get("/readyz").status == 200, 20, "it is well again")


def test_over_the_connection_limit_there_is_an_answer(make_daemon):
    daemon = make_daemon(config="limits:\n  connections: 64\n").start()
    peers = [connect(daemon) for _ in range(100)]
    try:
        until(lambda: daemon.api.call("GET", "/readyz", timeout=120).status in (200, 503), 20, "an answer")
    finally:
        for peer in peers:
            peer.close()
    until(lambda: daemon.api.call("GET", "/readyz", timeout=120).status == 200, 20, "and then service")


# --- starting -----------------------------------------------------------------------------------------


def exit_code(make_daemon, **more):
    daemon = make_daemon(**more)
    daemon.spawn()
    return daemon.process.wait(120), daemon.tail()


def test_usage(make_daemon):
    assert exit_code(make_daemon, arguments=["--no-such-option"])[0] == 64


def test_address_in_use(shared_daemon, make_daemon):
    code, words = exit_code(make_daemon, port=shared_daemon.port)
    assert code == 69 and str(shared_daemon.port) in words


@pytest.mark.parametrize("config, line", [
    ("api:\n  no_such_key: 1\n", "2"), ("nonsense: 1\n", "1"), ("limits:\n  connections: many\n", "2"),
    ("limits: [\n", ""), ("api:\n  http_status: sometimes\n", "2")])
def test_bad_configuration_is_refused_with_its_line(make_daemon, config, line):
    code, words = exit_code(make_daemon, config=config)
    assert code == 78 and line in words


def test_check_config(make_daemon):
    assert exit_code(make_daemon, config="api:\n  hosts: []\n", arguments=["--check-config"])[0] == 0
    assert exit_code(make_daemon, config="api:\n  x: 1\n", arguments=["--check-config"])[0] == 78


def test_first_password_binds_to_loopback(tmp_path):
    daemon = Daemon(tmp_path)
    daemon.arguments += ["--listen", f"0.0.0.0:{daemon.port}"]
    daemon.spawn()
    try:
        assert daemon.process.wait(120) == 78
    finally:
        daemon.close()


def test_data_folder_is_private(shared_daemon):
    assert (shared_daemon.data.stat().st_mode & 0o077) == 0


def test_secrets_are_not_in_the_log(daemon):
    token = daemon.api.token_for("read_job").token
    daemon.api.with_token(token).get("/v1/job/list")
    daemon.api.with_token("wrong-token-0123456789ab").get("/v1/job/list")
    daemon.api.post("/v1/features", {"name": "x", "author": "qa", "authorization": "Basic topsecret",
                                     "plugins": []})
    text = daemon.log.read_text()
    for secret in (token, "wrong-token-0123456789ab", "topsecret"):
        assert secret not in text
