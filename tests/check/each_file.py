#!/usr/bin/env python3
"""Runs a tool over every C file that is delivered, by itself, as it is compiled.

    each_file.py analyzer|tidy --build FOLDER [--known FOLDER] [--jobs N] [--junit FILE] [PATH...]

analyzer: gcc -fanalyzer, which is told what stands in analyzer_facts.h. What it sees where nothing is stands in analyzer_exceptions.txt, with
the reason; a line there that no longer meets anything is a finding too.
tidy: clang-tidy with .clang-tidy (clang 14 loses va_list over several files in one run).

--known keeps which files were found clean, by what the file and all it includes hold and by how they
are looked at; these are not looked at again.

A file without a command in FOLDER's compile_commands.json is a finding: it is not built.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ("api", "cli", "core", "net", "plugins-sdk", "runtime", "selector", "store")
EXCEPTIONS = pathlib.Path(__file__).with_name("analyzer_exceptions.txt")
FACTS = pathlib.Path(__file__).with_name("analyzer_facts.h")
# The files that the facts are about.
NO_FACTS = re.compile(r"^int (sl_fail|sl_wrap|reply_fail|fields_fail)\(", re.M)
# As it is written: no function taken apart, none of the C library's checked ones.
WITH = ("-U_FORTIFY_SOURCE", "-O0", "-c", "-o", "/dev/null", "-fanalyzer", "-fdiagnostics-format=json")
LONGEST_S = 1800


def ours():
    """The C files, relative to the root. Templates are no files of a build."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.c")):
            if "templates" not in path.parts:
                yield str(path.relative_to(ROOT))


def commands(build):
    """By file: the folder to be in, and the words of the compiler's call."""
    found = {}
    for entry in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
        path = os.path.relpath(os.path.join(entry["directory"], entry["file"]), ROOT)
        found.setdefault(path, (entry["directory"], shlex.split(entry["command"])))
    return found


def without_output(words):
    """The compiler's words without its wrapper and without what they write."""
    kept, skip = [], False
    for word in words[1:] if os.path.basename(words[0]) == "ccache" else words:
        if skip:
            skip = False
        elif word in ("-o", "-MQ", "-MF"):
            skip = True
        elif word not in ("-MD", "-c"):
            kept.append(word)
    return kept


def run(words, folder):
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=LONGEST_S, check=False)


class Analyzer:
    """gcc -fanalyzer. Its findings come as JSON, with the way that leads there."""

    def __init__(self):
        self.excused = {}
        for line in EXCEPTIONS.read_text(encoding="utf-8").splitlines():
            if line.strip() and not line.startswith("#"):
                path, function, option, reason = line.split(None, 3)
                self.excused[path, function, option] = reason
        self.met = set()
        self.version = run(["gcc", "--version"], ROOT).stdout

    def look(self, path, folder, words):
        done = run([*without_output(words), *WITH, *self.facts(path)], folder)
        try:
            told = json.loads(done.stderr.splitlines()[0]) if done.stderr.strip() else []
        except ValueError:
            return [done.stderr]
        return [text for one in told for text in self.tell(path, one)]

    @staticmethod
    def facts(path):
        """Not for what knows nothing of the gateway."""
        top = path.split("/", maxsplit=1)[0]
        if top == "plugins-sdk" or NO_FACTS.search((ROOT / path).read_text(encoding="utf-8")):
            return []
        return ["-include", str(FACTS), f"-DIN_{top}"]

    def manner(self):
        return [*WITH, FACTS.read_text(encoding="utf-8"), self.version]

    def tell(self, path, one):
        option = one.get("option", one["kind"])
        way = one.get("path", [])
        function = way[-1].get("function", "-") if way else "-"
        if (path, function, option) in self.excused:
            self.met.add((path, function, option))
            return
        at = one["locations"][0]["caret"]
        lines = [f"{self.place(at)} {one['kind']}: {one['message']} [{option}] in {function}()"]
        lines += [f"    {self.place(step['location'])} {step['description']}" for step in way if "location" in step]
        yield "\n".join(lines)

    @staticmethod
    def place(at):
        return f"{os.path.normpath(at['file'].removeprefix('../'))}:{at['line']}:"

    def excuses(self, path):
        return any(key[0] == path for key in self.excused)

    def left_over(self, paths):
        for path, function, option in sorted(set(self.excused) - self.met):
            if path in paths or not (ROOT / path).exists():
                yield path, f"{EXCEPTIONS.name} excuses {option} in {function}(), which is no longer found: remove the line"


