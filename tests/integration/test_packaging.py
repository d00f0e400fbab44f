"""The units in packaging/: systemd understands them, and the gateway their configuration."""

import pathlib
import re
import shutil
import subprocess

import pytest

from harness import ROOT, program

UNITS = ROOT / "packaging" / "systemd"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed here")
def test_units_are_understood(tmp_path):
    """With the program of this build in place of the installed one."""
    for unit in UNITS.glob("*.service"):
        text = unit.read_text().replace("/usr/bin/sluiced", program("sluiced"))
        (tmp_path / unit.name).write_text(text)
    found = subprocess.run(["systemd-analyze", "verify", "--man=no", *map(str, tmp_path.glob("*.service"))],
                           capture_output=True, text=True, timeout=60, check=False,
                           env={"SYSTEMD_UNIT_PATH": f"{tmp_path}:", "PATH": "/usr/bin:/bin"})
    ours = [line for line in found.stderr.splitlines() if "sluice" in line]
    assert not ours and found.returncode == 0, found.stderr


def test_the_service_keeps_what_the_engine_needs():
    text = (UNITS / "sluiced.service").read_text()
    for line in ("Delegate=yes", "KillMode=process", "Restart=on-failure", "RestartPreventExitStatus=64 65 78"):
        assert f"\n{line}\n" in text
    kept = set(re.findall(r"CAP_\w+", re.search(r"CapabilityBoundingSet=(.*)", text).group(1)))
    code = (ROOT / "runtime" / "local" / "identity.c").read_text()
    assert kept == set(re.findall(r"1ULL << (CAP_\w+)", code)), "no more and no less than the spawner keeps"


def test_the_configuration_is_understood(tmp_path):
    """But for its users, who are made when it is installed."""
    text = (UNITS / "sluiced.yml").read_text()
    users = set(re.findall(r"^u (\S+)", (UNITS / "sluice.sysusers.conf").read_text(), re.M))
    assert set(re.findall(r"user: (\S+)", text)) == users
    path = pathlib.Path(tmp_path / "sluiced.yml")
    path.write_text(re.sub(r"user: \S+", "user: daemon", text))
    found = subprocess.run([program("sluiced"), "--check-config", "--config", str(path)],
                           capture_output=True, text=True, timeout=120, check=False)
    assert "cgroup: \"/system.slice/sluice-replicas.service\"" in found.stdout \
        or "cgroup: /system.slice/sluice-replicas.service" in found.stdout, found.stdout
