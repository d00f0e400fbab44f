"""The API behind TLS: what the front does without it, certificates that change, and who is let in."""

import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading

import pytest

import test_server
from harness import Daemon, job, program, until
from pki import RSA, authority, certificate, openssl, trusting
from test_server import (  # noqa: F401  the same, with the gateway of this file
    AUTH, GET, HOST, connect, exchange, read_answer, test_a_body_in_single_bytes, test_a_chunked_body,
    test_a_smuggled_request_is_not_answered, test_bad_framing_is_400_and_closes, test_expect_continue,
    test_header_lines_that_are_odd_but_right, test_headers_too_large, test_host,
    test_idle_and_half_sent_connections_starve_nobody, test_keep_alive_and_one_after_another,
    test_too_large_a_body_gets_its_answer)

HERE = "subjectAltName=IP:127.0.0.1"


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pki")
    for ca in ("ca", "stranger"):
        authority(folder, ca)
    certificate(folder, "first", "ca", HERE)
    certificate(folder, "second", "ca", HERE)
    certificate(folder, "rsa", "ca", HERE, key=RSA)
    certificate(folder, "old", "ca", HERE, "-not_before", "20200101000000Z", "-not_after", "20200102000000Z") \
        if b"not_before" in subprocess.run(["openssl", "x509", "-help"], capture_output=True, check=True).stderr \
        else certificate(folder, "old", "ca", HERE, "-days", "-1")
    certificate(folder, "ada", "ca", "extendedKeyUsage=clientAuth")
    certificate(folder, "mallory", "stranger", "extendedKeyUsage=clientAuth")
    return folder


@pytest.fixture
def make_https(tmp_path_factory, pki):
    """Gateways that read their certificate from files of their own: make_https(...).files."""
    made = []

    def make(name="first", more="", ca="ca", client=None, **rest):
        folder = tmp_path_factory.mktemp("gateway")
        put(pki, name, folder)
        daemon = Daemon(folder, config=f"tls:\n  cert_file: {folder}/it.pem\n  key_file: {folder}/it.key\n{more}",
                        **rest)
        daemon.tls = trusting(pki, ca, client)
        made.append(daemon)
        return daemon

    yield make
    for one in made:
        one.close()


def put(pki, name, folder):
    """New files, each in one step, as tools do it."""
    for kind in ("pem", "key"):
        shutil.copy(pki / f"{name}.{kind}", folder / f"new.{kind}")
        os.replace(folder / f"new.{kind}", folder / f"it.{kind}")


@pytest.fixture(scope="module")
def shared_daemon(tmp_path_factory, pki):
    yield from shared(tmp_path_factory.mktemp("shared"), pki, "first")


@pytest.fixture(scope="module")
def rsa_daemon(tmp_path_factory, pki):
    yield from shared(tmp_path_factory.mktemp("rsa"), pki, "rsa")


def shared(folder, pki, name):
    put(pki, name, folder)
    made = Daemon(folder, config=f"tls:\n  cert_file: {folder}/it.pem\n  key_file: {folder}/it.key\n")
    made.tls = trusting(pki, "ca")
    yield made.start()
    made.close()


@pytest.fixture
def daemon(make_https):
    return make_https().start()


def shown(daemon):
    """The serial number of the certificate that a new connection is shown."""
    with connect(daemon) as peer:
        return peer.getpeercert()["serialNumber"]


def reload(daemon, *words):
    """SIGHUP; the log of what followed, once it says one of the words."""
    before = daemon.log.stat().st_size
    daemon.process.send_signal(signal.SIGHUP)

    def said():
        text = daemon.log.read_text()[before:]
        return text if any(word in text for word in words or ("configuration read again",)) else None

    return until(said, 20, "the reload is told")


# --- what is spoken ------------------------------------------------------------------------------------


def test_jobs_events_and_logs_go_through_it(shared_daemon):
    api = shared_daemon.api
    made = api.submit(job(), wait=30)
    assert api.wait_final(made)["state"] == "succeeded"
    with connect(shared_daemon) as peer:
        peer.sendall(b"GET /v1/events?since=0 HTTP/1.1\r\n" + HOST + AUTH + b"\r\n")
        text = b""
        while made.encode() not in text or b"succeeded" not in text:
            text += peer.recv(65536)
    assert b"text/event-stream" in text


