"""Pruning: what is over leaves, what is open stays, nothing is lost, and the database stays bounded."""

from __future__ import annotations

import shutil
from collections import Counter
from datetime import datetime
from pathlib import Path

from remediator.jobs.prune import Prune
from remediator.runs.audit import first_fault
from remediator.runs.records import HoldScope, Run
from remediator.store.sqlite.audit_index import index_path
from remediator.store.sqlite.store import verify_database
from tests.engine.world import OPS, World
from tests.jobs.lived import (
    DAY,
    POLICIES,
    all_rows,
    counts,
    live,
    names,
    newest_ids,
    no_rest,
    prune_copy,
    pruning,
    retention,
)
from tests.store.samples import another


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
        now_newest = newest_ids(path)
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
    newest = newest_ids(one / "db.sqlite")
    for days in range(0, 400, 40):
        await prune_copy(one, now + days * DAY)
        assert newest_ids(one / "db.sqlite") == newest, "a number would be given twice"
        left = counts(one / "db.sqlite")
        assert left["episodes"] >= 3
    # What fires has had no run; all else is over, but for the newest of each.
    assert left["runs"] <= 6
    assert left["audit"] < 10
