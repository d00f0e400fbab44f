"""The snippets of the manual, run in order against a gateway.

What a fence says behind its language is done:

    ```python file=red_gate.py      the block is written there
    ```sh run                       it is run; each must succeed
    ```sh run fails                 ... must not
    ```sh run serve                 it serves on 127.0.0.1:9000 till the next one that does, or the end
    ```text out                     what the one before printed: these lines, in this order; `...`
                                    stands for anything, any white space for any other

All in one folder and one shell, as somebody at a terminal would.
"""

import contextlib
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys

import pytest

from harness import ROOT, free_port, processes_of, program, until

PAGES = ["doc/writing-plugins.md", "plugins-sdk/python/README.md", "plugins-sdk/node/README.md",
         "plugins-sdk/go/README.md", "plugins-sdk/c/README.md"]
GO = pathlib.Path("/usr/lib/go-1.19/bin")
FENCE = re.compile(r"^```(\w+)((?: \S+)*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WHOLE_S = 900

HEAD = r"""
set -e
serving=''
end_serving() { [ -z "$serving" ] || { kill -TERM -- "-$serving" || true; wait "$serving" || true; } 2>/dev/null; serving=''; }
trap end_serving EXIT
is_open() { (: >"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null; }
# serve LOG FILE [WORD]: until its port is open, and it has logged WORD
serve() {
    end_serving
    local i
    for ((i = 0; i < 600; i++)); do is_open || break; sleep 0.05; done
    set -m; bash -e "$2" >"$1" 2>&1 & serving=$!; set +m
    for ((i = 0; i < 3000; i++)); do
        if is_open && { [ -z "$3" ] || grep -q "$3" "$1"; }; then return 0; fi
        kill -0 "$serving" 2>/dev/null || break
        sleep 0.05
    done
    echo "it does not serve:"; cat "$1"; return 1
}
"""


class Block:
    def __init__(self, page, match):
        self.line = page.count("\n", 0, match.start()) + 1
        self.words, self.text = match[2].split(), match[3]

    @property
    def file(self):
        return next((word[5:] for word in self.words if word.startswith("file=")), None)


def blocks(page):
    return [Block(page, match) for match in FENCE.finditer(page)]


def as_bash(folder, listed):
    """One script: each block's output goes to a file of its number."""
    lines = [HEAD, f"cd {shlex.quote(str(folder / 'desk'))}"]
    for i, block in enumerate(listed):
        piece, out = folder / f"{i}.sh", folder / f"{i}.out"
        if block.file:
            (folder / f"{i}.file").write_text(block.text)
            lines.append(f"mkdir -p $(dirname {block.file}); cp {folder}/{i}.file {block.file}")
        if "run" not in block.words:
            continue
        piece.write_text(block.text)
        lines.append(f"echo {i} >{folder}/at; exec >{out} 2>&1")
        if "serve" in block.words:
            word = '\'"registered"\'' if "register" in block.text else ""
            lines.append(f"serve {out}.log {piece} {word}")
        elif "fails" in block.words:
            lines.append(f"if bash -e {piece}; then echo 'it succeeds, and must not'; exit 1; fi")
        else:
            lines.append(f". {piece}")
    return "\n".join(lines) + "\n"


def shown_in(expected, printed):
    """The first line of `expected` that is not in `printed` behind the ones before; None: all are."""
    rest = [" ".join(line.split()) for line in printed.splitlines()]
    for line in filter(str.strip, expected.splitlines()):
        pattern = ".*".join(map(re.escape, " ".join(line.split()).split("...")))
        at = next((i for i, one in enumerate(rest) if re.fullmatch(pattern, one)), None)
        if at is None:
            return line
        rest = rest[at + 1:]
    return None


def end(shell, folder):
    """The shell ends what serves, as at its own end; what does not listen is killed."""
    os.killpg(shell.pid, signal.SIGTERM)
    try:
        shell.wait(120)
    except subprocess.TimeoutExpired:
        os.killpg(shell.pid, signal.SIGKILL)
        shell.wait(120)
    for pid in processes_of(folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def run_page(path, text, folder, server):
    port = free_port()
    text = text.replace("127.0.0.1:9000", f"127.0.0.1:{port}").replace('"127.0.0.1", 9000', f'"127.0.0.1", {port}')
    text = text.replace("127.0.0.1:8080", server)
    listed = blocks(text)
    (folder / "desk").mkdir()
    (folder / "all.sh").write_text(as_bash(folder, listed))
    tools = [os.path.dirname(program("sluicectl")), *([str(GO)] if GO.exists() else []), "/usr/bin"]
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PLUGIN_", "SLUICE_"))}
    shell = subprocess.Popen(
        ["bash", folder / "all.sh"], stdin=subprocess.DEVNULL, start_new_session=True,
        env={**clean, "PATH": ":".join([*tools, os.environ["PATH"]]), "PORT": str(port),
             "SLUICE": str(ROOT), "SLUICE_SERVER": f"http://{server}", "SLUICE_TOKEN": "admin",
             "PLUGIN_LISTEN": f"127.0.0.1:{port}", "PYTHONDONTWRITEBYTECODE": "1", "GOFLAGS": "-mod=mod",
             "GOPROXY": "off", "MAKEFLAGS": ""})
    try:
        code = shell.wait(WHOLE_S)
    except subprocess.TimeoutExpired:
        end(shell, folder)
        raise
    if code:
        at = int((folder / "at").read_text())
        raise AssertionError(f"{path}:{listed[at].line}: {(folder / f'{at}.out').read_text()[-3000:]}")
    for i, block in enumerate(listed):
        if "out" not in block.words:
            continue
        before = max(j for j in range(i) if "run" in listed[j].words)
        printed = (folder / f"{before}.out").read_text()
        missing = shown_in(block.text, printed)
        assert missing is None, f"{path}:{block.line}: {missing!r} is not in order in\n{printed}"
    return sum("run" in block.words for block in listed)


@pytest.mark.parametrize("path", PAGES)
def test_what_is_shown_works(api, tmp_path, path):
    assert run_page(path, (ROOT / path).read_text(), tmp_path, f"127.0.0.1:{api.port}") > 0


@pytest.mark.parametrize("broken, words", [
    ("```sh run\nfalse\n```\n", "page:1"), ("\n```sh run fails\ntrue\n```\n", "page:2"),
    ("```sh run\necho a\necho b\n```\n```text out\nb\na\n```\n", "'a' is not"),
    ("```python file=x.py\nprint(1)\n```\n```sh run\npython3 x.py\n```\n```text out\n2\n```\n", "'2' is not")])
def test_a_broken_snippet_is_found(tmp_path, broken, words):
    with pytest.raises(AssertionError, match=words):
        run_page("page", broken, tmp_path, "127.0.0.1:1")


def test_a_page_that_does_not_end_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "WHOLE_S", 2)
    with pytest.raises(subprocess.TimeoutExpired):
        run_page("page", "```sh run\nsleep 300 &\nsleep 300\n```\n", tmp_path, "127.0.0.1:1")
    until(lambda: not processes_of(tmp_path), 20, "all of it has ended")


def test_each_page_of_the_manual_can_be_reached():
    seen, todo = set(), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in seen:
            continue
        seen.add(page)
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            place = (page.parent / target).resolve()
            assert place.exists(), f"{page}: {target} is not there"
            place = place / "README.md" if place.is_dir() else place
            if place.suffix == ".md" and place.exists():
                todo.append(place)
    missing = {*ROOT.glob("doc/*.md"), *ROOT.glob("doc/adr/*.md"), *ROOT.glob("plugins-sdk/*/README.md")} - seen
    assert not missing, missing
