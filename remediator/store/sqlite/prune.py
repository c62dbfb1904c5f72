"""What is over leaves the database, a batch at a time; what is open stays, and all that it points at.

Rows go in the order in which they point at each other, by queries that look at a bounded stretch of a table
each. The newest row of a table stays whatever its age: SQLite would give its number to the next one, and the
audit log goes by these numbers.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from remediator.store.archives import Archive
from remediator.store.sqlite.rows import to_text
from remediator.store.sqlite.schema import NOT_TERMINAL, STANDING

_AUDIT_BATCH = 100
_STRETCH = 2000
_THESE = "(SELECT value FROM json_each(:these))"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of row that leaves, with what belongs to it."""

    table: str
    time: str
    """When a row was made. Rows are looked at by number, up to the first stretch that ends too late."""
    leaves: str
    """Which rows of those that were made `:before` leave."""
    belongs: Mapping[str, str]
    """By table, which rows leave with `_THESE`; in the order in which they point at each other."""
    batch: int
    """How many leave in one transaction: a few milliseconds' worth."""
    of_deliveries: bool = False
    """Whether it is kept for as long as deliveries are."""


def _closed(episode_id: str) -> str:
    """Return the condition that an episode is over for long, or that there is none."""
    return (
        f"({episode_id} IS NULL OR EXISTS (SELECT 1 FROM episodes AS own WHERE own.id = {episode_id}"  # nosec B608  # only names of the code
        f" AND own.closed_at < :before))"
    )


def _no_timer(kinds: str, subject: str) -> str:
    return f"NOT EXISTS (SELECT 1 FROM timers WHERE kind IN ({kinds}) AND subject_id = {subject})"  # nosec B608  # only names of the code


def _ended(run: str) -> str:
    """Return the condition that a run ended long ago, and that nothing it changed for a time still stands."""
    state = NOT_TERMINAL.replace("state", f"{run}.state", 1)
    return (
        f"({run}.finished_at < :before AND NOT ({state})"  # nosec B608  # only names of the code
        f" AND {_no_timer(_TIMERS_OF_RUNS, f'{run}.id')}"
        f" AND NOT EXISTS (SELECT 1 FROM claims WHERE run_id = {run}.id)"
        f" AND NOT EXISTS (SELECT 1 FROM leases WHERE run_id = {run}.id AND {STANDING})"
        f" AND NOT EXISTS (SELECT 1 FROM approvals WHERE run_id = {run}.id AND state = 'pending')"
        f" AND NOT EXISTS (SELECT 1 FROM notices WHERE run_id = {run}.id"
        f"  AND (state = 'pending' OR created_at >= :before))"
        f" AND NOT EXISTS (SELECT 1 FROM decisions WHERE run_id = {run}.id AND (at >= :before"
        f"  OR id = (SELECT max(id) FROM decisions)"
        f"  OR EXISTS (SELECT 1 FROM shadow_observations WHERE decision_id = decisions.id)))"
        # What was last done for an alert that still fires.
        f" AND NOT EXISTS (SELECT 1 FROM admissions WHERE run_id = {run}.id"
        f"  AND NOT {_closed('admissions.episode_id')})"
        f" AND {run}.id NOT IN ({_NEWEST_OF_RUNS}))"
    )


_TIMERS_OF_RUNS = "'drive', 'lease', 'report', 'news_update'"
_OF_RUNS = ("approvals", "leases", "steps", "notices", "decisions", "run_episodes")
_NEWEST_OF_RUNS = " UNION ALL ".join(
    (
        "SELECT max(id) FROM runs",
        *(
            f"SELECT run_id FROM {table} WHERE id = (SELECT max(id) FROM {table}) AND run_id IS NOT NULL"  # nosec B608  # only names of the code
            for table in ("steps", "leases", "approvals", "notices")
        ),
        "SELECT run_id FROM approvals WHERE id ="
        " (SELECT approval_id FROM votes WHERE id = (SELECT max(id) FROM votes))",
    )
)
_NEWEST_OF_EPISODES = " UNION ALL ".join(
    (
        "SELECT max(id) FROM episodes",
        *(
            f"SELECT episode_id FROM {table} WHERE id = (SELECT max(id) FROM {table})"  # nosec B608  # only names of the code
            for table in ("admissions", "escalations")
        ),
    )
)
# A run leaves together with the runs that undid it, or not at all.
_FAMILY = f"(SELECT id FROM runs AS part WHERE part.id IN {_THESE} OR part.parent_run_id IN {_THESE})"  # nosec B608  # only names of the code


