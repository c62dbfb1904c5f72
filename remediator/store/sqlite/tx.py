"""One transaction: reads, and the writes of the engine."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from remediator.runs.audit import AuditEntry, AuditRow, chain
from remediator.runs.episodes import Admission, Episode
from remediator.runs.reasons import Reason
from remediator.runs.records import PolicyVersion, Run, TimerKind
from remediator.runs.waiting import MIDDLE
from remediator.store.base import ConflictError, StoreCorruptError
from remediator.store.sqlite.checkpoints import checkpoint_of
from remediator.store.sqlite.failures import is_duplicate
from remediator.store.sqlite.lines import wake_after, wake_all, wake_first, wake_line
from remediator.store.sqlite.open_episodes import Identity, OpenEpisodes
from remediator.store.sqlite.pages import AUDIT_COLUMNS
from remediator.store.sqlite.reads import SqliteReads
from remediator.store.sqlite.rows import TABLES, to_text

R = TypeVar("R", bound=Any)

_AUDIT_INSERT = f"INSERT INTO audit ({AUDIT_COLUMNS}) VALUES ({', '.join('?' * 13)})"  # nosec B608  # only names of the code's own catalogs; values are bound


class SqliteTx(SqliteReads):
    """Writes on the one writing connection. `audited` are the rows appended so far.

    `head` is the newest audit row's sequence and hash, where the caller knows them.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        episodes: OpenEpisodes | None = None,
        head: tuple[int, str] | None = None,
    ) -> None:
        super().__init__(connection)
        self._episodes = episodes or OpenEpisodes()
        self.head = head
        self.audited: list[AuditRow] = []
        self.noted: list[Identity] = []
        """Whose open episode was read or written."""

    def open_episode(self, source: str, fingerprint: str) -> Episode | None:
        """Return the open episode of an identity."""
        episode = self._episodes.get((source, fingerprint))
        if episode is None:
            episode = super().open_episode(source, fingerprint)
            if episode is not None:
                self._note(episode)
        return episode

    def insert(self, record: Any) -> int:
        """Insert a record and return its id."""
        table = TABLES[type(record)]
        return self._run(f"INSERT {table.insert}", table.encode(record)[1:]).lastrowid or 0

    def add(self, record: R) -> R:
        """Insert a record and return it with its id."""
        added = replace(record, id=self.insert(record))
        if type(record) is Episode:
            self._note(added)
        return added

    def append(self, records: Sequence[Any]) -> None:
        """Insert records of one kind whose ids nobody needs."""
        if records:
            table = TABLES[type(records[0])]
            rows = [table.encode(record)[1:] for record in records]
            self._connection.executemany(f"INSERT {table.insert}", rows)

    def save(self, record: R, *fields: str) -> R:
        """Overwrite a record by its id; only these fields of it, where any are named."""
        table = TABLES[type(record)]
        update, values = (
            (table.update, table.encode(record)[1:]) if not fields else table.part(record, fields)
        )
        if self._run(f"{update}id = ?", (*values, record.id)).rowcount != 1:
            raise ConflictError(f"there is no {type(record).__name__} {record.id} to save")
        if type(record) is Episode:
            self._note(record)
        return record

    def save_owned(self, run: Run) -> Run:
        """Overwrite a run whose stored epoch is `run.epoch`."""
        table = TABLES[Run]
        values = (*table.encode(run)[1:], run.id, run.epoch)
        if self._run(f"{table.update}id = ? AND epoch = ?", values).rowcount != 1:
            raise ConflictError(f"run {run.id} is no longer owned by this worker")
        return run

    def join(self, run_id: int, episode_id: int, at: datetime) -> bool:
        """Link an episode to a run; False when it was already."""
        cursor = self._run(
            "INSERT OR IGNORE INTO run_episodes VALUES (?, ?, ?)", (run_id, episode_id, to_text(at))
        )
        return cursor.rowcount == 1

    def claim(self, resources: Sequence[str], run_id: int, at: datetime) -> None:
        """Take locks for a run, all or none; what the run already holds is kept."""
        for resource in resources:
            holder = self._connection.execute(
                "SELECT run_id FROM claims WHERE resource = ?", (resource,)
            ).fetchone()
            if holder is not None and holder[0] != run_id:
                raise ConflictError(f"{resource} is locked by run {holder[0]}")
        for resource in resources:
            self._run("INSERT OR IGNORE INTO claims VALUES (?, ?, ?)", (resource, run_id, to_text(at)))

    def release(self, run_id: int) -> int:
        """Give all of a run's locks back; returns how many."""
        return self._run("DELETE FROM claims WHERE run_id = ?", (run_id,)).rowcount

    def shadow_start(self, policy: str, target: str, episode_id: int | None, at: datetime) -> None:
        """Note in shadow's ledger that a run would have started."""
        self._run(
            "INSERT INTO shadow_starts (at, policy, target, episode_id) VALUES (?, ?, ?, ?)",
            (to_text(at), policy, target, episode_id),
        )

    def close_failure_breaker(self, policy: str, actor: str, at: datetime) -> None:
        """Note that a person closed a policy's failure breaker."""
        self._run(
            "INSERT INTO breaker_closings (at, policy, actor) VALUES (?, ?, ?)", (to_text(at), policy, actor)
        )

    def set_timer(
        self,
        kind: TimerKind,
        subject_id: int,
        due_at: datetime,
        priority: int = 100,
        severity: int = MIDDLE,
    ) -> None:
        """Set or move a timer."""
        self._run(
            "INSERT INTO timers (kind, subject_id, due_at, priority, severity) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (kind, subject_id) DO UPDATE SET due_at = excluded.due_at,"
            " priority = excluded.priority, severity = excluded.severity",
            (str(kind), subject_id, to_text(due_at), priority, severity),
        )

    def clear_timer(self, kind: TimerKind, subject_id: int, due_by: datetime | None = None) -> None:
        """Remove a timer, if there; with `due_by` only if it was not set to a later time meanwhile."""
        sql, values = "DELETE FROM timers WHERE kind = ? AND subject_id = ?", (str(kind), subject_id)
        if due_by is None:
            self._run(sql, values)
        else:
            self._run(f"{sql} AND due_at <= ?", (*values, to_text(due_by)))

    def wake_waiting(self, at: datetime, target: str | None = None) -> int:
        """Make due at `at` the first of each line of those who wait, and the first for `target`."""
        return wake_first(self._connection, to_text(at), target)

    def wake_all(self, reason: Reason, at: datetime) -> int:
        """Make due at `at` whoever waits for one reason, and all runs that wait."""
        return wake_all(self._connection, reason, to_text(at))

    def wake_after(self, left: Admission | Run, at: datetime) -> bool:
        """Make due at `at` the next in the line that `left` stood in; False when nobody does."""
        return wake_after(self._connection, left, to_text(at))

    def wake_line(self, left: Admission, at: datetime) -> bool:
        """Make due at `at` the first of the line that `left` stood in; False when nobody is left."""
        return wake_line(self._connection, left, to_text(at))

    def keep_policy(self, version: PolicyVersion) -> None:
        """Keep a policy's document, once per hash."""
        table = TABLES[PolicyVersion]
        self._run(f"INSERT OR IGNORE {table.insert}", table.encode(version))

    def audit(self, entry: AuditEntry) -> AuditRow:
        """Append to the audit log, chained to the row before."""
        head = self.head or self._newest()
        row = chain(entry, head[0] + 1, head[1])
        cursor = self._run(_AUDIT_INSERT, row)
        if cursor.rowcount != 1:  # a trigger that is not ours can swallow rows without an error
            raise StoreCorruptError(
                f"the audit log did not keep row {row.sequence}; `remediator audit verify` says why"
            )
        self.head = (row.sequence, row.hash)
        self.audited.append(row)
        return row

    def _newest(self) -> tuple[int, str]:
        head: tuple[int, str] | None = self._connection.execute(
            "SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1"
        ).fetchone()
        if head is not None:
            return head
        checkpoint = checkpoint_of(self._connection)  # all of it was archived, or nothing was written yet
        return checkpoint.sequence, checkpoint.hash

    def _note(self, episode: Episode) -> None:
        self._episodes.note(episode)
        self.noted.append((episode.source, episode.fingerprint))

    def _run(self, sql: str, values: Sequence[Any]) -> sqlite3.Cursor:
        try:
            return self._connection.execute(sql, values)
        except sqlite3.IntegrityError as error:
            if not is_duplicate(error):
                raise  # a mistake in the code, which nobody should take for a race that was lost
            raise ConflictError(str(error)) from error