class Tidy:
    """clang-tidy, with clang's command. It is handed over, since of a file that several targets build
    clang-tidy would run all commands one after another, and loses va_list behind the first."""

    def __init__(self):
        self.version = run(["clang-tidy", "--version"], ROOT).stdout

    def look(self, path, folder, words):
        told = [word for word in without_output(words)[1:] if not word.endswith(path)]
        done = run(["clang-tidy", "--quiet", str(ROOT / path), "--", *told], folder)
        said = [line for line in done.stdout.splitlines() if not line.startswith("[")]
        found = [line.replace(f"{ROOT}/", "") for line in said]
        if done.returncode == 0 and not any(re.search(r": (warning|error): ", line) for line in found):
            return []
        return ["\n".join(found) or done.stderr]

    def manner(self):
        return [(ROOT / ".clang-tidy").read_text(encoding="utf-8"), self.version]

    def excuses(self, path):
        del path
        return False

    def left_over(self, paths):
        del paths
        return []


class Known:
    """Files that were found clean before, in a folder of empty files named by digests. Excused files are
    not among them, so that it shows when an excuse is no longer needed."""

    def __init__(self, folder, tool):
        self.folder, self.tool = folder, tool
        if folder:
            folder.mkdir(parents=True, exist_ok=True)

    def digest(self, folder, words):
        """None when the file cannot even be read: then the tool shall say so."""
        made = run([*without_output(words), "-M", "-MG"], folder)
        if not self.folder or made.returncode:
            return None
        held = hashlib.sha256("\0".join([*words, *self.tool.manner()]).encode())
        for name in made.stdout.replace("\\\n", " ").split()[1:]:
            held.update(pathlib.Path(folder, name).read_bytes())
        return held.hexdigest()

    def look(self, path, folder, words):
        digest = self.digest(folder, words)
        if digest and (self.folder / digest).exists():
            return []
        findings = self.tool.look(path, folder, words)
        if digest and not findings and not self.tool.excuses(path):
            (self.folder / digest).touch()
        return findings


def look_at_all(tool, paths, calls, jobs):
    """(path, findings, seconds) of each file, as they come; tells how far it is."""
    def one(path):
        before = time.monotonic()
        try:
            findings = tool.look(path, *calls[path]) if path in calls else [f"{path}: is not built, so nothing looks at it"]
        except subprocess.TimeoutExpired:
            findings = [f"{path}: not done within {LONGEST_S} s"]
        return path, findings, time.monotonic() - before

    bad = 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for i, (path, findings, took) in enumerate(pool.map(one, paths), 1):
            for text in findings:
                print(text, flush=True)
            bad += len(findings)
            if i % 25 == 0 or i == len(paths):
                print(f"{i} of {len(paths)} files, {bad} findings", flush=True)
            yield path, findings, took


def write_junit(where, name, rows):
    suite = ElementTree.Element("testsuite", name=name, tests=str(len(rows)))
    for path, findings, took in rows:
        case = ElementTree.SubElement(suite, "testcase", classname=name, name=path, time=f"{took:.1f}")
        if findings:
            text = re.sub(r"[^\t\n\x20-\x7e]", "?", "\n".join(findings))
            ElementTree.SubElement(case, "failure", message=f"{len(findings)} findings").text = text
    ElementTree.ElementTree(suite).write(where)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tool", choices=("analyzer", "tidy"))
    parser.add_argument("--build", type=pathlib.Path, required=True, help="the folder with compile_commands.json")
    parser.add_argument("--known", type=pathlib.Path, help="a folder that keeps which files were found clean")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--junit", type=pathlib.Path, help="results, a test for each file")
    parser.add_argument("paths", nargs="*", help="only these files (all)")
    return parser.parse_intermixed_args()


def main():
    asked = arguments()
    build = asked.build.resolve()
    tool = Analyzer() if asked.tool == "analyzer" else Tidy()
    paths = asked.paths or list(ours())
    known = Known(asked.known, tool)
    rows = list(look_at_all(known, paths, commands(build), asked.jobs))
    for path, text in tool.left_over(paths):
        print(text)
        rows.append((path, [text], 0))
    if asked.junit:
        write_junit(asked.junit, asked.tool, rows)
    sys.exit(1 if any(findings for _, findings, _ in rows) else 0)


if __name__ == "__main__":
    main()
