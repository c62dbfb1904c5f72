"""Records to rows and back: one dataclass a table, one field a column."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

import orjson
from pydantic import BaseModel, TypeAdapter

from remediator.plain_text import whole
from remediator.runs.episodes import Admission, DecisionRecord, Delivery, Episode, Quarantined, Receipt
from remediator.runs.news import Channel, Escalation, Notice
from remediator.runs.records import (
    ApprovalRequest,
    Claim,
    Hold,
    Lease,
    PolicyVersion,
    Run,
    StepRecord,
    Timer,
    Vote,
)
from remediator.runs.schedules import Schedule
from remediator.runs.shadow import ShadowObservation
from remediator.runs.storms import Storm

R = TypeVar("R")
Change = Callable[[Any], Any]


# All that a delivery writes has the same few times.
@lru_cache(maxsize=1024)
def to_text(moment: datetime) -> str:
    """Write a time as fixed-width UTC text, so that text order is time order.

    Raises:
        ValueError: for a time without a zone: nobody knows when it was.
    """
    if moment.tzinfo is not UTC:
        if moment.tzinfo is None:
            raise ValueError(f"{moment} has no time zone and can't be stored")
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def from_text(text: str) -> datetime:
    """Read what `to_text` wrote."""
    return datetime.fromisoformat(text)


@dataclass(frozen=True, slots=True)
class Column:
    """How one field is kept."""

    field: str
    name: str
    sql_type: str
    nullable: bool
    choices: tuple[str, ...]
    encode: Change | None
    """What a value becomes in the row; None when it is kept as it is. None itself is always NULL."""
    decode: Change | None
    """The way back."""


@dataclass(frozen=True, slots=True)
class Table(Generic[R]):
    """How one kind of record is kept. `time` is the column that lists filter by."""

    name: str
    kind: type[R]
    columns: tuple[Column, ...]
    names: tuple[str, ...]
    """Column names, in order."""
    time: str
    select: str
    """SELECT … WHERE, to be followed by a condition."""
    insert: str
    """INTO …, to follow INSERT; takes all values but the id."""
    update: str
    """UPDATE … WHERE, to be followed by a condition; takes all values but the id."""
    values_of: Callable[[R], tuple[Any, ...]]
    """A record's fields in column order."""
    by_field: Mapping[str, Column]
    encoders: tuple[tuple[int, Change], ...]
    """The places of the columns that are changed on the way into a row."""
    decoders: tuple[tuple[str, Change], ...]
    """The fields that are changed on the way back."""

    def encode(self, record: R) -> list[Any]:
        """Return a record's values in column order."""
        values = list(self.values_of(record))
        for at, encode in self.encoders:
            value = values[at]
            if value is not None:
                values[at] = encode(value)
        return values

    def part(self, record: R, fields: tuple[str, ...]) -> tuple[str, list[Any]]:
        """Return an UPDATE … WHERE of some fields only, and their values."""
        columns = [self.by_field[field] for field in fields]
        values = [getattr(record, field) for field in fields]
        encoded = [
            value if value is None or column.encode is None else column.encode(value)
            for column, value in zip(columns, values, strict=True)
        ]
        return f"UPDATE {self.name} SET {', '.join(f'{one.name} = ?' for one in columns)} WHERE ", encoded  # nosec B608  # only names of the code's own catalogs; values are bound

    def decode(self, row: tuple[Any, ...]) -> R:
        """Return the record of a row selected in column order."""
        told = {column.field: value for column, value in zip(self.columns, row, strict=True)}
        for field, decode in self.decoders:
            value = told[field]
            if value is not None:
                told[field] = decode(value)
        return self.kind(**told)


