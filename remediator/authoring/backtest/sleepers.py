"""Those who are blocked: they sleep until something changes that they depend on, or are woken."""

from __future__ import annotations

from datetime import datetime

from remediator.authoring.backtest.dormancy import next_look
from remediator.authoring.backtest.keys import Key
from remediator.authoring.backtest.ledger import Ledger
from remediator.authoring.backtest.looking import Looked, Looks
from remediator.authoring.backtest.subjects import BacktestAdmission, BacktestRun, Subject
from remediator.authoring.backtest.timers import Timers, Turn
from remediator.runs.reasons import Reason

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


class Sleepers:
    """Subjects that wait, by what they depend on, and those that are looked at when locks are given back.

    `naive` has them sleep no longer than the receiver would; the result is the same.
    """

    def __init__(self, ledger: Ledger, looks: Looks, timers: Timers, *, naive: bool) -> None:
        self._ledger = ledger
        self._looks = looks
        self._timers = timers
        self._naive = naive
        self._subscribers: dict[Key, dict[Subject, None]] = {}
        self._wakeable: dict[Subject, None] = {}
        self._last_wake: datetime | None = None

    def wait(self, subject: Subject, looked: Looked, now: datetime) -> None:
        """Have a subject wait that is blocked, for as long as nothing changes that it depends on."""
        self.mark_wakeable(subject)
        at = looked.decision.next_look_at or now
        if looked.outlook is None or self._naive:
            self._timers.set(subject, _turn(subject), at)
            return
        subject.flips_at, subject.keys = looked.outlook.flips_at, looked.outlook.keys
        subject.stamp = looked.stamp
        subject.anchor = now
        # Where a guard names the time, nobody looks before, unless woken.
        subject.named = None if at == now + subject.recheck else at
        self.sleep(subject)

    def wake(self, now: datetime) -> None:
        """Look at once at what waits for a lock, a lease, a hold or a cap."""
        self.ring(now)
        self._last_wake = now
        for subject in list(self._wakeable):
            if self._may_differ(subject, now):
                if subject.due is None or subject.due > now:
                    self._timers.set(subject, _turn(subject), now)
            elif subject.dormant and subject.flips_at is not None:
                self.arm(subject, subject.flips_at)

    def ring(self, now: datetime) -> None:
        """Have those looked at, at their next regular look, that depend on what just changed."""
        for key in self._ledger.changed():
            for subject in self._subscribers.get(key, ()):
                if not subject.dirty:
                    subject.dirty = True
                    self.arm(subject, now)

    def may_be_woken(self, run: BacktestRun) -> None:
        """Have a run be woken that waits to start."""
        self._wakeable[run] = None

    def leave(self, subject: Subject) -> None:
        """Have a subject be woken no more."""
        self._wakeable.pop(subject, None)

    def sleep(self, subject: Subject) -> None:
        """Stop looking at the grid until something changes, or time alone may change it."""
        subject.dormant, subject.dirty = True, False
        for key in subject.keys:
            self._subscribers.setdefault(key, {})[subject] = None
        if subject.named is not None:
            self._timers.set(subject, _turn(subject), subject.named)
        elif subject.flips_at is not None:
            self.arm(subject, subject.flips_at)

    def arm(self, subject: Subject, since: datetime) -> None:
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

    def unchanged(self, subject: Subject, now: datetime) -> bool:
        """Tell whether a look would say what the last one said."""
        if subject.stamp is None or self._flipped(subject, now):
            return False
        return subject.dormant and subject.stamp == self._looks.stamp(subject, now)

    def _may_differ(self, subject: Subject, now: datetime) -> bool:
        return not subject.dormant or subject.dirty or subject.stamp is None or self._flipped(subject, now)

    def _flipped(self, subject: Subject, now: datetime) -> bool:
        return subject.flips_at is not None and now >= subject.flips_at

    def forget(self, subject: Subject) -> None:
        """Forget what a subject waits for."""
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

    def mark_wakeable(self, subject: Subject) -> None:
        """Note whether a subject is woken when locks are given back."""
        if isinstance(subject, BacktestAdmission):
            if subject.reason in _WOKEN:
                self._wakeable[subject] = None
            else:
                self._wakeable.pop(subject, None)


def _turn(subject: Subject) -> Turn:
    return Turn.DRIVE if isinstance(subject, BacktestRun) else Turn.DECIDE
