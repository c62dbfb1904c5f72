"""What leaves the audit log: in a file that is whole first, and told."""

from __future__ import annotations

import errno
import json
import os
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from remediator.runs.audit import AuditAction, first_fault
from remediator.store.archives import ArchiveError, look_at
from remediator.store.base import Filter
from remediator.store.sqlite.audit_index import index_path
from remediator.store.sqlite.checkpoints import origin_of
from remediator.store.sqlite.pages import all_audit_rows
from remediator.store.sqlite.store import open_reader, open_store
from tests.engine.world import World
from tests.jobs.lived import (
    DAY,
    all_rows,
    counts,
    names,
    prune_copy,
    pruning,
)
from tests.store.samples import another, noting


async def test_a_day_later_what_was_cut_off_before_it_was_noted_is_taken_as_it_is(
    lived: tuple[Path, datetime], tmp_path: Path
) -> None:
    folder, now = lived
    one = tmp_path / "one"
    shutil.copytree(folder, one)
    await prune_copy(one, now, 1)  # the file is there, and the log does not know
    (file,) = names(one / "archive")
    (one / "archive" / ".audit-x.partial").write_text("cut off")
    await prune_copy(one, now + DAY)
    assert file in names(one / "archive")
    assert ".audit-x.partial" not in names(one / "archive")
    assert first_fault(all_rows(one)) is None


async def test_an_archive_of_another_past_is_neither_taken_nor_written_over(
    lived: tuple[Path, datetime], tmp_path: Path
) -> None:
    folder, now = lived
    one, other = tmp_path / "one", tmp_path / "other"
    shutil.copytree(folder, one)
    store = await open_store(other / "db.sqlite")
    for number in range(5):
        await store.write(noting(f"{number}"))
    await store.close()
    await prune_copy(other, now)
    shutil.copytree(other / "archive", one / "archive")
    before = counts(one / "db.sqlite")
    with pytest.raises(ArchiveError, match="holds other rows than the audit log has there"):
        await prune_copy(one, now)
    assert counts(one / "db.sqlite") == before
    assert names(one / "archive") == names(other / "archive")


async def test_of_a_broken_log_nothing_leaves(lived: tuple[Path, datetime], tmp_path: Path) -> None:
    folder, now = lived
    one = tmp_path / "one"
    shutil.copytree(folder, one)
    with another(one / "db.sqlite") as connection:
        trigger = connection.execute(
            "SELECT sql FROM sqlite_master WHERE name = 'audit_no_update'"
        ).fetchone()
        connection.execute("DROP TRIGGER audit_no_update")
        connection.execute("UPDATE audit SET actor = 'somebody' WHERE sequence = 77")
        connection.execute(trigger[0])
    before = counts(one / "db.sqlite")
    with pytest.raises(ArchiveError, match="row 77 was altered"):
        await prune_copy(one, now)
    assert (counts(one / "db.sqlite"), names(one / "archive")) == (before, [])


async def test_a_log_that_does_not_follow_its_base_is_not_archived(
    lived: tuple[Path, datetime], tmp_path: Path
) -> None:
    folder, now = lived
    one = tmp_path / "one"
    shutil.copytree(folder, one)
    await prune_copy(one, now)
    with another(one / "db.sqlite") as connection:
        connection.execute("DROP TRIGGER audit_checkpoint_no_update")
        connection.execute("UPDATE audit_checkpoints SET hash = 'another'")
    archived = names(one / "archive")
    with pytest.raises(ArchiveError, match="the audit log is broken at row"):
        await prune_copy(one, now + DAY)
    assert names(one / "archive") == archived


async def test_a_folder_that_takes_nothing_keeps_everything(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world = await World.begin(tmp_path)
    await world.fire()
    await world.resolve()
    world.clock.jump(100 * DAY)
    (tmp_path / "archive").write_text("a file")
    before = counts(tmp_path / "db.sqlite")
    notes: list[str | None] = []
    job = pruning(world, note=notes.append)
    await job.run()
    await job.run()
    assert counts(tmp_path / "db.sqlite") == before
    assert [note for note in notes if note and "archive can't be written to: File exists" in note] == notes
    assert caplog.text.count("what is over stays in the database for now") == 1
    (tmp_path / "archive").unlink()
    await job.run()
    assert counts(tmp_path / "db.sqlite") == before, "it did not wait before the next try"
    world.clock.jump(timedelta(hours=1))
    await job.run()
    assert counts(tmp_path / "db.sqlite")["audit"] < before["audit"]
    assert notes[1:] == [None]
    await world.end()


async def test_it_says_what_left_and_where_it_went(lived: tuple[Path, datetime], tmp_path: Path) -> None:
    folder, now = lived
    one = tmp_path / "one"
    shutil.copytree(folder, one)
    await prune_copy(one, now)
    told = [row for row in all_rows(one) if row.actor == "prune"]
    assert {row.action for row in told} == {AuditAction.AUDIT_PRUNED, AuditAction.RECORDS_PRUNED}
    for row in told:
        detail = json.loads(row.detail)
        if row.action == AuditAction.AUDIT_PRUNED:
            archive = look_at(one / "archive" / detail["file"])
            assert detail == archive.told()
        else:
            midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
            assert datetime.fromisoformat(detail["records_before"]) == midnight - 30 * DAY
            assert datetime.fromisoformat(detail["deliveries_before"]) == midnight - 10 * DAY


async def test_the_index_lets_go_of_what_left_and_finds_the_rest(
    lived: tuple[Path, datetime], tmp_path: Path
) -> None:
    folder, now = lived
    one = tmp_path / "one"
    shutil.copytree(folder, one)
    await prune_copy(one, now)
    with another(index_path(one / "db.sqlite")) as index:
        words = index.execute("SELECT count(*) FROM words WHERE words MATCH 'remediator'").fetchone()[0]
        index.execute("INSERT INTO words (words) VALUES ('integrity-check')")
    store = await open_store(one / "db.sqlite")
    rows = all_audit_rows(open_reader(one / "db.sqlite"))
    with_it = [row.sequence for row in rows if row.actor == "remediator"]
    assert words == len(with_it)
    found = await store.read(lambda reads: reads.audit_rows(Filter(search="remediator", limit=10_000)))
    assert [row.sequence for row in found] == with_it[::-1]
    await store.close()


@pytest.mark.parametrize("call", ["fsync", "link"])
async def test_a_disk_that_does_not_take_the_archive_keeps_the_log(
    lived: tuple[Path, datetime], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    folder, now = lived
    one = tmp_path / "one"
    shutil.copytree(folder, one)
    before = counts(one / "db.sqlite")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, call, full)
        with pytest.raises(ArchiveError, match="can't be written: No space left on device"):
            await prune_copy(one, now)
    assert (counts(one / "db.sqlite"), names(one / "archive")) == (before, [])
    await prune_copy(one, now)
    assert counts(one / "db.sqlite")["audit"] < before["audit"]


async def test_a_log_is_told_from_others_when_its_first_rows_have_left(
    lived: tuple[Path, datetime], tmp_path: Path
) -> None:
    folder, now = lived
    one = tmp_path / "one"
    shutil.copytree(folder, one)
    origins = []
    for days in (0, 10, 20):
        await prune_copy(one, now + days * DAY)
        with another(one / "db.sqlite") as connection:
            origins.append(origin_of(connection))
    assert origins[0] == origins[1] == origins[2] is not None
    store = await open_store(tmp_path / "new.db")
    assert await store.read(lambda reads: origin_of(reads.connection)) is None
    row = await store.write(noting("first"))
    assert await store.read(lambda reads: origin_of(reads.connection)) == row.hash
    await store.close()
