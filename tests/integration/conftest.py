import pytest

import harness
import plugin_double


@pytest.fixture
def plugin_server():
    """A fresh plugin; several paths may stand for several plugins."""
    made = plugin_double.Plugin()
    yield made
    made.close()


@pytest.fixture
def other_plugin_server():
    made = plugin_double.Plugin()
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared_daemon(tmp_path_factory):
    """One gateway for a whole file, for tests that leave nothing behind that disturbs others."""
    made = harness.Daemon(tmp_path_factory.mktemp("shared")).start()
    yield made
    made.close()


@pytest.fixture
def api(shared_daemon):
    """The admin on the shared gateway; features that a test registers are gone after it."""
    caller = shared_daemon.api
    yield caller
    for one in caller.good("GET", "/v1/features/list/all"):
        caller.good("DELETE", f"/v1/features/{one['name']}")


@pytest.fixture
def daemon(tmp_path_factory):
    """A gateway of the test's own; not above tmp_path, where replicas may write."""
    made = harness.Daemon(tmp_path_factory.mktemp("gateway")).start()
    yield made
    made.close()


@pytest.fixture
def make_daemon(tmp_path_factory):
    """Gateways with a configuration, or not started yet: make_daemon(config=..., ...)."""
    made = []

    def make(**more):
        made.append(harness.Daemon(tmp_path_factory.mktemp("gateway"), **more))
        return made[-1]

    yield make
    for one in made:
        one.close()
