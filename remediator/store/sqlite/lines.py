"""Lines of those who wait for each other: of a long one the first is woken, and lets the next one know.

Waking all of N at each release would have them decided N times N. A line is what one freed thing
can let in: admissions that wait for the same reason, under the same policy, for it is policies
that lock resources and have caps; those that wait for a global cap are one line. A short line is
woken as a whole, for that costs little, and each then says at once what else it waits for.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from remediator.runs.episodes import Admission
from remediator.runs.reasons import Reason
from remediator.runs.records import Run, TimerKind
from remediator.runs.waiting import IN_LINE, ONE_LINE

SHORT = 16
"""How many make a line that is woken as a whole."""
_PLACE = "priority, severity, id"
_LINE = "FROM admissions WHERE done = 0 AND reason = ? AND policy = ?"
_WHOLE_LINE = "FROM admissions WHERE done = 0 AND reason = ?"
_WAKE = "UPDATE timers SET due_at = ? WHERE kind = ? AND subject_id = ? AND due_at > ?"


def wake_first(connection: sqlite3.Connection, at: str, target: str | None) -> int:
    """Wake the first of each line, and the first who waits for `target`; returns how many were."""
    woken = {*_firsts(connection)}
    if target is not None:
        row = connection.execute(
            f"SELECT id {_WHOLE_LINE} AND target = ? ORDER BY priority, id LIMIT 1",
            (Reason.TARGET_BUSY, target),
        ).fetchone()
        woken.update(row or ())
    count = sum(_wake(connection, TimerKind.DECIDE, admission, at) for admission in woken)
    return count + sum(_wake(connection, TimerKind.DRIVE, run, at) for run in _first_runs(connection))


def wake_all(connection: sqlite3.Connection, reason: Reason, at: str) -> int:
    """Wake everybody who waits for one reason, and all runs that wait; returns how many were."""
    ids = connection.execute(f"SELECT id {_WHOLE_LINE} ORDER BY {_PLACE}", (reason,)).fetchall()
    runs = connection.execute(
        "SELECT id FROM runs WHERE state IN ('planned', 'held', 'reverting')"
    ).fetchall()
    count = sum(_wake(connection, TimerKind.DECIDE, admission, at) for (admission,) in ids)
    return count + sum(_wake(connection, TimerKind.DRIVE, run, at) for (run,) in runs)


def wake_after(connection: sqlite3.Connection, left: Admission | Run, at: str) -> bool:
    """Wake whoever comes next in the line of `left`, as that stood before; False when nobody does."""
    if left.reason not in IN_LINE:
        return False
    if isinstance(left, Run):
        row = connection.execute(
            "SELECT id FROM runs WHERE state IN ('planned', 'held') AND policy = ? AND reason = ?"
            " AND (priority, id) > (?, ?) ORDER BY priority, id LIMIT 1",
            (left.policy, left.reason, left.priority, left.id),
        ).fetchone()
        return row is not None and _wake(connection, TimerKind.DRIVE, row[0], at)
    line, values = _line_of(left)
    row = connection.execute(
        f"SELECT id {line} AND ({_PLACE}) > (?, ?, ?) ORDER BY {_PLACE} LIMIT 1",
        (*values, left.priority, left.severity, left.id),
    ).fetchone()
    return row is not None and _wake(connection, TimerKind.DECIDE, row[0], at)


def wake_line(connection: sqlite3.Connection, left: Admission, at: str) -> bool:
    """Wake the first of the line that an admission stood in; False when nobody is left."""
    if left.reason not in IN_LINE:
        return False
    line, values = _line_of(left)
    row = connection.execute(f"SELECT id {line} ORDER BY {_PLACE} LIMIT 1", values).fetchone()
    return row is not None and _wake(connection, TimerKind.DECIDE, row[0], at)


def ahead_of(connection: sqlite3.Connection, waiting: Admission, most: int) -> int:
    """Return how many are before an admission in its line, counted up to `most`."""
    line, values = _line_of(waiting)
    row = connection.execute(
        f"SELECT count(*) FROM (SELECT 1 {line} AND ({_PLACE}) < (?, ?, ?) LIMIT ?)",  # nosec B608  # only names of the code's own catalogs; values are bound
        (*values, waiting.priority, waiting.severity, waiting.id, most),
    ).fetchone()
    return int(row[0])


def _line_of(waiting: Admission) -> tuple[str, tuple[str, ...]]:
    reason = str(waiting.reason)
    return (_WHOLE_LINE, (reason,)) if waiting.reason in ONE_LINE else (_LINE, (reason, waiting.policy))


def _firsts(connection: sqlite3.Connection) -> Iterator[int]:
    for reason in sorted(IN_LINE):
        if reason in ONE_LINE:
            yield from _head(connection, _WHOLE_LINE, (reason,))
            continue
        for policy in _policies(connection, reason):
            yield from _head(connection, _LINE, (reason, policy))


def _head(connection: sqlite3.Connection, line: str, values: tuple[str, ...]) -> list[int]:
    """Return who is woken of a line: all of a short one, the first of a long one."""
    rows = connection.execute(f"SELECT id {line} ORDER BY {_PLACE} LIMIT ?", (*values, SHORT + 1))
    return _woken([admission for (admission,) in rows])


def _woken(line: list[int]) -> list[int]:
    return line if len(line) <= SHORT else line[:1]


def _policies(connection: sqlite3.Connection, reason: Reason) -> Iterator[str]:
    """Leap from policy to policy: a line is as long as a storm, and they are few."""
    policy = ""
    while True:
        row = connection.execute(
            f"SELECT min(policy) {_WHOLE_LINE} AND policy > ?", (reason, policy)
        ).fetchone()
        if row[0] is None:
            return
        policy = row[0]
        yield policy


def _first_runs(connection: sqlite3.Connection) -> Iterator[int]:
    """Runs that wait, by policy and reason; of reverts, by policy and target."""
    rows = connection.execute(
        "SELECT id, policy, CASE state WHEN 'reverting' THEN target ELSE reason END FROM runs"
        " WHERE state IN ('planned', 'held', 'reverting') ORDER BY priority, id"
    )
    runs: dict[tuple[str, str | None], list[int]] = {}
    for run, policy, line in rows:
        runs.setdefault((policy, line), []).append(run)
    for waiting in runs.values():
        yield from _woken(waiting)


def _wake(connection: sqlite3.Connection, kind: TimerKind, subject_id: int, at: str) -> bool:
    return connection.execute(_WAKE, (at, str(kind), subject_id, at)).rowcount == 1