@pytest.mark.parametrize("version, let_in", [
    (ssl.TLSVersion.TLSv1_3, True), (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_1, False),
    (ssl.TLSVersion.TLSv1, False)])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_versions(shared_daemon, pki, version, let_in):
    context = trusting(pki, "ca")
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    with socket.create_connection(("127.0.0.1", shared_daemon.port), timeout=120) as plain:
        if let_in:
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as peer:
                peer.sendall(GET + HOST + AUTH + b"\r\n")
                assert read_answer(peer)[0] == 200
        else:
            with pytest.raises(OSError):
                context.wrap_socket(plain, server_hostname="127.0.0.1")


@pytest.mark.parametrize("gateway, ciphers, let_in", [
    ("shared_daemon", "ECDHE-ECDSA-AES128-GCM-SHA256", True), ("shared_daemon", "ECDHE-ECDSA-CHACHA20-POLY1305", True),
    ("shared_daemon", "ECDHE-ECDSA-AES128-SHA", False),
    ("rsa_daemon", "ECDHE-RSA-AES128-GCM-SHA256", True), ("rsa_daemon", "ECDHE-RSA-AES128-SHA", False),
    ("rsa_daemon", "AES128-GCM-SHA256", False), ("rsa_daemon", "AES256-SHA", False)])
def test_ciphers_of_tls_1_2(request, pki, gateway, ciphers, let_in):
    """No old ones, and none without forward secrecy: those need a key of RSA to be spoken at all."""
    port = request.getfixturevalue(gateway).port
    context = trusting(pki, "ca")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(ciphers + ":@SECLEVEL=0")
    with socket.create_connection(("127.0.0.1", port), timeout=120) as plain:
        if let_in:
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as peer:
                assert peer.cipher()[0] == ciphers
        else:
            with pytest.raises(OSError):
                context.wrap_socket(plain, server_hostname="127.0.0.1")


def test_nothing_is_resumed(shared_daemon):
    """A certificate or an authority that was taken away must end at once."""
    with connect(shared_daemon) as peer:
        peer.sendall(GET + HOST + AUTH + b"\r\n")
        read_answer(peer)
        session = peer.session
    with socket.create_connection(("127.0.0.1", shared_daemon.port), timeout=120) as plain:
        with shared_daemon.tls.wrap_socket(plain, server_hostname="127.0.0.1", session=session) as again:
            again.sendall(GET + HOST + AUTH + b"\r\n")
            assert read_answer(again)[0] == 200 and not again.session_reused


@pytest.mark.parametrize("junk", [GET + HOST + b"\r\n", b"\0" * 600, b"\x16\x03\x01\x02\x00\x01\x00"],
                         ids=["plain http", "zeros", "half a handshake"])
def test_what_is_no_tls_disturbs_nobody(shared_daemon, junk):
    with socket.create_connection(("127.0.0.1", shared_daemon.port), timeout=120) as peer:
        peer.sendall(junk)
        assert shared_daemon.api.get("/readyz").status == 200
        text = b""
        try:
            peer.shutdown(socket.SHUT_WR)  # the gateway may have hung up first
            while more := peer.recv(65536):
                text += more
        except OSError:
            pass
    assert b"HTTP/" not in text
    assert shared_daemon.api.get("/readyz").status == 200


def test_a_caller_that_waits_and_leaves_frees_its_place(make_https):
    """Its last TLS message must not be taken for more of a request."""
    daemon = make_https(more="limits:\n  connections: 16\n").start()  # four may wait
    daemon.api.good("PUT", "/v1/admission/hold", {})
    made = json.dumps(job()).encode()
    request = (b"POST /v1/job?wait=60 HTTP/1.1\r\n" + HOST + AUTH + b"Content-Length: %d\r\n\r\n" % len(made) + made)
    for turn in range(1, 4):
        peers = [connect(daemon) for _ in range(4)]
        for peer in peers:
            peer.sendall(request)
        until(lambda turn=turn: daemon.api.count(state="preparing") == 4 * turn, 20, "they wait")
        assert daemon.api.post("/v1/job?wait=1", made).status == 503
        for peer in peers:
            peer.close()
        until(lambda: daemon.api.post("/v1/job?wait=1", b"{}").status == 400, 20, "places are free again")


def test_hsts_where_it_is_wanted(make_https, shared_daemon):
    assert "Strict-Transport-Security" not in shared_daemon.api.get("/healthz").headers
    daemon = make_https(more="  hsts: 90 d\n").start()
    assert daemon.api.get("/healthz").headers["Strict-Transport-Security"] == "max-age=7776000"


