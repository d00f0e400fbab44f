"""GET /v1/job/artifacts: files and folders of a job's work directory, and no way out of it."""

import http.client
import json
import os
import re
import socket

import pytest

from harness import job, role, taskset, until

SECRET = "not for submitters"


def done(api, script, **more):
    job_id = api.submit(job(taskset(role("main", script)), **more))
    assert api.wait_final(job_id)["state"] == "succeeded"
    return job_id


def path_of(job_id, path=""):
    return f"/v1/job/artifacts/{job_id}" + (f"/{path}" if path else "")


def entries(api, job_id, path=""):
    payload = api.good("GET", path_of(job_id, path))
    assert set(payload) == {"entries", "cut"} and payload["cut"] is False
    return {entry["name"]: entry for entry in payload["entries"]}


def refused(api, job_id, path, status):
    reply = api.get(path_of(job_id, path))
    assert reply.status == status, (path, reply)
    assert SECRET.encode() not in reply.raw
    return reply


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    """What must not be got at."""
    folder = tmp_path_factory.mktemp("outside")
    folder.chmod(0o755)
    (folder / "secret").write_text(SECRET)
    return folder


# --- what is there ------------------------------------------------------------------------


def test_a_file_and_a_folder(api):
    job_id = done(api, "mkdir -p out/deep; printf hello > out/a.txt; : > out/empty; ln -s a.txt out/l")
    top = entries(api, job_id)
    assert top["out"]["type"] == "folder" and top["out"]["size"] is None
    found = entries(api, job_id, "out")
    assert list(found) == ["a.txt", "deep", "empty", "l"]
    assert {n: (e["type"], e["size"]) for n, e in found.items()} == {
        "a.txt": ("file", 5), "deep": ("folder", None), "empty": ("file", 0), "l": ("link", None)}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found["a.txt"]["modified"])
    assert entries(api, job_id, "out/deep") == {}
    reply = api.get(path_of(job_id, "out/a.txt"))
    assert (reply.status, reply.raw) == (200, b"hello")
    assert reply.headers["Content-Type"] == "application/octet-stream"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Content-Disposition"].startswith('attachment; filename="a.txt"')
    assert reply.headers["Content-Length"] == "5" and "Transfer-Encoding" not in reply.headers
    assert api.get(path_of(job_id, "out/empty")).raw == b""
    for path in ("out/a.txt/", "out/", "/"):
        assert api.get(f"/v1/job/artifacts/{job_id}/{path.lstrip('/')}").status == 200
    head = api.call("HEAD", path_of(job_id, "out/a.txt"))
    assert (head.status, head.raw, head.headers["Content-Length"]) == (200, b"", "5")


def test_any_name_can_be_asked_for(api):
    names = ["with space", "q'\"\nr", "é", "a%2fb", "%41", "-O", "...", "a;b?c#d"]
    program = f"import os\nfor n in {names!r}: open(n, 'w').write(n)\nopen(b'bad\\xff', 'w').write('bad')\n"
    job_id = api.submit(job(taskset(role("main", "true", container={
        "command": ["/usr/bin/python3", "-c", program]}))))
    assert api.wait_final(job_id)["state"] == "succeeded"
    found = entries(api, job_id)
    assert set(found) == {*names, "bad�"}
    assert found["bad�"]["path"] == "bad%FF" and "path" not in found["é"]
    for name in names:
        quoted = "".join(f"%{b:02x}" for b in name.encode())
        reply = api.get(path_of(job_id, quoted))
        assert (reply.status, reply.raw) == (200, name.encode()), name
        head = reply.headers["Content-Disposition"]
        assert "\n" not in head and re.fullmatch(r"attachment; filename=\"[^\"\\]*\"; filename\*=UTF-8''[\w.~%-]*", head)
    assert api.get(path_of(job_id, "bad%ff")).raw == b"bad"


