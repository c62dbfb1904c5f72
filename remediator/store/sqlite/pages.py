"""Pages of lists: clauses from checked column names, keyset cursors."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime
from math import inf
from typing import Any

from remediator.plain_text import whole
from remediator.runs.audit import AuditRow
from remediator.store.base import Filter, Order
from remediator.store.sqlite.rows import to_text

AUDIT_FIELDS = AuditRow._fields
"""Columns of the audit log, in order."""
AUDIT_COLUMNS = ", ".join(AUDIT_FIELDS)
_BATCH = 1000
_INTEGERS_END = 2**63


def page_clauses(where: Filter, columns: set[str], key: str, time: str) -> tuple[str, list[Any]]:
    """Return a WHERE clause without the word, and its values.

    Raises:
        ValueError: for a column that is not there.
    """
    unknown = ({*where.equal} | {*where.one_of}) - columns
    if unknown:
        raise ValueError(
            f"no column {sorted(unknown)[0]!r} to filter by; there are {', '.join(sorted(columns))}"
        )
    clauses, values = ["1"], []
    for name, value in where.equal.items():
        # Not `IS ?`: the indexes that leave out NULL would not serve it.
        if value is None:
            clauses.append(f"{name} IS NULL")
        else:
            clauses.append(f"{name} = ?")
            values.append(bindable(value))
    for name, choices in where.one_of.items():
        clauses.append(f"{name} IN ({', '.join('?' * len(choices))})")
        values.extend(map(bindable, choices))
    if where.since is not None:
        clauses.append(f"{time} >= ?")
        values.append(to_text(where.since))
    if where.until is not None:
        clauses.append(f"{time} < ?")
        values.append(to_text(where.until))
    if where.before_id is not None:
        clauses.append(f"{key} {'<' if where.order is Order.NEWEST else '>'} ?")
        values.append(bindable(where.before_id))
    return " AND ".join(clauses), values


def all_audit_rows(connection: sqlite3.Connection, after_sequence: int = 0) -> Iterator[AuditRow]:
    """Yield the audit log, oldest first, in constant memory."""
    sql = f"SELECT {AUDIT_COLUMNS} FROM audit WHERE sequence > ? ORDER BY sequence LIMIT {_BATCH}"  # nosec B608  # only names of the code's own catalogs; values are bound
    while rows := connection.execute(sql, (after_sequence,)).fetchall():
        yield from map(to_audit_row, rows)
        after_sequence = rows[-1][0]


def to_audit_row(row: tuple[Any, ...]) -> AuditRow:
    """Read a row selected by AUDIT_COLUMNS."""
    return AuditRow(*row)


def bindable(value: Any) -> Any:
    """Return a value from outside as SQLite takes it, so that what can't be there is merely not found."""
    if isinstance(value, str):
        return whole(str(value))
    if isinstance(value, datetime):
        return to_text(value)
    if isinstance(value, int) and not -_INTEGERS_END <= value < _INTEGERS_END:
        return inf if value > 0 else -inf  # compares with every integer as it should
    return value
