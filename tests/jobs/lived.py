"""A server that has lived for weeks, and what pruning leaves of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

from remediator.jobs.prune import Prune
from remediator.runs.audit import AuditRow
from remediator.settings_retention import Retention
from remediator.store.archives import joined, look_at, read_archive
from remediator.store.sqlite.pages import all_audit_rows
from remediator.store.sqlite.rows import TABLES
from remediator.store.sqlite.store import SqliteStore, open_reader, open_store
from remediator.store.sqlite.tx import SqliteTx
from tests.engine.world import JumpingClock, World
from tests.store.samples import another

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


def newest_ids(path: Path) -> Counter[str]:
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


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
