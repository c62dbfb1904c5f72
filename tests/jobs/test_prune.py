"""Pruning: what is over leaves, what is open stays, nothing is lost, and the database stays bounded."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from remediator.jobs.prune import Prune
from remediator.runs.audit import AuditAction, AuditRow, first_fault
from remediator.runs.records import HoldScope, Run
from remediator.settings_retention import Retention
from remediator.store.archives import ArchiveError, joined, look_at, read_archive
from remediator.store.base import Filter
from remediator.store.sqlite.audit_index import index_path
from remediator.store.sqlite.checkpoints import origin_of
from remediator.store.sqlite.pages import all_audit_rows
from remediator.store.sqlite.rows import TABLES
from remediator.store.sqlite.store import SqliteStore, open_reader, open_store, verify_database
from remediator.store.sqlite.tx import SqliteTx
from tests.engine.world import OPS, JumpingClock, World
from tests.store.samples import another, noting

DAY = timedelta(days=1)
POLICIES = (
    """
policy: fix
match: ['alertname = "Broken"']
target: 'thing/{{ labels.thing }}'
guards: [{rate_limit: {max: 40, per: 30d}}]
options:
  - name: set
    when: labels.thing == "a"
    steps: [{uses: test.set, with: {thing: a, value: 5}}]
    verify: {promql: ok, within: 10s}
    revert: {after: 5m}
  - {name: act, steps: [{uses: test.act, with: {thing: b, value: 1}}], verify: {promql: ok, within: 10s}}
""",
    """
policy: asks
match: ['alertname = "Asked"']
target: 'other/{{ labels.thing }}'
guards: [{approval: {from: [oncall], expires: 1h}}]
options:
  - {name: act, steps: [{uses: test.act, with: {thing: b, value: 1}}], verify: {promql: ok, within: 10s}}
""",
    """
policy: watched
mode: shadow
match: ['alertname = "Broken"']
target: 'shadow/{{ labels.thing }}'
options:
  - {name: act, steps: [{uses: test.act, with: {thing: b, value: 1}}], verify: {promql: ok, within: 10s}}
""",
    """
policy: lasting
match: ['alertname = "Lasting"']
target: lasting/one
options:
  - name: set
    steps: [{uses: test.set, with: {thing: b, value: 7}}]
    verify: {promql: ok, within: 10s}
    revert: {after: 1y, on: [expiry]}
