"""Searches and filters of the audit log find what a scan of all rows finds, however far the index is."""

from __future__ import annotations

import re
import shutil
import sqlite3
import tempfile
import unicodedata
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remediator.runs.audit import AuditAction, AuditEntry, AuditRow
from remediator.runs.episodes import DecisionRecord
from remediator.runs.reasons import Outcome, Reason
from remediator.store.base import Filter, Order, StoreUnavailableError
from remediator.store.sqlite import audit_index, audit_search, search_words
from remediator.store.sqlite.audit_index import index_path
from remediator.store.sqlite.memory import open_memory_store
from remediator.store.sqlite.store import SqliteStore, open_store
from tests.store.samples import MINUTE, NOW, another, entry, noting

_COLUMNS = ("actor", "action", "source", "alertname", "policy", "target", "detail")
_WORDS = (
    "restart",
    "señal",
    "SENAL",
    "a-b",
    "b",
    "run.created",
    "cooldown",
    "NEAR(",
    'quo"te',
    "detail:",
    "x*",
)
texts = st.lists(st.sampled_from(_WORDS), max_size=4).map(" ".join)
entries = st.builds(
    entry,
    texts,
    at=st.integers(-5, 5).map(lambda minutes: NOW + minutes * MINUTE),  # clocks go back, too
    actor=st.sampled_from(["ana", "remediator"]),
    action=st.sampled_from([AuditAction.DECISION, AuditAction.RUN_CREATED]),
    policy=st.sampled_from([None, "a-b", "restart"]),
    target=st.sampled_from([None, "service/b"]),
    run_id=st.sampled_from([None, 1, 2]),
    episode_id=st.sampled_from([None, 1]),
)
filters = st.builds(
    Filter,
    equal=st.fixed_dictionaries(
        {},
        optional={
            "actor": st.sampled_from(["ana", "remediator", "nobody"]),
            "action": st.sampled_from([AuditAction.DECISION, "run.created"]),
            "policy": st.sampled_from(["a-b", "restart", "a b", None]),
            "run_id": st.sampled_from([1, 2, None]),
            "episode_id": st.just(1),
        },
    ),
    since=st.none() | st.integers(-6, 6).map(lambda minutes: NOW + minutes * MINUTE),
    until=st.none() | st.integers(-6, 6).map(lambda minutes: NOW + minutes * MINUTE),
    search=st.none() | texts | st.sampled_from(["", "!!", "restart !!", "ana restart", "a b", "b a"]),
    before_id=st.none() | st.integers(0, 14),
    limit=st.integers(1, 5),
    order=st.sampled_from(Order),
)


def tokens(text: str) -> list[str]:
    plain = "".join(
        character for character in unicodedata.normalize("NFD", text) if not unicodedata.combining(character)
    )
    return re.findall(r"[^\W_]+", plain.lower())


def has_word(row: AuditRow, word: str) -> bool:
    """Whether one column has the word's letters next to each other, as FTS5 reads them."""
    wanted = tokens(word)
    for column in _COLUMNS:
        there = tokens(getattr(row, column) or "")
        if any(there[at : at + len(wanted)] == wanted for at in range(len(there))):
            return True
    return False


def naive(rows: list[AuditRow], where: Filter) -> list[int]:
    """Look at every row."""
    newest = where.order is Order.NEWEST
    found = []
    for row in sorted(rows, key=lambda row: row.sequence, reverse=newest):
        words = None if where.search is None else [word for word in where.search.split() if tokens(word)]
        if (
            all(getattr(row, name) == value for name, value in where.equal.items())
            and (where.since is None or row.at >= _text(where.since))
            and (where.until is None or row.at < _text(where.until))
            and (words is None or (words and all(has_word(row, word) for word in words)))
            and (where.before_id is None or (row.sequence < where.before_id) is newest)
            and row.sequence != where.before_id
        ):
            found.append(row.sequence)
    return found[: where.limit]


