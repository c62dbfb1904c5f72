"""The index beside the database: words of the audit log, its times, and counts of decisions.

It is made only of what is committed in the database, so it may be lost or lag behind at any time: it says
up to where it goes, and whoever asks looks at the rest in the database itself. Nothing waits for it, ingest
least of all.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from remediator.runs.reasons import Outcome
from remediator.store.sqlite.checkpoints import checkpoint_of
from remediator.store.sqlite.search_words import words_delete, words_insert, words_of, words_table

_VERSION = 2
_BATCH = 2000
# Small enough that its end rows cost nothing to read over, large enough that millions of rows make few.
_SPAN_ROWS = 1000
_TABLES = (
    words_table("words"),
    # Between which times the rows `first` to `last` were written. Clocks may go back: spans may overlap.
    "CREATE TABLE spans (first INTEGER PRIMARY KEY, last INTEGER NOT NULL, earliest TEXT NOT NULL,"
    " latest TEXT NOT NULL)",
    """CREATE TABLE blocked_days (
         policy TEXT NOT NULL, day TEXT NOT NULL, guard TEXT NOT NULL, reason TEXT NOT NULL,
         count INTEGER NOT NULL, PRIMARY KEY (policy, day, guard, reason)) WITHOUT ROWID""",
    # Up to which row of the log, with its hash, up to which decision, and which rows are out again.
    "CREATE TABLE progress (sequence INTEGER NOT NULL, hash TEXT NOT NULL, decision_id INTEGER NOT NULL,"
    " forgotten INTEGER NOT NULL)",
)
_READ = (
    "SELECT sequence, at, actor, action, source, alertname, policy, target, detail, episode_id, run_id, hash"
    " FROM audit WHERE sequence > ? ORDER BY sequence LIMIT ?"
)
_READ_ARCHIVED = _READ.replace("sequence > ?", "sequence > ? AND sequence <= ?")
_READ_BLOCKED = (
    "SELECT id, outcome, policy, reason, verdicts, at FROM decisions WHERE id > ? ORDER BY id LIMIT ?"
)
_OF_A_DECISION = ("outcome", "policy", "reason", "verdicts", "at")


def index_path(database: Path) -> Path:
    """Return where the index of a database is."""
    return database.with_name(f"{database.name}.index")


class AuditIndex:
    """Takes in what was committed. One thread at a time; the server that has the database has its index."""

    def __init__(self, connection: sqlite3.Connection, source: sqlite3.Connection) -> None:
        self._connection = connection
        self._source = source

    def advance(self) -> bool:
        """Take in a batch of rows and of decisions, or take one out; returns whether there is more."""
        sequence, _, decision_id, _ = _progress(self._connection)
        self._source.execute("BEGIN")
        try:
            rows = self._source.execute(_READ, (sequence, _BATCH)).fetchall()
            decisions = self._source.execute(_READ_BLOCKED, (decision_id, _BATCH)).fetchall()
        finally:
            self._source.execute("ROLLBACK")
        if not rows and not decisions:
            return self._forget()
        with self._transaction():
            if rows:
                self._take_rows(rows)
            if decisions:
                self._count(decisions)
        return True

    def _forget(self) -> bool:
        """Take out a batch of what was archived. Such rows stay in the log until they are out of here."""
        sequence, _, _, forgotten = _progress(self._connection)
        self._source.execute("BEGIN")
        try:
            end = min(checkpoint_of(self._source).sequence, sequence)
            rows = self._source.execute(_READ_ARCHIVED, (forgotten, end, _BATCH)).fetchall()
        finally:
            self._source.execute("ROLLBACK")
        if end <= forgotten:
            return False
        with self._transaction():
            self._connection.executemany(words_delete("words"), [words_of(row) for row in rows])
            reached = rows[-1]["sequence"] if len(rows) == _BATCH else end
            self._connection.execute("DELETE FROM spans WHERE last <= ?", (reached,))
            if rows:
                # Nobody asks for the counts of days that are not in the log any more.
                self._connection.execute("DELETE FROM blocked_days WHERE day < ?", (rows[-1]["at"][:10],))
            self._connection.execute("UPDATE progress SET forgotten = ?", (reached,))
        return True

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Close both connections."""
        self._source.close()
        self._connection.close()

    def _take_rows(self, rows: Sequence[sqlite3.Row]) -> None:
        self._connection.executemany(words_insert("words"), [words_of(row) for row in rows])  # type: ignore[arg-type]
        for begin in range(0, len(rows), _SPAN_ROWS):
            self._note_times(rows[begin : begin + _SPAN_ROWS])
        last = rows[-1]
        self._connection.execute(
            "UPDATE progress SET sequence = ?, hash = ?", (last["sequence"], last["hash"])
        )

    def _note_times(self, rows: Sequence[sqlite3.Row]) -> None:
        first, last = rows[0]["sequence"], rows[-1]["sequence"]
        times = [row["at"] for row in rows]
        earliest, latest = min(times), max(times)
        widened = self._connection.execute(
            "UPDATE spans SET last = ?, earliest = min(earliest, ?), latest = max(latest, ?)"
            " WHERE first = (SELECT max(first) FROM spans) AND first > ?",
            (last, earliest, latest, last - _SPAN_ROWS),
        )
        if widened.rowcount == 0:
            self._connection.execute("INSERT INTO spans VALUES (?, ?, ?, ?)", (first, last, earliest, latest))

    def _count(self, decisions: Sequence[sqlite3.Row]) -> None:
        for row in decisions:
            counted = blocked_day(*(row[name] for name in _OF_A_DECISION))
            if counted is not None:
                self._connection.execute(
                    "INSERT INTO blocked_days VALUES (?, ?, ?, ?, 1)"
                    " ON CONFLICT DO UPDATE SET count = count + 1",
                    counted,
                )
        self._connection.execute("UPDATE progress SET decision_id = ?", (decisions[-1]["id"],))