""",
)


async def no_rest(_: float) -> None:
    """Go on at once."""


def retention() -> Retention:
    return Retention(deliveries=10 * DAY, records=30 * DAY, audit=30 * DAY)


def pruning(world: World, note: Callable[[str | None], None] = lambda _: None) -> Prune:
    return Prune(
        world.store,
        retention(),
        world.folder / "archive",
        world.clock,
        trusted=lambda: True,
        note=note,
        rest=no_rest,
        archive_rows=300,
    )


async def live(world: World, number: int) -> None:
    """A day: alerts come, flap, are remediated, asked about, and go."""
    for fingerprint, thing in (("f1", "a"), ("f2", "b")):
        await world.fire(fingerprint=fingerprint, thing=thing)
        await world.pass_time(timedelta(seconds=15))
        await world.resolve(fingerprint=fingerprint, thing=thing)
        await world.pass_time(timedelta(minutes=6), timedelta(minutes=1))
    await world.fire("Asked", "f3", thing=f"{number % 3}")
    await world.pass_time(2 * timedelta(hours=1), timedelta(minutes=30))
    await world.resolve("Asked", "f3", thing=f"{number % 3}")
    await world.fire("Unknown", "f4")
    await world.fire("Always", "f5")
    await world.pass_time(DAY - timedelta(hours=3), timedelta(hours=7))


def counts(path: Path) -> Counter[str]:
    names = [*(table.name for table in TABLES.values()), "run_episodes", "shadow_starts", "audit"]
    with another(path) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        return Counter(
            {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}
        )


def all_rows(folder: Path) -> list[AuditRow]:
    """All that was ever written down: what is archived, then what is in the log."""
    archives = joined(look_at(path) for path in (folder / "archive").glob("*.gz"))
    rows = [row for archive in archives for row in read_archive(archive.path)]
    connection = open_reader(folder / "db.sqlite")
    rows += [row for row in all_audit_rows(connection) if not rows or row.sequence > rows[-1].sequence]
    connection.close()
    return rows


async def test_over_months_the_database_stays_bounded_and_what_is_open_stays(tmp_path: Path) -> None:
    world = await World.begin(tmp_path, *POLICIES)
    path = tmp_path / "db.sqlite"
    await world.fire("Lasting", "f9")
    await world.resolve("Lasting", "f9")
    await world.fire(fingerprint="f8", thing="goes-on-firing")
    ended = (await world.run(1)).id
    await world.parts.holds.add(scope=HoldScope.TARGET, value="thing/z", reason="x", duration=None, actor=OPS)
    seen: list[Counter[str]] = []
    sizes: list[int] = []
    newest: Counter[str] = Counter()
    for number in range(80):
        await live(world, number)
        await pruning(world).prune()
        if number % 20 == 19:
            seen.append(counts(path))
            sizes.append(path.stat().st_size)
        now_newest = _newest_ids(path)
        assert all(now_newest[name] >= newest[name] for name in newest), "a number would be given twice"
        newest = now_newest
    # Of days 40, 60 and 80 each held what the 30 (10) days before came to.
    for name in seen[-1]:
        assert seen[-1][name] <= max(seen[1][name], seen[2][name]) * 1.1 + 5, name
    assert seen[-1]["receipts"] < 13 * 10
    assert sizes[-1] <= max(sizes[1], sizes[2]) * 1.1
    assert index_path(path).stat().st_size < 2_000_000
    open_ones = await world.store.read(lambda reads: reads.open_episodes())
    assert {episode.alertname for episode in open_ones} == {"Always", "Broken", "Unknown"}
    (lease,) = [lease for lease in await world.leases() if lease.policy == "lasting"]
    assert (await world.store.read(lambda reads: reads.get(Run, lease.run_id))) is not None
    assert (await world.store.read(lambda reads: reads.get(Run, ended))) is not None
    assert len(await world.store.read(lambda reads: reads.active_holds(world.clock.now()))) == 1
    assert await world.store.verify_audit() is None
    rows = all_rows(tmp_path)
    assert first_fault(rows) is None
    assert rows[0].sequence == 1
    with another(path) as connection:
        archived = connection.execute("SELECT max(sequence) FROM audit_checkpoints").fetchone()[0]
    log = (await world.store.read(lambda reads: reads.counts()))["audit"]
    assert log == {"head": rows[-1].sequence, "archived": archived}
    await world.end()


def _newest_ids(path: Path) -> Counter[str]:
    names = [table.name for table in TABLES.values() if "id" in table.names]
    with another(path) as connection:
        return Counter(
            {name: connection.execute(f"SELECT max(id) FROM {name}").fetchone()[0] or 0 for name in names}
        )


class Killed(BaseException):
    """What a power cut is to whoever was at work."""


class Struck:
    """A store that is cut off before or after one of its writes."""

    def __init__(self, store: SqliteStore, at: int, *, after: bool) -> None:
        self._store = store
        self._at = at
        self._after = after
        self.writes = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def write(self, work: Callable[[SqliteTx], Any]) -> Any:
        self.writes += 1
        if self.writes == self._at and not self._after:
            raise Killed
        result = await self._store.write(work)
        if self.writes == self._at:
            raise Killed
        return result


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, datetime]:
    """A server's folder after 45 days, and the time."""
    folder = tmp_path_factory.mktemp("lived")

    async def live_on() -> datetime:
        world = await World.begin(folder, *POLICIES)
        for number in range(45):
            await live(world, number)
        while await world.store.advance_index():
            pass
        await world.end()
        return world.clock.now()

    return folder, asyncio.run(live_on())


