"""Puts a backtest together: a recording, one or two policy sets, what is assumed; and runs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from remediator.authoring.backtest.answering import Answering, AnswersThePast
from remediator.authoring.backtest.arrivals import Recording
from remediator.authoring.backtest.assumptions import Assumptions
from remediator.authoring.backtest.episodes import EpisodeBook, Recall
from remediator.authoring.backtest.firing import FiringAlerts
from remediator.authoring.backtest.from_audit import AuditRecording
from remediator.authoring.backtest.ledger import Ledger
from remediator.authoring.backtest.looking import Deciding
from remediator.authoring.backtest.matching import Matching
from remediator.authoring.backtest.replay import Period, Replay
from remediator.authoring.backtest.report import Backtested, report
from remediator.authoring.backtest.tally import Tally
from remediator.authoring.backtest.world import World
from remediator.engine.capabilities import Capabilities, prepare
from remediator.policy.loaded import PolicySet
from remediator.runs.history import Finish, Start
from remediator.settings import Mode, Settings

_STALE_AFTER = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to backtest, and against what. `naive` looks as often as the receiver does; for tests."""

    settings: Settings
    capabilities: Capabilities
    mode: Mode
    policies: PolicySet
    against: PolicySet | None = None
    assumed: Assumptions = field(default_factory=Assumptions)
    past: AnswersThePast | None = None
    recall: Recall | None = None
    period: Period = field(default_factory=Period)
    earlier: tuple[tuple[Start, ...], tuple[Finish, ...]] = ((), ())
    samples: int = 100
    naive: bool = False


def of_audit(plan: Plan, recording: AuditRecording) -> Plan:
    """Return a plan that goes by what a database recorded beside the receipts."""
    policies = [*plan.policies.policies.values(), *(plan.against.policies.values() if plan.against else ())]
    longest = max((prepare(policy, plan.capabilities).window for policy in policies), default=timedelta(0))
    return replace(
        plan, recall=recording.recall, period=recording.period(), earlier=recording.earlier(longest)
    )


def backtest(
    plan: Plan, recording: Recording, progress: Callable[[float | None], None] | None = None
) -> dict[str, Any]:
    """Replay a recording through a plan's policies; return the report as JSON.

    The same input gives the same report, to the byte.

    Raises:
        RemediatorError: when the recording can't be read.
    """
    sets = [plan.policies] if plan.against is None else [plan.policies, plan.against]
    book = EpisodeBook(len(sets))
    firing = FiringAlerts(book)
    answering = Answering(firing, plan.past, promql_holds=plan.assumed.promql_holds)
    matchings = [Matching(policies, plan.capabilities) for policies in sets]
    worlds = [_world(plan, matching, answering) for matching in matchings]
    stale_after = {name: source.stale_after for name, source in plan.settings.sources.items()}
    replay = Replay(
        worlds,
        book,
        firing,
        stale_after=stale_after or {"default": _STALE_AFTER},
        samples=plan.samples,
        recall=plan.recall,
    )
    replay.run(recording, plan.period, progress or _tell_nobody)
    return report(
        Backtested(
            mode=plan.mode,
            recording=recording,
            replay=replay,
            tallies=[world.tally for world in worlds],
            policies=[sorted(matching.prepared) for matching in matchings],
            answering=answering,
            assumed=plan.assumed,
        )
    )


def _tell_nobody(share: float | None) -> None: ...


def _world(plan: Plan, matching: Matching, answering: Answering) -> World:
    ledger = Ledger(plan.settings.limits, matching.prepared.values())
    ledger.earlier(*plan.earlier)
    ledger.close_breakers(plan.period.breaker_closings)
    deciding = Deciding(
        capabilities=plan.capabilities, ceiling=plan.mode, answering=answering, assumed=plan.assumed
    )
    return World(matching, deciding, ledger, Tally(ledger), naive=plan.naive)
