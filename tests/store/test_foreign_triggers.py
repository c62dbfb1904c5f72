"""A trigger that is not ours may swallow rows of the audit log: no row, no answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from remediator.runs.episodes import Episode
from remediator.store.base import StoreCorruptError, Tx
from remediator.store.sqlite.store import SqliteStore, verify_database
from tests.store.samples import another, entry, episode, noting

_SWALLOW = "CREATE TRIGGER hush BEFORE INSERT ON {table} BEGIN SELECT RAISE(IGNORE); END"


async def test_a_row_that_was_not_kept_undoes_its_write(store: SqliteStore, path: Path) -> None:
    await store.write(noting("before"))
    with another(path) as other:
        other.execute(_SWALLOW.format(table="audit"))

    def opening(tx: Tx) -> None:
        tx.add(episode())
        tx.audit(entry("opened"))

    with pytest.raises(StoreCorruptError, match="did not keep row 2"):
        await store.write(opening)
    assert await store.read(lambda reads: reads.get(Episode, 1)) is None


@pytest.mark.parametrize("table", ["audit", "AUDIT", "audit_checkpoints"])
async def test_a_trigger_of_somebody_else_is_a_fault(store: SqliteStore, path: Path, table: str) -> None:
    await store.write(noting())
    with another(path) as other:
        other.execute(_SWALLOW.format(table=table))
    fault = await store.verify_audit()
    assert fault is not None
    assert "hush" in fault.what


async def test_triggers_of_other_tables_are_no_matter_of_the_log(store: SqliteStore, path: Path) -> None:
    with another(path) as other:
        other.execute(_SWALLOW.format(table="votes"))
    assert verify_database(path) is None
