"""sluicectl but for its job commands: features, tokens, who calls, errors, completion."""

import os
import pty
import re
import select
import signal
import subprocess
import time
import unittest

from gateway_double import MANUAL, PROGRAM, Case, no, ok


class Features(Case):
    FEATURE = "name: quota\nauthor: ada\nplugins: []\n"

    def answer(self, **more):
        return ok({"name": "quota", "author": "ada", "revision": 3, "enabled": False, **more})

    def test_apply_prints_warnings(self):
        self.answers["POST /v1/features"] = [self.answer(warnings=["overlaps\nwith x"])]
        out, err = self.run_ctl("feature", "apply", "-f", self.file("q.yml", self.FEATURE))
        self.assertEqual(out, "quota\t3\toff\n")
        self.assertEqual(err, "warning: overlaps\\nwith x\n")
        self.assertEqual(self.body(), {"name": "quota", "author": "ada", "plugins": []})

    def test_apply_takes_several_and_enables(self):
        self.answers["POST /v1/features"] = [self.answer()]
        self.answers["PUT /v1/features/turn-on/quota"] = [ok()]
        one = self.file("one.yml", self.FEATURE)
        many = self.file("many.json", '[{"name": "a"}, {"name": "b"}]')
        out, _ = self.run_ctl("feature", "apply", "-f", one, many, "--enable")
        self.assertEqual(out, "quota\t3\ton\n" * 3)
        self.assertEqual([r[0] + " " + r[1] for r in self.requests],
                         ["POST /v1/features", "PUT /v1/features/turn-on/quota"] * 3)

    def test_apply_goes_on_after_a_refusal(self):
        self.answers["POST /v1/features"] = [
            no(400, "WRONG_PARAM", "plugins[0].callAddress: not an address"), self.answer()]
        path = self.file("q.yml", self.FEATURE)
        out, err = self.run_ctl("feature", "apply", path, path, code=1)
        self.assertEqual(out, "quota\t3\toff\n")
        self.assertIn("plugins[0].callAddress: not an address (WRONG_PARAM)\n", err)
        self.assertIn("in " + path, err)

    def test_signing_keys_stay_out_of_pipes(self):
        self.answers["POST /v1/features"] = [self.answer(signingKey="whsec_c2VjcmV0")]
        path = self.file("q.yml", self.FEATURE)
        out, err = self.run_ctl("feature", "apply", path)
        self.assertNotIn("c2VjcmV0", out + err)
        _, seen = self.on_terminal("feature", "apply", path)
        self.assertIn("whsec_c2VjcmV0", seen)

    def test_list_get_and_switch(self):
        self.answers["GET /v1/features/list/all"] = [ok([{"name": "q", "author": "a", "enabled": True,
                                                         "revision": 1, "description": "d"}])]
        self.answers["GET /v1/features/list/bob"] = [ok([])]
        self.answers["GET /v1/features/detail/q"] = [ok({"name": "q", "enabled": False, "plugins": []})]
        self.answers["PUT /v1/features/turn-off/q"] = [ok()]
        self.answers["DELETE /v1/features/q%3Fx"] = [ok()]
        self.assertEqual(self.run_ctl("feature", "list")[0], "q\ta\ton\t1\t\td\n")
        self.assertEqual(self.run_ctl("feature", "list", "bob")[0], "")
        self.assertEqual(self.run_ctl("feature", "get", "q")[0], "feature\tq\nstate\toff\n")
        self.assertEqual(self.run_ctl("feature", "off", "q")[0], "q\toff\n")
        self.assertEqual(self.run_ctl("feature", "delete", "q?x")[0], "q?x\tdeleted\n")


