"""`policies shadow-report`: a table for people, JSON for programs, an exit code for gates."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.engine.world import EMPTY, POLICY, JumpingClock, Script, World

SHADOW = POLICY.replace("policy: fix", "policy: fix\nmode: shadow").replace(
    "options:", "guards:\n  - approval: {from: [oncall]}\noptions:"
)
DAY = timedelta(days=1)
ENOUGH = ("--min-decisions", "2", "--min-days", "1")


async def _fill(folder: Path, thing: str) -> None:
    clock = JumpingClock(datetime.now(UTC) - 4 * DAY)
    world = await World.begin(folder, SHADOW, clock=clock, script=Script(promql={"ok": EMPTY}))
    for number in range(2):
        await world.fire(fingerprint=f"f{number}", thing=thing)
        await world.pass_time(timedelta(minutes=10), timedelta(seconds=5))
        await world.resolve(fingerprint=f"f{number}", thing=thing)
    await world.end()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    asyncio.run(_fill(tmp_path, "a"))
    return tmp_path / "db.sqlite"


def test_it_says_what_was_seen_and_what_it_comes_to(remediator: Run, database: Path) -> None:
    ended = remediator("policies", "shadow-report", "fix", "--db", str(database), *ENOUGH)
    assert ended.code == 0, ended.err
    assert ended.out.rstrip().endswith("fix: ready")
    assert "thing/a" in ended.out
    assert "1 of oncall" in ended.out
    assert "no (not_held)" in ended.out
    assert "after 10m" in ended.out
    assert "acting could have saved at most this" in ended.out


def test_too_little_is_not_enough(remediator: Run, database: Path) -> None:
    ended = remediator("policies", "shadow-report", "fix", "--db", str(database))
    assert (ended.code, ended.out.rstrip().splitlines()[-1]) == (0, "fix: not enough seen")


@pytest.mark.parametrize(
    ("options", "code"),
    [(ENOUGH, 0), ((*ENOUGH, "--max-load", "1%"), 1), ((), 1)],
)
def test_a_gate_ends_with_one_unless_it_is_ready(
    remediator: Run, database: Path, options: tuple[str, ...], code: int
) -> None:
    ended = remediator("policies", "shadow-report", "fix", "--db", str(database), "--gate", *options)
    assert ended.code == code


def test_json_has_every_criterion_and_decision(remediator: Run, database: Path) -> None:
    ended = remediator("policies", "shadow-report", "fix", "--db", str(database), "--json", *ENOUGH)
    report = json.loads(ended.out)
    assert report["verdict"] == "ready"
    assert all(criterion["met"] for criterion in report["criteria"])
    assert [line["resolved_after_seconds"] for line in report["decisions"]] == [600.0, 600.0]
    assert report["decisions"][0]["would_have_asked"][0]["from"] == ["oncall"]
    assert report["summary"]["endings"] == {"stayed": 2}


def test_the_configuration_names_the_database_and_the_limits(remediator: Run, database: Path) -> None:
    config = database.with_name("remediator.yaml")
    config.write_text(f"store: {{sqlite: {database}}}\nlimits: {{concurrent_runs: 1}}\n")
    ended = remediator("policies", "shadow-report", "fix", "--config", str(config), *ENOUGH)
    assert ended.out.rstrip().endswith("fix: not ready"), ended.err


def test_a_name_that_nothing_is_known_of(remediator: Run, database: Path) -> None:
    ended = remediator("policies", "shadow-report", "fox", "--db", str(database))
    assert ended.code == 0
    assert "No shadow decision of a policy 'fox'" in ended.out
    assert ended.out.rstrip().endswith("fox: not enough seen")


def test_labels_can_not_move_the_cursor(remediator: Run, tmp_path: Path) -> None:
    asyncio.run(_fill(tmp_path, "\x1b[2Jgone\u202e"))
    ended = remediator("policies", "shadow-report", "f\x1b[2Jx", "--db", str(tmp_path / "db.sqlite"))
    shown = remediator("policies", "shadow-report", "fix", "--db", str(tmp_path / "db.sqlite"))
    assert "\x1b" not in ended.out + shown.out
    assert "\u202e" not in shown.out
    assert "thing/\\x1b[2Jgone\\u202e" in shown.out


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--since", "soon"), "--since"),
        (("--since", "9999y"), "--since"),
        (("--max-needless", "many"), "--max-needless"),
        (("--max-needless", "120%"), "--max-needless"),
        (("--db", "nowhere.sqlite"), "nowhere.sqlite"),
    ],
)
def test_wrong_usage_is_said(
    remediator: Run, database: Path, options: tuple[str, ...], complaint: str
) -> None:
    given = () if "--db" in options else ("--db", str(database))
    ended = remediator("policies", "shadow-report", "fix", *given, *options)
    assert ended.code == 2
    assert complaint in ended.err
