"""What was recorded, read from a database in order and in pages, for replaying it.

Each page is a read of its own, so a server on the same database is not held up however long it takes.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from remediator.runs.history import Finish, Start
from remediator.runs.reasons import CloseReason
from remediator.runs.records import Hold
from remediator.runs.states import RunKind, RunState
from remediator.store.base import StoreUnavailableError
from remediator.store.sqlite.failures import of_database
from remediator.store.sqlite.migrations import check_application
from remediator.store.sqlite.rows import TABLES, from_text, to_text
from remediator.store.sqlite.schema import NOT_TERMINAL
from remediator.store.sqlite.snapshot import open_beside

_PAGE = 2000
_PLAIN = (
    "id",
    "delivery_id",
    "episode_id",
    "source",
    "fingerprint",
    "status",
    "labels",
    "annotations",
    "starts_at",
    "ends_at",
    "generator_url",
)
"""Columns of receipts that are taken as they are."""


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    """One receipt, with what its delivery and its episode say. `labels` and `annotations` are JSON."""

    id: int
    delivery_id: int
    episode_id: int | None
    source: str
    fingerprint: str
    status: str
    labels: str
    annotations: str
    starts_at: str
    ends_at: str | None
    generator_url: str
    received_at: datetime
    polled: bool
    closed_at: datetime | None
    close_reason: CloseReason | None


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """What one decision had before it."""

    at: datetime
    policy: str | None
    verdicts: list[Mapping[str, Any]]
    facts: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class RunRow:
    """How one run went, with its requests for approval: asked at, decided at, state."""

    policy: str
    state: RunState
    option: str | None
    started_at: datetime | None
    finished_at: datetime | None
    reverted_at: datetime | None
    approvals: tuple[tuple[datetime, datetime | None, str], ...]


class Recordings:
    """Reads a database. The connection stays whoever's it is."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def bounds(self) -> tuple[int, int]:
        """Return the first and the last receipt's id; zeros when there is none."""
        first, last = self._connection.execute("SELECT min(id), max(id) FROM receipts").fetchone()
        return first or 0, last or 0

    def first_receipt(self, since: datetime) -> int:
        """Return the id of the first receipt at or after a time: ids grow with time."""
        low, high = self.bounds()
        wanted = to_text(since)
        while low < high:
            middle = (low + high) // 2
            row = self._connection.execute(
                "SELECT received_at FROM receipts WHERE id >= ? ORDER BY id LIMIT 1", (middle,)
            ).fetchone()
            if row[0] < wanted:
                low = middle + 1
            else:
                high = middle
        return low

    def receipts(self, since: datetime | None, until: datetime | None) -> Iterator[ReceiptRow]:
        """Yield the receipts of a period, oldest first."""
        after = self.first_receipt(since) - 1 if since is not None else 0
        while True:
            rows = self._connection.execute(
                f"SELECT {', '.join(f'r.{name}' for name in _PLAIN)},"  # nosec B608  # only names of the code's own catalogs; values are bound
                " r.received_at, d.origin, e.closed_at, e.close_reason"
                " FROM receipts r JOIN deliveries d ON d.id = r.delivery_id"
                " LEFT JOIN episodes e ON e.id = r.episode_id WHERE r.id > ? ORDER BY r.id LIMIT ?",
                (after, _PAGE),
            ).fetchall()
            if not rows:
                return
            for row in rows:
                receipt = _receipt(row)
                if until is not None and receipt.received_at >= until:
                    return
                if since is None or receipt.received_at >= since:
                    yield receipt
            after = rows[-1][0]

    def decisions(self, episode_id: int) -> list[DecisionRow]:
        """Return the decisions about an episode, oldest first."""
        rows = self._connection.execute(
            "SELECT at, policy, verdicts, facts FROM decisions WHERE episode_id = ? ORDER BY id",
            (episode_id,),
        )
        return [
            DecisionRow(from_text(at), policy, json.loads(verdicts), json.loads(facts) if facts else None)
            for at, policy, verdicts, facts in rows.fetchall()
        ]

    def runs(self, episode_id: int) -> list[RunRow]:
        """Return the runs that an episode started, oldest first."""
        rows = self._connection.execute(
            "SELECT r.id, r.policy, r.state, r.option, r.started_at, r.finished_at FROM run_episodes s"
            " JOIN runs r ON r.id = s.run_id WHERE s.episode_id = ? AND r.episode_id = ? AND r.kind = ?"
            " ORDER BY r.id",
            (episode_id, episode_id, str(RunKind.REMEDIATION)),
        )
        return [
            RunRow(
                policy=policy,
                state=RunState(state),
                option=option,
                started_at=_time(started_at),
                finished_at=_time(finished_at),
                reverted_at=self._reverted_at(run_id),
                approvals=self._approvals(run_id),
            )
            for run_id, policy, state, option, started_at, finished_at in rows.fetchall()
        ]

    def holds(self, since: datetime | None, until: datetime | None) -> list[Hold]:
        """Return the holds that were in force at any time of a period."""
        table = TABLES[Hold]
        clause = "created_at < ? AND (removed_at IS NULL OR removed_at >= ?) ORDER BY id"
        begin, end = to_text(since) if since else "", to_text(until) if until else "~"
        rows = self._connection.execute(table.select + clause, (end, begin)).fetchall()
        return [table.decode(row) for row in rows]

    def breaker_closings(self) -> dict[str, list[datetime]]:
        """Return when people closed failure breakers, by policy."""
        closings: dict[str, list[datetime]] = {}
        rows = self._connection.execute("SELECT policy, at FROM breaker_closings ORDER BY at, id")
        for policy, at in rows.fetchall():
            closings.setdefault(policy, []).append(from_text(at))
        return closings

    def earlier_runs(self, since: datetime, until: datetime) -> tuple[list[Start], list[Finish]]:
        """Return which runs started, and which ended, between two times; oldest first."""
        span = (to_text(since), to_text(until))
        started = self._connection.execute(
            "SELECT started_at, policy, target, id FROM runs WHERE kind = 'remediation'"
            " AND started_at >= ? AND started_at < ? ORDER BY started_at, id",
            span,
        ).fetchall()
        finished = self._connection.execute(
            "SELECT finished_at, policy, target, id, state, relapsed_at FROM runs WHERE kind = 'remediation'"  # nosec B608  # only names of the code's own catalogs; values are bound
            f" AND finished_at >= ? AND finished_at < ? AND NOT ({NOT_TERMINAL}) ORDER BY finished_at, id",
            span,
        ).fetchall()
        # Their numbers are not those of the runs that a replay counts from 1.
        starts = [Start(from_text(at), policy, target, -run_id) for at, policy, target, run_id in started]
        finishes = [
            Finish(from_text(at), policy, target, -run_id, RunState(state), relapsed is not None)
            for at, policy, target, run_id, state, relapsed in finished
        ]
        return starts, finishes

    def _reverted_at(self, run_id: int) -> datetime | None:
        row = self._connection.execute(
            "SELECT finished_at FROM runs WHERE parent_run_id = ? AND state = 'reverted'"
            " ORDER BY id DESC LIMIT 1",
            (run_id,),
        ).fetchone()
        return _time(row[0]) if row else None

    def _approvals(self, run_id: int) -> tuple[tuple[datetime, datetime | None, str], ...]:
        rows = self._connection.execute(
            "SELECT requested_at, decided_at, state FROM approvals WHERE run_id = ? ORDER BY id", (run_id,)
        )
        return tuple((from_text(asked), _time(decided), state) for asked, decided, state in rows.fetchall())


@contextmanager
def recordings(path: Path) -> Iterator[Recordings]:
    """Open a database for reading what it recorded; a server may have it.

    Raises:
        StoreCorruptError: when it is damaged, not remediator's, or of a newer version.
        StoreUnavailableError: when it can't be opened.
    """
    if not path.is_file():
        raise StoreUnavailableError(f"there is no database {path}; name it with --db")
    try:
        with closing(open_beside(path)) as connection:
            check_application(Database(connection), str(path))
            yield Recordings(connection)
    except sqlite3.Error as error:
        raise of_database(error) or error from error


def _receipt(row: tuple[Any, ...]) -> ReceiptRow:
    told = dict(zip(_PLAIN, row, strict=False))
    received_at, origin, closed_at, close_reason = row[len(_PLAIN) :]
    return ReceiptRow(
        **told,
        received_at=from_text(received_at),
        polled=origin == "poll",
        closed_at=_time(closed_at),
        close_reason=CloseReason(close_reason) if close_reason else None,
    )


def _time(text: str | None) -> datetime | None:
    return from_text(text) if text else None