class PluginsAndSelectors(Case):
    def test_list_walks_all_types(self):
        for name in ("TemplateTranslator", "FactorGenerator", "TemplateDecorator", "SchedulerBinder", "LifeHook"):
            self.answers[f"GET /v1/plugins/list/{name}"] = [ok([])]
        self.answers["GET /v1/plugins/list/AccessGate"] = [ok([{
            "key": "AccessGate.q.a", "sequence": 4, "enabled": True, "callAddress": ["http://x", "http://y"]}])]
        self.assertEqual(self.run_ctl("plugin", "list")[0], "4\tAccessGate.q.a\ton\thttp://x,http://y\n")
        self.assertEqual(len(self.requests), 6)
        self.run_ctl("plugin", "list", "AccessGate")
        self.assertEqual(len(self.requests), 7)

    def test_order(self):
        self.answers["PUT /v1/plugins/sequence"] = [ok()]
        self.run_ctl("plugin", "order", "AccessGate.a.x", "--before", "AccessGate.b.y")
        self.assertEqual(self.body(), {"beforeKey": "AccessGate.a.x", "afterKey": "AccessGate.b.y",
                                       "pluginType": "AccessGate"})

    def test_selector_of_a_file(self):
        self.answers["POST /v1/selectors/test"] = [ok({"matched": True, "conditions": [
            {"name": "c", "value": "v", "verdict": True}]})]
        path = self.file("s.yml", "conditions: [{name: c, key: k, expect: v}]\nexpression: c\n")
        out, _ = self.run_ctl("selector", "test", "-f", path, "-H", "k=v")
        self.assertEqual(out, "matched\nc\ttrue\tv\n")
        self.assertEqual(self.body(), {"jobSelector": {"conditions": [
            {"name": "c", "key": "k", "expect": "v"}], "expression": "c"}, "header": {"k": "v"}})

    def test_selector_of_a_feature_on_a_job(self):
        self.answers["GET /v1/features/detail/q"] = [ok({"name": "q", "jobSelector": {"expression": "*"}})]
        self.answers["POST /v1/selectors/test"] = [ok({"matched": None, "conditions": [], "error": "too long"})]
        out, _ = self.run_ctl("selector", "test", "--feature", "q", "--job", "j1")
        self.assertEqual(out, "undecided: a limit was hit\nerror\ttoo long\n")
        self.assertEqual(self.body(), {"jobSelector": {"expression": "*"}, "jobID": "j1"})


class Tokens(Case):
    def test_create_shows_it_once(self):
        self.answers["POST /v1/tokens"] = [ok({"token": "abcdefghijklmnopqrstuvwx", "id": "7"})]
        out, err = self.run_ctl("token", "create", "--for", "ci", "-p", "read_job,write_job", "-p",
                                "resume_job", "--user", "ada", "-H", "team=x", "--expires",
                                "2030-01-01T00:00:00Z", "--note", "n")
        self.assertEqual(out, "token\tabcdefghijklmnopqrstuvwx\nid\t7\n")
        self.assertNotIn("abcdef", err)
        self.assertEqual(self.body(), {
            "privileges": ["read_job", "write_job", "resume_job"], "forwho": "ci", "note": "n",
            "userID": "ada", "header": {"team": "x"}, "expiresAt": "2030-01-01T00:00:00.000Z"})

    def test_list_update_delete(self):
        self.answers["GET /v1/tokens"] = [ok([{"id": "7", "forwho": "ci", "privileges": ["a", "b"]}])]
        self.answers["PUT /v1/tokens/normal"] = [ok()]
        self.answers["DELETE /v1/tokens?id=7"] = [ok()]
        self.assertEqual(self.run_ctl("token", "list")[0], "7\tci\t\t\t\ta,b\n")
        self.assertEqual(self.run_ctl("token", "update", "7", "-p", "a")[0], "7\tupdated\n")
        self.assertEqual(self.body(), {"id": "7", "privileges": ["a"]})
        self.assertEqual(self.run_ctl("token", "delete", "7")[0], "7\tdeleted\n")

    def test_password_from_standard_input(self):
        self.answers["PUT /v1/tokens/admin"] = [ok()]
        out, err = self.run_ctl("admin", "passwd", "--stdin", stdin="new password\nrest\n")
        self.assertEqual(self.body(), {"token": "new password"})
        self.assertNotIn("new password", out + err)
        self.run_ctl("admin", "passwd", "--stdin", stdin="\n", code=1)
        self.assertEqual(len(self.requests), 1)

    def test_password_is_asked_for_without_echo(self):
        self.answers["PUT /v1/tokens/admin"] = [ok()]
        code, seen = self.on_terminal("admin", "passwd", SLUICE_TOKEN=None, typed=[
            ("Present", "old-one"), ("New", "correct horse"), ("again", "correct horse")])
        self.assertEqual(code, 0, seen)
        self.assertEqual(self.body(), {"token": "correct horse"})
        self.assertEqual(self.requests[0][3]["Authorization"], "Bearer old-one")
        self.assertNotIn("horse", seen)
        self.assertNotIn("old-one", seen)

    def test_differing_passwords_change_nothing(self):
        code, seen = self.on_terminal("admin", "passwd", typed=[
            ("New", "correct horse"), ("again", "correct house")])
        self.assertEqual(code, 1)
        self.assertIn("the two differ", seen)
        self.assertEqual(self.requests, [])

    def test_ctrl_c_gives_up_at_once(self):
        code, seen = self.on_terminal("admin", "passwd", typed=[("New", "half\x03")])
        self.assertEqual(code, 1)
        self.assertIn("canceled", seen)


