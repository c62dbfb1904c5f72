"""What a drill measures, and when it counts as passed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from remediator.demo.drills.measure import Measured, measure
from remediator.demo.drills.scenarios import SCENARIOS
from remediator.demo.drills.scorecard import Scorecard, as_json, rows

_BROKEN = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


def _row(second: float, action: str, alertname: str = "Alert", **detail: Any) -> dict[str, Any]:
    return {
        "at": (_BROKEN + timedelta(seconds=second)).isoformat().replace("+00:00", "Z"),
        "action": action,
        "alertname": alertname,
        "policy": None if action.startswith("episode") else "policy",
        "run_id": 7,
        "detail": detail,
    }


_STORY = [
    _row(-5, "episode.opened"),
    _row(10, "episode.opened"),
    _row(12, "step.intent", phase="act", option="first"),
    _row(13, "step.intent", phase="act", option="second"),
    _row(13, "lease.opened"),
    _row(20, "run.state_changed", kind="remediation", to="succeeded"),
    _row(30, "episode.closed"),
    _row(31, "step.intent", phase="undo", option="second"),
    _row(31, "run.state_changed", kind="revert", to="reverting"),
    _row(31, "report.written", file="early.md"),
    _row(32, "lease.closed"),
    _row(33, "report.written", file="report.md"),
]


def test_each_moment_is_the_first_of_its_kind_since_the_break() -> None:
    measured = measure(_STORY, "policy", "Alert", _BROKEN)
    seconds = [
        measured.since_broken(at)
        for at in (
            measured.detected_at,
            measured.acted_at,
            measured.recovered_at,
            measured.closed_at,
            measured.restored_at,
        )
    ]
    assert seconds == [timedelta(seconds=second) for second in (10, 12, 20, 30, 32)]
    assert measured.options == ("first", "second")
    assert (measured.run_id, measured.state, measured.over) == (7, "succeeded", True)
    assert measured.report == "report.md"


@pytest.mark.parametrize("missing", ["run.state_changed", "episode.closed", "lease.closed"])
def test_it_is_not_over_before_all_is_well_again(missing: str) -> None:
    story = [row for row in _STORY if row["action"] != missing]
    assert not measure(story, "policy", "Alert", _BROKEN).over


def test_it_is_not_over_before_the_report_tells_all_of_it() -> None:
    measured = measure(_STORY[:-1], "policy", "Alert", _BROKEN)
    assert (measured.leases_open, measured.reported, measured.over) == (0, False, False)


def test_an_alert_that_comes_back_is_not_over() -> None:
    story = [*_STORY, _row(40, "episode.opened")]
    measured = measure(story, "policy", "Alert", _BROKEN)
    assert not measured.over
    assert measured.detected_at == _BROKEN + timedelta(seconds=10)


def test_other_alerts_and_policies_are_none_of_its_business() -> None:
    assert measure(_STORY, "another", "Another", _BROKEN) == Measured(_BROKEN)


_OVER = measure(_STORY, "policy", "Alert", _BROKEN)
_CARD = Scorecard(replace(SCENARIOS[0], recover_within=timedelta(seconds=200)), _OVER, 10, audit_whole=True)


@pytest.mark.parametrize(
    ("card", "passed"),
    [
        (_CARD, True),
        (replace(_CARD, factor=10.1), False),
        (replace(_CARD, audit_whole=False), False),
        (replace(_CARD, measured=replace(_OVER, leases_open=1)), False),
        (replace(_CARD, measured=replace(_OVER, closed_at=None)), False),
        (replace(_CARD, measured=replace(_OVER, recovered_at=None)), False),
        (replace(_CARD, measured=replace(_OVER, reported_at=None)), False),
    ],
    ids=[
        "all well",
        "too late",
        "audit log broken",
        "something stands",
        "still firing",
        "not recovered",
        "no report",
    ],
)
def test_it_passes_only_when_all_is_well_in_time(card: Scorecard, *, passed: bool) -> None:
    assert card.passed is passed
    assert as_json(card)["passed"] is passed
    assert dict(rows(card))["drill"] == ("passed" if passed else "FAILED")


def test_each_scenario_is_named_once_and_has_an_objective() -> None:
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS)
    assert all(scenario.recover_within for scenario in SCENARIOS)
