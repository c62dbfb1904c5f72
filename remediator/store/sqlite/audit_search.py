"""Pages of the audit log: by one column's own index, or through the index beside the database.

What that index does not have yet is looked at row by row, with the same words: what is found never depends
on how far it is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from remediator.runs.audit import AuditRow
from remediator.store.base import Filter, Order, StoreUnavailableError
from remediator.store.sqlite.pages import AUDIT_COLUMNS, AUDIT_FIELDS, bindable, page_clauses, to_audit_row
from remediator.store.sqlite.rows import to_text
from remediator.store.sqlite.search_words import asking_for, keyed, words_insert, words_of, words_table

INDEX = "beside"
"""The schema name that the index is attached under."""
_CHUNK = 1000
# About two seconds of reading; a log that grows faster than it is indexed never gets there.
_MOST_UNINDEXED = 100_000


@dataclass(frozen=True, slots=True)
class _Part:
    """A stretch of the log, both ends exclusive."""

    after: int
    before: int

    def narrowed(self, after: int, before: int) -> _Part:
        return _Part(max(self.after, after), min(self.before, before))

    @property
    def empty(self) -> bool:
        return self.before - self.after <= 1


_ALL = _Part(-1, 2**63 - 1)


def audit_page(connection: sqlite3.Connection, where: Filter, *, indexed: bool) -> list[AuditRow]:
    """Return a page of the audit log. `indexed` says whether the index is attached.

    Raises:
        StoreUnavailableError: when too much is not indexed yet for a search to look at.
    """
    equal = keyed(where.equal)
    by_words = where.search is not None or (indexed and len(equal) > 1)
    by_time = indexed and (where.since is not None or where.until is not None)
    whole = _within(where)
    if not (by_words or by_time):
        return list(_plain(connection, where, whole))
    reached = _reached(connection) if indexed else -1
    if indexed and where.search is not None:
        _refuse_too_many(connection, reached)
    rest = whole.narrowed(reached, _ALL.before)
    known = whole.narrowed(-1, reached + 1)
    if by_time:
        known = _between_times(connection, where, known)
    found: Iterator[AuditRow] = iter(())
    parts = [(known, True), (rest, False)]
    for part, in_index in parts if where.order is Order.OLDEST else reversed(parts):
        if not part.empty:
            found = _chained(found, _in_part(connection, where, part, in_index=in_index and by_words))
    return list(islice(found, where.limit))


def _chained(first: Iterator[AuditRow], then: Iterator[AuditRow]) -> Iterator[AuditRow]:
    yield from first
    yield from then


def _in_part(
    connection: sqlite3.Connection, where: Filter, part: _Part, *, in_index: bool
) -> Iterator[AuditRow]:
    if in_index:
        return _by_index(connection, where, part)
    if where.search is None:
        return _plain(connection, where, part)
    return _by_reading(connection, where, part, where.search)


def _plain(connection: sqlite3.Connection, where: Filter, part: _Part) -> Iterator[AuditRow]:
    clauses, values = _clauses(where, part)
    sql = f"SELECT {AUDIT_COLUMNS} FROM audit WHERE {clauses} ORDER BY sequence {_direction(where)} LIMIT ?"  # nosec B608  # only names of the code's own catalogs; values are bound
    return map(to_audit_row, connection.execute(sql, (*values, where.limit)))


def _by_index(connection: sqlite3.Connection, where: Filter, part: _Part) -> Iterator[AuditRow]:
    clauses, values = _clauses(where, _ALL)
    first = connection.execute("SELECT min(sequence) FROM audit").fetchone()[0]
    # What was pruned is still in the index; it need not be read over.
    part = part.narrowed((first or 0) - 1, _ALL.before)
    direction = _direction(where)
    # CROSS JOIN keeps the order: the words are walked from the cursor on, and each row is read once.
    sql = (
        f"SELECT {AUDIT_COLUMNS} FROM (SELECT rowid AS found FROM {INDEX}.words WHERE words MATCH ?"  # nosec B608  # only names of the code's own catalogs; values are bound
        f" AND rowid > ? AND rowid < ? ORDER BY rowid {direction}) CROSS JOIN audit ON sequence = found"
        f" WHERE {clauses} ORDER BY found {direction} LIMIT ?"
    )
    asked = asking_for(where.search, keyed(where.equal))
    found = connection.execute(sql, (asked, part.after, part.before, *values, where.limit))
    return map(to_audit_row, found)


def _by_reading(
    connection: sqlite3.Connection, where: Filter, part: _Part, search: str
) -> Iterator[AuditRow]:
    """Read rows in chunks and look for the words in each, in the same manner as the index does."""
    asked, newest_first = asking_for(search, {}), where.order is Order.NEWEST
    while rows := list(_plain(connection, replace(where, limit=_CHUNK), part)):
        matching = _matching(rows, asked)
        yield from (row for row in rows if row.sequence in matching)
        if len(rows) < _CHUNK:
            return
        end = rows[-1].sequence
        part = part.narrowed(-1, end) if newest_first else part.narrowed(end, _ALL.before)


def _refuse_too_many(connection: sqlite3.Connection, reached: int) -> None:
    head = connection.execute("SELECT max(sequence) FROM audit").fetchone()[0] or 0
    if head - reached > _MOST_UNINDEXED:
        raise StoreUnavailableError(
            f"the index for searching is being made: it has reached row {reached} of {head}; try again soon"
        )


def _matching(rows: Sequence[AuditRow], asked: str) -> set[int]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as memory:
        memory.execute(words_table("words"))
        memory.executemany(words_insert("words"), [words_of(_values(row)) for row in rows])
        return {rowid for (rowid,) in memory.execute("SELECT rowid FROM words WHERE words MATCH ?", (asked,))}


def _values(row: AuditRow) -> Mapping[str, Any]:
    return {name: getattr(row, name) for name in AUDIT_FIELDS}


def _within(where: Filter) -> _Part:
    if where.before_id is None:
        return _ALL
    cursor = max(min(where.before_id, _ALL.before), -1)
    return _Part(-1, cursor) if where.order is Order.NEWEST else _Part(cursor, _ALL.before)


def _between_times(connection: sqlite3.Connection, where: Filter, part: _Part) -> _Part:
    """Narrow a part that is indexed to the spans that can hold rows of the asked times."""
    after, before = -1, _ALL.before
    if where.since is not None:
        row = connection.execute(
            f"SELECT first FROM {INDEX}.spans WHERE latest >= ? ORDER BY first LIMIT 1",  # nosec B608  # only names of the code's own catalogs; values are bound
            (to_text(where.since),),
        ).fetchone()
        after = row[0] - 1 if row else _ALL.before
    if where.until is not None:
        row = connection.execute(
            f"SELECT last FROM {INDEX}.spans WHERE earliest < ? ORDER BY first DESC LIMIT 1",  # nosec B608  # only names of the code's own catalogs; values are bound
            (to_text(where.until),),
        ).fetchone()
        before = row[0] + 1 if row else 0
    return part.narrowed(after, before)


def _clauses(where: Filter, part: _Part) -> tuple[str, list[Any]]:
    clauses, values = page_clauses(replace(where, before_id=None), {*AUDIT_FIELDS}, "sequence", "at")
    if part.after > _ALL.after:
        clauses += " AND sequence > ?"
        values.append(bindable(part.after))
    if part.before < _ALL.before:
        clauses += " AND sequence < ?"
        values.append(bindable(part.before))
    return clauses, values


def forgotten(connection: sqlite3.Connection) -> int:
    """Return up to which row the index, which has to be attached, has let go of what was archived."""
    return int(connection.execute(f"SELECT forgotten FROM {INDEX}.progress").fetchone()[0])  # nosec B608  # only names of the code


def _reached(connection: sqlite3.Connection) -> int:
    return int(connection.execute(f"SELECT sequence FROM {INDEX}.progress").fetchone()[0])  # nosec B608  # only names of the code's own catalogs; values are bound


def _direction(where: Filter) -> str:
    return "DESC" if where.order is Order.NEWEST else "ASC"