# --- certificates that change --------------------------------------------------------------------------


def test_a_new_certificate_without_dropping_a_connection(daemon, pki):
    before = shown(daemon)
    with connect(daemon) as peer, connect(daemon) as stream:
        stream.sendall(b"GET /v1/events HTTP/1.1\r\n" + HOST + AUTH + b"\r\n")
        assert stream.recv(65536).startswith(b"HTTP/1.1 200")
        put(pki, "second", daemon.folder)
        reload(daemon)
        assert shown(daemon) != before
        peer.sendall(GET + HOST + AUTH + b"\r\n")
        assert read_answer(peer)[0] == 200
        made = daemon.api.submit(job())
        text = b""
        while made.encode() not in text:
            text += stream.recv(65536)


def test_nobody_is_refused_while_it_changes(daemon, pki):
    failed, answered, stop = [], [], threading.Event()

    def ask():
        while not stop.is_set():
            try:
                reply = daemon.api.get("/healthz")
                (answered if reply.status == 200 else failed).append(reply.status)
            except (OSError, http.client.HTTPException) as error:
                failed.append(error)

    callers = [threading.Thread(target=ask, daemon=True) for _ in range(3)]
    for one in callers:
        one.start()
    try:
        for name in ("second", "first") * 3:
            put(pki, name, daemon.folder)
            reload(daemon)
    finally:
        stop.set()
        for one in callers:
            one.join(90)
    assert failed == [] and answered and not any(one.is_alive() for one in callers)


def break_key(folder, pki):
    shutil.copy(pki / "second.key", folder / "it.key")


def break_text(folder, _pki):
    (folder / "it.pem").write_text("this is no certificate\n")


def break_lock(folder, _pki):
    openssl(folder, "ec", "-in", "it.key", "-aes128", "-passout", "pass:secret", "-out", "locked.key")
    os.replace(folder / "locked.key", folder / "it.key")


def break_away(folder, _pki):
    (folder / "it.pem").unlink()


BROKEN = {
    "the key of another": (break_key, ("tls.key_file", "not the key")),
    "no certificate": (break_text, ("tls.cert_file", "no certificate")),
    "a key with a passphrase": (break_lock, ("tls.key_file", "passphrase")),
    "no file": (break_away, ("tls.cert_file", "cannot be read")),
}


@pytest.mark.parametrize("how", BROKEN)
def test_bad_files_are_refused_and_the_old_stay(make_https, pki, how):
    daemon = make_https().start()
    before, (spoil, words) = shown(daemon), BROKEN[how]
    spoil(daemon.folder, pki)
    said = reload(daemon, "refused")
    assert all(word in said for word in words), said
    assert shown(daemon) == before
    put(pki, "second", daemon.folder)
    reload(daemon)
    assert shown(daemon) != before


@pytest.mark.parametrize("how", BROKEN)
def test_bad_files_at_the_start_and_under_check_config(make_https, pki, how):
    daemon = make_https()
    spoil, words = BROKEN[how]
    spoil(daemon.folder, pki)
    assert daemon.spawn().process.wait(120) == 78
    assert all(word in daemon.tail() for word in words), daemon.tail()
    daemon.log.unlink()
    daemon.arguments.append("--check-config")
    assert daemon.spawn().process.wait(120) == 78
    assert all(word in daemon.tail() for word in words), daemon.tail()


def test_one_that_has_ended_is_a_warning(make_https):
    daemon = make_https("old", arguments=["--check-config"])
    assert daemon.spawn().process.wait(120) == 0
    assert "has ended" in daemon.tail() and "SIGHUP" in daemon.tail()


def test_a_key_that_all_can_read_is_a_warning(make_https):
    daemon = make_https(arguments=["--check-config"])
    (daemon.folder / "it.key").chmod(0o644)
    assert daemon.spawn().process.wait(120) == 0
    assert f"tls.key_file: everybody on this machine can read or change {daemon.folder}/it.key: " \
           f"chmod o= {daemon.folder}/it.key" in daemon.tail()


@pytest.mark.parametrize("key", ["key_file", "client_ca_file"])
def test_half_a_setting(make_daemon, key):
    daemon = make_daemon(config=f"tls:\n  {key}: /nowhere\n").spawn()
    assert daemon.process.wait(120) == 78 and "tls.cert_file" in daemon.tail()


