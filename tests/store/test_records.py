"""Every kind of record comes back from its row as it went, whatever its fields hold."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from types import NoneType, UnionType
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlite_utils import Database

from remediator.policy.model import Step
from remediator.runs.plan import Plan, PlannedStep
from remediator.runs.records import Run
from remediator.store.sqlite.migrations import create
from remediator.store.sqlite.rows import TABLES, from_text, to_text
from tests.store.samples import NOW, run

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
integers = st.integers(-(2**63), 2**63 - 1)
zones = st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours)))
# A day from either end, so that every zone can say it.
moments = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=zones)  # noqa: DTZ001
json_values = st.recursive(
    st.none() | st.booleans() | integers | st.floats(allow_nan=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)
PLAN = Plan(
    policy="p",
    policy_hash="h",
    target="t",
    option="o",
    steps=(
        PlannedStep(
            action="wait",
            params={"for": "30s", "text": "señal {{ x }}"},
            deferred=(("for",), ("list", 0)),
            step=Step.model_validate({"uses": "wait", "with": {"for": "30s"}, "timeout": "1h30m"}),
        ),
    ),
    verify=None,
    revert=None,
)

PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    Any: json_values,
    str: text,
    int: integers,
    bool: st.booleans(),
    datetime: moments,
    Plan: st.just(PLAN),
    tuple[str, ...]: st.lists(text, max_size=2).map(tuple),
    Mapping[str, str]: st.dictionaries(text, text, max_size=3),
    Mapping[str, datetime]: st.dictionaries(text, moments, max_size=2),
    NoneType: st.none(),
}


def values(hint: Any) -> st.SearchStrategy[Any]:
    if hint in PLAIN:
        return PLAIN[hint]
    if isinstance(hint, UnionType):
        return st.one_of(*map(values, get_args(hint)))
    return st.sampled_from(hint)  # an enum


def records(kind: type[Any]) -> st.SearchStrategy[Any]:
    return st.builds(kind, **{name: values(hint) for name, hint in get_type_hints(kind).items()})


@pytest.fixture(scope="module")
def connection() -> Iterator[sqlite3.Connection]:
    """A database without foreign keys: each kind of record is looked at for itself."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as opened:
        create(Database(opened))
        for (name,) in opened.execute(
            "SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE UNIQUE%'"
        ).fetchall():
            opened.execute(f"DROP INDEX {name}")
        yield opened


@pytest.mark.parametrize("kind", TABLES, ids=lambda kind: kind.__name__)
def test_a_record_comes_back_as_it_went(connection: sqlite3.Connection, kind: type[Any]) -> None:
    table = TABLES[kind]
    keyed = "id" not in table.names

    @given(records(kind))
    def comes_back(record: Any) -> None:
        connection.execute("BEGIN")
        values = table.encode(record)
        connection.execute(f"INSERT {table.insert}", values if keyed else values[1:])
        row = connection.execute(table.select + "rowid = last_insert_rowid()").fetchone()
        connection.execute("ROLLBACK")
        kept = table.decode(row)
        assert (kept if keyed else replace(kept, id=record.id)) == record

    comes_back()


@given(moments, moments)
def test_order_of_text_is_order_of_time(one: datetime, other: datetime) -> None:
    assert (to_text(one) < to_text(other)) == (one < other)
    assert from_text(to_text(one)) == one
    assert len(to_text(one)) == len("2026-01-02T03:04:05.000006Z")


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        to_text(datetime(2026, 1, 2))  # noqa: DTZ001


def test_half_a_surrogate_pair_is_kept_as_a_mark() -> None:
    table = TABLES[Run]
    row = table.encode(run(detail="a\ud800b", facts={"body": ["\udfff"]}))
    kept = table.decode(tuple(row))
    assert (kept.detail, kept.facts) == ("a\ufffdb", {"body": ["\ufffd"]})


def test_a_plan_keeps_its_hash() -> None:
    table = TABLES[Run]
    kept = table.decode(tuple(table.encode(run(plan=PLAN))))
    assert kept.plan is not None
    assert kept.plan.hash() == PLAN.hash()


def test_mappings_are_read_back_as_json() -> None:
    table = TABLES[Run]
    context: Mapping[str, Any] = {"labels": {"a": "b"}, "at": [1, 2.5, None, True]}
    kept = table.decode(tuple(table.encode(run(context=context, started_at=NOW.astimezone(UTC)))))
    assert (kept.context, kept.started_at) == (context, NOW)