def _unless_newest(table: str, condition: str) -> str:
    return f"{condition} AND id < (SELECT max(id) FROM {table})"  # nosec B608  # only names of the code


KINDS = (
    Kind(
        "receipts",
        "received_at",
        _unless_newest("receipts", "received_at < :before"),
        {},
        200,
        of_deliveries=True,
    ),
    Kind(
        "quarantine",
        "received_at",
        _unless_newest("quarantine", "received_at < :before"),
        {},
        100,
        of_deliveries=True,
    ),
    Kind(
        "deliveries",
        "received_at",
        _unless_newest(
            "deliveries",
            "received_at < :before"
            " AND NOT EXISTS (SELECT 1 FROM receipts WHERE delivery_id = deliveries.id)"
            " AND NOT EXISTS (SELECT 1 FROM quarantine WHERE delivery_id = deliveries.id)",
        ),
        {},
        200,
        of_deliveries=True,
    ),
    Kind(
        "shadow_observations",
        "decided_at",
        _unless_newest(
            "shadow_observations",
            f"finished_at < :before AND {_no_timer(repr('shadow'), 'shadow_observations.id')}",
        ),
        {},
        50,
    ),
    Kind(
        "notices",
        "created_at",
        _unless_newest(
            "notices",
            "state <> 'pending' AND COALESCE(finished_at, created_at) < :before AND run_id IS NULL"
            f" AND {_closed('notices.episode_id')}",
        ),
        {},
        100,
    ),
    Kind(
        "runs",
        "created_at",
        f"parent_run_id IS NULL AND {_ended('runs')}"  # nosec B608  # only names of the code
        " AND NOT EXISTS (SELECT 1 FROM runs AS child WHERE child.parent_run_id = runs.id"
        f"  AND NOT ({_ended('child')}"
        "   AND NOT EXISTS (SELECT 1 FROM runs AS third WHERE third.parent_run_id = child.id)))",
        {
            "votes": f"approval_id IN (SELECT id FROM approvals WHERE run_id IN {_FAMILY})",  # nosec B608  # only names of the code
            **dict.fromkeys(_OF_RUNS, f"run_id IN {_FAMILY}"),
        },
        20,
    ),
    Kind(
        "decisions",
        "at",
        _unless_newest(
            "decisions",
            "at < :before AND run_id IS NULL"  # nosec B608  # only names of the code
            " AND NOT EXISTS (SELECT 1 FROM shadow_observations WHERE decision_id = decisions.id)"
            f" AND ({_closed('decisions.episode_id')} OR EXISTS (SELECT 1 FROM decisions AS later"
            "  WHERE later.episode_id = decisions.episode_id AND later.policy IS decisions.policy"
            "  AND later.id > decisions.id))",
        ),
        {},
        100,
    ),
    Kind("shadow_starts", "at", _unless_newest("shadow_starts", "at < :before"), {}, 200),
    Kind(
        "episodes",
        "opened_at",
        "closed_at < :before AND last_seen_at < :before"
        + "".join(
            f" AND NOT EXISTS (SELECT 1 FROM {table} WHERE episode_id = episodes.id)"  # nosec B608  # only names of the code
            for table in (
                "receipts",
                "runs",
                "run_episodes",
                "decisions",
                "shadow_observations",
                "shadow_starts",
                "notices",
            )
        )
        + " AND NOT EXISTS (SELECT 1 FROM admissions JOIN timers ON subject_id = admissions.id"  # nosec B608  # only names of the code
        "  AND kind = 'decide' WHERE episode_id = episodes.id)"
        " AND NOT EXISTS (SELECT 1 FROM escalations JOIN timers ON subject_id = escalations.id"
        "  AND kind = 'escalation' WHERE episode_id = episodes.id)"
        f" AND id NOT IN ({_NEWEST_OF_EPISODES})",
        dict.fromkeys(("escalations", "admissions"), f"episode_id IN {_THESE}"),
        50,
    ),
    Kind(
        "breaker_closings",
        "at",
        _unless_newest(
            "breaker_closings",
            "at < :before AND EXISTS (SELECT 1 FROM breaker_closings AS later"
            " WHERE later.policy = breaker_closings.policy AND later.at > breaker_closings.at)",
        ),
        {},
        100,
    ),
    Kind(
        "holds",
        "created_at",
        _unless_newest("holds", "(removed_at < :before OR expires_at < :before)")
        + f" AND {_no_timer(repr('hold_expiry'), 'holds.id')}",
        {},
        100,
    ),
    Kind("storms", "began_at", _unless_newest("storms", "ended_at < :before"), {}, 100),
)
"""What leaves, in the order in which it does."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What is over of a stretch of a table. `after` is where the next one begins; None after the last."""

    over: list[int]
    after: int | None


