"""Numbers of one policy: runs by their index, blocked decisions from the counts beside the database."""

from __future__ import annotations

import sqlite3
from collections import Counter
from datetime import date, datetime

from remediator.runs.policy_numbers import Blocked, PolicyNumbers, days_of
from remediator.runs.states import RunState
from remediator.store.sqlite.audit_index import blocked_day
from remediator.store.sqlite.audit_search import INDEX

_RUNS = """
SELECT substr(created_at, 1, 10), state, count(*) FROM runs
WHERE kind = 'remediation' AND policy = ? AND created_at >= ? AND created_at < ? GROUP BY 1, 2
"""
_RECOVERIES = """
SELECT runs.finished_at, episodes.opened_at FROM runs JOIN episodes ON episodes.id = runs.episode_id
WHERE runs.kind = 'remediation' AND runs.policy = ? AND runs.created_at >= ? AND runs.created_at < ?
  AND runs.state = 'succeeded' AND runs.finished_at IS NOT NULL
"""
_COUNTED = (
    f"SELECT guard, reason, sum(count) FROM {INDEX}.blocked_days"  # nosec B608  # only names of the code's own catalogs; values are bound
    " WHERE policy = ? AND day BETWEEN ? AND ? GROUP BY guard, reason"
)
_UNCOUNTED = (
    "SELECT outcome, policy, reason, verdicts, at FROM decisions WHERE policy = ? AND id > ? ORDER BY id"
)


def policy_numbers(
    connection: sqlite3.Connection, policy: str, first: date, last: date, *, indexed: bool
) -> PolicyNumbers:
    """Return a policy's numbers of the days `first` to `last` (UTC), both included."""
    # Times are text that begins with the day: the day after it comes after all of it.
    span = (policy, first.isoformat(), f"{last.isoformat()}~")
    states = {
        (date.fromisoformat(day), RunState(state)): count
        for day, state, count in connection.execute(_RUNS, span)
    }
    recoveries = [
        datetime.fromisoformat(finished) - datetime.fromisoformat(opened)
        for finished, opened in connection.execute(_RECOVERIES, span)
    ]
    return PolicyNumbers(
        days=days_of(states, first, last),
        blocked=_blocked(connection, policy, first, last, indexed=indexed),
        recoveries=recoveries,
    )


def _blocked(
    connection: sqlite3.Connection, policy: str, first: date, last: date, *, indexed: bool
) -> list[Blocked]:
    counts: Counter[tuple[str, str]] = Counter()
    reached = 0
    if indexed:
        reached = connection.execute(f"SELECT decision_id FROM {INDEX}.progress").fetchone()[0]  # nosec B608  # only names of the code's own catalogs; values are bound
        span = (policy, first.isoformat(), last.isoformat())
        counts.update({(guard, why): count for guard, why, count in connection.execute(_COUNTED, span)})
    for outcome, name, reason, verdicts, at in connection.execute(_UNCOUNTED, (policy, reached)):
        counted = blocked_day(outcome, name, reason, verdicts, at)
        if counted is not None and first.isoformat() <= counted[1] <= last.isoformat():
            counts[counted[2:]] += 1
    return [Blocked(guard, reason, count) for (guard, reason), count in counts.most_common()]