async def prune_copy(folder: Path, now: datetime, at: int = 0, *, after: bool = False) -> Struck:
    store = await open_store(folder / "db.sqlite")
    struck = Struck(store, at, after=after)
    pruning = Prune(
        cast("SqliteStore", struck),
        retention(),
        folder / "archive",
        JumpingClock(now),
        trusted=lambda: True,
        rest=no_rest,
        archive_rows=300,
    )
    try:
        await pruning.prune()
    except Killed:
        pass
    finally:
        await store.close()
    return struck


async def test_cut_off_anywhere_it_loses_nothing_and_goes_on(
    lived: tuple[Path, datetime], tmp_path: Path
) -> None:
    folder, now = lived
    before = all_rows(folder)
    whole = tmp_path / "whole"
    shutil.copytree(folder, whole)
    writes = (await prune_copy(whole, now)).writes
    wanted = counts(whole / "db.sqlite")
    assert wanted["audit"] < len(before) / 1.2
    for at in range(1, writes + 1):
        one = tmp_path / f"cut-{at}"
        shutil.copytree(folder, one)
        await prune_copy(one, now, at, after=bool(at % 2))
        assert all_rows(one)[: len(before)] == before
        assert verify_database(one / "db.sqlite") is None
        await prune_copy(one, now)
        left = counts(one / "db.sqlite")
        # What was removed is written down once more when it is gone on with.
        assert left["audit"] - wanted["audit"] in (0, 1)
        assert left - Counter(audit=1) == wanted or left == wanted
        assert all_rows(one)[: len(before)] == before
        assert names(one / "archive") == names(whole / "archive")
        shutil.rmtree(one)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


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


async def test_under_a_log_that_is_known_to_be_broken_it_does_not_begin(tmp_path: Path) -> None:
    world = await World.begin(tmp_path)
    await world.fire()
    await world.resolve()
    world.clock.jump(100 * DAY)
    job = Prune(
        world.store, retention(), tmp_path / "archive", world.clock, trusted=lambda: False, rest=no_rest
    )
    before = counts(tmp_path / "db.sqlite")
    await job.run()
    assert counts(tmp_path / "db.sqlite") == before
    await world.end()


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


async def test_a_day_leaves_as_a_whole_and_once(tmp_path: Path) -> None:
    world = await World.begin(tmp_path)
    job = pruning(world)
    await world.fire()
    await world.resolve()
    head = len(all_rows(tmp_path))
    for days, first in ((30, 1), (1, head + 1), (0, head + 1)):  # it began at noon
        world.clock.jump(days * DAY)
        await job.run()
        with another(tmp_path / "db.sqlite") as connection:
            assert connection.execute("SELECT min(sequence) FROM audit").fetchone() == (first,)
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


async def test_guards_count_as_if_nothing_had_left(tmp_path: Path) -> None:
    """The same months twice, pruned every day and never: the same is done."""
    done = []
    for folder, prunes in ((tmp_path / "pruned", True), (tmp_path / "kept", False)):
        folder.mkdir()
        world = await World.begin(folder, *POLICIES)
        for number in range(40):
            await live(world, number)
            if prunes:
                await pruning(world).prune()
        done.append((world.acted(), Counter((run.policy, run.state) for run in await world.runs())))
        await world.end()
    (pruned, _), (kept, runs) = done
    assert pruned == kept
    assert ("fix", "succeeded") in runs


async def test_what_is_kept_needs_no_other_row(lived: tuple[Path, datetime], tmp_path: Path) -> None:
    """However far it goes: no reference is left dangling, and the run of an alert that fires stays."""
    folder, now = lived
    one = tmp_path / "one"
    shutil.copytree(folder, one)
    newest = _newest_ids(one / "db.sqlite")
    for days in range(0, 400, 40):
        await prune_copy(one, now + days * DAY)
        assert _newest_ids(one / "db.sqlite") == newest, "a number would be given twice"
        left = counts(one / "db.sqlite")
        assert left["episodes"] >= 3
    # What fires has had no run; all else is over, but for the newest of each.
    assert left["runs"] <= 6
    assert left["audit"] < 10


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
