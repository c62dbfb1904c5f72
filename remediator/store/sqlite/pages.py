"""Pages of lists: clauses from checked column names, keyset cursors, full text over the audit log."""

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

_AUDIT_FIELDS = (
    "sequence",
    "at",
    "actor",
    "action",
    "source",
    "alertname",
    "policy",
    "target",
    "episode_id",
    "run_id",
    "detail",
    "previous_hash",
    "hash",
)
AUDIT_COLUMNS = ", ".join(_AUDIT_FIELDS)
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


def audit_page(connection: sqlite3.Connection, where: Filter) -> list[AuditRow]:
    """Return a page of the audit log."""
    clauses, values = page_clauses(where, {*_AUDIT_FIELDS}, "sequence", "at")
    if where.search is not None:
        clauses += " AND sequence IN (SELECT rowid FROM audit_fts WHERE audit_fts MATCH ?)"
        values.append(_words(where.search))
    direction = "DESC" if where.order is Order.NEWEST else "ASC"
    sql = f"SELECT {AUDIT_COLUMNS} FROM audit WHERE {clauses} ORDER BY sequence {direction} LIMIT ?"
    return [to_audit_row(row) for row in connection.execute(sql, (*values, where.limit))]


def all_audit_rows(connection: sqlite3.Connection, after_sequence: int = 0) -> Iterator[AuditRow]:
    """Yield the audit log, oldest first, in constant memory."""
    sql = f"SELECT {AUDIT_COLUMNS} FROM audit WHERE sequence > ? ORDER BY sequence LIMIT {_BATCH}"
    while rows := connection.execute(sql, (after_sequence,)).fetchall():
        yield from map(to_audit_row, rows)
        after_sequence = rows[-1][0]


def to_audit_row(row: tuple[Any, ...]) -> AuditRow:
    """Read a row selected by AUDIT_COLUMNS."""
    return AuditRow(**dict(zip(_AUDIT_FIELDS, row, strict=True)))


def _words(text: str) -> str:
    """Turn whatever a person typed into plain words: FTS5's own syntax is not theirs to use."""
    words = [word.replace('"', '""') for word in whole(text).replace("\x00", " ").split()]
    return " ".join(f'"{word}"' for word in words) or '""'


def bindable(value: Any) -> Any:
    """Return a value from outside as SQLite takes it, so that what can't be there is merely not found."""
    if isinstance(value, str):
        return whole(str(value))
    if isinstance(value, datetime):
        return to_text(value)
    if isinstance(value, int) and not -_INTEGERS_END <= value < _INTEGERS_END:
        return inf if value > 0 else -inf  # compares with every integer as it should
    return value
