"""`remediator backtest --html`, and the bars of what takes a while."""

from __future__ import annotations

import gc
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from remediator.policy.outcomes import read_outcomes
from tests.cli.conftest import Run

POLICY = """
policy: restart
match: ['alertname = "Broken"']
target: one
options:
  - {name: restart, steps: [{uses: wait, with: {for: 1m}}]}
"""
TESTS = """
policy: ../restart.yaml
tests:
  - name: it runs
    alerts: [{alert: Broken}]
    expect: [{at: 2m, run: succeeded}]
"""
_ALERT = {
    "status": "firing",
    "labels": {"alertname": "Broken"},
    "annotations": {},
    "startsAt": "2026-01-05T12:00:00Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "generatorURL": "",
    "fingerprint": "0123456789abcdef",
}
_PAYLOAD = {
    "version": "4",
    "groupKey": "{}",
    "truncatedAlerts": 0,
    "status": "firing",
    "receiver": "remediator",
    "groupLabels": {},
    "commonLabels": {},
    "commonAnnotations": {},
    "externalURL": "",
    "alerts": [_ALERT],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "policies" / "tests").mkdir(parents=True)
    (tmp_path / "policies" / "restart.yaml").write_text(POLICY)
    (tmp_path / "policies" / "tests" / "restart.yaml").write_text(TESTS)
    (tmp_path / "remediator.yaml").write_text("mode: enforce\npolicies: policies\n")
    line = {"received_at": "2026-01-05T12:00:00Z", "source": "default", "payload": _PAYLOAD}
    (tmp_path / "month.jsonl").write_text(json.dumps(line) + "\n")
    return tmp_path


def test_garbage_is_collected_afterwards_as_before(remediator: Run, folder: Path) -> None:
    before = gc.get_threshold(), gc.get_freeze_count()
    assert remediator("backtest", "--from", "month.jsonl").code == 0
    assert (gc.get_threshold(), gc.get_freeze_count()) == before


def test_a_page_is_written_beside_what_is_printed(remediator: Run, folder: Path) -> None:
    ended = remediator("backtest", "--from", "month.jsonl", "--html", "report.html")
    assert (ended.code, ended.err) == (0, "")
    assert "would run" in ended.out
    text = (folder / "report.html").read_text()
    assert text.startswith("<!doctype html>")
    assert "<td>restart</td>" in text
    with_json = remediator("backtest", "--from", "month.jsonl", "--html", "other.html", "--json")
    assert json.loads(with_json.out)["totals"]["would_run"] == 1
    assert (folder / "other.html").read_text() == text


def test_what_came_out_is_kept_for_the_pages(remediator: Run, folder: Path) -> None:
    assert remediator("backtest", "--from", "month.jsonl", "--record").code == 0
    assert remediator("policies", "test", "--record").code == 0
    found = read_outcomes(folder / "data" / "policy-outcomes.json")["restart"]
    assert found.backtest is not None
    assert (found.backtest.episodes, found.backtest.would_run) == (1, 1)
    assert found.tests is not None
    assert found.tests.policy_hash == found.backtest.policy_hash


@pytest.mark.parametrize(
    ("path", "why"), [("nowhere/report.html", "there is no folder"), ("policies", "Is a directory")]
)
def test_a_page_that_can_not_be_written(remediator: Run, folder: Path, path: str, why: str) -> None:
    ended = remediator("backtest", "--from", "month.jsonl", "--html", path)
    assert ended.code == 2
    assert why in ended.err
    assert path in ended.err


COMMANDS = [
    (["backtest", "--from", "month.jsonl", "--json"], b"backtest"),
    (["policies", "test", "--json"], b"policy tests"),
]


@pytest.mark.parametrize(("command", "what"), COMMANDS)
def test_a_terminal_gets_a_bar(folder: Path, command: list[str], what: bytes) -> None:
    master, slave = pty.openpty()
    with os.fdopen(master, "rb", buffering=0) as terminal:
        ended = subprocess.run(
            [sys.executable, "-m", "remediator", *command],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=slave,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "80"},
            check=True,
        )
        os.close(slave)
        shown = _all(terminal)
    assert what in shown
    assert b"%" in shown
    assert shown.endswith(b"\x1b[2K"), "it is wiped at the end"
    json.loads(ended.stdout)


@pytest.mark.parametrize(("command", "what"), COMMANDS)
def test_a_pipe_gets_none(folder: Path, command: list[str], what: bytes) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "remediator", *command], cwd=folder, capture_output=True, check=True
    )
    assert ended.stderr == b""
    json.loads(ended.stdout)


def _all(terminal: object) -> bytes:
    """Read until the other side is closed, which Linux reports as an error."""
    shown = b""
    while True:
        try:
            part = terminal.read(4096)  # type: ignore[attr-defined]
        except OSError:
            return shown
        if not part:
            return shown
        shown += part
