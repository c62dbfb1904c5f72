"""The life of a run that would have been: asked for, started, ended, undone."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from typing import Protocol

from remediator.authoring.backtest.assumptions import run_takes
from remediator.authoring.backtest.episodes import Identity, OpenEpisode
from remediator.authoring.backtest.ledger import Ledger
from remediator.authoring.backtest.looking import Deciding, Looked, Looks
from remediator.authoring.backtest.recorded import RecordedApproval
from remediator.authoring.backtest.reverts import Reverts
from remediator.authoring.backtest.subjects import BacktestAdmission, BacktestRun, Request
from remediator.authoring.backtest.tally import Tally
from remediator.authoring.backtest.timers import Timers
from remediator.authoring.backtest.unknown_facts import first_possible, shown_option
from remediator.engine.decide import lock_keys
from remediator.guards.base import LookPhase
from remediator.policy.model import RevertOn
from remediator.runs.reasons import Outcome, Reason
from remediator.runs.states import RunState
from remediator.runs.verdicts import Ask, Decision

_COUNTED = frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.INEFFECTIVE})
_TAKES = "takes"
_WITHOUT_A_PLAN = timedelta(minutes=1)


class Surroundings(Protocol):
    """What a run's life needs of its world."""

    def number(self) -> int:
        """Return the next number."""
        ...

    def wake(self, now: datetime) -> None:
        """Look at once at what waits."""
        ...

    def reopen(self, admission: BacktestAdmission, due: datetime) -> None:
        """Let an episode be decided again."""
        ...

    def blocked(self, run: BacktestRun, looked: Looked, now: datetime) -> None:
        """Have a run wait that may not start yet."""
        ...

    def unblocked(self, run: BacktestRun) -> None:
        """A run waits no longer."""
        ...

    def waits_to_start(self, run: BacktestRun, now: datetime) -> None:
        """Have a run start as soon as it may."""
        ...

    def record(
        self,
        admission: BacktestAdmission,
        phase: LookPhase,
        now: datetime,
        outcome: Outcome,
        reason: Reason | None,
        option: str | None,
    ) -> None:
        """Write a decision down."""
        ...


