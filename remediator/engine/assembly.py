"""Puts the engine together from what surrounds it. Does no I/O of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from remediator.clock import Clock
from remediator.engine.answers import Answers, AsksAlerts
from remediator.engine.approvals import Approvals
from remediator.engine.at_once import EscalatesAtOnce
from remediator.engine.by_hand import ByHand
from remediator.engine.capabilities import Capabilities
from remediator.engine.context import Engine
from remediator.engine.control import Control
from remediator.engine.courier import AsksByButtons, Courier, SendsNothing, SendsNotices
from remediator.engine.decider import Decider
from remediator.engine.dispatch import Dispatcher, Handler
from remediator.engine.escalation import EscalationWatch
from remediator.engine.facts import FactGatherer
from remediator.engine.failpoints import Failpoints
from remediator.engine.followed_store import FollowedStore
from remediator.engine.holds import Holds
from remediator.engine.intake import Intake
from remediator.engine.ladder import Ladder
from remediator.engine.lease_watch import LeaseWatch
from remediator.engine.news import News, NewsUpdates
from remediator.engine.policies import Policies
from remediator.engine.reporting import AsksForReports, Reporter, WritesReports
from remediator.engine.reverts import Reverter
from remediator.engine.runner import Runner
from remediator.engine.schedules import Schedules
from remediator.engine.shadow_watch import ShadowWatch
from remediator.engine.starting import Starter
from remediator.engine.steps import StepRunner
from remediator.engine.storms import StormWatch
from remediator.engine.summaries import Summaries
from remediator.engine.verification import AsksFreshPromQL, Verifier
from remediator.policy.calendar import Calendar
from remediator.runs.records import TimerKind
from remediator.secret_refs import Redactor
from remediator.settings import Settings
from remediator.store.base import Store

# More than ever run at once (limits.concurrent_runs is a guard of its own): so many runs and
# admissions can be looked at side by side, most of them waiting for an answer.
_WORKERS = 64
# Nothing waits for what shadow sees: a few looks at once leave the rest of the server alone.
_SHADOW_WORKERS = 8
# Escalations may gather facts; a storm of them must not take all of what answers.
_ESCALATION_WORKERS = 8


class AsksPrometheus(AsksFreshPromQL, Protocol):
    """What guards and verification ask of Prometheus."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The engine's face: what the web server, the jobs and the tests hold."""

    engine: Engine
    intake: Intake
    approvals: Approvals
    holds: Holds
    control: Control
    by_hand: ByHand
    runner: Runner
    dispatcher: Dispatcher


class EngineWaker:
    """Wakes a dispatcher that is built later than those who wake it."""

    def __init__(self, poll_soon: Callable[[str], None]) -> None:
        self._poll_soon = poll_soon
        self.dispatcher: Dispatcher | None = None

    def wake(self) -> None:
        """Look at the timers now."""
        if self.dispatcher is not None:
            self.dispatcher.wake()

    def poll_soon(self, source: str) -> None:
        """Poll a source now."""
        self._poll_soon(source)


def assemble(
    *,
    settings: Settings,
    store: Store,
    clock: Clock,
    capabilities: Capabilities,
    policies: Policies,
    redactor: Redactor,
    promql: AsksPrometheus,
    alerts: AsksAlerts,
    failpoints: Failpoints,
    kill_step: Callable[[int], int],
    poll_soon: Callable[[str], None],
    sender: SendsNotices | None = None,
    buttons: AsksByButtons | None = None,
    reports: WritesReports | None = None,
    calendar: Calendar | None = None,
) -> Parts:
    """Wire the engine's parts. Without a `sender` notices are queued, and go nowhere; without `buttons`
    nobody is asked in Slack; without `reports` none are written."""
    followed = FollowedStore(store)
    engine = Engine(followed, clock, settings, policies, capabilities, redactor, failpoints, calendar)
    news = News(engine)
    followed.followers = (EscalatesAtOnce(engine), news)
    if reports is not None:
        followed.followers += (AsksForReports(engine),)
    waker = EngineWaker(poll_soon)
    answers = Answers(clock, promql, alerts)
    facts = FactGatherer(capabilities, clock, redactor)
    steps = StepRunner(engine)
    verifier = Verifier(capabilities, clock, promql)
    ladder = Ladder(engine, facts)
    starter = Starter(engine, answers, facts, steps, ladder)
    runner = Runner(engine, starter, steps, verifier, ladder, Reverter(engine, steps, verifier))
    approvals = Approvals(engine, waker)
    holds = Holds(engine, waker)
    handlers: dict[TimerKind, Handler] = {
        TimerKind.DECIDE: Decider(engine, answers, facts).decide,
        TimerKind.DRIVE: runner.drive,
        TimerKind.APPROVAL_EXPIRY: approvals.expire,
        TimerKind.LEASE: LeaseWatch(engine, facts).look,
        TimerKind.HOLD_EXPIRY: holds.expire,
        TimerKind.SCHEDULE: Schedules(engine, facts).look,
        TimerKind.SHADOW: ShadowWatch(engine, answers, promql).look,
        TimerKind.ESCALATION: EscalationWatch(engine, answers, facts).look,
        TimerKind.NOTICES: Summaries(engine, Courier(engine, sender or SendsNothing(), buttons)).carry,
        TimerKind.STORM: StormWatch(engine).look,
        TimerKind.NEWS_UPDATE: NewsUpdates(engine, news).tell,
    }
    if reports is not None:
        handlers[TimerKind.REPORT] = Reporter(engine, reports).report
    fewer = {
        TimerKind.SHADOW: _SHADOW_WORKERS,
        TimerKind.ESCALATION: _ESCALATION_WORKERS,
        TimerKind.REPORT: 1,
    }
    waker.dispatcher = Dispatcher(store, clock, handlers, _WORKERS, fewer)
    return Parts(
        engine=engine,
        intake=Intake(engine, waker),
        approvals=approvals,
        holds=holds,
        control=Control(engine, waker, kill_step),
        by_hand=ByHand(engine, answers, facts, waker),
        runner=runner,
        dispatcher=waker.dispatcher,
    )
