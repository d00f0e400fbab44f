"""sluicectl backup and restore: a copy of one moment, and back."""

import os
import subprocess
import threading

import pytest

from harness import Daemon, check, feature, job, plugin, program, role, until

NULL = {"kind": "TaskSet", "metadata": {"name": "t"},
        "spec": {"engine": "null", "roles": [role("main", "true")]}}
PASSWORD = "correct horse battery"


def ctl(daemon, *arguments, token="admin", binary=False):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SLUICE_")}
    environment["SLUICE_TOKEN"] = token
    if daemon:
        environment["SLUICE_SERVER"] = f"http://127.0.0.1:{daemon.port}"
    return subprocess.run([program("sluicectl"), *map(str, arguments)], capture_output=True,
                          text=not binary, timeout=120, env=environment, stdin=subprocess.DEVNULL)


def password_file(folder):
    path = folder / "password"
    path.write_text(PASSWORD + "\n")
    path.chmod(0o600)
    return path


def gated(server, **more):
    return feature("gate", plugin("AccessGate", server.url("/gate")), authorization="Bearer s3cret",
                   **more)


@pytest.fixture
def restored(tmp_path_factory):
    """A gateway on what was restored."""
    made = []

    def start(data_above, **more):
        made.append(Daemon(data_above, **more).start())
        return made[-1]

    yield start
    for one in made:
        one.close()


def restore(backup, folder, *more):
    folder.mkdir(exist_ok=True)
    return ctl(None, "restore", backup, "--data", folder / "data", *more)


def test_all_that_was_answered_before_is_in_it(daemon, plugin_server, tmp_path, restored):
    """Jobs go on coming while it is made."""
    plugin_server.on("/gate", {"decision": "pass"})
    daemon.api.register(gated(plugin_server))
    token = daemon.api.token_for("read_job", "write_job")
    before = [daemon.api.submit(job(NULL)) for _ in range(20)]
    stop, during, faults = threading.Event(), [], []

    def go_on():
        try:
            while not stop.is_set() and len(during) < 900:  # what one page of a list shows
                during.append(daemon.api.submit(job(NULL)))
        except Exception as fault:  # whatever it is: told below
            faults.append(fault)

    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    try:
        until(lambda: during or faults, 30, "jobs come")
        done = ctl(daemon, "backup", tmp_path / "copy")
    finally:
        stop.set()
        thread.join(90)
    assert not faults and not thread.is_alive(), faults
    assert done.returncode == 0, done.stderr
    assert f"backup {tmp_path}/copy: " in done.stderr and " jobs, 1 features, 1 tokens, " in done.stderr
    assert "secret.key" in done.stderr  # what is missing in it, and where to have it
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy"]
    assert not list(daemon.data.glob("*backup*"))  # nothing is left on the gateway
    looked = check(tmp_path / "copy")
    assert looked.returncode == 0 and "clean: " in looked.stdout, looked.stdout + looked.stderr
    done = restore(tmp_path / "copy", tmp_path / "new")
    assert done.returncode == 0, done.stderr
    assert "off: feature gate: its secrets cannot be read" in done.stdout
    assert "feature apply" in done.stderr and "--hold" in done.stderr
    other = restored(tmp_path / "new")
    caller = other.api.with_token(token.token)  # access ids survive
    ids = {one["jobID"] for one in caller.list(pageSize=1000)}
    assert set(before) <= ids <= set(before) | set(during)
    assert other.api.good("GET", "/v1/features/detail/gate")["enabled"] is False


def test_with_its_key_secrets_can_be_read(daemon, plugin_server, tmp_path, restored):
    plugin_server.on("/gate", {"decision": "pass"})
    daemon.api.register(gated(plugin_server))
    secret = password_file(tmp_path)
    done = ctl(daemon, "backup", tmp_path / "copy", "--with-key", "--password-file", secret)
    assert done.returncode == 0 and "with the key" in done.stderr, done.stderr
    assert (daemon.data / "secret.key").read_bytes() not in (tmp_path / "copy").read_bytes()
    wrong = tmp_path / "wrong"
    wrong.write_text("another password\n")
    wrong.chmod(0o600)
    done = restore(tmp_path / "copy", tmp_path / "new", "--password-file", wrong)
    assert done.returncode == 1 and "the password is another one" in done.stderr
    assert not list((tmp_path / "new" / "data").iterdir())
    done = restore(tmp_path / "copy", tmp_path / "new", "--password-file", secret)
    assert done.returncode == 0 and "off:" not in done.stdout, done.stdout + done.stderr
    assert (tmp_path / "new/data/secret.key").read_bytes() == (daemon.data / "secret.key").read_bytes()
    assert (tmp_path / "new/data/secret.key").stat().st_mode & 0o777 == 0o600
    other = restored(tmp_path / "new")
    assert other.api.good("GET", "/v1/features/detail/gate")["enabled"] is True
    other.api.wait_final(other.api.submit(job(NULL)))
    assert plugin_server.at("/gate")[-1].headers["Authorization"] == "Bearer s3cret"