def look_for(connection: sqlite3.Connection, kind: Kind, before: datetime, after: int) -> Stretch:
    """Look through the next stretch of a table; changes nothing."""
    sql = f"SELECT id, {kind.time} FROM {kind.table} WHERE id > ? ORDER BY id LIMIT ?"  # nosec B608  # only names of the code
    rows = connection.execute(sql, (after, _STRETCH)).fetchall()
    if not rows:
        return Stretch([], None)
    last, newest = rows[-1]
    text = to_text(before)
    found = connection.execute(
        f"SELECT id FROM {kind.table} WHERE id > :after AND id <= :last AND ({kind.leaves})",  # nosec B608  # only names of the code
        {"after": after, "last": last, "before": text},
    ).fetchall()
    ended = len(rows) < _STRETCH or newest >= text
    return Stretch([row[0] for row in found], None if ended else last)


def remove(
    connection: sqlite3.Connection, kind: Kind, before: datetime, over: Sequence[int]
) -> Mapping[str, int]:
    """Remove what was found, where it is still over, with what belongs to it; returns counts by table."""
    left: Counter[str] = Counter()
    still = connection.execute(
        f"SELECT id FROM {kind.table} WHERE id IN {_THESE} AND ({kind.leaves})",  # nosec B608  # only names of the code
        {"these": json.dumps(over), "before": to_text(before)},
    ).fetchall()
    named = {"these": json.dumps([row[0] for row in still])}
    if kind.table == "runs":
        # Only those of episodes that are over point at them still; they leave next.
        connection.execute(f"UPDATE admissions SET run_id = NULL WHERE run_id IN {_FAMILY}", named)  # nosec B608  # only names of the code
    for table, which in kind.belongs.items():
        left[table] += connection.execute(f"DELETE FROM {table} WHERE {which}", named).rowcount  # nosec B608  # only names of the code
    if kind.table == "runs":
        undone = f"DELETE FROM runs WHERE parent_run_id IN {_THESE}"  # nosec B608  # only names of the code
        left["runs"] += connection.execute(undone, named).rowcount
    left[kind.table] += connection.execute(f"DELETE FROM {kind.table} WHERE id IN {_THESE}", named).rowcount  # nosec B608  # only names of the code
    return +left


def note_archive(connection: sqlite3.Connection, archive: Archive, at: datetime) -> None:
    """Note that the log was archived up to a row, which lets it leave.

    Raises:
        sqlite3.IntegrityError: when the log has no such row.
    """
    connection.execute(
        "INSERT INTO audit_checkpoints (sequence, hash, archived_to, at) VALUES (?, ?, ?, ?)",
        (archive.last, archive.hash, archive.path.name, to_text(at)),
    )


def drop_archived(connection: sqlite3.Connection, last: int) -> int:
    """Remove a batch of the log's oldest rows up to `last`; returns how many there were.

    Raises:
        sqlite3.IntegrityError: for rows that were not archived.
    """
    removed = connection.execute(
        "DELETE FROM audit WHERE sequence IN"
        " (SELECT sequence FROM audit WHERE sequence <= ? ORDER BY sequence LIMIT ?)",
        (last, _AUDIT_BATCH),
    )
    return removed.rowcount
