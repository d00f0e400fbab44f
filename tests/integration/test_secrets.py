"""Secrets of features when the key file that seals them is lost."""

from harness import feature, plugin
from plugin_double import passes


def test_a_lost_key_turns_features_off_and_keeps_them_off(daemon, plugin_server):
    made = daemon.api.register(feature("sealed", plugin("AccessGate", plugin_server.on("/g", passes)),
                                       authorization="Bearer secret"))
    assert made["enabled"]
    daemon.stop()
    key = (daemon.data / "secret.key").read_bytes()
    (daemon.data / "secret.key").unlink()
    daemon.start()
    shown = daemon.api.good("GET", "/v1/features/detail/sealed")
    assert shown["enabled"] is False
    reply = daemon.api.put("/v1/features/turn-on/sealed")
    assert reply.status == 409 and "secret.key" in reply.msg
    daemon.stop()
    (daemon.data / "secret.key").write_bytes(key)
    daemon.start()
    assert daemon.api.good("GET", "/v1/features/detail/sealed")["enabled"] is True


def test_a_feature_with_lost_secrets_can_be_registered_again(daemon, plugin_server):
    again = feature("sealed", plugin("AccessGate", plugin_server.on("/g", passes)),
                    authorization="Bearer secret")
    first = daemon.api.register(again)
    daemon.stop()
    (daemon.data / "secret.key").unlink()
    daemon.start()
    second = daemon.api.register(again)
    assert second["signingKey"] != first["signingKey"], "made anew and shown"
    assert daemon.api.put("/v1/features/turn-on/sealed").status == 200
