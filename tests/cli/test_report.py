"""`remediator report`: from the database as a file, and from the server."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.cli.conftest import Api, Run
from tests.engine.world import POLICY, World


async def _fill(folder: Path) -> None:
    world = await World.begin(folder, POLICY)
    await world.fire()
    await world.resolve()
    await world.end()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    asyncio.run(_fill(tmp_path))
    return tmp_path / "db.sqlite"


def test_a_report_is_printed_the_same_each_time(remediator: Run, database: Path) -> None:
    first, second = (remediator("report", "1", "--db", str(database)) for _ in range(2))
    assert first.code == 0, first.err
    assert first.out.startswith("# Broken on thing/a\n")
    assert first.out == second.out


def test_a_report_is_written(remediator: Run, database: Path, tmp_path: Path) -> None:
    ended = remediator("report", "1", "--db", str(database), "--output", "out", "--no-metrics")
    assert ended.out.strip() == "out/fix-20260105_120000-run-1.md"
    assert (tmp_path / ended.out.strip()).read_text().startswith("# Broken")


def test_a_run_that_is_not_there(remediator: Run, database: Path) -> None:
    ended = remediator("report", "9", "--db", str(database))
    assert ended.code == 2
    assert "there is no run 9" in ended.err


def test_the_server_is_asked(remediator: Run, api: Api) -> None:
    api.on("GET", "/api/v1/runs/3/report", {"name": "x", "markdown": "# X\n", "svg": "<svg/>"})
    ended = remediator("report", "3", "--url", api.url)
    assert (ended.code, ended.out) == (0, "# X\n")
    ended = remediator("report", "3", "--url", api.url, "--output", "out", "--json")
    assert json.loads(ended.out)["name"] == "x"
    assert Path("out/x.svg").read_text() == "<svg/>"
