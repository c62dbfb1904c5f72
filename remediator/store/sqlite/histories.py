"""History for guards: starts, finishes, live runs and those who wait, each by one indexed query."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from remediator.runs.history import Finish, History, Leased, LiveRun, Start, Waiting
from remediator.runs.records import Claim, Hold, Lease
from remediator.runs.states import RunState
from remediator.store.sqlite.schema import NOT_TERMINAL, STANDING

_LOCKING = "state IN ('running', 'verifying', 'reverting')"


def history_of(
    connection: sqlite3.Connection,
    *,
    since: str,
    policy: str,
    target: str | None,
    shadow: bool,
    claims: tuple[Claim, ...],
    leases: tuple[Lease, ...],
    holds: tuple[Hold, ...],
) -> History:
    """Gather a history that reaches back to `since`."""
    return History(
        starts=_shadow_starts(connection, since) if shadow else _starts(connection, since),
        finishes=_finishes(connection, since),
        breaker_closed_at=_breaker_closed_at(connection, policy),
        live=_live(connection),
        claims=claims,
        leases=leases,
        holds=holds,
        leased=_leased(connection),
        waiting=_waiting(connection),
        openings=_openings(connection, since, policy, target),
        ends=_ends(connection, since, policy, target),
    )


def _starts(connection: sqlite3.Connection, since: str) -> tuple[Start, ...]:
    rows = connection.execute(
        "SELECT started_at, policy, target, id FROM runs"
        " WHERE kind = 'remediation' AND started_at >= ? ORDER BY started_at DESC, id DESC",
        (since,),
    )
    return tuple(Start(datetime.fromisoformat(at), policy, target, run) for at, policy, target, run in rows)


def _shadow_starts(connection: sqlite3.Connection, since: str) -> tuple[Start, ...]:
    rows = connection.execute(
        "SELECT at, policy, target FROM shadow_starts WHERE at >= ? ORDER BY at DESC, id DESC", (since,)
    )
    return tuple(Start(datetime.fromisoformat(at), policy, target, 0) for at, policy, target in rows)


def _finishes(connection: sqlite3.Connection, since: str) -> tuple[Finish, ...]:
    rows = connection.execute(
        "SELECT finished_at, policy, target, id, state, relapsed_at FROM runs"
        f" WHERE kind = 'remediation' AND finished_at >= ? AND NOT ({NOT_TERMINAL})"
        " ORDER BY finished_at DESC, id DESC",
        (since,),
    )
    return tuple(
        Finish(datetime.fromisoformat(at), policy, target, run, RunState(state), relapsed is not None)
        for at, policy, target, run, state, relapsed in rows
    )


def _breaker_closed_at(connection: sqlite3.Connection, policy: str) -> datetime | None:
    row = connection.execute("SELECT max(at) FROM breaker_closings WHERE policy = ?", (policy,)).fetchone()
    return datetime.fromisoformat(row[0]) if row[0] else None


def _live(connection: sqlite3.Connection) -> tuple[LiveRun, ...]:
    rows = connection.execute(f"SELECT id, policy, target, state FROM runs WHERE {_LOCKING} ORDER BY id")
    return tuple(LiveRun(run, policy, target, RunState(state)) for run, policy, target, state in rows)


def _leased(connection: sqlite3.Connection) -> tuple[Leased, ...]:
    rows = connection.execute(
        "SELECT DISTINCT runs.id, runs.policy, runs.target FROM leases JOIN runs ON runs.id = leases.run_id"
        f" WHERE leases.{STANDING} ORDER BY runs.id"
    )
    return tuple(Leased(run, policy, target) for run, policy, target in rows)


def _openings(
    connection: sqlite3.Connection, since: str, policy: str, target: str | None
) -> tuple[datetime, ...]:
    rows = connection.execute(
        "SELECT episodes.opened_at FROM admissions JOIN episodes ON episodes.id = admissions.episode_id"
        " WHERE admissions.policy = ? AND admissions.target = ? AND admissions.created_at >= ?"
        " ORDER BY admissions.created_at DESC, admissions.id DESC",
        (policy, target, since),
    )
    return tuple(datetime.fromisoformat(at) for (at,) in rows)


def _ends(
    connection: sqlite3.Connection, since: str, policy: str, target: str | None
) -> tuple[datetime, ...]:
    rows = connection.execute(
        "SELECT finished_at FROM runs WHERE policy = ? AND target = ? AND finished_at >= ?"
        " AND (started_at IS NOT NULL OR kind = 'revert') ORDER BY finished_at DESC, id DESC",
        (policy, target, since),
    )
    return tuple(datetime.fromisoformat(at) for (at,) in rows)


def _waiting(connection: sqlite3.Connection) -> tuple[Waiting, ...]:
    rows = connection.execute(
        "SELECT id, policy, target, priority, created_at FROM admissions"
        " WHERE done = 0 AND reason = 'target_busy' ORDER BY priority, id"
    )
    return tuple(
        Waiting(admission, policy, target, priority, datetime.fromisoformat(since))
        for admission, policy, target, priority, since in rows
    )
