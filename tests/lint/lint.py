"""What the lint scripts share: the tree's own files, and how a finding is told."""

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SKIPPED = {"__pycache__", "node_modules", "sluice-data"}


def files(*suffixes):
    """Our files with these endings, as paths relative to the root, sorted."""
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [f for f in folders
                      if not f.startswith((".", "build")) and f not in SKIPPED]
        for name in names:
            if name.endswith(suffixes):
                found.append((pathlib.Path(folder) / name).relative_to(ROOT))
    return sorted(found)


def read_lines(path):
    return (ROOT / path).read_text(encoding="utf-8", errors="replace").splitlines()


def run(command, text=None):
    """(good, what it said)."""
    done = subprocess.run(command, cwd=ROOT, input=text, capture_output=True, text=True,
                          check=False)
    return done.returncode == 0, (done.stdout + done.stderr).strip()


def finish(findings, what):
    """Tell the findings and end with 1 where there are any."""
    for one in findings:
        print(one)
    print(f"{what}: {len(findings)} findings")
    sys.exit(1 if findings else 0)