def test_a_large_file_comes_whole(api):
    job_id = done(api, "yes 0123456789abcdef | head -c 30000000 > big")
    raw = api.get(path_of(job_id, "big")).raw
    assert len(raw) == 30000000 and raw == (b"0123456789abcdef\n" * (30000000 // 17 + 1))[:30000000]


def test_of_a_job_at_work(api, tmp_path):
    job_id = api.submit(job(taskset(role("main", f"echo one > f; echo ready; while ! [ -e {tmp_path}/go ]; do sleep 0.02; done; echo two >> f"))))
    until(lambda: api.state(job_id) == "running" and api.logs(job_id), 20, "it has written")
    assert api.get(path_of(job_id, "f")).raw == b"one\n"
    (tmp_path / "go").touch()
    api.wait_final(job_id)
    assert api.get(path_of(job_id, "f")).raw == b"one\ntwo\n"


def test_before_there_is_anything(api):
    api.good("PUT", "/v1/admission/hold", {"userID": "held"})
    try:
        job_id = api.submit(job(user="held"))
        assert entries(api, job_id) == {}
        refused(api, job_id, "f", 404)
        api.good("PUT", f"/v1/job/stop/{job_id}", {})
    finally:
        api.good("PUT", "/v1/admission/release", {"userID": "held"})


def test_an_engine_without(api):
    job_id = api.submit(job(taskset(role("main", "true"), engine="null")))
    api.wait_final(job_id)
    assert "null" in refused(api, job_id, "", 404).msg


def test_a_listing_is_bounded(api):
    job_id = done(api, "mkdir many; cd many; seq 10001 | xargs touch")
    payload = api.good("GET", path_of(job_id, "many"))
    assert payload["cut"] is True and len(payload["entries"]) == 10000


# --- parts --------------------------------------------------------------------------------


def test_ranges(api):
    job_id = done(api, "printf 0123456789 > f; : > empty")
    whole = api.get(path_of(job_id, "f"))
    assert whole.headers["Accept-Ranges"] == "bytes"

    def part(asked, path="f", **more):
        return api.get(path_of(job_id, path), headers={"Range": asked, **more})

    for asked, raw, where in (("bytes=0-3", b"0123", "0-3"), ("bytes=7-", b"789", "7-9"), ("bytes=-2", b"89", "8-9"),
                              ("bytes=9-99999999999999999999999", b"9", "9-9"), ("bytes=-99", b"0123456789", "0-9")):
        reply = part(asked)
        assert (reply.status, reply.raw) == (206, raw), asked
        assert reply.headers["Content-Range"] == f"bytes {where}/10"
        assert reply.headers["Content-Length"] == str(len(raw))
    for asked in ("bytes=10-", "bytes=-0", "bytes=99999999999999999999-"):
        reply = part(asked)
        assert (reply.status, reply.code, reply.headers["Content-Range"]) == (416, "WRONG_PARAM", "bytes */10"), asked
    for asked in ("bytes=0-1,3-4", "bytes=5-2", "bytes=", "bytes=-", "bytes=a-b", "items=0-1", "bytes=1", "bytes=1-2x"):
        assert (part(asked).status, part(asked).raw) == (200, b"0123456789"), asked
    assert part("bytes=0-", "empty").status == 416
    same = {"If-Range": whole.headers["ETag"]}
    assert part("bytes=1-1", **same).raw == b"1"
    assert part("bytes=1-1", **{"If-Range": '"other"'}).raw == b"0123456789"


def test_a_part_is_not_told_as_the_whole(make_daemon):
    api = make_daemon(config="api:\n  http_status: always_200\n").start().api
    job_id = done(api, "printf 0123456789 > f")
    assert api.get(path_of(job_id, "f"), headers={"Range": "bytes=2-3"}).status == 206
    assert api.get(path_of(job_id, "none")).status == 200


# --- no way out ---------------------------------------------------------------------------


def test_links_are_not_followed(api, outside):
    job_id = done(api, f"ln -s {outside}/secret abs; ln -s {outside} folder; mkdir d; ln -s ../../../.. d/up; "
                       "ln -s /proc/self/root root; ln -s /proc/self/fd fd; ln -s . self; ln -s .. parent; ln -s loop loop; echo x > f")
    for path in ("abs", "folder", "folder/secret", "d/up", "d/up/etc/passwd", "root", "root/etc/passwd", "fd", "fd/0",
                 "self", "self/f", "parent", "loop", "loop/f"):
        assert "link" in refused(api, job_id, path, 409).msg
    assert {e["type"] for n, e in entries(api, job_id).items() if n not in ("d", "f")} == {"link"}


def test_paths_do_not_lead_out(shared_daemon, api):
    job_id, other = done(api, "echo x > f"), done(api, f"echo '{SECRET}' > f")
    assert (shared_daemon.data / "work" / other / "f").exists()
    for path in ("..", f"../{other}/f", "%2e%2e", f"%2e%2e/{other}/f", f".%2e/{other}/f", f"..%2f{other}%2ff", f"..%5c{other}",
                 "%2fetc%2fpasswd", "/etc/passwd", "//etc/passwd", "f/..", "f/../f", "./f", "%2e/f", "f%00", "f%00.txt", "%", "%zz",
                 f"..%c0%af{other}", "%c0%ae%c0%ae/f", "f/f", "x" * 300, "/".join(["d"] * 40)):
        refused(api, job_id, path, 404)
    for wrong in ("..", "%2e%2e", f"{job_id}%2f..", "nothing", job_id.upper() + "x"):
        assert api.get(f"/v1/job/artifacts/{wrong}/f").status == 404, wrong


def test_what_is_no_file_is_not_opened(api):
    """A pipe that is opened waits; a device does things."""
    program = ("import os, socket\nos.mkfifo('pipe')\nsocket.socket(socket.AF_UNIX).bind('sock')\n"
               "try:\n os.mknod('zero', 0o666 | 0o020000, os.makedev(1, 5))\nexcept OSError: pass\n")
    job_id = api.submit(job(taskset(role("main", "true", container={"command": ["/usr/bin/python3", "-c", program]}))))
    assert api.wait_final(job_id)["state"] == "succeeded"
    found = entries(api, job_id)
    assert {e["type"] for e in found.values()} == {"other"} and {"pipe", "sock"} <= set(found)
    for name in found:
        refused(api, job_id, name, 409)
    refused(api, job_id, "pipe/x", 404)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_others_files_that_are_linked_in(shared_daemon, api, outside):
    """A second name does not make a file the job's own."""
    job_id = done(api, "echo own > f; ln f g")
    assert api.get(path_of(job_id, "g")).raw == b"own\n"
    work = shared_daemon.data / "work" / job_id
    foreign = work.parent / "foreign"
    foreign.write_text(SECRET)
    os.chown(foreign, 65534, 65534)
    os.link(foreign, work / "h")
    refused(api, job_id, "h", 409)
    foreign.unlink()


def test_a_folder_that_is_exchanged_meanwhile(api, outside, tmp_path):
    """A folder and a link to elsewhere that change places all the time: never what is behind the link."""
    program = (f"import os, pathlib\nos.mkdir('d'); pathlib.Path('d/secret').write_text('own')\nos.symlink({str(outside)!r}, 'l')\n"
               "print('ready', flush=True)\n"
               f"while not os.path.exists({str(tmp_path / 'end')!r}):\n"
               " for a, b in (('d', 'x'), ('l', 'd'), ('d', 'l'), ('x', 'd')):\n  os.rename(a, b)\n")
    job_id = api.submit(job(taskset(role("main", "true", container={"command": ["/usr/bin/python3", "-c", program]}))))
    until(lambda: "ready" in api.logs(job_id), 20, "it has begun")
    seen = set()
    for _ in range(400):
        reply = api.get(path_of(job_id, "d/secret"))
        assert SECRET.encode() not in reply.raw
        seen.add(reply.status)
    until(lambda: api.get(path_of(job_id, "d/secret")).raw == b"own", 20, "it is there in between")
    (tmp_path / "end").touch()
    assert seen <= {200, 404, 409}
    api.wait_final(job_id)


# --- whose, and how long ------------------------------------------------------------------


def test_only_ones_own(api):
    job_id = done(api, "echo x > f")
    for path in ("", "f"):
        assert api.token_for("read_job", userID="bob").get(path_of(job_id, path)).status == 404
        assert api.token_for("read_job", userID="ann").get(path_of(job_id, path)).status == 200
        assert api.token_for("read_feature").get(path_of(job_id, path)).status == 403
        assert api.with_token(None).get(path_of(job_id, path)).status == 401
    assert api.put(path_of(job_id, "f"), b"y").status == 405
    assert api.get(path_of(job_id, "f?x=1")).status == 400


def test_erased_with_the_job(api):
    job_id = done(api, "echo x > f")
    assert api.delete(f"/v1/job/{job_id}").status == 200
    refused(api, job_id, "f", 404)
    refused(api, job_id, "", 404)


def test_erased_while_it_is_read(api):
    """What is being read is read to its end."""
    job_id = done(api, "head -c 20000000 /dev/zero > f")
    connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=120)
    connection.request("GET", path_of(job_id, "f"), headers={"Authorization": f"Bearer {api.token}"})
    answer = connection.getresponse()
    assert answer.read(10) == b"\0" * 10
    assert api.delete(f"/v1/job/{job_id}").status == 200
    assert len(answer.read()) == 20000000 - 10
    connection.close()


def test_one_that_shrinks_is_broken_off(shared_daemon, api):
    job_id = done(api, "head -c 40000000 /dev/zero > f")
    with socket.create_connection(("127.0.0.1", api.port), timeout=120) as still:
        still.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        still.sendall(f"GET {path_of(job_id, 'f')} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {api.token}\r\n\r\n".encode())
        head = still.recv(200)
        assert b" 200 OK" in head
        os.truncate(shared_daemon.data / "work" / job_id / "f", 10)
        got = len(head)
        while True:
            piece = still.recv(1 << 20)
            if not piece:
                break
            got += len(piece)
    assert got < 40000000  # less than its Content-Length: the reader knows


def test_downloads_are_bounded(make_daemon):
    """They share the places of streams, and a reader that stands still holds nobody."""
    daemon = make_daemon(config="limits:\n  streams: 1\n").start()
    api = daemon.api
    job_id = done(api, "head -c 40000000 /dev/zero > f")
    with socket.create_connection(("127.0.0.1", api.port), timeout=120) as still:
        still.sendall(f"GET {path_of(job_id, 'f')} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {api.token}\r\n\r\n".encode())
        assert still.recv(100)
        assert refused(api, job_id, "f", 503).headers["Retry-After"]
        assert api.get(path_of(job_id)).status == 200
    until(lambda: api.get(path_of(job_id, "f"), headers={"Range": "bytes=0-9"}).status == 206, 20, "its place is free again")
    assert json.loads(api.get(path_of(job_id)).raw)["payload"]["entries"]
