"""Guards, holds and approvals: nothing starts that they forbid, at the moment that it starts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from remediator.runs.audit import AuditAction
from remediator.runs.states import RunState
from torture.audit.rows import Seen
from torture.audit.rules import PolicyRules, Rules

_MINUTE = timedelta(minutes=1)
_UNDER_WAY = frozenset({RunState.RUNNING, RunState.VERIFYING})


@dataclass(frozen=True, slots=True)
class _Start:
    at: datetime
    policy: str
    target: str


@dataclass(frozen=True, slots=True)
class _Hold:
    scope: str
    value: str
    until: datetime | None

    def covers(self, row: Seen) -> bool:
        """Whether it stops what a row is about."""
        ended = self.until is not None and self.until <= row.at
        return not ended and (self.scope == "all" or self.value in (row.policy, row.target))


@dataclass(slots=True)
class GuardsJudge:
    """Reads the log row by row."""

    rules: Rules
    _live: dict[int, _Start] = field(default_factory=dict)
    _started: dict[int, _Start] = field(default_factory=dict)
    """The first start of each run."""
    _holds: dict[int, _Hold] = field(default_factory=dict)
    _leased: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Policy and target by lease."""
    _decided: set[int] = field(default_factory=set)
    """Requests for approval that have their verdict."""
    _granted: set[int] = field(default_factory=set)
    _refused: set[int] = field(default_factory=set)

    def see(self, row: Seen) -> Iterator[str]:
        """Yield what a row breaks."""
        match row.action:
            case AuditAction.RUN_STATE:
                yield from self._moved(row)
            case AuditAction.STEP_INTENT:
                yield from self._intended(row)
            case AuditAction.HOLD_ADDED:
                until = row.detail["expires_at"]
                self._holds[row.detail["hold_id"]] = _Hold(
                    row.detail["scope"], row.detail["value"], datetime.fromisoformat(until) if until else None
                )
            case AuditAction.HOLD_REMOVED | AuditAction.HOLD_EXPIRED:
                self._holds.pop(row.detail["hold_id"], None)
            case AuditAction.LEASE_OPENED:
                self._leased[row.detail["lease_id"]] = (row.policy, row.target)
            case AuditAction.LEASE_CLOSED if row.detail["state"] != "overdue":
                self._leased.pop(row.detail["lease_id"], None)
            case AuditAction.APPROVAL_GRANTED | AuditAction.APPROVAL_DENIED | AuditAction.APPROVAL_EXPIRED:
                yield from self._verdict(row)

    def _verdict(self, row: Seen) -> Iterator[str]:
        request = row.detail["request_id"]
        if request in self._decided:
            yield f"row {row.number}: request {request} of run {row.run} got a second verdict"
        self._decided.add(request)
        (self._granted if row.action is AuditAction.APPROVAL_GRANTED else self._refused).add(row.run)
        if row.action is AuditAction.APPROVAL_GRANTED:
            self._refused.discard(row.run)

    def _moved(self, row: Seen) -> Iterator[str]:
        if row.detail["event"] == "start":
            yield from self._begins(row)
        state = RunState(row.detail["to"])
        if state in _UNDER_WAY:
            self._live.setdefault(row.run, _Start(row.at, row.policy, row.target))
        else:
            self._live.pop(row.run, None)

    def _begins(self, row: Seen) -> Iterator[str]:
        others = [start for number, start in self._live.items() if number != row.run]
        if len(others) >= self.rules.concurrent_runs:
            yield f"row {row.number}: run {row.run} starts beside {len(others)} others"
        policy = self.rules.policies.get(row.policy, PolicyRules())
        same = [start for start in others if start.policy == row.policy]
        if policy.concurrency is not None and len(same) >= policy.concurrency:
            yield f"row {row.number}: {row.policy} starts run {row.run} beside {len(same)} of its own"
        if policy.asks and row.run not in self._granted:
            yield f"row {row.number}: run {row.run} of {row.policy} starts unapproved"
        yield from self._widens(row, policy, same)
        if row.run not in self._started:
            yield from self._too_soon(row, policy)
            self._started[row.run] = _Start(row.at, row.policy, row.target)

    def _widens(self, row: Seen, policy: PolicyRules, same: list[_Start]) -> Iterator[str]:
        leased = {target for name, target in self._leased.values() if name == row.policy}
        targets = ({start.target for start in same} | leased) - {row.target}
        if policy.max_targets is not None and len(targets) >= policy.max_targets:
            yield f"row {row.number}: {row.policy} touches {row.target} beside {sorted(targets)}"

    def _too_soon(self, row: Seen, policy: PolicyRules) -> Iterator[str]:
        before = list(self._started.values())
        minute = [start for start in before if row.at - start.at < _MINUTE]
        if len(minute) >= self.rules.runs_per_minute:
            yield f"row {row.number}: run {row.run} is number {len(minute) + 1} within a minute"
        own = [start for start in before if start.policy == row.policy]
        if policy.rate is not None:
            most, per = policy.rate
            if sum(row.at - start.at < per for start in own) >= most:
                yield f"row {row.number}: {row.policy} starts more than {most} runs within {per}"
        there = [start.at for start in own if start.target == row.target]
        if policy.cooldown is not None and there and row.at - max(there) < policy.cooldown:
            since = row.at - max(there)
            yield f"row {row.number}: {row.policy} starts on {row.target} {since} after the last"

    def _intended(self, row: Seen) -> Iterator[str]:
        if row.run in self._refused:
            yield f"row {row.number}: run {row.run} acts although people did not approve it"
        if row.detail["phase"] == "undo":
            return
        for hold in self._holds.values():
            if hold.covers(row):
                yield f"row {row.number}: run {row.run} acts under a hold on {hold.value or 'everything'}"
