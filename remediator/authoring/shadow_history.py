"""What a database says of a policy in shadow: its decisions, what was seen after them, who else acted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from remediator.actions.wait import Wait
from remediator.content_hash import content_hash
from remediator.guards.base import LookPhase
from remediator.runs.episodes import DecisionRecord, Episode
from remediator.runs.plan import Plan
from remediator.runs.reasons import Outcome, Reason
from remediator.runs.records import Run
from remediator.runs.shadow import ShadowObservation
from remediator.runs.states import RunKind
from remediator.store.base import Filter, Order, Reads

K = TypeVar("K", DecisionRecord, Run)

_PAGE = 500
_FAULTS = (Reason.TEMPLATE_ERROR, Reason.REFUSED, Reason.NOT_CONFIGURED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowDecision:
    """One shadow decision for an alert, with what the records hold of the time after it."""

    record: DecisionRecord
    episode: Episode
    observation: ShadowObservation | None
    """None when no option applied."""
    runs: tuple[Run, ...] = ()
    """Remediations that began between the decision and the episode's close, on its target or for it."""
    attempts: tuple[DecisionRecord, ...] = ()
    """This policy asked for by hand in that time, on its target; shadow did not run it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowHistory:
    """Everything that a report is made of."""

    policy: str
    since: datetime
    until: datetime
    first_at: datetime | None = None
    """The policy's first decision in the period."""
    decisions: tuple[ShadowDecision, ...] = ()
    blocked: Mapping[str, int] = field(default_factory=dict)
    """Blocked decisions by reason."""
    episodes: int = 0
    """Episodes that the policy decided on."""
    faulty_episodes: int = 0
    """Those among them for which it could not be rendered, or reached outside the inventory."""


def read_history(reads: Reads, policy: str, since: datetime, until: datetime) -> ShadowHistory:
    """Gather a policy's history in shadow."""
    records = [
        record for record in _pages(reads, DecisionRecord, {"policy": policy}, since) if record.at <= until
    ]
    attempts = [record for record in records if _is(record, Outcome.SHADOW, by_hand=True)]
    blocked = [record for record in records if _is(record, Outcome.BLOCKED, by_hand=False)]
    runs = _RunsByTarget(reads, since)
    return ShadowHistory(
        policy=policy,
        since=since,
        until=until,
        first_at=records[0].at if records else None,
        decisions=tuple(
            decision
            for record in records
            if _is(record, Outcome.SHADOW, by_hand=False)
            and (decision := _with_aftermath(reads, record, runs, attempts, until)) is not None
        ),
        blocked=Counter(str(record.reason) for record in blocked),
        episodes=len({record.episode_id for record in records if record.episode_id is not None}),
        faulty_episodes=len({record.episode_id for record in blocked if record.reason in _FAULTS}),
    )


def deeds(plan: Plan | None) -> frozenset[str]:
    """Return what a plan does, comparable with another's: its actions with their parameters."""
    if plan is None:
        return frozenset()
    return frozenset(
        content_hash({"action": step.action, "params": step.params})
        for step in plan.steps
        if step.action != Wait.name
    )


class _RunsByTarget:
    """Reads a target's remediations once, however many decisions concern it."""

    def __init__(self, reads: Reads, since: datetime) -> None:
        self._reads = reads
        self._since = since
        self._known: dict[str, tuple[Run, ...]] = {}

    def on(self, target: str) -> tuple[Run, ...]:
        if target not in self._known:
            equal = {"target": target, "kind": RunKind.REMEDIATION}
            self._known[target] = tuple(_pages(self._reads, Run, equal, self._since))
        return self._known[target]


def _with_aftermath(
    reads: Reads,
    record: DecisionRecord,
    runs: _RunsByTarget,
    attempts: list[DecisionRecord],
    until: datetime,
) -> ShadowDecision | None:
    episode = reads.get(Episode, record.episode_id) if record.episode_id is not None else None
    if episode is None:
        return None
    end = min(episode.closed_at or until, until)
    found = reads.select(ShadowObservation, Filter(equal={"decision_id": record.id}, limit=1))
    serving = [run for run in reads.runs_serving(episode.id) if run.kind is RunKind.REMEDIATION]
    near = {run.id: run for run in (*runs.on(record.target or ""), *serving)}
    return ShadowDecision(
        record=record,
        episode=episode,
        observation=found[0] if found else None,
        runs=tuple(run for _, run in sorted(near.items()) if record.at <= run.created_at <= end),
        attempts=tuple(
            attempt
            for attempt in attempts
            if attempt.target == record.target and record.at <= attempt.at <= end
        ),
    )


def _is(record: DecisionRecord, outcome: Outcome, *, by_hand: bool) -> bool:
    return record.outcome is outcome and (record.phase == LookPhase.MANUAL) is by_hand


def _pages(reads: Reads, kind: type[K], equal: Mapping[str, Any], since: datetime) -> Iterator[K]:
    """Yield all records, oldest first, a page at a time."""
    after: int | None = None
    while True:
        where = Filter(equal=equal, since=since, before_id=after, limit=_PAGE, order=Order.OLDEST)
        page: list[K] = reads.select(kind, where)
        yield from page
        if len(page) < _PAGE:
            return
        after = page[-1].id
