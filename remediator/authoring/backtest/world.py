"""One policy set in virtual time: what it decides of each episode, and what would have come of it."""

from __future__ import annotations

from datetime import datetime

from remediator.authoring.backtest.dormancy import next_look
from remediator.authoring.backtest.episodes import OpenEpisode
from remediator.authoring.backtest.keys import Key
from remediator.authoring.backtest.ledger import Ledger
from remediator.authoring.backtest.lifecycle import Lifecycle
from remediator.authoring.backtest.looking import Deciding, Looked, Looks
from remediator.authoring.backtest.matching import Matching
from remediator.authoring.backtest.scopes import Scopes
from remediator.authoring.backtest.subjects import BacktestAdmission, BacktestRun, DecisionStep, Subject
from remediator.authoring.backtest.tally import Tally
from remediator.authoring.backtest.timers import Happening, Timers, Turn
from remediator.guards.base import LookPhase
from remediator.runs.reasons import Outcome, Reason
from remediator.runs.records import Hold
from remediator.runs.verdicts import Decision

_WOKEN = frozenset(
    {
        Reason.TARGET_BUSY,
        Reason.LEASE_HELD,
        Reason.HELD,
        Reason.CONCURRENCY,
        Reason.GLOBAL_LIMIT,
        Reason.MAX_TARGETS,
        Reason.HEALTHY_FLOOR,
    }
)
"""What is looked at at once when a run gives its locks back, as the store does."""


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
        self._naive = naive
        self._numbers = 0
        self._subscribers: dict[Key, dict[Subject, None]] = {}
        self._wakeable: dict[Subject, None] = {}
        self._scopes = Scopes()
        self._timers = Timers(self._look, self.ring)
        self._looks = Looks(deciding, ledger, naive=naive)
        self._lifecycle = Lifecycle(self, deciding, ledger, self._looks, self._timers, tally)
        self._last_wake: datetime | None = None

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
            decision = self._looks.admission(admission, now)
            self._note(admission, decision, LookPhase.ADMISSION, now)
            self._ledger.opened(admission, now)
            self._settle(admission, decision, None, now)
        episode.subjects[place] = admissions
        self.tally.opened(episode, admissions, now)
        if admissions:
            self._lifecycle.note_relapse(episode, now)
        self.ring(now)

    def renewed(self, episode: OpenEpisode, place: int, now: datetime) -> None:
        """Take in that the annotations changed: what waits is decided on what they say now."""
        for admission in episode.subjects[place]:
            admission.renew()
            if admission.dormant and not admission.dirty:
                admission.dirty = True
                self._arm(admission, now)

    def closed(self, episode: OpenEpisode, place: int, now: datetime) -> None:
        """Let what depends on an episode follow its end."""
        admissions: list[BacktestAdmission] = episode.subjects[place]
        for admission in admissions:
            if not admission.done:
                self._done(admission)
        self._lifecycle.closed(episode, now)
        self.ring(now)

    def turned(self, key: Key, now: datetime) -> None:
        """Take in that something outside changed that decisions ask about."""
        self._ledger.touch(key)
        self.ring(now)

    def hold(self, holds: tuple[Hold, ...], now: datetime) -> None:
        """Take in which holds are in force from now on."""
        self._ledger.hold(holds)
        self.wake(now)

    def look_at_all(self, policy: str, now: datetime) -> None:
        """Look at everything at once that a policy has blocked: its failure breaker was closed."""
        self._ledger.touch(("policy", policy))
        self.ring(now)

    def at(self, due: datetime, happening: Happening) -> None:
        """Have something happen at a time."""
        self._timers.call(due, happening)

    # --- for the lifecycle of runs -------------------------------------------------------

    def number(self) -> int:
        """Return the next number: admissions and runs are handled in the order in which they came."""
        self._numbers += 1
        return self._numbers

    def wake(self, now: datetime) -> None:
        """Look at once at what waits for a lock, a lease, a hold or a cap, as the store's wake does."""
        self.ring(now)
        self._last_wake = now
        for subject in list(self._wakeable):
            if self._may_differ(subject, now):
                if subject.due is None or subject.due > now:
                    self._timers.set(subject, _turn(subject), now)
            elif subject.dormant and subject.flips_at is not None:
                self._arm(subject, subject.flips_at)

    def ring(self, now: datetime) -> None:
        """Have those looked at, at their next regular look, that depend on what just changed."""
        for key in self._ledger.changed():
            for subject in self._subscribers.get(key, ()):
                if not subject.dirty:
                    subject.dirty = True
                    self._arm(subject, now)

    def reopen(self, admission: BacktestAdmission, due: datetime) -> None:
        """Let an episode be decided again."""
        admission.done = False
        admission.outcome, admission.reason = Outcome.PLANNED, None
        self._timers.set(admission, Turn.DECIDE, due)

    def blocked(self, run: BacktestRun, looked: Looked, now: datetime) -> None:
        """Have a run wait that may not start yet."""
        self._wait(run, looked, now)

    def unblocked(self, run: BacktestRun) -> None:
        """A run waits no longer."""
        self._forget_outlook(run)
        self._wakeable.pop(run, None)
        self._timers.clear(run)

    def waits_to_start(self, run: BacktestRun, now: datetime) -> None:
        """Have a run start as soon as it may."""
        self._wakeable[run] = None
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

    # --- looking -------------------------------------------------------------------------

    def _look(self, subject: Subject, now: datetime) -> None:
        if self._unchanged(subject, now):
            subject.anchor = now
            self._sleep(subject)
            return
        self._forget_outlook(subject)
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
        self._settle(admission, decision, looked, now)

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
        option = decision.option if admission.facts_known else self._lifecycle.option(admission, decision)
        self.record(admission, phase, now, decision.outcome, decision.reason, option)

    def _settle(
        self, admission: BacktestAdmission, decision: Decision, looked: Looked | None, now: datetime
    ) -> None:
        if decision.outcome is Outcome.JOINED and decision.join_run_id is not None:
            self._lifecycle.join(admission, decision.join_run_id)
            self._done(admission)
        elif decision.outcome is Outcome.PLANNED:
            self._timers.set(admission, Turn.DECIDE, now)
        elif decision.next_look_at is None:
            self._done_for_now(admission)
        elif looked is None:
            self._mark_wakeable(admission)
            self._timers.set(admission, Turn.DECIDE, decision.next_look_at)
        else:
            self._wait(admission, looked, now)

    def _wait(self, subject: Subject, looked: Looked, now: datetime) -> None:
        self._mark_wakeable(subject)
        at = looked.decision.next_look_at or now
        if looked.outlook is None or self._naive:
            self._timers.set(subject, _turn(subject), at)
            return
        subject.flips_at, subject.keys = looked.outlook.flips_at, looked.outlook.keys
        subject.stamp = looked.stamp
        subject.anchor = now
        # Where a guard names the time, nobody looks before, unless woken.
        subject.named = None if at == now + subject.recheck else at
        self._sleep(subject)

    # --- sleeping ------------------------------------------------------------------------

    def _sleep(self, subject: Subject) -> None:
        """Stop looking at the grid until something changes, or time alone may change it."""
        subject.dormant, subject.dirty = True, False
        for key in subject.keys:
            self._subscribers.setdefault(key, {})[subject] = None
        if subject.named is not None:
            self._timers.set(subject, _turn(subject), subject.named)
        elif subject.flips_at is not None:
            self._arm(subject, subject.flips_at)

    def _arm(self, subject: Subject, since: datetime) -> None:
        """Look at the first regular look at or after `since`."""
        anchor = subject.anchor or since
        also_now = since != self._timers.now or self._timers.is_ahead(subject, _turn(subject))
        if subject in self._wakeable and self._last_wake is not None and self._last_wake > anchor:
            anchor = self._last_wake
            if anchor == since and also_now:
                # Woken in this very moment, it has its turn still before it.
                self._timers.set(subject, _turn(subject), since)
                return
        if subject.named is not None:
            return
        due = next_look(anchor, subject.recheck, max(since, anchor), also_now=also_now)
        if subject.due is None or subject.due != due:
            self._timers.set(subject, _turn(subject), due)

    def _unchanged(self, subject: Subject, now: datetime) -> bool:
        if subject.stamp is None or self._flipped(subject, now):
            return False
        return subject.dormant and subject.stamp == self._looks.stamp(subject, now)

    def _may_differ(self, subject: Subject, now: datetime) -> bool:
        return not subject.dormant or subject.dirty or subject.stamp is None or self._flipped(subject, now)

    def _flipped(self, subject: Subject, now: datetime) -> bool:
        return subject.flips_at is not None and now >= subject.flips_at

    def _forget_outlook(self, subject: Subject) -> None:
        if subject.dormant:
            for key in subject.keys:
                subscribed = self._subscribers.get(key)
                if subscribed is not None:
                    subscribed.pop(subject, None)
                    if not subscribed:
                        del self._subscribers[key]
        subject.dormant = subject.dirty = False
        subject.stamp = subject.flips_at = subject.named = None
        subject.keys = ()

    def _mark_wakeable(self, subject: Subject) -> None:
        if isinstance(subject, BacktestAdmission):
            if subject.reason in _WOKEN:
                self._wakeable[subject] = None
            else:
                self._wakeable.pop(subject, None)

    def _done(self, admission: BacktestAdmission) -> None:
        admission.done = True
        self._done_for_now(admission)

    def _done_for_now(self, admission: BacktestAdmission) -> None:
        self._forget_outlook(admission)
        self._wakeable.pop(admission, None)
        self._ledger.wait(admission, waits=False)
        self._timers.clear(admission)


def _turn(subject: Subject) -> Turn:
    return Turn.DRIVE if isinstance(subject, BacktestRun) else Turn.DECIDE
