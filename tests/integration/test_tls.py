"""Plugins behind TLS: whom the gateway believes, and how it shows who it is."""

import ssl

import pytest

from harness import feature, job, plugin
from pki import authority, certificate
from plugin_double import Plugin, passes


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    """Two authorities; a server's certificate for 127.0.0.1, one for another name, a client's."""
    folder = tmp_path_factory.mktemp("pki")
    for ca in ("ca", "stranger"):
        authority(folder, ca)
    certificate(folder, "here", "ca", "subjectAltName=IP:127.0.0.1")
    certificate(folder, "elsewhere", "ca", "subjectAltName=DNS:elsewhere.example")
    certificate(folder, "gateway", "ca", "extendedKeyUsage=clientAuth")
    certificate(folder, "other", "stranger", "extendedKeyUsage=clientAuth")
    return folder


class TlsPlugin(Plugin):
    def __init__(self, context):
        self.context = context
        super().__init__()

    def open(self):
        super().open()
        self.server.socket = self.context.wrap_socket(self.server.socket, server_side=True)

    def url(self, path):
        return super().url(path).replace("http:", "https:")


@pytest.fixture
def tls_plugin(pki):
    made = []

    def make(name="here", asks=False):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pki / f"{name}.pem", pki / f"{name}.key")
        if asks:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(pki / "ca.pem")
        made.append(TlsPlugin(context))
        return made[-1]

    yield make
    for one in made:
        one.close()


def config(pki, **files):
    return "plugins:\n" + "".join(f"  {name}: {pki / file}\n" for name, file in files.items())


def end_of(api, server):
    api.register(feature("f", plugin("AccessGate", server.on("/g", passes), failurePolicy="fail", retries=0)))
    return api.wait_final(api.submit(job()))


def test_a_server_that_ca_file_vouches_for(make_daemon, tls_plugin, pki):
    """Also under require_tls, and on one connection for several calls."""
    daemon = make_daemon(config=config(pki, ca_file="ca.pem") + "  require_tls: true\n").start()
    server = tls_plugin()
    for _ in range(3):
        assert end_of(daemon.api, server)["state"] == "succeeded"
    assert len(server.server.peers) == 1


@pytest.mark.parametrize("name, ca, words", [
    ("here", None, "certificate"), ("here", "stranger.pem", "certificate"), ("elsewhere", "ca.pem", "127.0.0.1")])
def test_a_server_that_nobody_vouches_for(make_daemon, tls_plugin, pki, name, ca, words):
    daemon = make_daemon(config=config(pki, ca_file=ca) if ca else None).start()
    server = tls_plugin(name)
    end = end_of(daemon.api, server)
    assert (end["state"], end["reasonCode"]) == ("failed", "plugin_unavailable") and words in end["reason"], end
    assert server.calls == []


def test_a_client_certificate(make_daemon, tls_plugin, pki):
    files = {"ca_file": "ca.pem", "client_cert_file": "gateway.pem", "client_key_file": "gateway.key"}
    daemon = make_daemon(config=config(pki, **files)).start()
    assert end_of(daemon.api, tls_plugin(asks=True))["state"] == "succeeded"
    assert end_of(daemon.api, tls_plugin())["state"] == "succeeded"  # nobody asks for it


def test_certificate_and_key_in_one_file(make_daemon, tls_plugin, pki):
    (pki / "both.pem").write_text((pki / "gateway.pem").read_text() + (pki / "gateway.key").read_text())
    daemon = make_daemon(config=config(pki, ca_file="ca.pem", client_cert_file="both.pem")).start()
    assert end_of(daemon.api, tls_plugin(asks=True))["state"] == "succeeded"


@pytest.mark.parametrize("files, words", [
    ({}, "client_cert_file"),
    ({"client_cert_file": "other.pem", "client_key_file": "other.key"}, "client_cert_file"),
    ({"client_cert_file": "gateway.pem", "client_key_file": "other.key"}, "private key")])
def test_a_client_certificate_that_is_not_taken(make_daemon, tls_plugin, pki, files, words):
    daemon = make_daemon(config=config(pki, ca_file="ca.pem", **files)).start()
    server = tls_plugin(asks=True)
    end = end_of(daemon.api, server)
    assert (end["state"], end["reasonCode"]) == ("failed", "plugin_unavailable") and words in end["reason"], end
    assert server.calls == []


@pytest.mark.parametrize("files, words", [
    ({"ca_file": "none.pem"}, "plugins.ca_file"), ({"client_cert_file": "none.pem"}, "plugins.client_cert_file"),
    ({"client_cert_file": "gateway.pem", "client_key_file": "none.key"}, "plugins.client_key_file"),
    ({"client_key_file": "gateway.key"}, "without plugins.client_cert_file")])
def test_files_that_are_not_there_are_told_at_the_start(make_daemon, pki, files, words):
    daemon = make_daemon(config=config(pki, **files)).spawn()
    assert daemon.process.wait(120) != 0
    assert words in daemon.tail()


def test_plain_http_off_loopback_under_require_tls(make_daemon):
    api = make_daemon(config="plugins:\n  require_tls: true\n").start().api
    reply = api.post("/v1/features", feature("f", plugin("AccessGate", "http://192.0.2.1/g")))
    assert reply.status == 400 and "require_tls" in reply.msg
    assert api.post("/v1/features", feature("f", plugin("AccessGate", "https://192.0.2.1/g"))).status == 200
    assert api.post("/v1/features", feature("g", plugin("AccessGate", "http://127.0.0.1:9/g"))).status == 200