class WhoAndWhere(Case):
    def test_no_token_on_loopback_tells_how_to_get_one(self):
        self.answers["GET /v1/tokens"] = [no(401, "PERMISSION_DENIED", "no token")]
        _, err = self.run_ctl("token", "list", code=1, SLUICE_TOKEN=None)
        self.assertIn("sluicectl admin passwd", err)
        self.assertIn("sluicectl token create", err)
        self.assertNotIn("Authorization", self.requests[0][3])

    def test_a_wrong_token_is_never_printed(self):
        self.answers["GET /v1/tokens"] = [no(401, "PERMISSION_DENIED", "not known")]
        out, err = self.run_ctl("token", "list", code=1)
        self.assertIn("not known (PERMISSION_DENIED)", err)
        self.assertIn("check SLUICE_TOKEN", err)
        self.assertNotIn("secret-token", out + err)

    def test_retry_after_is_passed_on(self):
        self.answers["GET /v1/tokens"] = [no(429, "TOO_MANY_REQUESTS", "slower", Retry_After="7")]
        _, err = self.run_ctl("token", "list", code=1)
        self.assertIn("try again in 7 s", err)

    def test_code_counts_not_status(self):
        self.answers["GET /v1/tokens"] = [no(200, "PERMISSION_DENIED", "not you")]
        _, err = self.run_ctl("token", "list", code=1)
        self.assertIn("not you (PERMISSION_DENIED)", err)

    def test_hostile_messages_are_cleaned(self):
        self.answers["GET /v1/tokens"] = [no(400, "WRONG_PARAM", "a\x1b]0;x\x07\u009bb")]
        _, err = self.run_ctl("token", "list", code=1)
        self.assertIn("a\\x1b]0;x\\x07\\x9bb", err)

    def test_another_kind_of_server(self):
        self.answers["GET /v1/tokens"] = [(502, b"<html>bad gateway</html>", {})]
        _, err = self.run_ctl("token", "list", code=1)
        self.assertIn("status 502", err)
        self.assertIn("check the address", err)

    def test_no_connection_is_3(self):
        self.server.shutdown()
        self.server.server_close()
        _, err = self.run_ctl("job", "get", "x", code=3)
        self.assertIn("start the gateway with sluiced", err)

    def test_options_win_over_the_environment(self):
        self.answers["GET /v1/tokens"] = [ok([])]
        self.run_ctl("--server", self.url + "/", "token", "list", "--token", "mine",
                     SLUICE_SERVER="http://127.0.0.1:1")
        self.assertEqual(self.requests[0][3]["Authorization"], "Bearer mine")

    def test_context_file(self):
        self.answers["GET /v1/tokens"] = [ok([])]
        self.context(f"server: {self.url[len('http://'):]}\ntoken: from-file\n")
        self.run_ctl("token", "list", SLUICE_SERVER=None, SLUICE_TOKEN=None)
        self.assertEqual(self.requests[0][3]["Authorization"], "Bearer from-file")

    def test_context_token_goes_to_its_own_server_only(self):
        self.answers["GET /v1/tokens"] = [ok([])]
        self.context("server: https://gateway.example\ntoken: from-file\n")
        _, err = self.run_ctl("token", "list", SLUICE_TOKEN=None)
        self.assertNotIn("Authorization", self.requests[0][3])
        self.assertIn("was not sent to " + self.url, err)

    def test_context_file_must_be_private(self):
        self.context("token: from-file\n", mode=0o640)
        _, err = self.run_ctl("token", "list", code=2, SLUICE_TOKEN=None)
        self.assertIn("mode 0640", err)
        self.assertIn("chmod 600", err)
        self.assertEqual(self.requests, [])

    def test_bad_context_file(self):
        self.context("tokn: x\n")
        _, err = self.run_ctl("token", "list", code=2, SLUICE_TOKEN=None)
        self.assertIn("unknown key", err)

    def test_usage_is_2(self):
        for args in (["bogus"], ["job"], ["job", "bogus"], ["job", "get"], ["job", "get", "a", "b"],
                     ["job", "get", ".."], ["job", "get", ""], ["job", "list", "--limit", "x"],
                     ["-o", "csv", "job", "list"], ["job", "list", "--bogus"], ["plugin", "order", "k"],
                     ["token", "create", "-p", "read_job"], ["token", "create", "--for", "x"],
                     ["selector", "test"], ["completion", "tcsh"], ["feature", "apply"], []):
            with self.subTest(args=args):
                self.run_ctl(*args, code=2)
        self.assertEqual(self.requests, [])

    def test_completion_knows_each_place_of_a_new_plugin(self):
        script, _ = self.run_ctl("completion", "bash")
        for line, words in (
                ("plugin new ", "python node go c"), ("plugin new go de", "decorator"),
                ("plugin new go ", "translator factors gate decorator binder hook"),
                ("plugin new go gate ", ""), ("plugin conform --type g", "gate")):
            typed = ["sluicectl", *line.split(" ")]
            asked = subprocess.run(
                ["bash", "-c", script + '\nCOMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sluicectl_bash; '
                 'echo "${COMPREPLY[*]}"', "bash", *typed], capture_output=True, text=True, timeout=20)
            self.assertEqual((asked.stdout, asked.stderr), (words + "\n", ""), line)

    def test_help_of_every_command_has_an_example(self):
        out, _ = self.run_ctl("--help")
        rows = out[out.index("Commands:\n") + 10:out.index("\n\n", out.index("Commands:\n"))]
        names = [line[2:21].split() for line in rows.splitlines()]
        self.assertGreater(len(names), 20)
        for name in names:
            text, _ = self.run_ctl(*name, "--help")
            self.assertIn("Example:\n", text, name)
            self.assertIn("sluicectl " + " ".join(name), text[text.index("Example:"):], name)

    def test_the_manual_knows_every_command_and_option(self):
        with open(MANUAL, encoding="utf-8") as manual:
            text = manual.read()
        out, _ = self.run_ctl("--help")
        rows = out[out.index("Commands:\n") + 10:out.index("\n\n", out.index("Commands:\n"))]
        for row in rows.splitlines():
            name = row[2:21].split()
            self.assertIn("*" + " ".join(name) + "*", text)
            for option in re.findall(r"--([a-z-]+)", self.run_ctl(*name, "--usage")[0]):
                self.assertIn(f"*--{option}*", text, name)

    def test_a_token_on_the_command_line_is_hidden_from_ps(self):
        seen = []

        def look():
            for pid in filter(str.isdigit, os.listdir("/proc")):
                try:
                    with open(f"/proc/{pid}/cmdline", "rb") as line:
                        text = line.read()
                except OSError:
                    continue
                if self.url.encode() in text and b"token\0list" in text:
                    seen.append(text)

        class Looking(list):
            def __len__(inner):
                look()
                return 1

        self.answers["GET /v1/tokens"] = Looking([ok([])])
        self.run_ctl("token", "list", "--token", "mine-alone", "--server", self.url)
        self.assertTrue(seen)
        self.assertNotIn(b"mine-alone", b"".join(seen))


