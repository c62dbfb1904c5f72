"""Keeps the database from growing: what is over leaves it, the audit log by way of its archive."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import TypeVar

from remediator.clock import Clock
from remediator.errors import RemediatorError
from remediator.runs.audit import AuditAction, AuditEntry, AuditRow
from remediator.settings_retention import Retention
from remediator.store.archives import Archive, ArchiveError, NewArchive, archives_from, look_at
from remediator.store.base import Filter, Order
from remediator.store.sqlite.audit_search import forgotten
from remediator.store.sqlite.checkpoints import Checkpoint, checkpoint_of
from remediator.store.sqlite.prune import KINDS, Kind, drop_archived, look_for, note_archive, remove
from remediator.store.sqlite.reads import SqliteReads
from remediator.store.sqlite.rows import to_text
from remediator.store.sqlite.store import SqliteStore
from remediator.store.sqlite.tx import SqliteTx

T = TypeVar("T")

_LOG = logging.getLogger("remediator.prune")
_ACTOR = "prune"
_PAGE_ROWS = 1000
_ARCHIVE_ROWS = 100_000
_AFTER_FAILURE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Ends:
    """What was over before these times leaves. They are midnights (UTC): a day leaves as a whole."""

    deliveries: datetime
    records: datetime
    audit: datetime

    @classmethod
    def of(cls, retention: Retention, now: datetime) -> Ends:
        """Return the ends as of `now`."""
        return cls(*(_midnight(now - kept) for kept in _lengths(retention)))

    def of_kind(self, kind: Kind) -> datetime:
        """Return the end for one kind of row."""
        return self.deliveries if kind.of_deliveries else self.records

    def told(self) -> dict[str, str]:
        """Return what the audit log says of them."""
        return {"deliveries_before": to_text(self.deliveries), "records_before": to_text(self.records)}


def _lengths(retention: Retention) -> tuple[timedelta, timedelta, timedelta]:
    return retention.deliveries, retention.records, retention.audit


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


@dataclass(frozen=True, slots=True)
class Pruned:
    """What one pass came to: rows that left, by table, and the archives that were made."""

    rows: Counter[str] = field(default_factory=Counter)
    archives: list[Archive] = field(default_factory=list)


class Prune:
    """Removes what is over for longer than it is kept. Killed anywhere, it loses nothing and goes on."""

    name = "prune"
    every = timedelta(seconds=10)

    def __init__(
        self,
        store: SqliteStore,
        retention: Retention,
        folder: Path,
        clock: Clock,
        *,
        trusted: Callable[[], bool],
        note: Callable[[str | None], None] = lambda _: None,
        rest: Callable[[float], Awaitable[None]] = asyncio.sleep,
        archive_rows: int = _ARCHIVE_ROWS,
    ) -> None:
        """`folder` takes the archives.

        `trusted` says whether the audit log is unbroken as far as is known: else nothing leaves.
        `note` is told why nothing leaves, and None when it does again.
        `rest` is given the seconds that a batch took: for so long the database is left to others.
        """
        self._store = store
        self._retention = retention
        self._folder = folder
        self._clock = clock
        self._trusted = trusted
        self._note_failure = note
        self._rest = rest
        self._archive_rows = archive_rows
        self._done: Ends | None = None
        self._not_before: datetime | None = None

    async def run(self) -> None:
        """Do it once a day; after a failure, in an hour again."""
        now = self._clock.now()
        ends = Ends.of(self._retention, now)
        waits = self._not_before is not None and now < self._not_before
        if ends == self._done or waits or not self._trusted():
            return
        try:
            pruned = await self.prune()
        except RemediatorError as error:
            self._not_before = now + _AFTER_FAILURE
            self._note_failure(f"what is over stays in the database for now: {error}")
            _LOG.error("what is over stays in the database for now: %s", error)
            return
        self._note_failure(None)
        self._done, self._not_before = ends, None
        if pruned.rows:
            counts = ", ".join(f"{count} {table}" for table, count in sorted(pruned.rows.items()))
            _LOG.info("left the database: %s; archives written: %d", counts, len(pruned.archives))

    async def prune(self) -> Pruned:
        """Archive the audit log, and remove all that is over for long.

        Raises:
            ArchiveError: when an archive can't be written, or the log is broken; nothing leaves then.
            StoreUnavailableError: when the store can't commit now.
        """
        pruned = Pruned()
        ends = Ends.of(self._retention, self._clock.now())
        while (archive := await self._archive(ends.audit)) is not None:
            await self._note(archive)
            pruned.archives.append(archive)
        for kind in KINDS:
            await self._remove(kind, ends, pruned.rows)
        await self._drop(pruned.rows)
        return pruned

    async def _remove(self, kind: Kind, ends: Ends, rows: Counter[str]) -> None:
        end, after = ends.of_kind(kind), 0
        while True:
            look = partial(look_for, kind=kind, before=end, after=after)
            stretch = await self._store.read(lambda reads, look=look: look(reads.connection))  # type: ignore[misc]
            for begin in range(0, len(stretch.over), kind.batch):
                over = stretch.over[begin : begin + kind.batch]
                rows.update(await self._paced(partial(self._leave, kind, ends, over, tell=not rows)))
            if stretch.after is None:
                return
            after = stretch.after

    async def _leave(self, kind: Kind, ends: Ends, over: Sequence[int], *, tell: bool) -> Mapping[str, int]:
        now = self._clock.now()

        def work(tx: SqliteTx) -> Mapping[str, int]:
            left = remove(tx.connection, kind, ends.of_kind(kind), over)
            if left and tell:  # once, in the transaction in which the first rows leave
                tx.audit(_entry(now, AuditAction.RECORDS_PRUNED, ends.told()))
            return left

        return await self._store.write(work)

    async def _archive(self, end: datetime) -> Archive | None:
        """Write the next segment of the log to its file, or find the file of one that was cut off."""
        checkpoint = await self._store.read(lambda reads: checkpoint_of(reads.connection))
        begun = await self._due(checkpoint.sequence, end, 1)
        if not begun:
            return None
        folder = self._folder
        for path in await asyncio.to_thread(archives_from, folder, begun[0].sequence):
            return await self._found(path)
        return await self._write(checkpoint, end)

    async def _found(self, path: Path) -> Archive:
        archive = await asyncio.to_thread(look_at, path)
        where = Filter(equal={"sequence": archive.last}, limit=1)
        rows = await self._store.read(lambda reads: reads.audit_rows(where))
        if not rows or rows[0].hash != archive.hash:
            raise ArchiveError(f"{path} holds other rows than the audit log has there; move it elsewhere")
        return archive

    async def _write(self, checkpoint: Checkpoint, end: datetime) -> Archive:
        file = await asyncio.to_thread(NewArchive, self._folder, checkpoint.hash)
        with file:
            after, left = checkpoint.sequence, self._archive_rows
            while left and (rows := await self._paced(lambda: self._due(after, end, left))):  # noqa: B023
                await asyncio.to_thread(file.write, rows)
                after, left = rows[-1].sequence, left - len(rows)
            return await asyncio.to_thread(file.finish)

    async def _due(self, after: int, end: datetime, most: int) -> list[AuditRow]:
        """Return a page of the rows after one, up to the first that is younger than `end`."""
        where = Filter(before_id=after, order=Order.OLDEST, limit=min(most, _PAGE_ROWS))
        rows = await self._store.read(lambda reads: reads.audit_rows(where))
        text = to_text(end)
        return list(takewhile(lambda row: row.at < text, rows))

    async def _note(self, archive: Archive) -> None:
        now = self._clock.now()

        def work(tx: SqliteTx) -> None:
            note_archive(tx.connection, archive, now)
            tx.audit(_entry(now, AuditAction.AUDIT_PRUNED, archive.told()))

        await self._store.write(work)

    async def _drop(self, rows: Counter[str]) -> None:
        """Remove rows that were archived, once the index for searching has let go of them."""
        while await self._paced(self._store.advance_index):
            pass
        last = await self._store.read(_archived_and_forgotten)
        while count := await self._paced(
            lambda: self._store.write(lambda tx: drop_archived(tx.connection, last))
        ):
            rows["audit"] += count

    async def _paced(self, work: Callable[[], Awaitable[T]]) -> T:
        began = time.monotonic()
        result = await work()
        await self._rest(time.monotonic() - began)
        return result


def _entry(now: datetime, action: AuditAction, detail: Mapping[str, object]) -> AuditEntry:
    return AuditEntry(at=now, actor=_ACTOR, action=action, detail=dict(detail))


def _archived_and_forgotten(reads: SqliteReads) -> int:
    return min(checkpoint_of(reads.connection).sequence, forgotten(reads.connection))
