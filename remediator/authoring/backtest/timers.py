"""Virtual time: what is due, in the order in which the receiver handles it."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import datetime
from enum import IntEnum

from remediator.authoring.backtest.subjects import Subject


class Turn(IntEnum):
    """Within one moment: first what ends, then what is decided, then what starts."""

    END = 0
    DECIDE = 1
    DRIVE = 2


Place = tuple[int, int, int]
"""Turn, priority, number: who is before whom within one moment."""
_FIRST: Place = (-1, 0, 0)
_LAST: Place = (99, 0, 0)

Happening = Callable[[datetime], None]
_Entry = tuple[datetime, int, int, int, int, Subject | Happening]


class Timers:
    """A heap of what is due. A subject has one timer; setting it again replaces it.

    `after` is called after each thing that happened.
    """

    def __init__(self, look: Callable[[Subject, datetime], None], after: Happening) -> None:
        self._look = look
        self._after = after
        self._heap: list[_Entry] = []
        self._place = _LAST
        self._count = 0
        self.now: datetime | None = None

    def set(self, subject: Subject, turn: Turn, due: datetime) -> None:
        """Look at a subject then, and not before."""
        subject.token += 1
        subject.due = due
        entry = (due, int(turn), subject.priority, subject.id, subject.token, subject)
        heapq.heappush(self._heap, entry)

    def clear(self, subject: Subject) -> None:
        """Look at a subject no more."""
        subject.token += 1
        subject.due = None

    def call(self, due: datetime, happening: Happening) -> None:
        """Have something happen then, before anything is decided at that moment."""
        self._count += 1
        heapq.heappush(self._heap, (due, int(Turn.END), 0, self._count, 0, happening))

    def is_ahead(self, subject: Subject, turn: Turn) -> bool:
        """Tell whether a subject still gets its turn in the present moment."""
        return self._place < (int(turn), subject.priority, subject.id)

    def run_until(self, moment: datetime) -> None:
        """Let everything happen that is due until then."""
        heap = self._heap
        while heap and heap[0][0] <= moment:
            due, turn, priority, number, token, what = heapq.heappop(heap)
            if isinstance(what, Subject):
                if what.token != token:
                    continue
                what.due = None
                self._place = (turn, priority, number)
                self.now = due
                self._look(what, due)
            else:
                self._place = _FIRST
                self.now = due
                what(due)
            self._after(due)
        self._place = _LAST
        self.now = moment