def _text(moment: Any) -> str:
    return str(moment.isoformat(timespec="microseconds")).replace("+00:00", "Z")


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[SqliteStore]:
    store = await open_store(path)
    try:
        yield store
    finally:
        await store.close()


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


async def indexed(store: SqliteStore) -> None:
    while await store.advance_index():
        pass


async def found(store: Any, where: Filter) -> list[int]:
    rows: list[AuditRow] = await store.read(lambda reads: reads.audit_rows(where))
    return [row.sequence for row in rows]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.lists(entries, max_size=6),
    after=st.lists(entries, max_size=6),
    asked=st.lists(filters, min_size=1, max_size=8),
)
async def test_a_page_is_what_a_scan_finds(
    before: list[AuditEntry], after: list[AuditEntry], asked: list[Filter], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_index, "_SPAN_ROWS", 2)
    monkeypatch.setattr(audit_index, "_BATCH", 3)
    monkeypatch.setattr(audit_search, "_CHUNK", 2)
    memory = open_memory_store()
    with folder() as place:
        async with opened(place / "db.sqlite") as store:
            rows = [await store.write(lambda tx, one=one: tx.audit(one)) for one in before]  # type: ignore[misc]
            await indexed(store)
            rows += [await store.write(lambda tx, one=one: tx.audit(one)) for one in after]  # type: ignore[misc]
            for one in (*before, *after):
                await memory.write(lambda tx, one=one: tx.audit(one))  # type: ignore[misc]
            for where in asked:
                expected = naive(rows, where)
                assert await found(store, where) == expected
                assert await found(memory, where) == expected
    await memory.close()


async def test_ingest_writes_nothing_for_the_search(store: SqliteStore, path: Path) -> None:
    await store.write(noting("needle"))
    with another(path) as other:
        tables = [name for (name,) in other.execute("SELECT name FROM sqlite_master")]
    assert [name for name in tables if "fts" in name or "words" in name] == []
    assert await found(store, Filter(search="needle")) == [1]


async def test_the_index_goes_on_where_it_was(path: Path) -> None:
    async with opened(path) as store:
        await store.write(noting("first needle"))
        await indexed(store)
        await store.write(noting("second needle"))
    async with opened(path) as store:
        assert await found(store, Filter(search="needle")) == [2, 1]
        await indexed(store)
        assert await found(store, Filter(search="needle")) == [2, 1]
    with another(index_path(path)) as index:
        assert index.execute("SELECT sequence FROM progress").fetchone() == (2,)
        assert index.execute("SELECT count(*) FROM words WHERE words MATCH 'needle'").fetchone() == (2,)


