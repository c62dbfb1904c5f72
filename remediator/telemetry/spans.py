"""Spans from committed audit rows: from the delivery to the decision, to the run, to its steps.

Every id is computed from what the row names, so that nothing is kept between rows, and a run that outlives
a restart is one span all the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from remediator.actions.base import OutcomeStatus
from remediator.guards.base import LookPhase
from remediator.runs.audit import AuditAction, AuditRow
from remediator.runs.reasons import Outcome
from remediator.runs.states import TERMINAL, RunKind, RunState

_TRACE_ID_BYTES = 16
_SPAN_ID_BYTES = 8
# Names from the configuration and enums; nothing that an alert brought.
_SAID_OF_RUNS = ("kind", "option", "event", "reason")
_SAID_OF_STEPS = ("action", "option", "phase", "position", "attempt", "status", "reason")
_FAILED = frozenset(
    {RunState.FAILED, RunState.INEFFECTIVE, RunState.NEEDS_HUMAN, RunState.REVERT_FAILED, RunState.EXPIRED}
)
_DONE = frozenset({OutcomeStatus.SUCCEEDED, OutcomeStatus.ALREADY})
_STARTING = frozenset({Outcome.RUN, Outcome.AWAITING_APPROVAL})
_CREATING = frozenset({LookPhase.ENTRY, LookPhase.MANUAL})


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One span, whole: it is made when what it tells of has ended."""

    name: str
    trace_id: int
    span_id: int
    parent_id: int | None
    start: datetime
    end: datetime
    failed: bool = False
    attributes: Mapping[str, str | int] = field(default_factory=dict)


class SpansOfRows:
    """Makes spans of audit rows. `origin` tells databases apart: ids of two never meet."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._makers: Mapping[str, Callable[[AuditRow, dict[str, Any]], Span | None]] = {
            AuditAction.EPISODE_OPENED: self._opened,
            AuditAction.DECISION: self._decision,
            AuditAction.RUN_STATE: self._run,
            AuditAction.STEP_RESULT: self._step,
            AuditAction.STEP_AMBIGUOUS: self._step,
        }

    def span_of(self, row: AuditRow) -> Span | None:
        """Return the span that ends with a row, if one does."""
        maker = self._makers.get(row.action)
        return None if maker is None else maker(row, json.loads(row.detail))

    def _opened(self, row: AuditRow, detail: dict[str, Any]) -> Span:
        delivery = detail.get("delivery_id")
        said = {} if delivery is None else {"remediator.delivery.id": delivery}
        return Span(
            name="schedule" if delivery is None else "delivery",
            trace_id=self._trace(row),
            span_id=self._id("episode", row.episode_id),
            parent_id=None,
            start=_at(row),
            end=_at(row),
            attributes={**_of(row), **said},
        )

    def _decision(self, row: AuditRow, detail: dict[str, Any]) -> Span | None:
        if row.episode_id is None and row.run_id is None:
            return None  # by hand, and nothing came of it
        parent: int | None = None
        if row.run_id is not None and not _creates(detail) and detail["outcome"] != Outcome.JOINED:
            parent = self._id("run", row.run_id)
        elif row.episode_id is not None:
            parent = self._id("episode", row.episode_id)
        said = {name: detail[name] for name in ("outcome", "reason", "phase", "option")}
        return Span(
            name="decision",
            trace_id=self._trace(row),
            span_id=self._id("decision of", row.run_id)
            if _creates(detail)
            else self._id("decision", detail["decision_id"]),
            parent_id=parent,
            start=_at(row),
            end=_at(row),
            attributes={**_of(row), "remediator.decision.id": detail["decision_id"], **_named(said)},
        )

    def _run(self, row: AuditRow, detail: dict[str, Any]) -> Span | None:
        state = RunState(detail["to"])
        if state not in TERMINAL:
            return None
        parent: int | None = self._id("decision of", row.run_id)
        if detail["kind"] == RunKind.REVERT:
            parent = None if row.episode_id is None else self._id("episode", row.episode_id)
        said = {name: detail.get(name) for name in _SAID_OF_RUNS}
        return Span(
            name=str(detail["kind"]),
            trace_id=self._trace(row),
            span_id=self._id("run", row.run_id),
            parent_id=parent,
            start=_at(row) - timedelta(seconds=detail["seconds_since_created"]),
            end=_at(row),
            failed=state in _FAILED,
            attributes={**_of(row), "remediator.state": str(state), **_named(said)},
        )

    def _step(self, row: AuditRow, detail: dict[str, Any]) -> Span:
        said = {name: detail.get(name) for name in _SAID_OF_STEPS}
        return Span(
            name=f"step {detail['action']}",
            trace_id=self._trace(row),
            span_id=self._id("step", detail["step_id"], detail["attempt"]),
            parent_id=self._id("run", row.run_id),
            start=_at(row) - timedelta(seconds=detail["duration_seconds"]),
            end=_at(row),
            failed=detail["status"] not in _DONE,
            attributes={**_of(row), "remediator.step.id": detail["step_id"], **_named(said)},
        )

    def _trace(self, row: AuditRow) -> int:
        """One trace for an episode; runs by hand have one each."""
        if row.episode_id is not None:
            return self._id("episode's trace", row.episode_id, size=_TRACE_ID_BYTES)
        return self._id("run's trace", row.run_id, size=_TRACE_ID_BYTES)

    def _id(self, *parts: object, size: int = _SPAN_ID_BYTES) -> int:
        digest = hashlib.sha256(json.dumps([self._origin, *parts]).encode()).digest()
        return int.from_bytes(digest[:size]) or 1  # 0 would be no id


def _creates(detail: Mapping[str, Any]) -> bool:
    """Tell whether a decision made the run that it names."""
    return detail["outcome"] in _STARTING and detail["phase"] in _CREATING


def _of(row: AuditRow) -> dict[str, str | int]:
    ids = {"episode.id": row.episode_id, "run.id": row.run_id, "policy": row.policy, "source": row.source}
    return {f"remediator.{name}": value for name, value in ids.items() if value is not None}


def _named(said: Mapping[str, Any]) -> dict[str, str | int]:
    return {f"remediator.{name}": value for name, value in said.items() if value is not None}


def _at(row: AuditRow) -> datetime:
    return datetime.fromisoformat(row.at)
