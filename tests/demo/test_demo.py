"""The demo as `make demo` runs it, quicker: from the crash to the verified audit log."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from remediator.demo.world import find_binaries

_DEMO = [sys.executable, "-m", "remediator", "demo", "--factor", "30"]
_WITHIN_SECONDS = 118


def _left_over(folder: str) -> list[str]:
    """Return the command lines of processes that still run for a demo."""
    done = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if folder in line]


def _folder(output: str) -> str:
    found = re.search(r"on loopback, in (\S+)\. Starting", output)
    assert found is not None, output
    return found[1]


@pytest.mark.parametrize(
    "no_prometheus", [True, pytest.param(False, marks=pytest.mark.real)], ids=["stand-in", "real"]
)
def test_from_the_crash_to_the_verified_audit_log(no_prometheus: bool) -> None:
    if not no_prometheus and find_binaries() is None:
        pytest.skip("prometheus and prometheus-alertmanager are not installed")
    command = [*_DEMO, "--no-prometheus"] if no_prometheus else _DEMO
    done = subprocess.run(command, capture_output=True, text=True, timeout=_WITHIN_SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ("a stand-in evaluates" if no_prometheus else "a real Prometheus") in done.stdout
    assert "times divided by 30" in done.stdout
    stages = [line.split()[2] for line in done.stdout.splitlines() if re.match(r" *\d+\.\d s  ", line)]
    order = [stage for stage in dict.fromkeys(stages) if stage != "meanwhile"]
    assert order == ["broken", "received", "decided", "acted", "verified", "resolved", "reverted"]
    assert "restart-pms-command: did not work" in done.stdout
    assert "the agent serves guests from qloapps again" in done.stdout
    assert "remediator audit verify: The audit log is whole" in done.stdout
    folder = _folder(done.stdout)
    assert _left_over(folder) == []
    assert not Path(folder).exists()


def test_leaves_nothing_behind_when_it_is_stopped_in_the_middle() -> None:
    demo = subprocess.Popen([*_DEMO, "--no-prometheus"], stdout=subprocess.PIPE, text=True)
    assert demo.stdout is not None
    said = []
    for line in demo.stdout:
        said.append(line)
        if "crashes" in line:
            break
    demo.send_signal(signal.SIGTERM)
    said += demo.stdout.readlines()
    demo.stdout.close()
    assert demo.wait(timeout=30) == 130
    assert _left_over(_folder("".join(said))) == []


def test_kept_it_stays_until_it_is_told_to_stop() -> None:
    demo = subprocess.Popen([*_DEMO, "--no-prometheus", "--keep"], stdout=subprocess.PIPE, text=True)
    assert demo.stdout is not None
    said = []
    for line in demo.stdout:
        said.append(line)
        if "/admin/break" in line:
            break
    folder = _folder("".join(said))
    assert any("remediator serve" in line for line in _left_over(folder))
    demo.send_signal(signal.SIGINT)
    demo.stdout.read()
    demo.stdout.close()
    assert demo.wait(timeout=30) == 0
    assert _left_over(folder) == []
