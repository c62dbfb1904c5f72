"""One policy set in virtual time: what it decides of each episode, and what would have come of it."""

from __future__ import annotations

from datetime import datetime

from remediator.authoring.backtest.episodes import OpenEpisode
from remediator.authoring.backtest.keys import Key, ends_key
from remediator.authoring.backtest.ledger import Ledger
from remediator.authoring.backtest.lifecycle import Lifecycle
from remediator.authoring.backtest.looking import Deciding, Looked, Looks
from remediator.authoring.backtest.matching import Matching
from remediator.authoring.backtest.scopes import Scopes
from remediator.authoring.backtest.sleepers import Sleepers
from remediator.authoring.backtest.subjects import BacktestAdmission, BacktestRun, DecisionStep, Subject
from remediator.authoring.backtest.tally import Tally
from remediator.authoring.backtest.timers import Happening, Timers, Turn
from remediator.authoring.backtest.unknown_facts import shown_option
from remediator.guards.base import LookPhase
from remediator.runs.reasons import Outcome, Reason
from remediator.runs.records import Hold
from remediator.runs.verdicts import Decision


class World:
    """Decides admissions and leads runs, as the receiver would have.

    `naive` looks at everything that is blocked as often as the receiver; the result is the same.
    """

    def __init__(
        self, matching: Matching, deciding: Deciding, ledger: Ledger, tally: Tally, *, naive: bool = False
    ) -> None:
        self.tally = tally
        self._matching = matching
        self._ledger = ledger
        self._numbers = 0
        self._scopes = Scopes()
        self._timers = Timers(self._look, self._ring)
        self._looks = Looks(deciding, ledger, naive=naive)
        self._sleepers = Sleepers(ledger, self._looks, self._timers, naive=naive)
        self._lifecycle = Lifecycle(self, deciding, ledger, self._looks, self._timers, tally)

    # --- what comes in -------------------------------------------------------------------

    def run_until(self, moment: datetime) -> None:
        """Let everything happen that is due until then."""
        self._timers.run_until(moment)

    def opened(self, episode: OpenEpisode, place: int, now: datetime) -> None:
        """Let every policy that matches decide its first pass."""
        admissions: list[BacktestAdmission] = []
        for prepared in self._matching.matching(episode.labels):
            admission = BacktestAdmission(self.number(), prepared, episode, now, self._scopes)
            admissions.append(admission)
            looked = self._looks.admission(admission, now)
            self._note(admission, looked.decision, LookPhase.ADMISSION, now)
            self._ledger.opened(admission, now)
            self._settle(admission, looked, now)
        episode.subjects[place] = admissions
        self.tally.opened(episode, admissions, now)
        if admissions:
            self._lifecycle.note_relapse(episode, now)
        self._sleepers.ring(now)

    def renewed(self, episode: OpenEpisode, place: int, now: datetime) -> None:
        """Take in that the annotations changed: what waits is decided on what they say now."""
        for admission in episode.subjects[place]:
            admission.renew()
            if admission.dormant and not admission.dirty:
                admission.dirty = True
                self._sleepers.arm(admission, now)

    def closed(self, episode: OpenEpisode, place: int, now: datetime) -> None:
        """Let what depends on an episode follow its end."""
        admissions: list[BacktestAdmission] = episode.subjects[place]
        for admission in admissions:
            if not admission.done:
                self._done(admission)
        self._lifecycle.closed(episode, now)
        self._sleepers.ring(now)

    def turned(self, key: Key, now: datetime) -> None:
        """Take in that something outside changed that decisions ask about."""
        self._ledger.touch(key)
        self._sleepers.ring(now)

    def hold(self, holds: tuple[Hold, ...], now: datetime) -> None:
        """Take in which holds are in force from now on."""
        self._ledger.hold(holds)
        self.wake(now)

    def look_at_all(self, policy: str, now: datetime) -> None:
        """Look at everything at once that a policy has blocked: its failure breaker was closed."""
        self._ledger.touch(ends_key(policy))
        self._sleepers.ring(now)

    def at(self, due: datetime, happening: Happening) -> None:
        """Have something happen at a time."""
        self._timers.call(due, happening)

    # --- for the lifecycle of runs -------------------------------------------------------

    def number(self) -> int:
        """Return the next number: admissions and runs are handled in the order in which they came."""
        self._numbers += 1
        return self._numbers

    def wake(self, now: datetime) -> None:
        """Look at once at what waits for a lock, a lease, a hold or a cap."""
        self._sleepers.wake(now)

    def reopen(self, admission: BacktestAdmission, due: datetime) -> None:
        """Let an episode be decided again."""
        admission.done = False
        admission.outcome, admission.reason = Outcome.PLANNED, None
        self._timers.set(admission, Turn.DECIDE, due)

    def blocked(self, run: BacktestRun, looked: Looked, now: datetime) -> None:
        """Have a run wait that may not start yet."""
        self._sleepers.wait(run, looked, now)

    def unblocked(self, run: BacktestRun) -> None:
        """A run waits no longer."""
        self._sleepers.forget(run)
        self._sleepers.leave(run)
        self._timers.clear(run)

    def waits_to_start(self, run: BacktestRun, now: datetime) -> None:
        """Have a run start as soon as it may."""
        self._sleepers.may_be_woken(run)
        self._timers.set(run, Turn.DRIVE, now)

    def record(
        self,
        admission: BacktestAdmission,
        phase: LookPhase,
        now: datetime,
        outcome: Outcome,
        reason: Reason | None,
        option: str | None,
    ) -> None:
        """Write a decision down, if it says anything new."""
        step = DecisionStep(now, str(phase), outcome, reason, option)
        if admission.path.add(step):
            self.tally.decided(admission, step)

    def _ring(self, now: datetime) -> None:
        self._sleepers.ring(now)

    # --- looking -------------------------------------------------------------------------

    def _look(self, subject: Subject, now: datetime) -> None:
        if self._sleepers.unchanged(subject, now):
            subject.anchor = now
            self._sleepers.sleep(subject)
            return
        self._sleepers.forget(subject)
        if isinstance(subject, BacktestRun):
            self._lifecycle.try_to_start(subject, now)
        elif isinstance(subject, BacktestAdmission):
            self._decide(subject, now)

    def _decide(self, admission: BacktestAdmission, now: datetime) -> None:
        looked = self._looks.entry(admission, now)
        decision = looked.decision
        admission.held_since = decision.held_since
        admission.looked_at = now
        self._note(admission, decision, LookPhase.ENTRY, now)
        if decision.outcome in (Outcome.RUN, Outcome.AWAITING_APPROVAL):
            self._done(admission)
            self._lifecycle.create(admission, decision, now)
            return
        if decision.outcome is Outcome.SHADOW:
            self._ledger.shadow_start(admission.policy, admission.target, now)
            self.tally.shadowed(admission, decision, now)
            self._done(admission)
            return
        self._settle(admission, looked, now)

    def _note(
        self, admission: BacktestAdmission, decision: Decision, phase: LookPhase, now: datetime
    ) -> None:
        if admission.target != decision.target:
            self._ledger.wait(admission, waits=False)
            admission.target = decision.target
        admission.outcome, admission.reason = decision.outcome, decision.reason
        busy = decision.reason is Reason.TARGET_BUSY
        self._ledger.wait(admission, waits=busy)
        self.tally.contended(admission, decision if busy else None, now)
        option = decision.option if admission.facts_known else shown_option(admission, decision)
        self.record(admission, phase, now, decision.outcome, decision.reason, option)

    def _settle(self, admission: BacktestAdmission, looked: Looked, now: datetime) -> None:
        decision = looked.decision
        if decision.outcome is Outcome.JOINED and decision.join_run_id is not None:
            self._lifecycle.join(admission, decision.join_run_id)
            self._done(admission)
        elif decision.outcome is Outcome.PLANNED:
            self._timers.set(admission, Turn.DECIDE, now)
        elif decision.next_look_at is None:
            self._done_for_now(admission)
        else:
            self._sleepers.wait(admission, looked, now)

    def _done(self, admission: BacktestAdmission) -> None:
        admission.done = True
        self._done_for_now(admission)

    def _done_for_now(self, admission: BacktestAdmission) -> None:
        self._sleepers.forget(admission)
        self._sleepers.leave(admission)
        self._ledger.wait(admission, waits=False)
        self._timers.clear(admission)
