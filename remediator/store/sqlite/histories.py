"""History for guards: starts, finishes, live runs and those who wait, each by one indexed query."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from remediator.runs.history import Finish, History, Leased, LiveRun, Start, Waiting
from remediator.runs.records import Claim, Hold, Lease
from remediator.runs.states import RunState
from remediator.store.sqlite.schema import NOT_TERMINAL, STANDING

LOCKING = "state IN ('running', 'verifying', 'reverting')"


def history_of(
    connection: sqlite3.Connection,
    *,
    since: str,
    elsewhere_since: str,
    others_since: str,
    policy: str,
    target: str | None,
    shadow: bool,
    claims: tuple[Claim, ...],
    leases: tuple[Lease, ...],
    holds: tuple[Hold, ...],
    storm_since: datetime | None,
) -> History:
    """Gather a history that reaches back to `since` on a target, to `elsewhere_since` on the policy's others,
    and of other policies to `others_since`."""
    reach = _Reach(policy, target or "", since, elsewhere_since, others_since)
    return History(
        starts=_shadow_starts(connection, reach) if shadow else _starts(connection, reach),
        finishes=_finishes(connection, reach),
        breaker_closed_at=_breaker_closed_at(connection, policy),
        live=_live(connection),
        claims=claims,
        leases=leases,
        holds=holds,
        storm_since=storm_since,
        leased=_leased(connection),
        waiting=_waiting(connection, target),
        openings=_openings(connection, since, policy, target),
        ends=_ends(connection, since, policy, target),
    )


class _Reach(NamedTuple):
    """Whose past on what, since when; and since when of the others. The values of `_within`."""

    policy: str
    target: str
    since: str
    elsewhere_since: str
    others_since: str


def _within(columns: str, table: str, at: str, also: str = "1") -> str:
    """Return a query of rows of a target, of a policy's others and of other policies; by an index each."""
    part = f"SELECT {columns}, id FROM {table} WHERE {also} AND"  # nosec B608  # only names of the code's own catalogs; values are bound
    return (
        f"{part} policy = :policy AND target = :target AND {at} >= :since"
        f" UNION ALL {part} policy = :policy AND target <> :target AND {at} >= :elsewhere_since"
        f" UNION ALL {part} policy <> :policy AND {at} >= :others_since"
        f" ORDER BY 1 DESC, id DESC"
    )


_REMEDIATIONS = "kind = 'remediation'"
_STARTS = _within("started_at, policy, target", "runs", "started_at", _REMEDIATIONS)
_SHADOW_STARTS = _within("at, policy, target", "shadow_starts", "at")
_FINISHES = _within(
    "finished_at, policy, target, state, relapsed_at",
    "runs",
    "finished_at",
    f"{_REMEDIATIONS} AND NOT ({NOT_TERMINAL})",
)


def _starts(connection: sqlite3.Connection, reach: _Reach) -> tuple[Start, ...]:
    rows = connection.execute(_STARTS, reach._asdict())
    return tuple(_start(*row) for row in rows)


def _shadow_starts(connection: sqlite3.Connection, reach: _Reach) -> tuple[Start, ...]:
    rows = connection.execute(_SHADOW_STARTS, reach._asdict())
    return tuple(_start(at, policy, target, 0) for at, policy, target, _ in rows)


def _finishes(connection: sqlite3.Connection, reach: _Reach) -> tuple[Finish, ...]:
    rows = connection.execute(_FINISHES, reach._asdict())
    return tuple(_finish(*row) for row in rows)


# In a storm each decision reads the same starts and finishes: what was read once is not made again.
_REMEMBERED = 8192


@lru_cache(_REMEMBERED)
def _start(at: str, policy: str, target: str, run_id: int) -> Start:
    return Start(datetime.fromisoformat(at), policy, target, run_id)


@lru_cache(_REMEMBERED)
def _finish(at: str, policy: str, target: str, state: str, relapsed_at: str | None, run_id: int) -> Finish:
    return Finish(
        datetime.fromisoformat(at), policy, target, run_id, RunState(state), relapsed_at is not None
    )


def _breaker_closed_at(connection: sqlite3.Connection, policy: str) -> datetime | None:
    row = connection.execute("SELECT max(at) FROM breaker_closings WHERE policy = ?", (policy,)).fetchone()
    return datetime.fromisoformat(row[0]) if row[0] else None


def _live(connection: sqlite3.Connection) -> tuple[LiveRun, ...]:
    rows = connection.execute(f"SELECT id, policy, target, state FROM runs WHERE {LOCKING} ORDER BY id")  # nosec B608  # only names of the code's own catalogs; values are bound
    return tuple(LiveRun(run, policy, target, RunState(state)) for run, policy, target, state in rows)


def _leased(connection: sqlite3.Connection) -> tuple[Leased, ...]:
    rows = connection.execute(
        "SELECT DISTINCT runs.id, runs.policy, runs.target FROM leases JOIN runs ON runs.id = leases.run_id"  # nosec B608  # only names of the code's own catalogs; values are bound
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


def _waiting(connection: sqlite3.Connection, target: str | None) -> tuple[Waiting, ...]:
    where, values = ("", ()) if target is None else (" AND target = ?", (target,))
    rows = connection.execute(
        "SELECT id, policy, target, priority, created_at FROM admissions"  # nosec B608  # only names of the code's own catalogs; values are bound
        f" WHERE done = 0 AND reason = 'target_busy'{where} ORDER BY priority, id",
        values,
    )
    return tuple(
        Waiting(admission, policy, target, priority, datetime.fromisoformat(since))
        for admission, policy, target, priority, since in rows
    )
