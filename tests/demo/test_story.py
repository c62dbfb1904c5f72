"""How the demo tells what the receiver wrote down."""

from __future__ import annotations

from typing import Any

import pytest

from remediator.demo.story import Line, Stage, tell


def _row(action: str, **detail: Any) -> dict[str, Any]:
    return {
        "sequence": 1,
        "action": action,
        "alertname": "PMSCircuitBreakerOpen",
        "policy": "pms-circuit-breaker-open",
        "run_id": 1,
        "detail": detail,
    }


def _decision(outcome: str, phase: str = "entry", **more: Any) -> dict[str, Any]:
    verdicts = [
        {"guard": "cooldown", "kind": "allow", "detail": "no earlier run"},
        {"guard": "promql", "kind": "allow" if outcome == "run" else "deny", "detail": "1 series"},
    ]
    return {
        "outcome": outcome,
        "phase": phase,
        "reason": None,
        "option": None,
        "verdicts": verdicts,
        "facts": None,
    } | more


def _stages(lines: list[Line]) -> set[Stage | None]:
    return {line.stage for line in lines if line.reached}


@pytest.mark.parametrize(
    ("row", "stage"),
    [
        (_row("episode.opened"), Stage.RECEIVED),
        (_row("episode.closed", reason="resolved"), Stage.RESOLVED),
        (
            _row("step.result", phase="act", status="succeeded", duration_seconds=0.1, text=""),
            Stage.ACTED,
        ),
        (_row("verification.result", ok=True, option="x", seconds=1.0, checks=[]), Stage.VERIFIED),
        (_row("verification.result", ok=False, option="x", seconds=1.0, checks=[]), None),
        (_row("run.state_changed", to="reverted", event="reverted"), Stage.REVERTED),
        (_row("run.state_changed", to="verifying", event="verify"), None),
        (_row("server.started"), None),
    ],
)
def test_a_row_reaches_its_stage(row: dict[str, Any], stage: Stage | None) -> None:
    assert _stages(tell(row)) == ({stage} if stage else set())


def test_a_decision_to_run_is_told_guard_by_guard() -> None:
    facts = {
        "values": {"pms_up": False, "container": None},
        "details": {"pms_up": {}, "container": {"error": "remediator.yaml has no docker section"}},
    }
    lines = tell(_row("decision.recorded"), _decision("run", option="restart", facts=facts))
    assert [line.text for line in lines] == [
        "decision: run: restart",
        "  + cooldown: no earlier run",
        "  + promql: 1 series",
        "  fact pms_up: false",
        "  fact container: none, remediator.yaml has no docker section",
    ]
    assert _stages(lines) == {Stage.DECIDED}


def test_of_a_blocked_decision_only_what_blocks_is_told() -> None:
    lines = tell(_row("decision.recorded"), _decision("blocked", reason="hold_pending"))
    assert [line.text for line in lines] == ["decision: blocked (hold_pending)", "  - promql: 1 series"]
    assert _stages(lines) == set()


def test_the_second_look_is_told_in_one_line() -> None:
    lines = tell(_row("decision.recorded"), _decision("run", phase="acting", option="restart"))
    assert [line.text for line in lines] == ["looked at again right before acting: every guard still allows"]


@pytest.mark.parametrize("state", ["failed", "ineffective", "needs_human", "revert_failed"])
def test_a_bad_end_is_told_with_its_reason(state: str) -> None:
    (line,) = tell(_row("run.state_changed", to=state, event="x", reason="step_failed", text="it is gone"))
    assert line.text == f"run {state} (step_failed): it is gone"
