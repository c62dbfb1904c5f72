"""Dispatch: due timers become tasks, one at a time for each subject. The truth stays in the store."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import NamedTuple, Protocol

from remediator.clock import Clock
from remediator.runs.records import Timer, TimerKind
from remediator.store.base import ConflictError, Reads, Store, StoreUnavailableError

_LOG = logging.getLogger("remediator.dispatch")

# Enough to keep the workers busy, few enough that one look at the timers stays cheap.
_BATCH = 500
_AFTER_A_DEFECT = timedelta(seconds=30)
# One worker in so many takes what is due for longest, whatever its priority: nothing starves behind
# what is more important, and what is important hardly notices.
_SHARE = 8

Handler = Callable[[int], Awaitable[None]]


class Wakes(Protocol):
    """Notices new work at once."""

    def wake(self) -> None:
        """Look at the timers now."""
        ...


class Waker(Wakes, Protocol):
    """What intake needs besides: a source polled at once, when alerts of it were cut off."""

    def poll_soon(self, source: str) -> None:
        """Ask a source for all its alerts now: some were cut off."""
        ...


class _Due(NamedTuple):
    """Timers that are due: the most important first, and those that are due for longest."""

    important: list[Timer]
    longest: list[Timer]


class Dispatcher:
    """Runs the handlers of due timers.

    A timer stays until its handler's own transaction moves or clears it, so a crash forgets
    nothing. A subject is handled by one task at a time. `workers` bounds how many subjects of one
    kind are handled at once; `fewer` names kinds with a bound of their own.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        handlers: Mapping[TimerKind, Handler],
        workers: int,
        fewer: Mapping[TimerKind, int],
    ) -> None:
        self._store = store
        self._clock = clock
        self._handlers = handlers
        self._workers = workers
        self._fewer = fewer
        self._tasks: dict[tuple[TimerKind, int], asyncio.Task[bool]] = {}
        self._busy: Counter[TimerKind] = Counter()
        self._pumping: asyncio.Task[None] | None = None
        self._again = False
        self._draining = False
        self.looked_at = time.monotonic()
        """When what is due was looked at last, by the clock that nobody sets."""

    def wake(self) -> None:
        """Look at the timers now. Cheap, and safe to call often."""
        if self._draining:
            return
        if self._pumping is not None and not self._pumping.done():
            self._again = True
            return
        self._pumping = asyncio.create_task(self._pump(), name="dispatch")

    async def drain(self) -> None:
        """Take nothing new and wait for what is under way."""
        self._draining = True
        while self._tasks:
            await asyncio.wait(list(self._tasks.values()))

    async def stop(self) -> None:
        """Cancel what is still under way; its timers remain for the next start."""
        self._draining = True
        tasks = [*self._tasks.values(), *([self._pumping] if self._pumping else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def idle(self) -> None:
        """Return once nothing is due and nothing is under way."""
        while (self._pumping and not self._pumping.done()) or self._tasks:
            await asyncio.wait([*self._tasks.values(), *([self._pumping] if self._pumping else [])])

    @property
    def busy(self) -> int:
        """How many subjects are being handled."""
        return len(self._tasks)

    async def _pump(self) -> None:
        self._again = True
        while self._again and not self._draining:
            self._again = False
            try:
                due = await self._store.read(self._due)
            except StoreUnavailableError as error:
                _LOG.warning("timers could not be read, the next tick tries again: %s", error)
                return
            self.looked_at = time.monotonic()
            for timer in due.important:
                self._start(timer, kept_free=True)
            for timer in due.longest:
                self._start(timer, kept_free=False)

    async def _postpone(self, timer: Timer) -> None:
        """A defect must not be met again at every tick: it would drown the log and starve the others."""
        due_at = self._clock.now() + _AFTER_A_DEFECT
        try:
            await self._store.write(
                lambda tx: tx.set_timer(timer.kind, timer.subject_id, due_at, timer.priority)
            )
        except StoreUnavailableError as error:
            _LOG.warning("%s %s: not postponed: %s", timer.kind, timer.subject_id, error)

    def _due(self, reads: Reads) -> _Due:
        now, most = self._clock.now(), _BATCH + len(self._tasks)
        important = reads.due_timers(now, most)
        # Where all that is due is under way at once, the order does not matter.
        longest = reads.longest_due(now, most) if len(important) > self._workers // _SHARE else []
        return _Due(important, longest)

    def _start(self, timer: Timer, *, kept_free: bool) -> None:
        key = (timer.kind, timer.subject_id)
        if key in self._tasks or self._draining:
            return
        most = self._fewer.get(timer.kind, self._workers)
        if kept_free:
            most -= most // _SHARE
        if self._busy[timer.kind] >= most:
            return
        self._busy[timer.kind] += 1
        task = asyncio.create_task(self._handle(timer), name=f"{timer.kind} {timer.subject_id}")
        self._tasks[key] = task
        task.add_done_callback(lambda done: self._done(key, done))

    def _done(self, key: tuple[TimerKind, int], task: asyncio.Task[bool]) -> None:
        if self._tasks.pop(key, None) is not None:
            self._busy[key[0]] -= 1
        # What failed is tried again at the next tick, not at once: its timer is still due.
        if not task.cancelled() and task.result():
            self.wake()

    async def _handle(self, timer: Timer) -> bool:
        try:
            await self._handlers[timer.kind](timer.subject_id)
        except ConflictError as error:
            _LOG.info("%s %s: somebody was faster: %s", timer.kind, timer.subject_id, error)
        except StoreUnavailableError as error:
            _LOG.warning("%s %s: not stored, tried again: %s", timer.kind, timer.subject_id, error)
        except Exception:  # noqa: BLE001  the boundary of a job: one subject's defect must not stop the others
            _LOG.exception("%s %s failed", timer.kind, timer.subject_id)
            await self._postpone(timer)
        else:
            return True
        return False
