"""What started and what ended, newest first, kept no longer than anybody looks back."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from remediator.engine.capabilities import PreparedPolicy
from remediator.runs.history import Finish, Start

P = TypeVar("P", bound=Start | Finish)


class _Stretch(Generic[P]):
    """What lies behind, as far as it is looked at. While nothing came or went, the very same is told."""

    __slots__ = ("_past", "_told")

    def __init__(self) -> None:
        self._past: deque[P] = deque()
        self._told: tuple[P, ...] | None = None

    def __len__(self) -> int:
        return len(self._past)

    def add(self, one: P) -> None:
        """Add what came last."""
        self._past.append(one)
        self._told = None

    def change(self, change: Callable[[P], P]) -> None:
        """Say something else of what was."""
        self._past = deque(map(change, self._past))
        self._told = None

    def since(self, moment: datetime) -> tuple[P, ...]:
        """Forget what was before a moment, and return the rest, newest first."""
        past = self._past
        while past and past[0].at < moment:
            past.popleft()
            self._told = None
        if self._told is None:
            self._told = tuple(reversed(past))
        return self._told


class Past(Generic[P]):
    """Starts, or finishes: those of each policy by themselves, and lately of all of them together.

    `others_for` is how far back anybody looks at other policies.
    """

    def __init__(self, others_for: timedelta) -> None:
        self._others_for = others_for
        self._own: dict[str, _Stretch[P]] = defaultdict(_Stretch)
        self._all: _Stretch[P] = _Stretch()

    def add(self, one: P) -> None:
        """Add what came last."""
        self._own[one.policy].add(one)
        self._all.add(one)

    def change(self, policy: str, change: Callable[[P], P]) -> None:
        """Say something else of what a policy did."""
        self._own[policy].change(change)

    def seen_by(self, prepared: PreparedPolicy, now: datetime) -> tuple[P, ...]:
        """Return the policy's own, and the others', each as far back as its guards look at them."""
        name, since = prepared.policy.name, now - prepared.others_window
        own = self._own.get(name)
        mine = own.since(now - prepared.window) if own is not None else ()
        every = self._all.since(now - self._others_for)
        if not mine and prepared.others_window == self._others_for:
            return every
        others = [one for one in every if one.policy != name and one.at >= since]
        return (*mine, *others) if others else mine
