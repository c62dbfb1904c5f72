"""`remediator prune`, and `audit verify` over what it archived."""

from __future__ import annotations

import asyncio
import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from remediator.runs.episodes import Episode
from remediator.store.base import Filter
from remediator.store.sqlite.store import SqliteStore, open_store
from tests.cli.conftest import Run
from tests.store.samples import episode, noting

NOW = datetime.now(UTC)
OLD = NOW - timedelta(days=200)
CONFIG = "policies: policies\nretention: {deliveries: 10d, records: 30d, audit: 40d}\n"
POLICY = """
policy: pms
match: ['alertname = "PMSDown"']
target: pms
guards:
  - rate_limit: {max: 3, per: 31d}
options: [{name: tell, steps: [{uses: alertmanager.silence, with: {source: default, duration: 1h}}]}]
"""


async def fill(store: SqliteStore) -> None:
    """Two episodes of long ago, one of them open, and rows of then and of now."""
    closed = episode("f1", opened_at=OLD, last_seen_at=OLD, closed_at=OLD)
    await store.write(lambda tx: tx.add(closed))
    await store.write(lambda tx: tx.add(episode("f2", opened_at=OLD, last_seen_at=OLD)))
    for number in range(5):
        await store.write(noting(f"old {number}", at=OLD))
    await store.write(noting("new", at=NOW))


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database of two hundred days, and its configuration."""
    path = tmp_path / "data" / "remediator.db"
    (tmp_path / "remediator.yaml").write_text(CONFIG)
    (tmp_path / "policies").mkdir()

    async def make() -> None:
        store = await open_store(path)
        await fill(store)
        await store.close()

    asyncio.run(make())
    return path


def episodes(path: Path) -> list[str]:
    async def look() -> list[str]:
        store = await open_store(path)
        found = await store.read(lambda reads: reads.select(Episode, Filter()))
        await store.close()
        return [one.fingerprint for one in found]

    return asyncio.run(look())


def test_a_dry_run_says_what_would_leave_and_changes_nothing(remediator: Run, database: Path) -> None:
    before = database.read_bytes()
    ended = remediator("prune", "--dry-run")
    assert (ended.code, ended.out) == (0, "Would leave: 5 audit, 1 episodes.\n")
    assert database.read_bytes() == before
    assert sorted(path.name for path in database.parent.iterdir() if "prune" in path.name) == []
    told = json.loads(remediator("prune", "--json").out)
    assert told["rows"] == {"audit": 5, "episodes": 1}


def test_what_is_over_leaves_and_the_log_goes_on_from_its_archive(remediator: Run, database: Path) -> None:
    head = json.loads(remediator("audit", "verify", "--json").out)["head"]
    ended = remediator("prune")
    assert ended.code == 0, ended.err
    assert "Left the database: 5 audit, 1 episodes." in ended.out
    assert "Rows 1 to 5 of the audit log are in data/archive/audit-000000000001-000000000005" in ended.out
    assert episodes(database) == ["f2"]
    assert "Nothing was over" in remediator("prune").out
    assert "whole: 3 rows, from row 6 on" in remediator("audit", "verify", "--head", head).out
    whole = remediator("audit", "verify", "--head", head, "--archive", "data/archive")
    assert (whole.code, whole.out.splitlines()[0]) == (0, "The audit log is whole: 8 rows.")


@pytest.fixture
def archived(remediator: Run, database: Path) -> Path:
    """The archive of a database that was pruned."""
    assert remediator("prune").code == 0
    (path,) = (database.parent / "archive").glob("*.gz")
    return path


def rewrite(path: Path, before: str, after: str, count: int = -1) -> None:
    text = gzip.decompress(path.read_bytes()).decode()
    assert before in text
    path.write_bytes(gzip.compress(text.replace(before, after, count).encode()))


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("old 2", "other", "row 3 was altered"),
        ('{"sequence":3', '{"strange":3', ":3 is no row of an audit log"),
        ('"sequence":5', '"sequence":6', "row 5 was removed"),
    ],
)
def test_an_archive_that_was_altered_is_named(
    remediator: Run, archived: Path, before: str, after: str, told: str
) -> None:
    rewrite(archived, before, after)
    ended = remediator("audit", "verify", "--archive", str(archived))
    assert ended.code == 1
    assert archived.name in ended.err
    assert told in ended.err


def test_an_archive_that_was_cut_off_is_named(remediator: Run, archived: Path) -> None:
    archived.write_bytes(archived.read_bytes()[:-20])
    ended = remediator("audit", "verify", "--archive", "data/archive")
    assert (ended.code, "is damaged after line" in ended.err) == (1, True)


def test_an_archive_that_is_missing_is_named(remediator: Run, archived: Path) -> None:
    archived.unlink()
    ended = remediator("audit", "verify", "--archive", "data/archive")
    assert ended.code == 1
    assert f"rows up to 5 were archived to {archived.name}: give that file as well" in ended.err


def test_a_head_is_looked_for_in_the_archive(remediator: Run, archived: Path) -> None:
    rows = [json.loads(line) for line in gzip.decompress(archived.read_bytes()).splitlines()]
    right = remediator("audit", "verify", "--archive", "data/archive", "--head", f"3:{rows[2]['hash']}")
    wrong = remediator("audit", "verify", "--archive", "data/archive", "--head", f"3:{rows[1]['hash']}")
    assert (right.code, wrong.code) == (0, 1)
    assert "row 3 is not the one whose head was noted" in wrong.out


def test_an_archive_of_another_log_is_not_taken_for_this_ones(
    remediator: Run, archived: Path, tmp_path: Path
) -> None:
    async def another() -> None:
        store = await open_store(tmp_path / "another.db")
        await fill(store)
        await store.close()

    asyncio.run(another())
    ended = remediator("audit", "verify", "--db", "another.db", "--archive", str(archived))
    assert (ended.code, "is not of the log in another.db" in ended.err) == (1, True)


async def test_under_a_server_it_says_that_the_server_does_it(remediator: Run, tmp_path: Path) -> None:
    store = await open_store(tmp_path / "data" / "remediator.db")
    await store.close()
    store = await open_store(tmp_path / "data" / "remediator.db")
    loop = asyncio.get_running_loop()
    ended = await loop.run_in_executor(None, remediator, "prune")
    assert ended.code == 2
    assert "a server prunes its database by itself" in ended.err
    assert (await loop.run_in_executor(None, remediator, "prune", "--dry-run")).code == 0
    await store.close()


@pytest.mark.usefixtures("database")
def test_a_guard_that_looks_further_back_than_records_are_kept_is_refused(
    remediator: Run, tmp_path: Path
) -> None:
    (tmp_path / "policies" / "pms.yaml").write_text(POLICY)
    for arguments in (("prune",), ("policies", "check")):
        ended = remediator(*arguments)
        assert ended.code != 0
        told = ended.out + ended.err
        assert "pms.yaml:6:5: error: looks back 31d, and records are kept for 30d only" in told
    (tmp_path / "remediator.yaml").write_text(CONFIG.replace("records: 30d", "records: 31d"))
    assert "looks back" not in remediator("policies", "check").err
