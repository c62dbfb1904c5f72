"""What can be asked of a connection. Hot queries are fixed SQL; pages are built from checked names."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, TypeVar

from remediator.runs.audit import AuditRow
from remediator.runs.episodes import Admission, Episode, Receipt
from remediator.runs.history import History
from remediator.runs.policy_numbers import PolicyNumbers
from remediator.runs.records import (
    ApprovalRequest,
    Claim,
    Hold,
    Lease,
    PolicyVersion,
    Run,
    StepRecord,
    Timer,
    TimerKind,
    Vote,
)
from remediator.runs.schedules import Schedule
from remediator.runs.storms import Storm
from remediator.store.base import Filter, Order
from remediator.store.sqlite.audit_search import audit_page
from remediator.store.sqlite.histories import LOCKING, history_of
from remediator.store.sqlite.lines import ahead_of
from remediator.store.sqlite.pages import AUDIT_COLUMNS, bindable, page_clauses, to_audit_row
from remediator.store.sqlite.policy_numbers import policy_numbers
from remediator.store.sqlite.rows import TABLES, to_text
from remediator.store.sqlite.schema import NOT_TERMINAL, STANDING

R = TypeVar("R")


class SqliteReads:
    """Reads on one connection, within whatever transaction it is in."""

    def __init__(self, connection: sqlite3.Connection, *, indexed: bool = False) -> None:
        self._connection = connection
        self._indexed = indexed

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection, for what only this kind of store can do; within the transaction it is in."""
        return self._connection

    def get(self, kind: type[R], record_id: int) -> R | None:
        """Return one record by id."""
        return self._one(kind, "id = ?", bindable(record_id))

    def select(self, kind: type[R], where: Filter) -> list[R]:
        """Return a page of records."""
        table = TABLES[kind]
        clauses, values = page_clauses(where, {*table.names}, "id", table.time)
        direction = "DESC" if where.order is Order.NEWEST else "ASC"
        return self._many(kind, f"{clauses} ORDER BY id {direction} LIMIT ?", *values, where.limit)

    def open_episode(self, source: str, fingerprint: str) -> Episode | None:
        """Return the open episode of an identity."""
        return self._one(Episode, "source = ? AND fingerprint = ? AND closed_at IS NULL", source, fingerprint)

    def last_closed_episode(self, source: str, fingerprint: str) -> Episode | None:
        """Return the episode of an identity that closed last."""
        clause = "source = ? AND fingerprint = ? AND closed_at IS NOT NULL ORDER BY closed_at DESC, id DESC"
        return self._one(Episode, clause, source, fingerprint)

    def open_episodes(
        self, source: str | None = None, *, not_seen_after: datetime | None = None
    ) -> list[Episode]:
        """Return all open episodes, oldest first; of a source, or those last seen by a time."""
        clause, values = "closed_at IS NULL", []
        if source is not None:
            clause += " AND source = ?"
            values.append(source)
        if not_seen_after is not None:
            clause += " AND last_seen_at <= ?"
            values.append(to_text(not_seen_after))
        return self._many(Episode, f"{clause} ORDER BY id", *values)

    def last_late_receipt(self, source: str, fingerprint: str, since: datetime) -> Receipt | None:
        """Return the newest receipt handled as `late` for an identity, received after `since`."""
        clause = "source = ? AND fingerprint = ? AND handling = 'late' AND received_at >= ? ORDER BY id DESC"
        return self._one(Receipt, clause, source, fingerprint, to_text(since))

    def admission(self, episode_id: int, policy: str) -> Admission | None:
        """Return the admission of an (episode, policy) pair."""
        return self._one(Admission, "episode_id = ? AND policy = ?", episode_id, policy)

    def admissions_of_episode(self, episode_id: int) -> list[Admission]:
        """Return all admissions of an episode."""
        return self._many(Admission, "episode_id = ? ORDER BY id", episode_id)

    def history(
        self,
        *,
        now: datetime,
        since: datetime,
        policy: str,
        shadow: bool,
        target: str | None = None,
        elsewhere_since: datetime | None = None,
        others_since: datetime | None = None,
    ) -> History:
        """Gather what a decision may look at."""
        elsewhere = since if target is None or elsewhere_since is None else max(since, elsewhere_since)
        leases = self._many(Lease, f"{STANDING} ORDER BY id")
        storm = self.storm()
        return history_of(
            self._connection,
            since=to_text(since),
            elsewhere_since=to_text(elsewhere),
            others_since=to_text(max(since, others_since or since)),
            policy=policy,
            target=target,
            shadow=shadow,
            claims=tuple(self.claims()),
            leases=tuple(leases),
            holds=tuple(self.active_holds(now)),
            storm_since=storm.began_at if storm else None,
        )

    def live_run(self, policy: str, target: str) -> Run | None:
        """Return the remediation run of (policy, target) that is not terminal, if any."""
        clause = f"policy = ? AND target = ? AND kind = 'remediation' AND {NOT_TERMINAL} ORDER BY id"
        return self._one(Run, clause, policy, target)

    def leased_run(self, policy: str, target: str) -> Run | None:
        """Return the newest run of (policy, target) whose lease is open or overdue, if any."""
        clause = "policy = ? AND target = ? AND lease IN ('open', 'overdue') ORDER BY id DESC"
        return self._one(Run, clause, policy, target)

    def runs_serving(self, episode_id: int) -> list[Run]:
        """Return the runs that an episode started or joined."""
        clause = "id IN (SELECT run_id FROM run_episodes WHERE episode_id = ?) ORDER BY id"
        return self._many(Run, clause, episode_id)

    def episodes_of_run(self, run_id: int) -> list[Episode]:
        """Return the episodes that a run serves."""
        clause = "id IN (SELECT episode_id FROM run_episodes WHERE run_id = ?) ORDER BY id"
        return self._many(Episode, clause, run_id)

    def runs_under_way(self) -> int:
        """Return how many runs hold their locks."""
        row = self._connection.execute(f"SELECT count(*) FROM runs WHERE {LOCKING}").fetchone()  # nosec B608  # only names of the code's own catalogs; values are bound
        return int(row[0])

    def child_runs(self, run_id: int) -> list[Run]:
        """Return the revert runs of a run, oldest first."""
        return self._many(Run, "parent_run_id = ? ORDER BY id", run_id)

    def steps_of_run(self, run_id: int) -> list[StepRecord]:
        """Return a run's steps in the order they were started."""
        return self._many(StepRecord, "run_id = ? ORDER BY id", run_id)

    def leases_of_run(self, run_id: int) -> list[Lease]:
        """Return the leases that a run opened, oldest first."""
        return self._many(Lease, "run_id = ? ORDER BY id", run_id)

    def open_lease(self, resource: str, attribute: str) -> Lease | None:
        """Return the open or overdue lease on an attribute."""
        return self._one(Lease, f"resource = ? AND attribute = ? AND {STANDING}", resource, attribute)

    def approval_of_run(self, run_id: int) -> ApprovalRequest | None:
        """Return a run's newest approval request."""
        return self._one(ApprovalRequest, "run_id = ? ORDER BY id DESC", run_id)

    def votes(self, approval_id: int) -> list[Vote]:
        """Return the votes on a request, oldest first."""
        return self._many(Vote, "approval_id = ? ORDER BY id", approval_id)

    def active_holds(self, now: datetime) -> list[Hold]:
        """Return holds neither removed nor expired."""
        clause = "removed_at IS NULL AND (expires_at IS NULL OR expires_at > ?) ORDER BY id"
        return self._many(Hold, clause, to_text(now))

    def storm(self) -> Storm | None:
        """Return the storm of alerts that is going on."""
        return self._one(Storm, "ended_at IS NULL ORDER BY id")

    def opened_since(self, since: datetime, most: int) -> int:
        """Return how many episodes were opened after a time, counted up to `most`."""
        row = self._connection.execute(
            "SELECT count(*) FROM (SELECT 1 FROM episodes WHERE opened_at > ? LIMIT ?)",
            (to_text(since), most),
        ).fetchone()
        return int(row[0])

    def claims(self) -> list[Claim]:
        """Return all locks held."""
        return self._many(Claim, "1 ORDER BY resource")

    def due_timers(self, now: datetime, limit: int) -> list[Timer]:
        """Return due timers, lower priority number first, then the more severe, then older."""
        clause = "due_at <= ? ORDER BY priority, severity, due_at, subject_id LIMIT ?"
        return self._many(Timer, clause, to_text(now), limit)

    def longest_due(self, now: datetime, limit: int) -> list[Timer]:
        """Return due timers, whatever their priority, those that are due for longest first."""
        return self._many(Timer, "due_at <= ? ORDER BY due_at, subject_id LIMIT ?", to_text(now), limit)

    def ahead_of(self, waiting: Admission, most: int) -> int:
        """Return how many are before an admission in its line, counted up to `most`."""
        return ahead_of(self._connection, waiting, most)

    def next_due_at(self) -> datetime | None:
        """Return when the earliest timer is due."""
        row = self._connection.execute("SELECT min(due_at) FROM timers").fetchone()
        return datetime.fromisoformat(row[0]) if row[0] else None

    def timers(self, kind: TimerKind) -> int:
        """Return how many timers of a kind are set."""
        row = self._connection.execute("SELECT count(*) FROM timers WHERE kind = ?", (str(kind),)).fetchone()
        return int(row[0])

    def audit_rows(self, where: Filter) -> list[AuditRow]:
        """Return a page of the audit log."""
        return audit_page(self._connection, where, indexed=self._indexed)

    def audit_head(self) -> AuditRow | None:
        """Return the newest audit row."""
        row = self._connection.execute(
            f"SELECT {AUDIT_COLUMNS} FROM audit ORDER BY sequence DESC LIMIT 1"  # nosec B608  # only names of the code's own catalogs; values are bound
        ).fetchone()
        return to_audit_row(row) if row else None

    def policy_numbers(self, policy: str, first: date, last: date) -> PolicyNumbers:
        """Return a policy's numbers over some days."""
        return policy_numbers(self._connection, policy, first, last, indexed=self._indexed)

    def schedule_of(self, policy: str) -> Schedule | None:
        """Return where a policy's schedule stands."""
        return self._one(Schedule, "policy = ?", policy)

    def schedules(self) -> list[Schedule]:
        """Return all schedules."""
        return self._many(Schedule, "1 ORDER BY policy")

    def policy_version(self, content_hash: str) -> PolicyVersion | None:
        """Return a policy's document by hash."""
        return self._one(PolicyVersion, "hash = ?", content_hash)

    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """Return what gauges show."""
        states = self._connection.execute("SELECT state, count(*) FROM runs GROUP BY state").fetchall()
        leases = self._connection.execute(
            f"SELECT policy, count(*) FROM leases WHERE {STANDING} GROUP BY policy"  # nosec B608  # only names of the code's own catalogs; values are bound
        ).fetchall()
        head = self._connection.execute("SELECT max(sequence) FROM audit").fetchone()[0]
        archived = self._connection.execute("SELECT max(sequence) FROM audit_checkpoints").fetchone()[0] or 0
        log = {"head": head or archived, "archived": archived}
        return {"runs_in_state": dict(states), "leases_open": dict(leases), "audit": log}

    def _one(self, kind: type[R], clause: str, *values: Any) -> R | None:
        table = TABLES[kind]
        row = self._connection.execute(f"{table.select}{clause} LIMIT 1", values).fetchone()
        return table.decode(row) if row else None

    def _many(self, kind: type[R], clause: str, *values: Any) -> list[R]:
        table = TABLES[kind]
        return [table.decode(row) for row in self._connection.execute(table.select + clause, values)]