async def test_a_batch_that_breaks_off_leaves_nothing_behind(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(path) as store:
        await store.write(noting("needle"))
        monkeypatch.setattr(audit_index.AuditIndex, "_count", _break_off)
        await store.write(lambda tx: tx.add(a_decision()))
        with pytest.raises(StoreUnavailableError, match="no more space"):
            await store.advance_index()
        monkeypatch.undo()
        with another(index_path(path)) as index:
            assert index.execute("SELECT sequence FROM progress").fetchone() == (0,)
        await indexed(store)
        assert await found(store, Filter(search="needle")) == [1]


def _break_off(*_: Any) -> None:
    raise sqlite3.OperationalError("no more space")


def _cut(index: Path) -> None:
    index.write_bytes(b"SQLite format 3\x00 and then something else")


def _other_version(index: Path) -> None:
    with another(index) as connection:
        connection.execute("PRAGMA user_version = 99")


def _no_table(index: Path) -> None:
    with another(index) as connection:
        connection.execute("DROP TABLE progress")


@pytest.mark.parametrize("harm", [Path.unlink, _cut, _other_version, _no_table])
async def test_an_index_that_is_lost_or_damaged_is_made_again(path: Path, harm: Any) -> None:
    async with opened(path) as store:
        await store.write(noting("needle"))
        await indexed(store)
    harm(index_path(path))
    async with opened(path) as store:
        assert await found(store, Filter(search="needle")) == [1]
        await indexed(store)
        assert await found(store, Filter(search="needle")) == [1]


async def test_the_index_of_a_log_that_went_on_differently_is_not_believed(path: Path) -> None:
    async with opened(path) as store:
        await store.write(noting("before"))
    backup = path.with_name("backup")
    shutil.copy(path, backup)
    async with opened(path) as store:
        await store.write(noting("lost needle"))
        await indexed(store)
    shutil.copy(backup, path)
    async with opened(path) as store:
        await store.write(noting("another"))
        assert await found(store, Filter(search="needle")) == []
        assert await found(store, Filter(search="another")) == [2]
        await indexed(store)
        assert await found(store, Filter(search="another")) == [2]


async def test_the_index_of_another_log_of_the_same_length_is_not_believed(path: Path) -> None:
    async with opened(path) as store:
        await store.write(noting("lost needle"))
        await indexed(store)
    kept = path.with_name("kept")
    shutil.move(index_path(path), kept)
    shutil.move(path, path.with_name("another"))
    async with opened(path) as store:
        await store.write(noting("another"))
    shutil.move(kept, index_path(path))
    async with opened(path) as store:
        assert await found(store, Filter(search="needle")) == []
        assert await found(store, Filter(search="another")) == [1]


async def test_what_the_index_keeps_for_itself_is_not_found(store: SqliteStore) -> None:
    await store.write(noting("x", policy="p"))
    own = search_words.asking_for(None, {"policy": "p"}).strip('"')
    assert await found(store, Filter(search=own)) == []
    await indexed(store)
    assert await found(store, Filter(search=own)) == []
    assert await found(store, Filter(search="x", equal={"policy": "p"})) == [1]


@pytest.mark.parametrize("reopened", [False, True])
async def test_what_was_pruned_is_found_no_more_and_the_rest_is(path: Path, *, reopened: bool) -> None:
    async with opened(path) as store:
        rows = [await store.write(noting(f"needle {number}")) for number in range(6)]
        await indexed(store)
        with another(path) as other:
            other.execute(
                "INSERT INTO audit_checkpoints VALUES (?, ?, 'archive', ?)", (4, rows[3].hash, rows[3].at)
            )
            other.execute("DELETE FROM audit WHERE sequence <= 4")
        assert await found(store, Filter(search="needle")) == [6, 5]
    if not reopened:
        return
    async with opened(path) as store:  # most of it is gone: a smaller one is made
        await indexed(store)
        assert await found(store, Filter(search="needle")) == [6, 5]
    with another(index_path(path)) as index:
        assert index.execute("SELECT count(*) FROM words WHERE words MATCH 'needle'").fetchone() == (2,)


async def test_a_search_waits_for_an_index_that_is_far_behind(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_search, "_MOST_UNINDEXED", 2)
    for _ in range(3):
        await store.write(noting("needle"))
    with pytest.raises(StoreUnavailableError, match="row 0 of 3"):
        await found(store, Filter(search="needle"))
    assert await found(store, Filter(equal={"actor": "remediator"}, since=NOW)) == [3, 2, 1]
    await indexed(store)
    assert await found(store, Filter(search="needle")) == [3, 2, 1]


def a_decision(**fields: Any) -> DecisionRecord:
    """Return a decision that a guard blocked."""
    plain: dict[str, Any] = {
        "at": NOW,
        "phase": "entry",
        "episode_id": None,
        "policy": "p",
        "policy_hash": "h",
        "target": "t",
        "outcome": Outcome.BLOCKED,
        "reason": Reason.COOLDOWN,
        "detail": "",
        "verdicts": [{"guard": "cooldown", "kind": "deny", "reason": "cooldown"}],
        "facts": None,
        "option": None,
        "plan_hash": None,
        "run_id": None,
        "next_look_at": NOW + timedelta(minutes=1),
    }
    return DecisionRecord(**{**plain, **fields})
