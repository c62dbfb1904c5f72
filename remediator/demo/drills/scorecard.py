"""A drill's scorecard: what was measured, against what the runbook allows. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from remediator.demo.drills.measure import Measured
from remediator.demo.drills.scenarios import Scenario


@dataclass(frozen=True, slots=True)
class Scorecard:
    """One drill's result. `factor` is what the world's times were divided by."""

    scenario: Scenario
    measured: Measured
    factor: float
    audit_whole: bool

    @property
    def at_most(self) -> timedelta | None:
        """Return how long recovery would take at most with undivided times.

        Multiplying is too much for what was not divided (a restart takes what it takes), so the
        real time lies between what was measured and this.
        """
        recovered = self.measured.since_broken(self.measured.recovered_at)
        return None if recovered is None else recovered * self.factor

    @property
    def passed(self) -> bool:
        """Whether all ended well: in time, nothing temporary left, reported, the audit log whole."""
        at_most = self.at_most
        in_time = at_most is not None and at_most <= self.scenario.recover_within
        return self.measured.over and in_time and self.audit_whole


def rows(card: Scorecard) -> Sequence[tuple[str, str]]:
    """Return what a table shows, line by line."""
    measured = card.measured
    moments = (
        ("detected", measured.detected_at),
        ("acted", measured.acted_at),
        ("recovered", measured.recovered_at),
        ("alert resolved", measured.closed_at),
    )
    times = [(name, _seconds(measured.since_broken(moment))) for name, moment in moments]
    restored = _seconds(measured.since_broken(measured.restored_at)) if measured.leases else "none made"
    return [
        *times,
        ("temporary changes undone", restored),
        (f"recovered, with undivided times (x {card.factor:g})", f"at most {_seconds(card.at_most)}"),
        ("the runbook's objective", _seconds(card.scenario.recover_within)),
        ("options tried", ", ".join(measured.options) or "none"),
        ("run", f"{measured.run_id or 'none'} {measured.state}".strip()),
        ("incident report", "written" if measured.reported else "MISSING"),
        ("audit log", "whole" if card.audit_whole else "BROKEN"),
        ("drill", "passed" if card.passed else "FAILED"),
    ]


def as_json(card: Scorecard) -> Mapping[str, Any]:
    """Return it for machines; times in seconds since the break."""
    measured = card.measured

    def seconds(length: timedelta | None) -> float | None:
        return None if length is None else round(length.total_seconds(), 3)

    return {
        "drill": card.scenario.name,
        "policy": card.scenario.policy,
        "passed": card.passed,
        "factor": card.factor,
        "broken_at": measured.broken_at.isoformat(),
        "seconds_to_detect": seconds(measured.since_broken(measured.detected_at)),
        "seconds_to_act": seconds(measured.since_broken(measured.acted_at)),
        "seconds_to_recover": seconds(measured.since_broken(measured.recovered_at)),
        "seconds_to_resolve": seconds(measured.since_broken(measured.closed_at)),
        "seconds_to_restore": seconds(measured.since_broken(measured.restored_at)),
        "seconds_to_recover_at_most_undivided": seconds(card.at_most),
        "objective_seconds": seconds(card.scenario.recover_within),
        "options": list(measured.options),
        "run_id": measured.run_id,
        "run_state": measured.state,
        "reported": measured.reported,
        "audit_whole": card.audit_whole,
    }


def _seconds(length: timedelta | None) -> str:
    return "never" if length is None else f"{length.total_seconds():.1f} s"
