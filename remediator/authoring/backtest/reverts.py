"""What a run changed for a while, and how it goes back."""

from __future__ import annotations

from datetime import datetime, timedelta

from remediator.authoring.backtest.assumptions import revert_takes
from remediator.authoring.backtest.ledger import Ledger
from remediator.authoring.backtest.looking import Deciding, Looks
from remediator.authoring.backtest.subjects import BacktestRun
from remediator.authoring.backtest.tally import Tally
from remediator.authoring.backtest.timers import Happening, Timers
from remediator.engine.decide import attributes_of, lock_keys
from remediator.policy.model import RevertOn
from remediator.runs.plan import Plan
from remediator.runs.records import Lease
from remediator.runs.states import LeaseState, RunState

_LOOK_AGAIN = timedelta(seconds=15)
"""How soon a revert that found its target locked looks again."""


class Reverts:
    """Leads temporary changes back as the engine does. `wake` is told when locks are free again."""

    def __init__(
        self, deciding: Deciding, ledger: Ledger, looks: Looks, timers: Timers, tally: Tally, wake: Happening
    ) -> None:
        self._deciding = deciding
        self._ledger = ledger
        self._looks = looks
        self._timers = timers
        self._tally = tally
        self._wake = wake

    def opened(self, run: BacktestRun, now: datetime) -> None:
        """Note what a run that starts changes for a while."""
        if run.plan is None or run.plan.revert is None:
            return
        pairs = attributes_of(run.plan, self._deciding.capabilities)
        if run.plan.revert_steps and not pairs:
            pairs = ((f"target:{run.target}", f"option:{run.option}"),)
        for pair in pairs:
            standing = self._ledger.lease_on(pair)
            if standing is None:
                self._ledger.lease(run, _lease_of(run, run.plan, pair, now))
                run.leased = True

    def watch(self, run: BacktestRun, now: datetime) -> None:
        """Have what a run changed go back, when its policy says so."""
        if run.plan is None or run.plan.revert is None or run.started_at is None:
            return
        if run.recorded is not None and run.recorded.reverted_at is not None:
            self._timers.call(max(now, run.recorded.reverted_at), lambda at: self._undone(run, at))
        elif run.all_closed and self.reverts_on(run, RevertOn.RESOLVED):
            self.undo_when_ready(run, now)
        elif self.reverts_on(run, RevertOn.EXPIRY):
            expires_at = run.started_at + run.plan.revert.after
            self._timers.call(max(now, expires_at), lambda at: self._undo(run, at))

    def undo_when_ready(self, run: BacktestRun, now: datetime) -> None:
        """Have it go back, for the alerts are over."""
        if run.plan is None or run.plan.revert is None:
            return
        if run.recorded is not None and run.recorded.reverted_at is not None:
            return  # it went back when it really did
        revert = run.plan.revert
        stable = revert.stable_for if revert.when is not None else timedelta(0)
        self._timers.call(now + stable, lambda at: self._undo(run, at))

    def _undo(self, run: BacktestRun, now: datetime) -> None:
        if not run.leased or run.plan is None or run.state is RunState.REVERTING:
            return
        locks = lock_keys(run.prepared.resources, run.target)
        if not self._ledger.free(locks):
            self._timers.call(now + _LOOK_AGAIN, lambda at: self._undo(run, at))
            return
        run.state = RunState.REVERTING
        self._ledger.take(run.id, run.policy, run.target, RunState.REVERTING, locks, now)
        took = revert_takes(run.plan, self._deciding.capabilities, self._deciding.assumed)
        self._timers.call(now + took, lambda at: self._undone(run, at))

    def _undone(self, run: BacktestRun, now: datetime) -> None:
        if not run.leased:
            return
        run.leased = False
        run.state = RunState.REVERTED
        self._looks.unleased(run)
        self._ledger.end_leases(run)
        self._ledger.ended(run, now)
        self._ledger.give_back(run.id)
        self._tally.reverted(run)
        self._wake(now)

    def reverts_on(self, run: BacktestRun, trigger: RevertOn) -> bool:
        """Tell whether what a run changed goes back for a reason."""
        return run.plan is not None and run.plan.revert is not None and trigger in run.plan.revert.on


def _lease_of(run: BacktestRun, plan: Plan, pair: tuple[str, str], now: datetime) -> Lease:
    after = plan.revert.after if plan.revert else timedelta(0)
    return Lease(
        resource=pair[0],
        attribute=pair[1],
        policy=run.policy,
        run_id=run.id,
        option=run.option or "",
        position=0,
        action=plan.steps[0].action,
        params=None,
        original=None,
        applied=None,
        state=LeaseState.OPEN,
        opened_at=now,
        expires_at=now + after,
    )
