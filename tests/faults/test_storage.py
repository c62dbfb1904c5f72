"""Faults of what the database lies on: nothing false is said, nothing is lost, and it is told what to do."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from remediator.store.base import Filter, Order, StoreCorruptError
from remediator.store.sqlite.store import open_store, verify_database
from tests.e2e.receiver import Receiver, firing
from tests.faults.own_mounts import require_own_mounts, serving_within
from tests.store.samples import another, entry, noting

_POLICY = """
policy: job
match: ['alertname = "Broken"']
target: 'job/{{ labels.thing }}'
options:
  - {name: only, steps: [{uses: command.run, with: {command: act}}]}
"""
_ACT = ["sh", "-c", "echo done >> done.txt"]


def _configured(receiver: Receiver) -> Receiver:
    receiver.configure({"commands": {"act": {"argv": _ACT}}}, job=_POLICY)
    return receiver


def test_a_disk_that_fills_up_is_503_and_goes_on_when_there_is_space(receiver: Receiver) -> None:
    """A real small disk, filled to its last byte under a server that works."""
    require_own_mounts()
    _configured(receiver)
    data = receiver.database.parent
    data.mkdir()
    receiver.program = serving_within(f"mount -t tmpfs -o size=24m tmpfs '{data}'")
    receiver.start()
    assert receiver.process is not None
    disk = Path(f"/proc/{receiver.process.pid}/root{data}")
    assert receiver.deliver(_alert(0)) == 200
    receiver.until(lambda: len(_ended(receiver)) == 1, "it was not acted on")
    filler = disk / "filler"
    _fill(filler)
    given = {f"f{number}": receiver.deliver(_alert(number)) for number in range(1, 12)}
    assert set(given.values()) <= {200, 503}
    assert 503 in given.values()
    assert "database or disk is full; free space on its disk" in receiver.log()
    filler.unlink()
    for number in range(1, 12):
        if given[f"f{number}"] == 503:  # as Alertmanager does
            assert receiver.deliver(_alert(number)) == 200
    receiver.until(lambda: len(_ended(receiver)) == 12, "not all was acted on")
    succeeded = [run for run in _ended(receiver) if run["state"] == "succeeded"]
    assert len(succeeded) <= len((receiver.folder / "done.txt").read_text().split()) <= 12
    # A step whose result could not be written while the disk was full is nobody's to repeat.
    assert {str(run["reason"]) for run in _ended(receiver)} <= {"unverified", "step_ambiguous"}
    shutil.copytree(disk, receiver.folder / "copy")  # the disk ends with the server
    assert verify_database(receiver.folder / "copy" / receiver.database.name) is None


def _alert(number: int) -> dict[str, Any]:
    return firing("Broken", f"f{number}", thing=f"{number}")


def _ended(receiver: Receiver) -> list[dict[str, Any]]:
    return [run for run in receiver.runs() if run["state"] in ("succeeded", "needs_human")]


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, suppress(OSError):  # no space left
        while True:
            file.write(b"x" * 4096)


@pytest.mark.parametrize(
    ("place", "advice"),
    [
        ("data/remediator.db", "let remediator write to it"),
        ("data", "keep the database in a folder that remediator may write to"),
    ],
)
def test_a_read_only_place_is_told_with_what_to_do(receiver: Receiver, place: str, advice: str) -> None:
    require_own_mounts()
    _configured(receiver)
    asyncio.run(_database(receiver.database, 1))
    there = receiver.folder / place
    receiver.program = serving_within(f"mount --bind '{there}' '{there}'; mount -o remount,ro,bind '{there}'")
    receiver.start(ready=False)
    assert receiver.await_death() == 2
    assert advice in receiver.log().splitlines()[-1]


async def _database(path: Path, rows: int) -> None:
    store = await open_store(path)
    for number in range(rows):
        await store.write(noting(f"{number} " + "x" * 300))
    await store.close()


async def test_a_page_that_was_overwritten_is_named_whichever_it_is(tmp_path: Path) -> None:
    sound = tmp_path / "sound.sqlite"
    await _database(sound, 30)
    size = 4096
    pages = sound.stat().st_size // size
    for page in range(pages):
        path = tmp_path / "damaged.sqlite"
        shutil.copy(sound, path)
        with path.open("r+b") as file:
            file.seek(page * size)
            file.write(b"\xff" * size)
        with pytest.raises(StoreCorruptError, match=r"(?s)damaged\.sqlite is damaged.*restore a backup"):
            await open_store(path)


async def test_a_cut_write_ahead_log_loses_its_end_and_nothing_else(tmp_path: Path) -> None:
    """What a disk that lied about its syncs leaves: sound, a whole beginning, and a noted head shows it."""
    path = tmp_path / "live.sqlite"
    store = await open_store(path)
    rows = [await store.write(lambda tx: tx.audit(entry("x" * 100))) for _ in range(30)]
    head = (rows[-1].sequence, rows[-1].hash)
    log = path.with_name(path.name + "-wal")
    for round_ in range(12):
        cut = tmp_path / f"{round_}.sqlite"
        shutil.copy(path, cut)
        content = log.read_bytes()
        left = random.Random(round_).randrange(len(content))
        cut.with_name(cut.name + "-wal").write_bytes(content[:left])
        again = await open_store(cut)
        assert again.chain_fault is None
        kept = await again.read(lambda reads: reads.audit_rows(Filter(order=Order.OLDEST, limit=100)))
        assert [row.hash for row in kept] == [row.hash for row in rows[: len(kept)]]
        fault = await again.verify_audit(head)
        assert len(kept) == len(rows) or (fault is not None and "tail" in fault.what)
        assert (await again.write(lambda tx: tx.audit(entry()))).sequence == len(kept) + 1
        await again.close()
    await store.close()


def test_a_database_that_another_program_has_locked_is_503_and_says_so(receiver: Receiver) -> None:
    _configured(receiver).start()
    with closing(sqlite3.connect(receiver.database, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        assert [receiver.deliver(firing("Broken", thing="0")) for _ in range(3)] == [503, 503, 503]
        holder.execute("ROLLBACK")
    assert "database is locked; end the other program that has it locked" in receiver.log()
    assert receiver.deliver(firing("Broken", thing="0")) == 200
    receiver.until(lambda: [run["state"] for run in receiver.runs()] == ["succeeded"], "it was not acted on")
    assert (receiver.folder / "done.txt").read_text().split() == ["done"]
    with another(receiver.database) as other:
        assert other.execute("SELECT count(*) FROM receipts").fetchone() == (1,)