def _column(field: str, hint: Any) -> Column:
    options = [part for part in get_args(hint) if part is not NoneType]
    nullable = get_origin(hint) in (Union, UnionType) and NoneType in get_args(hint)
    kind = options[0] if nullable and len(options) == 1 else hint
    name = field.rstrip("_") if field.endswith("_") else field
    if name == "from":
        name = "asked"
    if isinstance(kind, type):
        if issubclass(kind, StrEnum):
            choices = tuple(str(member) for member in kind)
            return Column(field, name, "TEXT", nullable, choices, str, kind)
        if kind is bool:
            return Column(field, name, "INTEGER", nullable, (), int, bool)
        if kind is int:
            return Column(field, name, "INTEGER", nullable, (), None, None)
        if kind is float:
            return Column(field, name, "REAL", nullable, (), None, None)
        if kind is str:
            return Column(field, name, "TEXT", nullable, (), whole, None)
        if kind is datetime:
            return Column(field, name, "TEXT", nullable, (), to_text, from_text)
    return _json_column(field, name, kind, nullable=nullable or kind is Any)


def _json_column(field: str, name: str, kind: Any, *, nullable: bool) -> Column:
    if kind == Mapping[str, str]:
        return Column(field, name, "TEXT", nullable, (), _texts, orjson.loads)
    if kind is Any:
        return Column(field, name, "TEXT", nullable, (), _dumps, json.loads)
    adapter: TypeAdapter[Any] = TypeAdapter(kind)

    def encode(value: Any) -> str:
        if isinstance(value, BaseModel):
            return value.model_dump_json(by_alias=True)
        return adapter.dump_json(value).decode()

    return Column(field, name, "TEXT", nullable, (), encode, adapter.validate_json)


def _texts(value: Mapping[str, str]) -> str:
    try:
        return orjson.dumps(value, default=_jsonable).decode()
    except TypeError:  # half a surrogate pair, which `_dumps` replaces
        return _dumps(value)


def _dumps(value: Any) -> str:
    return whole(json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_jsonable))


def _jsonable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    raise TypeError(f"{type(value).__name__} is not JSON")


def _table(name: str, kind: type[R], time: str) -> Table[R]:
    hints = get_type_hints(kind)
    columns = tuple(_column(field.name, hints[field.name]) for field in fields(kind))  # type: ignore[arg-type]
    names = tuple(column.name for column in columns)
    given = [column for column in names if column != "id"]
    return Table(
        name,
        kind,
        columns,
        names,
        time,
        select=f"SELECT {', '.join(names)} FROM {name} WHERE ",  # nosec B608  # only names of the code's own catalogs; values are bound
        insert=f"INTO {name} ({', '.join(given)}) VALUES ({', '.join('?' * len(given))})",
        update=f"UPDATE {name} SET {', '.join(f'{column} = ?' for column in given)} WHERE ",  # nosec B608  # only names of the code's own catalogs; values are bound
        values_of=attrgetter(*(column.field for column in columns)),
        by_field={column.field: column for column in columns},
        encoders=tuple((at, one.encode) for at, one in enumerate(columns) if one.encode is not None),
        decoders=tuple((one.field, one.decode) for one in columns if one.decode is not None),
    )


TABLES: Mapping[type[Any], Table[Any]] = {
    table.kind: table
    for table in (
        _table("deliveries", Delivery, "received_at"),
        _table("quarantine", Quarantined, "received_at"),
        _table("receipts", Receipt, "received_at"),
        _table("episodes", Episode, "opened_at"),
        _table("admissions", Admission, "created_at"),
        _table("decisions", DecisionRecord, "at"),
        _table("shadow_observations", ShadowObservation, "decided_at"),
        _table("runs", Run, "created_at"),
        _table("steps", StepRecord, "started_at"),
        _table("claims", Claim, "claimed_at"),
        _table("leases", Lease, "opened_at"),
        _table("approvals", ApprovalRequest, "requested_at"),
        _table("votes", Vote, "at"),
        _table("holds", Hold, "created_at"),
        _table("schedules", Schedule, "next_due_at"),
        _table("storms", Storm, "began_at"),
        _table("escalations", Escalation, "opened_at"),
        _table("notices", Notice, "created_at"),
        _table("channels", Channel, "last_tried_at"),
        _table("timers", Timer, "due_at"),
        _table("policy_versions", PolicyVersion, "first_seen_at"),
    )
}
