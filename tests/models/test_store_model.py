"""The store against a model of plain dictionaries, over restarts, kills and transactions that fail."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from remediator.runs.audit import GENESIS_HASH, chain
from remediator.runs.episodes import Episode
from remediator.runs.records import Run, TimerKind
from remediator.store.base import ConflictError, Filter, Order, Tx
from remediator.store.sqlite.store import SqliteStore, open_store
from tests.store.samples import NOW, entry, episode, run

RESOURCES = st.lists(st.sampled_from("abcd"), min_size=1, max_size=3, unique=True)
FINGERPRINTS = st.sampled_from(["f1", "f2", "f3"])
MINUTES = st.integers(0, 5)


class NobodyWantsThisError(Exception):
    """What a member of a group raises after it has written."""


class Store(RuleBasedStateMachine):
    """Everything that is answered stays, whatever comes after; nothing else is there."""

    runs = Bundle("runs")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp())
        self.places = count()
        self.path = self.folder / "0" / "db.sqlite"
        self.store: SqliteStore = self.do(open_store(self.path))
        self.open: dict[str, int] = {}
        self.claims: dict[str, int] = {}
        self.timers: dict[int, tuple[int, int]] = {}
        self.epochs: dict[int, int] = {}
        self.audited: list[str] = []

    def do(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def write(self, work: Callable[[Tx], Any]) -> Any:
        return self.do(self.store.write(work))

    # ---- what is written

    @rule(target=runs)
    def add_a_run(self) -> int:
        number: int = self.write(lambda tx: tx.add(run())).id
        self.epochs[number] = 0
        return number

    @rule(fingerprint=FINGERPRINTS)
    def open_an_episode(self, fingerprint: str) -> None:
        try:
            opened: Episode = self.write(lambda tx: tx.add(episode(fingerprint)))
        except ConflictError:
            assert fingerprint in self.open, "a first episode was refused"
        else:
            assert fingerprint not in self.open, "a second episode was opened"
            self.open[fingerprint] = opened.id

    @rule(fingerprint=FINGERPRINTS)
    def close_an_episode(self, fingerprint: str) -> None:
        def work(tx: Tx) -> bool:
            found = tx.open_episode("default", fingerprint)
            if found is not None:
                tx.save(replace(found, closed_at=NOW))
            return found is not None

        assert self.write(work) == (self.open.pop(fingerprint, None) is not None)

    @rule(number=runs, resources=RESOURCES)
    def claim(self, number: int, resources: list[str]) -> None:
        free = all(self.claims.get(resource, number) == number for resource in resources)
        try:
            self.write(lambda tx: tx.claim(resources, number, NOW))
        except ConflictError:
            assert not free
        else:
            assert free
            self.claims |= dict.fromkeys(resources, number)

    @rule(number=runs)
    def release(self, number: int) -> None:
        held = [resource for resource, holder in self.claims.items() if holder == number]
        assert self.write(lambda tx: tx.release(number)) == len(held)
        for resource in held:
            del self.claims[resource]

    @rule(number=runs, stale=st.booleans())
    def save_as_owner(self, number: int, stale: bool) -> None:
        """Whoever owned a run before it was taken over writes nothing any more."""
        epoch = self.epochs[number]
        if stale:
            self.write(lambda tx: tx.save(replace(tx.get(Run, number) or run(), epoch=epoch + 1)))
            self.epochs[number] = epoch + 1
        try:
            self.write(lambda tx: tx.save_owned(replace(tx.get(Run, number) or run(), epoch=epoch)))
        except ConflictError:
            assert stale
        else:
            assert not stale

    @rule(subject=st.integers(1, 4), minutes=MINUTES, priority=st.sampled_from([1, 100]))
    def set_a_timer(self, subject: int, minutes: int, priority: int) -> None:
        due_at = NOW + timedelta(minutes=minutes)
        self.write(lambda tx: tx.set_timer(TimerKind.DRIVE, subject, due_at, priority))
        self.timers[subject] = (minutes, priority)

    @rule(subject=st.integers(1, 4))
    def clear_a_timer(self, subject: int) -> None:
        self.write(lambda tx: tx.clear_timer(TimerKind.DRIVE, subject))
        self.timers.pop(subject, None)

    @rule(text=st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20))
    def audit(self, text: str) -> None:
        self.write(lambda tx: tx.audit(entry(text)))
        self.audited.append(text)

    @rule(number=consumes(runs), resources=RESOURCES)
    def a_transaction_fails_at_its_end(self, number: int, resources: list[str]) -> None:
        """It leaves nothing, while others of its group stay."""

        def work(tx: Tx) -> None:
            tx.audit(entry("never"))
            tx.set_timer(TimerKind.DRIVE, 99, NOW)
            with contextlib.suppress(ConflictError):
                tx.claim(resources, number, NOW)
            raise NobodyWantsThisError

        async def together() -> tuple[Any, ...]:
            others = [self.store.write(lambda tx: tx.audit(entry("beside"))) for _ in range(2)]
            return await asyncio.gather(others[0], self.store.write(work), others[1], return_exceptions=True)

        assert isinstance(self.do(together())[1], NobodyWantsThisError)
        self.audited += ["beside", "beside"]

    # ---- what comes in between

    @rule()
    def it_is_closed_and_opened(self) -> None:
        self.do(self.store.close())
        self.store = self.do(open_store(self.path))

    @rule()
    def it_is_killed_and_opened(self) -> None:
        """What a kill leaves are the files as they are now: the write-ahead log is not tidied away."""
        left = self.folder / f"killed-{next(self.places)}"
        shutil.copytree(self.path.parent, left)
        self.do(self.store.close())
        self.path = left / self.path.name
        self.store = self.do(open_store(self.path))

    # ---- what must hold

    @invariant()
    def it_holds_what_was_answered(self) -> None:
        store = self.store
        claims = self.do(store.read(lambda reads: reads.claims()))
        assert {claim.resource: claim.run_id for claim in claims} == self.claims
        episodes = self.do(store.read(lambda reads: reads.open_episodes()))
        assert {one.fingerprint: one.id for one in episodes} == self.open
        runs = self.do(store.read(lambda reads: reads.select(Run, Filter(limit=500))))
        assert {one.id: one.epoch for one in runs} == self.epochs

    @invariant()
    def due_timers_come_the_most_important_first(self) -> None:
        self._look_at_timers(0)
        self._look_at_timers(3)

    def _look_at_timers(self, minutes: int) -> None:
        now = NOW + timedelta(minutes=minutes)
        due = self.do(self.store.read(lambda reads: reads.due_timers(now, 9)))
        found = [timer.subject_id for timer in due]
        wanted = {subject for subject, (at, _) in self.timers.items() if at <= minutes}
        assert (set(found), len(found)) == (wanted, len(wanted))
        ranks = [(self.timers[subject][1], self.timers[subject][0]) for subject in found]
        assert ranks == sorted(ranks)

    @invariant()
    def the_log_is_whole_and_in_order(self) -> None:
        assert self.do(self.store.verify_audit()) is None
        page = Filter(order=Order.OLDEST, limit=1000)
        rows = self.do(self.store.read(lambda reads: reads.audit_rows(page)))
        assert [row.detail for row in rows] == [entry_detail(text) for text in self.audited]

    def teardown(self) -> None:
        self.do(self.store.close())
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()
        shutil.rmtree(self.folder)


def entry_detail(text: str) -> str:
    return chain(entry(text), 1, GENESIS_HASH).detail


TestStore = Store.TestCase
TestStore.settings = settings(max_examples=8, stateful_step_count=25, deadline=None)
