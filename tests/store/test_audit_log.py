"""The audit log against those who would change it, and its search."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from remediator.runs.audit import AuditRow
from remediator.store.base import Filter
from remediator.store.sqlite.schema import TRIGGERS
from remediator.store.sqlite.store import SqliteStore
from tests.store.samples import another, noting

_COPY = """
  SELECT {sequence}, at, 'somebody', action, source, alertname, policy, target, episode_id, run_id, detail,
         previous_hash, hash FROM audit WHERE sequence = 2
"""


async def written(store: SqliteStore, count: int = 4) -> list[AuditRow]:
    return [await store.write(noting(f"number{number}")) for number in range(1, count + 1)]


def refused(path: Path, statement: str, match: str) -> None:
    with another(path) as other, pytest.raises(sqlite3.IntegrityError, match=match):
        other.execute(statement)


@pytest.mark.parametrize("recursive", ["ON", "OFF"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET detail = '{}' WHERE sequence = 2",
        "UPDATE OR REPLACE audit SET sequence = 1 WHERE sequence = 2",
        "DELETE FROM audit WHERE sequence = 4",
        "INSERT OR REPLACE INTO audit " + _COPY.format(sequence=2),
        "REPLACE INTO audit " + _COPY.format(sequence=2),
        "INSERT INTO audit " + _COPY.format(sequence=9),
        "INSERT INTO audit " + _COPY.format(sequence=0),
    ],
)
async def test_no_row_is_changed_removed_or_slipped_in(
    store: SqliteStore, path: Path, statement: str, recursive: str
) -> None:
    await written(store)
    with another(path) as other:
        other.execute(f"PRAGMA recursive_triggers = {recursive}")
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            other.execute(statement)
    assert await store.verify_audit() is None


@pytest.mark.parametrize("name", TRIGGERS)
async def test_every_trigger_is_missed(store: SqliteStore, path: Path, name: str) -> None:
    with another(path) as other:
        other.execute(f"DROP TRIGGER {name}")
    fault = await store.verify_audit()
    assert fault is not None
    assert name in fault.what


async def test_a_trigger_that_was_weakened_is_a_fault(store: SqliteStore, path: Path) -> None:
    with another(path) as other:
        other.execute("DROP TRIGGER audit_no_delete")
        other.execute("CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT 1; END")
    fault = await store.verify_audit()
    assert fault is not None
    assert "audit_no_delete" in fault.what


def _checkpoint(path: Path, row: AuditRow, *, prune: bool) -> None:
    with another(path) as other:
        other.execute(
            "INSERT INTO audit_checkpoints VALUES (?, ?, 'archive.jsonl', ?)",
            (row.sequence, row.hash, row.at),
        )
        if prune:
            other.execute("DELETE FROM audit WHERE sequence <= ?", (row.sequence,))


async def test_a_checkpoint_names_a_row_as_it_is(store: SqliteStore, path: Path) -> None:
    rows = await written(store)
    for sequence, digest in ((2, rows[2].hash), (99, rows[2].hash)):
        refused(
            path,
            f"INSERT INTO audit_checkpoints VALUES ({sequence}, '{digest}', 'archive', 'now')",
            "names a row",
        )
    _checkpoint(path, rows[1], prune=False)
    refused(path, "UPDATE audit_checkpoints SET sequence = 4", "kept")
    refused(path, "DELETE FROM audit_checkpoints", "kept")


async def test_what_was_pruned_is_no_fault_and_the_chain_goes_on(store: SqliteStore, path: Path) -> None:
    rows = await written(store)
    _checkpoint(path, rows[3], prune=True)
    assert await store.verify_audit() is None
    following = await store.write(noting("after"))
    assert (following.sequence, following.previous_hash) == (5, rows[3].hash)
    assert await store.verify_audit((5, following.hash)) is None
    found = await store.read(lambda reads: reads.audit_rows(Filter(search="number2")))
    assert found == []


HEADS: Sequence[tuple[int, str, str | None]] = [
    (1, "own", "archived to archive.jsonl"),
    (2, "own", None),
    (2, "wrong", "not the one"),
    (3, "own", None),
    (3, "wrong", "not the one"),
    (9, "wrong", "cut off after row 4"),
]


@pytest.mark.parametrize(("sequence", "digest", "what"), HEADS)
async def test_a_noted_head_is_confirmed_or_it_is_said_why_not(
    store: SqliteStore, path: Path, sequence: int, digest: str, what: str | None
) -> None:
    rows = await written(store)
    _checkpoint(path, rows[1], prune=True)
    noted = rows[sequence - 1].hash if digest == "own" else "0" * 64
    fault = await store.verify_audit((sequence, noted))
    if what is None:
        assert fault is None
    else:
        assert fault is not None
        assert what in fault.what


@pytest.mark.parametrize("value", ["x'00ff'", "CAST(x'41ff' AS TEXT)", "7"])
async def test_what_no_writer_of_ours_leaves_is_named_and_not_stumbled_over(
    store: SqliteStore, path: Path, value: str
) -> None:
    await written(store)
    with another(path) as other:
        other.execute("DROP TRIGGER audit_no_update")
        other.execute(f"UPDATE audit SET detail = {value} WHERE sequence = 3")
        other.execute(TRIGGERS["audit_no_update"])
    fault = await store.verify_audit()
    assert fault is not None
    assert (fault.sequence, "altered" in fault.what) == (3, True)


@pytest.mark.parametrize(
    "query", ["señal", "SENAL", "señal perdida", "perdida, señal!", '"señal"', "señal AND perdida"]
)
async def test_words_are_found_whatever_their_alphabet_and_marks(store: SqliteStore, query: str) -> None:
    await store.write(noting("la señal perdida and more"))
    await store.write(noting("otra cosa"))
    found = await store.read(lambda reads: reads.audit_rows(Filter(search=query)))
    assert [row.sequence for row in found] == [1]


@pytest.mark.parametrize(
    "query", ["", "   ", "\udc80", "a " * 5000, "NEAR(", "detail:", "x*", "^x", "-x", '"', "\x00"]
)
async def test_no_query_is_an_error(store: SqliteStore, query: str) -> None:
    await written(store)
    await store.read(lambda reads: reads.audit_rows(Filter(search=query)))
