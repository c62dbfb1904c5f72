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
_WITHIN_SECONDS = 600


def _left_over(folder: str) -> list[str]:
    """Return the command lines of processes that still run for a demo."""
    done = subprocess.run(["ps", "-ewwo", "args"], capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if folder in line]


def _folder(output: str) -> str:
    found = re.search(r"on loopback, in (\S+)\. Starting", output)
    assert found is not None, output
    return found[1]


def _check_story(output: str) -> None:
    stages = [line.split()[2] for line in output.splitlines() if re.match(r" *\d+\.\d s  ", line)]
    order = [stage for stage in dict.fromkeys(stages) if stage != "meanwhile"]
    assert order == ["broken", "received", "decided", "acted", "verified", "resolved", "reverted"]
    assert "times divided by 30" in output
    assert "next option of the ladder: mock-failover" in output
    assert "the agent serves guests from qloapps again" in output
    assert "remediator audit verify: The audit log is whole" in output


@pytest.mark.real
def test_with_a_real_prometheus_and_alertmanager() -> None:
    if find_binaries() is None:
        pytest.skip("prometheus and prometheus-alertmanager are not installed")
    done = subprocess.run(_DEMO, capture_output=True, text=True, timeout=_WITHIN_SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Alerts come from a real Prometheus and Alertmanager" in done.stdout
    _check_story(done.stdout)
    folder = _folder(done.stdout)
    assert _left_over(folder) == []
    assert not Path(folder).exists()


def test_with_the_stand_in_and_kept_until_it_is_told_to_stop() -> None:
    demo = subprocess.Popen([*_DEMO, "--no-prometheus", "--keep"], stdout=subprocess.PIPE, text=True)
    output = _read_until(demo, "/admin/break")
    assert "a stand-in evaluates the same rules" in output
    _check_story(output)
    assert any("remediator serve" in line for line in _left_over(_folder(output)))
    _stop(demo, signal.SIGINT)
    assert demo.returncode == 0
    assert _left_over(_folder(output)) == []


def test_leaves_nothing_behind_when_it_is_stopped_in_the_middle() -> None:
    demo = subprocess.Popen([*_DEMO, "--no-prometheus"], stdout=subprocess.PIPE, text=True)
    output = _read_until(demo, "crashes")
    _stop(demo, signal.SIGTERM)
    assert demo.returncode == 130
    assert _left_over(_folder(output)) == []


def _read_until(demo: subprocess.Popen[str], wanted: str) -> str:
    """Read what it says up to a line, or to the end if that never comes."""
    assert demo.stdout is not None
    said = ""
    for line in demo.stdout:
        said += line
        if wanted in line:
            break
    return said


def _stop(demo: subprocess.Popen[str], number: signal.Signals) -> None:
    demo.send_signal(number)
    demo.communicate(timeout=120)
