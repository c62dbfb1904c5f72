"""`remediator backup` and `remediator restore`, as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from remediator.store.sqlite.store import open_store
from tests.cli.conftest import Run
from tests.store.samples import noting


@pytest.fixture
async def database(tmp_path: Path) -> Path:
    """A database that a server left."""
    path = tmp_path / "data" / "remediator.db"
    store = await open_store(path)
    for number in range(3):
        await store.write(noting(f"row {number}"))
    await store.close()
    return path


@pytest.mark.usefixtures("database")
def test_it_says_what_it_copied(remediator: Run) -> None:
    ended = remediator("backup", "copy.db")
    assert ended.code == 0
    assert "copy.db is a whole copy of data/remediator.db" in ended.out
    assert "3 audit" in ended.out
    told = json.loads(remediator("backup", "another.db", "--json").out)
    assert told["rows"]["audit"] == 3
    assert f"head {told['head']}" in ended.out
    verified = remediator("audit", "verify", "--db", "copy.db", "--head", told["head"])
    assert verified.code == 0


@pytest.mark.usefixtures("database")
def test_what_is_there_is_not_written_over(remediator: Run, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("mine")
    ended = remediator("backup", "copy.db")
    assert (ended.code, (tmp_path / "copy.db").read_text()) == (1, "mine")
    assert "copy.db is there already" in ended.err


@pytest.mark.usefixtures("database")
def test_a_folder_that_is_not_there_is_named(remediator: Run) -> None:
    ended = remediator("backup", "nowhere/copy.db")
    assert ended.code == 1
    assert "nowhere can't be written to: No such file or directory" in ended.err


def test_it_is_put_back_and_says_what_to_do(remediator: Run, database: Path) -> None:
    remediator("backup", "copy.db")
    ended = remediator("restore", "copy.db")
    assert ended.code == 0
    assert "data/remediator.db is what copy.db held" in ended.out
    assert "remediator.db.before-" in ended.out
    assert "remove the hold" in ended.out
    assert json.loads(remediator("audit", "verify", "--json").out)["head"].startswith("4:")
    assert database.stat().st_mode & 0o777 == 0o600


def test_what_is_no_backup_is_not_put_back(remediator: Run, database: Path, tmp_path: Path) -> None:
    before = database.read_bytes()
    (tmp_path / "copy.db").write_bytes(b"not a database at all, but long enough" * 100)
    ended = remediator("restore", "copy.db")
    assert (ended.code, database.read_bytes()) == (1, before)
    assert "copy.db is damaged, or not a database of remediator" in ended.err
