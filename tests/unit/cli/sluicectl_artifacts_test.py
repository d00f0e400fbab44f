"""sluicectl job artifacts, as its users run it."""

import os
import pathlib
import subprocess
import unittest

from gateway_double import PROGRAM, Case, no, ok

RAW = {"Content_Type": "application/octet-stream"}
URL = "GET /v1/job/artifacts/j"


class Artifacts(Case):
    def files(self):
        return sorted(path.name for path in pathlib.Path(self.home.name).iterdir())

    def path(self, name):
        return pathlib.Path(self.home.name) / name

    def raw(self, *args):
        return subprocess.run([os.path.abspath(PROGRAM), "job", "artifacts", *args], capture_output=True,
                              env=self.environment(), cwd=self.home.name,
                              stdin=subprocess.DEVNULL, timeout=60, check=False)

    def test_a_folder_is_listed(self):
        entries = [{"name": "a\x1b", "type": "file", "size": 5, "modified": "2026-01-02T03:04:05.000Z"},
                   {"name": "d", "type": "folder", "size": None, "modified": "2026-01-02T03:04:05.000Z"}]
        self.answers[URL] = [ok({"entries": entries, "cut": False})]
        out, err = self.run_ctl("job", "artifacts", "j")
        self.assertEqual(out, "a\\x1b\tfile\t5\t2026-01-02T03:04:05.000Z\nd\tfolder\t\t2026-01-02T03:04:05.000Z\n")
        self.assertEqual(err, "")
        self.answers[URL + "/d"] = [ok({"entries": entries, "cut": True})]
        _, err = self.run_ctl("job", "artifacts", "j", "/d/")
        self.assertIn("there is more", err)

    def test_a_file_goes_to_standard_output(self):
        self.answers[URL + "/out/a%20b%3F%25.bin"] = [(200, b"\x00\xff\n", RAW)]
        done = self.raw("j", "out//a b?%.bin")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"\x00\xff\n", b""))

    def test_a_file_goes_to_a_file(self):
        self.answers[URL + "/out/f"] = [(200, b"text", RAW)]
        for where, name in (("mine", "mine"), (".", "f")):
            self.assertEqual(self.raw("j", "out/f", "-O", where).returncode, 0)
            self.assertEqual(self.path(name).read_bytes(), b"text")
        self.assertEqual(self.files(), ["f", "mine"])
        self.answers[URL + "/empty"] = [(200, b"", RAW)]
        self.assertEqual(self.raw("j", "empty", "-O", "mine").returncode, 0)
        self.assertEqual(self.path("mine").read_bytes(), b"")

    def test_what_fails_leaves_the_file_as_it_was(self):
        self.path("mine").write_text("before")
        self.answers[URL + "/f"] = [no(404, "OPERATION_TARGET_NOT_FOUND", "there is no such file")]
        self.answers[URL + "/part"] = [
            (200, b"400\r\nonly a part", {**RAW, "Transfer_Encoding": "chunked", "Connection": "close"})]
        self.answers[URL + "/d"] = [ok({"entries": [], "cut": False})]
        for path, words in (("f", b"there is no such file"), ("part", b""), ("d", b"a folder")):
            done = self.raw("j", path, "-O", "mine")
            self.assertNotEqual(done.returncode, 0, path)
            self.assertIn(words, done.stderr)
            self.assertEqual(self.path("mine").read_text(), "before", path)
        self.assertEqual(self.files(), ["mine"])

    def test_what_is_no_file_is_not_replaced(self):
        self.answers[URL + "/f"] = [(200, b"text", RAW)]
        os.mkfifo(self.path("pipe"))
        reader = subprocess.Popen(["cat", self.path("pipe")], stdout=subprocess.PIPE)
        self.addCleanup(reader.stdout.close)
        self.addCleanup(reader.wait, 20)
        self.addCleanup(reader.kill)
        self.assertEqual(self.raw("j", "f", "-O", "pipe").returncode, 0)
        self.assertEqual(reader.communicate(timeout=20)[0], b"text")
        self.assertTrue(self.path("pipe").is_fifo())

    def test_a_file_that_cannot_be_written_is_told(self):
        self.answers[URL + "/f"] = [(200, b"text", RAW)]
        done = self.raw("j", "f", "-O", "none/f")
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"No such file or directory", done.stderr)

    def test_terminals_get_text_only(self):
        self.answers[URL + "/f"] = [(200, b"text\n", RAW)]
        self.answers[URL + "/b"] = [(200, b"a\x00b", RAW)]
        self.assertIn("text", self.on_terminal("job", "artifacts", "j", "f")[1])
        code, shown = self.on_terminal("job", "artifacts", "j", "b")
        self.assertEqual(code, 1)
        self.assertIn("not text", shown)
        self.assertIn("next: -O FILE", shown)


if __name__ == "__main__":
    unittest.main()