class Terminal:
    """A shell on a terminal of its own; what it shows is read until a text is there."""

    def __init__(self, command, environment):
        process, self.file = pty.fork()
        if process == 0:
            os.execvpe(command[0], command, environment)
        self.process, self.seen = process, b""

    def type(self, text):
        os.write(self.file, text.encode())

    def shows(self, text, seconds=30):
        end = time.monotonic() + seconds
        while text.encode() not in self.seen and time.monotonic() < end:
            if select.select([self.file], [], [], 0.1)[0]:
                self.seen += os.read(self.file, 65536)
        return text.encode() in self.seen

    def close(self):
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)
        os.close(self.file)


class Completion(Case):
    def complete(self, *words):
        script = self.run_ctl("completion", "bash")[0] + (
            "COMP_WORDS=(sluicectl \"$@\"); COMP_CWORD=$#; COMPREPLY=(); _sluicectl_bash;"
            "printf '%s\\n' \"${COMPREPLY[@]}\"")
        done = subprocess.run(["bash", "-c", script, "bash", *words], text=True, capture_output=True,
                              env=self.environment(), check=True)
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    def test_bash(self):
        self.assertIn("selector", self.complete("se"))
        self.assertEqual(self.complete("job", "res"), ["resume"])
        self.assertEqual(self.complete("job", "list", "--st"), ["--state"])
        self.assertEqual(self.complete("job", "list", "--state", "su"), ["suspended", "succeeded"])
        self.assertEqual(self.complete("-o", "j"), ["json"])
        self.assertEqual(self.complete("-o", "json", "plugin", "list", "Acc"), ["AccessGate"])
        self.assertEqual(self.complete("submit", self.file("x.yml", "")[:-3]), [self.home.name + "/x.yml"])

    def test_zsh_loads_it_from_its_path(self):
        folder = self.home.name + "/functions"
        os.mkdir(folder)
        with open(folder + "/_sluicectl", "w", encoding="ascii") as file:
            file.write(self.run_ctl("completion", "zsh")[0])
        path = os.path.dirname(os.path.realpath(PROGRAM)) + ":" + os.environ["PATH"]
        shell = Terminal(["zsh", "-f", "-i"], {**self.environment(), "TERM": "dumb", "PATH": path,
                                               "HOME": self.home.name, "PROMPT_EOL_MARK": ""})
        self.addCleanup(shell.close)
        shell.type(f"PS1='> '; fpath=({folder} $fpath); autoload -Uz compinit; compinit -u -D; echo rea''dy\n")
        self.assertTrue(shell.shows("ready"), shell.seen)
        for typed, wanted in (("job res", "job resume"), ("token create --priv", "create --privilege"),
                              ("plugin list Acc", "list AccessGate"), ("job list --state susp", "--state suspended")):
            with self.subTest(typed):
                shell.seen = b""
                shell.type(f"\x15sluicectl {typed}\t")
                self.assertTrue(shell.shows(wanted), shell.seen)

    def test_fish(self):
        script = self.file("sluicectl.fish", self.run_ctl("completion", "fish")[0])
        asked = {"se": "selector", "job res": "resume", "job list --st": "--state",
                 "job list --state susp": "suspended", "-o j": "json", "-o json plugin list Acc": "AccessGate",
                 "plugin new python ga": "gate", "submit " + script[:-4]: script}
        for typed, wanted in asked.items():
            with self.subTest(typed):
                done = subprocess.run(
                    ["fish", "--no-config", "-c", f"source {script}; complete -C 'sluicectl {typed}'"],
                    text=True, capture_output=True, check=True, timeout=60,
                    env={**self.environment(), "HOME": self.home.name, "PATH": os.environ["PATH"]})
                self.assertEqual(done.stderr, "")
                self.assertEqual([line.split("\t")[0] for line in done.stdout.splitlines()], [wanted])

    def test_every_option_is_in_every_script(self):
        for shell, form in (("bash", "--{}"), ("zsh", "--{}"), ("fish", "-l {} ")):
            out, _ = self.run_ctl("completion", shell)
            for name in ("idempotency-key", "reason-code", "recheck", "enable", "before", "expires", "stdin"):
                self.assertIn(form.format(name), out)


if __name__ == "__main__":
    unittest.main()