def test_below_backup_dir_and_nowhere_else(make_daemon, tmp_path):
    place = tmp_path / "backups"
    place.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (place / "link").symlink_to(tmp_path / "elsewhere")
    (place / ".one.part").mkdir()  # as a crash leaves it
    (place / ".one.part" / "data.mdb").write_text("half")
    daemon = make_daemon(config=f"backup: {{dir: {place}}}\n").start()
    daemon.api.wait_final(daemon.api.submit(job(NULL)))
    for bad in ("..", "../x", "a/b", "/tmp/x", ".hidden", "a b", "x" * 129, ""):
        assert daemon.api.post("/v1/admin/backup", {"folder": bad}).status == 400, bad
    assert daemon.api.post("/v1/admin/backup", {"folder": "link"}).status == 409
    assert not list((tmp_path / "elsewhere").iterdir())
    done = ctl(daemon, "backup", "--on-gateway", "one")
    assert done.returncode == 0 and "backup one: 1 jobs, " in done.stderr, done.stderr
    assert sorted(path.name for path in place.iterdir()) == ["link", "one"]
    assert sorted(path.name for path in (place / "one").iterdir()) == ["data.mdb", "manifest.json"]
    assert check(place / "one").returncode == 0
    assert daemon.api.post("/v1/admin/backup", {"folder": "one"}).status == 409
    assert restore(place / "one", tmp_path / "new").returncode == 0
    nobody = daemon.api.token_for("read_job", "write_job", "read_feature", "write_feature", "write_token")
    assert nobody.post("/v1/admin/backup", {"folder": "two"}).status == 403
    assert nobody.post("/v1/admin/backup").status == 403
    assert daemon.api.post("/v1/admin/backup", {"folder": "x", "password": "short"}).status == 400


def test_without_backup_dir_a_folder_is_refused(daemon):
    reply = daemon.api.post("/v1/admin/backup", {"folder": "one"})
    assert reply.status == 409 and "backup.dir" in reply.msg


