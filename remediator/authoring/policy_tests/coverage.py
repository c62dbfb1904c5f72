"""Which of a policy's branches its tests have been through."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from remediator.authoring.policy_tests.coverage_of_telling import (
    tellings_of,
    told_by_escalation,
    told_by_notice,
)
from remediator.authoring.policy_tests.observing import audit_of
from remediator.policy.loaded import LoadedPolicy
from remediator.policy.model import Option, Revert
from remediator.runs.audit import AuditAction
from remediator.runs.episodes import DecisionRecord
from remediator.runs.news import Notice
from remediator.runs.records import ApprovalRequest, ApprovalState, Run
from remediator.runs.states import RunKind, RunState
from remediator.store.base import Filter, Order, Reads

_ALL = 100_000


@dataclass(frozen=True, slots=True, order=True)
class Branch:
    """One thing that can happen in a policy: `subject` is the guard or option, `what` what becomes of it."""

    subject: str
    what: str


@dataclass(frozen=True, slots=True)
class Seen:
    """How often each branch was gone through, by policy."""

    counts: Mapping[str, Counter[Branch]] = field(default_factory=dict)

    def __add__(self, other: Seen) -> Seen:
        names = {*self.counts, *other.counts}
        none: Counter[Branch] = Counter()
        return Seen({name: self.counts.get(name, none) + other.counts.get(name, none) for name in names})


@dataclass(frozen=True, slots=True)
class Coverage:
    """A policy's branches, and how often each was gone through."""

    policy: str
    branches: Mapping[Branch, int]

    @property
    def missing(self) -> tuple[Branch, ...]:
        """Branches that no test went through."""
        return tuple(branch for branch, count in self.branches.items() if not count)

    @property
    def share(self) -> float:
        """The part that was gone through, from 0 to 1."""
        return 1 - len(self.missing) / len(self.branches) if self.branches else 1.0


def coverage_of(policies: Iterable[LoadedPolicy], seen: Seen) -> list[Coverage]:
    """Say of each policy which of its branches were gone through."""
    found = []
    for policy in policies:
        counts = seen.counts.get(policy.name, Counter())
        found.append(Coverage(policy.name, {branch: counts[branch] for branch in branches_of(policy)}))
    return found


def branches_of(policy: LoadedPolicy) -> Iterator[Branch]:
    """Yield everything that can happen in a policy, in its own order."""
    for guard in policy.guards:
        asks = guard.name == "approval" or getattr(guard.params, "otherwise", None) == "approval"
        if guard.name != "approval":
            yield Branch(guard.key, "allows")
        yield Branch(guard.key, "asks" if asks else "denies")
    if any(guard.name == "approval" for guard in policy.guards):
        yield from _approval("policy")
    for option in policy.document.options:
        yield from _option(policy, option)
    yield from (Branch(*told) for told in tellings_of(policy))


def _option(policy: LoadedPolicy, option: Option) -> Iterator[Branch]:
    yield Branch(option.name, "tried")
    if option.when is not None:
        yield Branch(option.name, "passed over")
    if option.approval is not None:
        yield from _approval(option.name)
    if option.verify or policy.document.verify:
        yield Branch(option.name, "verified")
        yield Branch(option.name, "not verified")
    revert = option.revert or policy.document.revert
    if revert is not None:
        yield from _revert(option.name, revert)


def _approval(subject: str) -> Iterator[Branch]:
    for what in ("approved", "denied", "expired"):
        yield Branch(subject, what)


def _revert(option: str, revert: Revert) -> Iterator[Branch]:
    for trigger in revert.on:
        yield Branch(option, f"reverted on {trigger}")


def seen_in(reads: Reads, policies: Mapping[str, LoadedPolicy]) -> Seen:
    """Say what a simulated remediator went through."""
    counts: dict[str, Counter[Branch]] = {name: Counter() for name in policies}
    for record in reads.select(DecisionRecord, Filter(limit=_ALL)):
        if record.policy in counts:
            counts[record.policy].update(_guard_branches(record))
    for run in reads.select(Run, Filter(limit=_ALL, order=Order.OLDEST)):
        if run.policy in counts:
            counts[run.policy].update(_run_branches(reads, policies[run.policy], run))
    for row in audit_of(reads):
        if row.action == AuditAction.VERIFICATION and row.policy in counts:
            looked = json.loads(row.detail)
            what = "verified" if looked["ok"] else "not verified"
            counts[row.policy][Branch(looked["option"], what)] += 1
        if row.policy in counts:
            counts[row.policy].update(Branch(*told) for told in told_by_escalation(row))
    for notice in reads.select(Notice, Filter(limit=_ALL)):
        if notice.policy in counts:
            counts[notice.policy].update(Branch(*told) for told in told_by_notice(notice))
    return Seen(counts)


def _guard_branches(record: DecisionRecord) -> Iterator[Branch]:
    words = {"allow": "allows", "deny": "denies", "ask": "asks"}
    for verdict in record.verdicts:
        if verdict["kind"] in words:
            yield Branch(verdict["key"], words[verdict["kind"]])


def _run_branches(reads: Reads, policy: LoadedPolicy, run: Run) -> Iterator[Branch]:
    if run.kind is RunKind.REVERT:
        if run.state is RunState.REVERTED:
            yield Branch(run.option or "", f"reverted on {run.revert_trigger}")
        return
    tried = list(dict.fromkeys([*run.tried, *([run.option] if run.option else [])]))
    yield from (Branch(name, "tried") for name in tried)
    to_the_end = run.state in (RunState.FAILED, RunState.INEFFECTIVE)
    yield from (Branch(name, "passed over") for name in _passed_over(policy, tried, to_the_end=to_the_end))
    for request in reads.select(ApprovalRequest, Filter(equal={"run_id": run.id}, limit=_ALL)):
        subject = "policy" if request.level == "policy" else request.option
        if request.state in (ApprovalState.APPROVED, ApprovalState.DENIED, ApprovalState.EXPIRED):
            yield Branch(subject, str(request.state))


def _passed_over(policy: LoadedPolicy, tried: list[str], *, to_the_end: bool) -> Iterator[str]:
    """Available options with a condition that was looked at and did not hold."""
    names = [option.name for option in policy.document.options if option.name not in policy.unavailable]
    last = max((names.index(name) for name in tried if name in names), default=len(names))
    for name in names if to_the_end else names[:last]:
        if name not in tried and policy.option(name).when is not None:
            yield name