def blocked_day(
    outcome: str, policy: str | None, reason: str | None, verdicts: str | None, at: str
) -> tuple[str, str, str, str] | None:
    """Return policy, day (UTC), guard (empty if none did it) and reason of a decision that blocked."""
    if outcome != Outcome.BLOCKED or policy is None:
        return None
    told = json.loads(verdicts or "[]")
    guard = next((verdict["guard"] for verdict in told if verdict["reason"] == reason), "")
    return (policy, at[:10], guard, reason or "")


def open_index(database: Path) -> AuditIndex:
    """Open the index of a database for taking in; one that is missing, damaged or another's is begun anew."""
    path = index_path(database)
    source = _reader(database)
    try:
        connection = _opened(path, source)
    except BaseException:
        source.close()
        raise
    return AuditIndex(connection, source)


def _opened(path: Path, source: sqlite3.Connection) -> sqlite3.Connection:
    connection = None
    with suppress(sqlite3.Error):
        connection = _connect(path)
        if _fits(connection, source):
            return connection
    if connection is not None:
        connection.close()
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        path.with_name(name).unlink(missing_ok=True)
    connection = _connect(path)
    connection.execute("BEGIN IMMEDIATE")
    for table in _TABLES:
        connection.execute(table)
    begin = checkpoint_of(source)
    connection.execute(
        "INSERT INTO progress VALUES (?, ?, 0, ?)", (begin.sequence, begin.hash, begin.sequence)
    )
    connection.execute(f"PRAGMA user_version = {_VERSION}")
    connection.execute("COMMIT")
    return connection


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    # What a power cut takes away is taken in again.
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def _reader(database: Path) -> sqlite3.Connection:
    source = sqlite3.connect(
        f"{database.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
    )
    source.row_factory = sqlite3.Row
    return source


def _fits(connection: sqlite3.Connection, source: sqlite3.Connection) -> bool:
    """Whether the index was made of this very log: a restored backup may have gone on differently."""
    if connection.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
        return False
    sequence, noted, decision_id, _ = _progress(connection)
    row = source.execute("SELECT hash FROM audit WHERE sequence = ?", (sequence,)).fetchone()
    if row is None:
        checkpoint = checkpoint_of(source)
        if sequence > checkpoint.sequence:
            return False
        row = (noted if sequence < checkpoint.sequence else checkpoint.hash,)
    newest = source.execute("SELECT max(id) FROM decisions").fetchone()[0] or 0
    return bool(row[0] == noted and decision_id <= newest and not _mostly_pruned(connection, source))


def _mostly_pruned(connection: sqlite3.Connection, source: sqlite3.Connection) -> bool:
    """Whether more than half of what the index holds is no longer in the log: time to make a smaller one."""
    first = connection.execute("SELECT min(first) FROM spans").fetchone()[0]
    kept = source.execute("SELECT min(sequence) FROM audit").fetchone()[0]
    if first is None or kept is None:
        return False
    sequence = _progress(connection)[0]
    return bool(kept - first > sequence - kept)


def _progress(connection: sqlite3.Connection) -> tuple[Any, ...]:
    row: tuple[Any, ...] = connection.execute(
        "SELECT sequence, hash, decision_id, forgotten FROM progress"
    ).fetchone()
    return row