class Lifecycle:
    """Leads runs as the engine does, with recorded or assumed ends in place of steps."""

    def __init__(
        self,
        world: Surroundings,
        deciding: Deciding,
        ledger: Ledger,
        looks: Looks,
        timers: Timers,
        tally: Tally,
    ) -> None:
        self._world = world
        self._deciding = deciding
        self._ledger = ledger
        self._looks = looks
        self._timers = timers
        self._tally = tally
        self._reverts = Reverts(deciding, ledger, looks, timers, tally, world.wake)
        self._serving: dict[int, list[BacktestRun]] = {}
        self._served: dict[Identity, list[BacktestRun]] = {}
        self._forget: deque[tuple[datetime, Identity, list[BacktestRun]]] = deque()

    # --- before the first step -----------------------------------------------------------

    def create(self, admission: BacktestAdmission, decision: Decision, now: datetime) -> None:
        """Set a run going: ask first, hand it to people, or start it."""
        plan, asks, option = decision.plan, decision.asks, decision.option
        if not admission.facts_known:
            option = shown_option(admission, decision)
            if plan is None:
                plan, asks = first_possible(admission, decision, self._deciding.capabilities)
        run = BacktestRun(self._world.number(), admission, plan, option)
        recorded = admission.episode.recorded
        if recorded is not None:
            runs = recorded.runs.get(admission.policy, ())
            run.recorded = runs[admission.runs] if admission.runs < len(runs) else None
        admission.run, admission.runs = run, admission.runs + 1
        self._serve(run, admission.episode)
        self._looks.came(run)
        if plan is None and admission.facts_known:
            self._end(run, RunState.NEEDS_HUMAN, decision.reason, now)
        elif asks:
            self._ask(run, asks[0], now)
        else:
            self._looks.keep(run, decision, now)
            self._world.waits_to_start(run, now)

    def join(self, admission: BacktestAdmission, number: int) -> None:
        """Have a run serve one more episode."""
        run = self._looks.find_run(number, admission.policy, admission.target)
        if run is not None:
            admission.run = run
            self._serve(run, admission.episode)

    def try_to_start(self, run: BacktestRun, now: datetime) -> None:
        """Look once more, and start, ask, or wait."""
        looked = self._looks.acting(run, now)
        decision = looked.decision
        if run.approval_ran_out(now):
            self._end(run, RunState.EXPIRED, Reason.EXPIRED, now)
        elif decision.outcome is Outcome.BLOCKED:
            if run.reason is not decision.reason:
                self._record(run, decision.outcome, decision.reason, now)
            run.reason = decision.reason
            self._tally.contended(
                run.admission, decision if decision.reason is Reason.TARGET_BUSY else None, now
            )
            self._world.blocked(run, looked, now)
        else:
            self._go(run, decision, now)

    def _go(self, run: BacktestRun, decision: Decision, now: datetime) -> None:
        self._world.unblocked(run)
        self._tally.contended(run.admission, None, now)
        asks = decision.asks
        if not run.admission.facts_known and decision.plan is None:
            asks = first_possible(run.admission, decision, self._deciding.capabilities)[1]
        ask = run.next_ask(asks)
        if ask is not None:
            self._record(run, decision.outcome, None, now)
            self._ask(run, ask, now)
            return
        self._record(run, Outcome.RUN, None, now)
        run.state, run.started_at = RunState.RUNNING, now
        self._ledger.start(run, lock_keys(run.prepared.resources, run.target), now)
        self._reverts.opened(run, now)
        self._tally.started(run, now)
        took = self._takes(run)
        if took is not None:
            really = run.recorded is not None and run.recorded.started_at is not None
            ends = run.recorded.state if run.recorded is not None and really else RunState.SUCCEEDED
            self._timers.call(now + took, lambda at: self._end(run, ends, None, at))

    def _ask(self, run: BacktestRun, ask: Ask, now: datetime) -> None:
        run.state = RunState.AWAITING_APPROVAL
        run.reason = None
        expires_at = now + ask.approval.expires
        request = Request(ask.level, expires_at)
        run.requests.append(request)
        self._tally.asked(run, ask, now)
        recorded = self._recorded_approval(run)
        delay = recorded.delay if recorded is not None else None
        if recorded is not None and recorded.state == "denied" and delay is not None:
            self._timers.call(now + delay, lambda at: self._denied(run, request, at))
            return
        granted = recorded is None or recorded.state == "approved"
        after = self._approval_delay(delay)
        if granted and now + after < expires_at:
            self._timers.call(now + after, lambda at: self._granted(run, request, at))
        else:
            self._timers.call(expires_at, lambda at: self._expired(run, request, at))

    def _approval_delay(self, recorded: timedelta | None) -> timedelta:
        assumed = self._deciding.assumed
        if assumed.approved_after is not None or recorded is None:
            return assumed.approval_delay
        return recorded

    def _recorded_approval(self, run: BacktestRun) -> RecordedApproval | None:
        if run.recorded is None or self._deciding.assumed.approved_after is not None:
            return None
        at = len(run.requests) - 1
        return run.recorded.approvals[at] if at < len(run.recorded.approvals) else None

    def _granted(self, run: BacktestRun, request: Request, now: datetime) -> None:
        if run.state is RunState.AWAITING_APPROVAL and run.requests[-1] is request:
            request.granted = True
            run.state = RunState.PLANNED
            self._tally.answered("approved")
            self._world.waits_to_start(run, now)

    def _denied(self, run: BacktestRun, request: Request, now: datetime) -> None:
        if run.state is RunState.AWAITING_APPROVAL and run.requests[-1] is request:
            self._tally.answered("denied")
            self._end(run, RunState.DENIED, Reason.DENIED, now)

    def _expired(self, run: BacktestRun, request: Request, now: datetime) -> None:
        if run.state is RunState.AWAITING_APPROVAL and run.requests[-1] is request:
            self._tally.answered("expired")
            self._end(run, RunState.EXPIRED, Reason.EXPIRED, now)

    # --- its end -------------------------------------------------------------------------

    def closed(self, episode: OpenEpisode, now: datetime) -> None:
        """Let runs that served an episode follow its end."""
        runs = self._serving.pop(episode.id, None)
        if not runs:
            return
        self._served[episode.identity] = runs
        self._forget.append((now, episode.identity, runs))
        for run in runs:
            if not run.all_closed:
                continue
            if run.state.waiting:
                self._end(run, RunState.CANCELLED, Reason.RESOLVED, now)
            elif run.leased and run.state.terminal and self._reverts.reverts_on(run, RevertOn.RESOLVED):
                self._reverts.undo_when_ready(run, now)

    def note_relapse(self, episode: OpenEpisode, now: datetime) -> None:
        """Note which runs of the identity's last episode did not help for long."""
        for run in self._served.pop(episode.identity, ()):
            verify = run.plan.verify if run.plan else None
            if run.state is not RunState.SUCCEEDED or verify is None or run.finished_at is None:
                continue
            if now - run.finished_at <= verify.watch and not run.relapsed:
                run.relapsed = True
                self._ledger.relapse(run)
        self._forget_before(now)

    def _end(self, run: BacktestRun, state: RunState, reason: Reason | None, now: datetime) -> None:
        run.state, run.reason, run.finished_at = state, reason, now
        self._world.unblocked(run)
        self._tally.contended(run.admission, None, now)
        self._tally.ended(run)
        self._ledger.finish(run, now)
        self._looks.over(run)
        freed = self._ledger.give_back(run.id)
        if run.leased:
            self._reverts.watch(run, now)
        self._follow_up(run, now)
        if freed:
            self._world.wake(now)

    def _follow_up(self, run: BacktestRun, now: datetime) -> None:
        admission = run.admission
        if not admission.episode.open:
            return
        again = run.prepared.policy.document.again
        if run.reason is Reason.PLAN_CHANGED:
            admission.runs -= 1
            self._world.reopen(admission, now)
        elif again is not None and run.state in _COUNTED and admission.runs <= again.max:
            self._world.reopen(admission, now + again.after)

    # --- within --------------------------------------------------------------------------

    def _serve(self, run: BacktestRun, episode: OpenEpisode) -> None:
        if episode not in run.episodes:
            run.episodes.append(episode)
        self._serving.setdefault(episode.id, []).append(run)

    def _takes(self, run: BacktestRun) -> timedelta | None:
        if run.recorded is not None and run.recorded.started_at is not None:
            return run.recorded.took
        if run.plan is None:
            return _WITHOUT_A_PLAN
        known: timedelta | None = run.scope.worked_out.get((_TAKES, run.plan.policy_hash, run.plan.option))
        if known is None:
            known = run_takes(run.plan, self._deciding.capabilities, self._deciding.assumed)
            run.scope.worked_out[_TAKES, run.plan.policy_hash, run.plan.option] = known
        return known

    def _record(self, run: BacktestRun, outcome: Outcome, reason: Reason | None, now: datetime) -> None:
        self._world.record(run.admission, LookPhase.ACTING, now, outcome, reason, run.option)

    def _forget_before(self, now: datetime) -> None:
        while self._forget and now - self._forget[0][0] > timedelta(days=1):
            _, identity, runs = self._forget.popleft()
            if self._served.get(identity) is runs:
                del self._served[identity]
