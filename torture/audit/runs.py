"""Runs and their steps: legal states, one live run on a target, no effect twice, none without intent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from remediator.runs.audit import AuditAction
from remediator.runs.machine import TRANSITIONS
from remediator.runs.states import RunState
from torture.audit.rows import Seen
from torture.audit.rules import Rules

_UNDER_WAY = frozenset({RunState.RUNNING, RunState.VERIFYING})

Place = tuple[int, str, str, int]
"""Run, option, phase, position."""


@dataclass(slots=True)
class _Run:
    state: RunState
    target: str
    parent: int
    acting: bool = False
    """A step's intent is written down, and its end is not."""


@dataclass(slots=True)
class RunsJudge:
    """Reads the log row by row."""

    rules: Rules
    runs: dict[int, _Run] = field(default_factory=dict)
    _attempts: dict[Place, str] = field(default_factory=dict)
    """How the newest attempt of each step ended; `open` while it has not."""
    _intents: set[int] = field(default_factory=set)
    _last: datetime | None = None

    def see(self, row: Seen) -> Iterator[str]:
        """Yield what a row breaks."""
        if row.action is AuditAction.RUN_CREATED:
            yield from self._created(row)
        elif row.action is AuditAction.RUN_STATE:
            yield from self._moved(row)
        elif row.action is AuditAction.RUN_RESUMED:
            self._resumed(row)
        elif row.action is AuditAction.STEP_INTENT:
            yield from self._intended(row)
        elif row.action in (AuditAction.STEP_RESULT, AuditAction.STEP_AMBIGUOUS):
            yield from self._ended(row)

    def end(self) -> Iterator[str]:
        """Yield what is left open after everything had time to end."""
        for number, run in self.runs.items():
            if not run.state.terminal:
                yield f"run {number} never ended: it is {run.state}"

    def _created(self, row: Seen) -> Iterator[str]:
        if row.run in self.runs:
            yield f"row {row.number}: run {row.run} was created twice"
        parent = row.detail.get("reverts") or 0
        state = RunState.REVERTING if parent else RunState.PLANNED
        self.runs[row.run] = _Run(state, row.target, parent)

    def _moved(self, row: Seen) -> Iterator[str]:
        run = self.runs.get(row.run)
        if run is None:
            yield f"row {row.number}: run {row.run} changed its state before it was created"
            return
        before, after = RunState(row.detail["from"]), RunState(row.detail["to"])
        if before is not run.state:
            yield f"row {row.number}: run {row.run} was {run.state} and became {before} with no row"
        if after not in TRANSITIONS[before]:
            yield f"row {row.number}: run {row.run} went from {before} to {after}"
        if after in _UNDER_WAY:
            yield from self._alone(row, run)
        run.state = after
        if after.terminal:
            run.acting = False

    def _alone(self, row: Seen, run: _Run) -> Iterator[str]:
        for number, other in self.runs.items():
            related = number in (row.run, run.parent) or other.parent == row.run
            if not related and other.target == run.target and self._is_busy(other):
                yield f"row {row.number}: runs {number} and {row.run} are both under way on {run.target}"

    def _is_busy(self, run: _Run) -> bool:
        return run.state in _UNDER_WAY or run.acting

    def _resumed(self, row: Seen) -> None:
        # A person looked: what failed is made again, and what is unclear if they say that it did not happen.
        done = row.detail.get("treat_step_as") == "done"
        for place, end in self._attempts.items():
            if place[0] == row.run and end != "succeeded":
                self._attempts[place] = "succeeded" if done and end == "ambiguous" else "not_sent"

    def _intended(self, row: Seen) -> Iterator[str]:
        run = self.runs.get(row.run)
        if run is None or (run.state not in _UNDER_WAY and run.state is not RunState.REVERTING):
            yield f"row {row.number}: run {row.run} acts while {run.state if run else 'unknown'}"
            return
        yield from self._alone(row, run)
        run.acting = True
        self._intents.add(row.detail["step_id"])
        place = _place(row)
        end = self._attempts.get(place)
        if row.detail["phase"] == "act" and not self.rules.may_repeat(row.detail):
            if end not in (None, "not_sent"):
                yield f"row {row.number}: step {place} is made again after it was {end}"
        self._attempts[place] = "open"

    def _ended(self, row: Seen) -> Iterator[str]:
        run = self.runs.get(row.run)
        if run is not None:
            run.acting = False
        reason = row.detail["reason"]
        if row.detail["step_id"] not in self._intents and reason != "refused":
            yield f"row {row.number}: a step of run {row.run} ended that nobody had written down before"
        status = row.detail["status"]
        self._attempts[_place(row)] = reason if status == "failed" else status


def _place(row: Seen) -> Place:
    detail = row.detail
    return (row.run, detail["option"], detail["phase"], detail["position"])
