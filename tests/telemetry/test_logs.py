"""Logs: one line an event, whatever the event's text holds."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from remediator.runs.audit import AuditAction
from remediator.secret_refs import Redactor
from remediator.telemetry.logs import LogAudit, configure_logging
from tests.engine.world import POLICY, World
from tests.telemetry.rows import row

HOSTILE = 'qloapps\n{"level": "error"}\x1b[2J\u202edone\u2028'


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def log_in() -> None:
    raise ValueError("login with hunter2-hunter2 failed")


def audit_row() -> Any:
    detail = {"from": "running", "to": "verifying", "reason": None, "text": HOSTILE}
    return row(AuditAction.RUN_STATE, sequence=7, policy="pms", target=HOSTILE, run_id=3, detail=detail)


def test_a_row_becomes_one_json_line_with_its_ids_and_head() -> None:
    stream = io.StringIO()
    configure_logging(stream=stream)
    written = audit_row()
    LogAudit().on_commit([written])
    (line,) = stream.getvalue().splitlines()
    said = json.loads(line)
    assert said["action"] == "run.state_changed"
    assert (said["policy"], said["run_id"], said["target"]) == ("pms", 3, HOSTILE)
    assert (said["sequence"], said["hash"]) == (7, written.hash)
    assert said["detail"]["to"] == "verifying"
    assert said["at"].endswith("Z")


def test_on_a_terminal_a_row_is_one_readable_line_that_holds_no_control_character() -> None:
    stream = Terminal()
    configure_logging(stream=stream)
    LogAudit().on_commit([audit_row()])
    (line,) = stream.getvalue().removesuffix("\n").split("\n")
    assert line.isprintable()
    assert "run.state_changed" in line
    assert "policy=pms" in line
    assert "to=verifying" in line


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_known_secrets_are_replaced(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMS_PASSWORD", "hunter2-hunter2")
    configure_logging(stream=stream, redactor=Redactor(frozenset({"env:PMS_PASSWORD"})))
    try:
        log_in()
    except ValueError:
        logging.getLogger("remediator.test").exception("could not log in: %s", "hunter2-hunter2")
    assert "hunter2" not in stream.getvalue()
    assert "[env:PMS_PASSWORD]" in stream.getvalue()


def test_configuring_again_replaces_the_handler() -> None:
    first, second = io.StringIO(), io.StringIO()
    configure_logging(stream=first)
    configure_logging(stream=second)
    logging.getLogger("remediator.test").warning("once")
    assert first.getvalue() == ""
    assert json.loads(second.getvalue())["message"] == "once"


async def test_from_the_delivery_to_the_step_every_line_says_what_it_belongs_to(tmp_path: Path) -> None:
    stream = io.StringIO()
    configure_logging(stream=stream)
    world = await World.begin(tmp_path, POLICY)
    try:
        world.store.on_commit(LogAudit().on_commit)
        await world.fire()
        await world.resolve()
    finally:
        await world.end()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    by_action = {line["action"]: line for line in lines if "action" in line}
    belongs = {
        "delivery.accepted": {"delivery_id"},
        "episode.opened": {"delivery_id", "episode_id"},
        "episode.closed": {"delivery_id", "episode_id"},
        "decision.recorded": {"decision_id", "episode_id"},
        "run.created": {"episode_id", "run_id"},
        "run.state_changed": {"episode_id", "run_id"},
        "step.intent": {"episode_id", "run_id", "step_id"},
        "step.result": {"episode_id", "run_id", "step_id"},
    }
    assert belongs.keys() <= by_action.keys()
    for action, ids in belongs.items():
        assert ids <= by_action[action].keys(), action
    assert by_action["episode.opened"]["delivery_id"] == 1
    assert by_action["episode.closed"]["delivery_id"] == 2
