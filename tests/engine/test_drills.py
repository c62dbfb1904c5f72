"""Alerts that are exercises: decided as all others, and nothing is done about them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from remediator.runs.reasons import Outcome
from tests.engine.world import POLICY, World

_LEASED = """
policy: lend
owner: team
runbook_url: docs/runbooks/lend.md
match: ['alertname = "Broken"']
target: thing/a
options:
  - name: set
    steps: [{uses: test.set, with: {thing: a, value: 2}}]
    verify: {promql: ok}
    revert: {after: 1h}
"""


async def test_an_exercise_is_decided_and_nothing_is_done(tmp_path: Path) -> None:
    world = await World.begin(tmp_path, POLICY)
    try:
        await world.fire(drill="true")
        assert [record.outcome for record in await world.decisions()][-1] is Outcome.SHADOW
        assert await world.runs() == []
        assert world.acted("test.act") == []
    finally:
        await world.end()


@pytest.mark.parametrize("value", ["false", "True", "1", ""])
async def test_only_true_makes_an_exercise(tmp_path: Path, value: str) -> None:
    world = await World.begin(tmp_path, POLICY)
    try:
        await world.fire(drill=value)
        assert len(await world.runs()) == 1
    finally:
        await world.end()


async def test_an_exercise_counts_for_no_real_cooldown(tmp_path: Path) -> None:
    world = await World.begin(tmp_path, POLICY + "guards: [{cooldown: {for: 1h}}]\n")
    try:
        await world.fire(fingerprint="f1", drill="true")
        await world.fire(fingerprint="f2")
        assert len(await world.runs()) == 1
    finally:
        await world.end()


async def test_what_is_real_goes_back_though_an_exercise_still_fires(tmp_path: Path) -> None:
    world = await World.begin(tmp_path, _LEASED)
    try:
        await world.fire(fingerprint="f1")
        assert world.script.values["a"] == 2
        await world.fire(fingerprint="f2", drill="true")
        await world.resolve(fingerprint="f1")
        await world.pass_time(timedelta(minutes=1))
        assert world.script.values["a"] == 1
    finally:
        await world.end()