def test_a_damaged_one_is_not_restored(daemon, tmp_path):
    daemon.api.wait_final(daemon.api.submit(job(NULL)))
    done = ctl(daemon, "backup", "-", binary=True)
    assert done.returncode == 0, done.stderr
    whole = done.stdout
    for name, data in (("cut", whole[:len(whole) // 2]), ("short", whole[:-1]), ("empty", b""),
                       ("text", b"a text\n" * 1000), ("flip", whole[:9000] + b"\xff" + whole[9001:]),
                       ("meta", whole[:40] + b"\x99" + whole[41:])):
        (tmp_path / name).write_bytes(data)
        done = restore(tmp_path / name, tmp_path / "new")
        assert done.returncode == 65, (name, done.stderr)
        assert check(tmp_path / name).returncode == 65, name
        assert not (tmp_path / "new/data").exists() or not list((tmp_path / "new/data").iterdir())
        assert (tmp_path / name).read_bytes() == data
    (tmp_path / "whole").write_bytes(whole)
    assert restore(tmp_path / "whole", tmp_path / "new").returncode == 0


def test_what_is_there_is_not_lost(daemon, tmp_path):
    job_id = daemon.api.submit(job(NULL))
    daemon.api.wait_final(job_id)
    assert ctl(daemon, "backup", tmp_path / "copy").returncode == 0
    again = ctl(daemon, "backup", tmp_path / "copy")
    assert again.returncode == 1 and "is there already" in again.stderr
    running = ctl(None, "restore", tmp_path / "copy", "--data", daemon.data, "--force")
    assert running.returncode == 1 and "stop that gateway first" in running.stderr
    later = daemon.api.submit(job(NULL))
    daemon.api.wait_final(later)
    assert daemon.stop() == 0
    done = ctl(None, "restore", tmp_path / "copy", "--data", daemon.data)
    assert done.returncode == 1 and "--force" in done.stderr
    done = ctl(None, "restore", tmp_path / "copy", "--data", daemon.data, "--force")
    assert done.returncode == 0, done.stderr
    kept = list(daemon.data.glob("store.before-*"))
    assert len(kept) == 1 and str(kept[0]) in done.stderr
    assert " 2 jobs" in check(kept[0]).stdout
    daemon.start()
    assert [one["jobID"] for one in daemon.api.list()] == [job_id]


def test_no_gateway_starts_on_it_while_it_is_replaced(daemon, tmp_path):
    """Restore waits for its password, which stands for a copy that takes long."""
    secret = password_file(tmp_path)
    done = ctl(daemon, "backup", tmp_path / "copy", "--with-key", "--password-file", secret)
    assert done.returncode == 0, done.stderr
    assert daemon.stop() == 0
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    words = [program("sluicectl"), "restore", tmp_path / "copy", "--data", daemon.data, "--force",
             "--password-file", pipe]
    with subprocess.Popen(list(map(str, words)), stderr=subprocess.PIPE, text=True) as restoring:
        with open(pipe, "w", encoding="ascii") as end:  # opens when it is being read
            daemon.spawn()
            assert daemon.process.wait(timeout=60) != 0
            assert f"another sluiced (pid {restoring.pid}) uses the store" in daemon.log.read_text()
            end.write(PASSWORD + "\n")
        assert restoring.wait(timeout=60) == 0, restoring.stderr.read()
    daemon.start()


def test_what_is_refused_leaves_no_audit_entry(daemon):
    for bad in ("x/y", "fine"):  # no name, and no backup.dir
        assert daemon.api.post("/v1/admin/backup", {"folder": bad}).status in (400, 409)
    assert daemon.api.good("GET", "/v1/audit?action=admin.backup") == []


def test_into_a_directory_with_a_name_of_its_own(daemon, tmp_path):
    assert ctl(daemon, "backup", tmp_path).returncode == 0
    (made,) = tmp_path.iterdir()
    assert made.name.startswith("sluice-") and made.suffix == ".backup"
    assert ctl(daemon, "backup", tmp_path / "no" / "such").returncode == 1


def test_how_far_it_is_can_be_asked(daemon, tmp_path):
    """Whatever is seen while it is made fits together."""
    for _ in range(20):
        daemon.api.submit(large())
    assert daemon.api.good("GET", "/v1/admin/backup") == {"running": False}
    over, seen = threading.Event(), []

    def look():
        while not over.is_set():
            seen.append(daemon.api.good("GET", "/v1/admin/backup"))

    thread = threading.Thread(target=look)
    thread.start()
    for n in range(3):
        assert ctl(daemon, "backup", tmp_path / str(n)).returncode == 0
    over.set()
    thread.join()
    at_work = [one for one in seen if one["running"]]
    assert at_work and all(0 <= one["bytes"] <= one["ofAbout"] and one["tookMs"] >= 0 for one in at_work)
    assert daemon.api.good("GET", "/v1/admin/backup") == {"running": False}


def large():
    return job({**NULL, "metadata": {"name": "t", "annotations": {"x": "y" * 400000}}})


def test_the_store_grows_by_little_more_than_is_written_meanwhile(make_daemon, tmp_path):
    """What is read cannot be written over: the file grows by what is written during the copy,
    each change with the pages above it, and not by more."""
    place = tmp_path / "backups"
    place.mkdir()
    daemon = make_daemon(config=f"backup: {{dir: {place}}}\n").start()
    for _ in range(100):
        daemon.api.submit(large())
    file = daemon.data / "store" / "data.mdb"
    over, written = threading.Event(), []

    def load():
        while not over.is_set():
            written.append(daemon.api.submit(large()))

    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()
    until(lambda: len(written) >= 4, 60, "there is load")
    before, already = file.stat().st_size, len(written)
    reply = daemon.api.post("/v1/admin/backup", {"folder": "one"})
    grown, meanwhile = file.stat().st_size - before, len(written) - already
    over.set()
    for thread in threads:
        thread.join()
    assert reply.status == 200, reply
    print(f"{reply.payload['bytes'] >> 10} KiB copied in {reply.payload['tookMs']} ms, {meanwhile} jobs of "
          f"400 KB meanwhile, the file grew by {grown >> 10} KiB from {before >> 10}")
    assert grown <= 5 * 400000 * (meanwhile + len(threads)) + (16 << 20)
    assert check(place / "one").returncode == 0


def test_a_backup_leaves_nothing_when_it_is_killed(make_daemon, tmp_path):
    """Whatever has a backup's name is whole."""
    place = tmp_path / "backups"
    place.mkdir()
    daemon = make_daemon(config=f"backup: {{dir: {place}}}\n").start()
    for _ in range(5):
        daemon.api.submit(job({**NULL, "metadata": {"name": "t", "annotations": {"x": "y" * 500000}}}))

    def ask():
        try:
            daemon.api.post("/v1/admin/backup", {"folder": "one"})
        except OSError:
            pass

    thread = threading.Thread(target=ask)
    thread.start()
    until(lambda: list(place.iterdir()), 20, "it has begun")
    daemon.kill9()
    thread.join(120)
    for one in place.iterdir():
        assert one.name == ".one.part" or check(one).returncode == 0
    daemon.start()
    if not (place / "one").exists():
        assert daemon.api.post("/v1/admin/backup", {"folder": "one"}).status == 200
    assert check(place / "one").returncode == 0
    assert [path.name for path in place.iterdir()] == ["one"]