def test_tls_is_switched_by_a_restart_only(make_https, make_daemon, pki):
    daemon = make_https().start()
    (daemon.folder / "sluiced.yml").write_text("limits:\n  body: 1 MiB\n")
    assert "restart" in reload(daemon, "TLS is switched off")
    assert shown(daemon)
    plain = make_daemon(config="limits:\n  body: 1 MiB\n").start()
    put(pki, "first", plain.folder)
    (plain.folder / "sluiced.yml").write_text(
        f"tls:\n  cert_file: {plain.folder}/it.pem\n  key_file: {plain.folder}/it.key\n")
    assert "restart" in reload(plain, "TLS is switched on")
    assert plain.api.get("/readyz").status == 200


def test_the_end_of_the_certificate_is_a_metric(daemon, pki):
    def told():
        text = daemon.api.get("/metrics").raw.decode()
        name = "sluice_tls_certificate_expiry_timestamp_seconds "
        return int(next(line for line in text.splitlines() if line.startswith(name)).split()[1])

    with connect(daemon) as peer:
        assert told() == int(ssl.cert_time_to_seconds(peer.getpeercert()["notAfter"]))
    before = told()
    certificate(pki, "longer", "ca", HERE, "-days", "9")
    put(pki, "longer", daemon.folder)
    reload(daemon)
    assert told() > before


# --- clients' certificates -----------------------------------------------------------------------------


def let_in(daemon, context):
    """TLS 1.3 tells a client that it is refused only when it reads."""
    daemon.tls = context
    try:
        return daemon.api.get("/healthz").status == 200
    except OSError:
        return False


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_only_clients_that_an_authority_vouches_for(make_https, pki, version):
    daemon = make_https(more=f"  client_ca_file: {pki}/ca.pem\n", client="ada").start()
    for client, expected in ((None, False), ("mallory", False), ("ada", True)):
        context = trusting(pki, "ca", client)
        context.minimum_version = context.maximum_version = version
        assert let_in(daemon, context) == expected, client
    assert daemon.api.with_token("wrong").get("/v1/job/list").status == 401, "a certificate is no token"


def test_another_authority_for_clients_with_sighup(make_https, pki):
    daemon = make_https(more=f"  client_ca_file: {pki}/ca.pem\n", client="ada").start()
    config = daemon.folder / "sluiced.yml"
    config.write_text(config.read_text().replace(f"{pki}/ca.pem", f"{pki}/stranger.pem"))
    reload(daemon)
    assert not let_in(daemon, trusting(pki, "ca", "ada"))
    assert let_in(daemon, trusting(pki, "ca", "mallory"))


# --- sluicectl -----------------------------------------------------------------------------------------


def ctl(*args, **environment):
    kept = {key: value for key, value in os.environ.items() if not key.startswith("SLUICE_")}
    return subprocess.run([program("sluicectl"), *args], env={**kept, "SLUICE_TOKEN": "admin", **environment},
                          capture_output=True, text=True, timeout=60, check=False)


def test_sluicectl_over_https(make_https, pki, tmp_path):
    daemon = make_https(more=f"  client_ca_file: {pki}/ca.pem\n", client="ada").start()
    url = f"https://127.0.0.1:{daemon.port}"
    mine = ["--server", url, "--cert", str(pki / "ada.pem"), "--key", str(pki / "ada.key")]
    assert ctl("token", "list", *mine, "--cacert", str(pki / "ca.pem")).returncode == 0
    assert ctl("token", "list", *mine, SLUICE_CACERT=str(pki / "ca.pem")).returncode == 0
    unknown = ctl("token", "list", *mine)
    assert unknown.returncode != 0 and "--cacert" in unknown.stderr
    bare = ctl("token", "list", "--server", url, "--cacert", str(pki / "ca.pem"))
    assert bare.returncode != 0 and "--cert" in bare.stderr
    (tmp_path / "sluice").mkdir()
    context = tmp_path / "sluice" / "context.yml"
    context.write_text(f"server: {url}\ntoken: admin\ncacert: {pki}/ca.pem\ncert: {pki}/ada.pem\nkey: {pki}/ada.key\n")
    context.chmod(0o600)
    assert ctl("token", "list", XDG_CONFIG_HOME=str(tmp_path)).returncode == 0
    plain = ctl("token", "list", "--server", f"http://127.0.0.1:{daemon.port}")
    assert plain.returncode != 0 and "https" in plain.stderr


assert test_server  # its tests above run with the fixtures here
