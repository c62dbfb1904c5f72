"""Killed before and after each commit and each effect: nothing lost, nothing twice, nothing left hanging."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from remediator.actions.base import Outcome, succeeded
from remediator.engine import executor, steps
from remediator.engine.steps import StepRunner
from tests.faults.boundaries import EFFECTS
from tests.faults.lives import Restarted, each
from tests.faults.promises import differences, unsafe
from tests.faults.scenarios import SCENARIOS

ENGINE = Path(executor.__file__).parent


@pytest.mark.parametrize("name", SCENARIOS)
async def test_killed_anywhere_it_ends_as_if_nothing_had_happened(name: str, folder: Path) -> None:
    """Where a look shows whether a step happened, a crash changes nothing at all."""
    whole, lives = await each(SCENARIOS[name], folder, knows=True)
    assert {"commit.before", "commit.after"} <= kinds(lives)
    assert [fault for life in lives for fault in differences(whole, life)] == []


@pytest.mark.parametrize("name", SCENARIOS)
async def test_what_nobody_can_know_is_handed_to_people_and_not_done_again(name: str, folder: Path) -> None:
    """Where no look helps, only a step that a kill cut off may end otherwise, and then with a person."""
    whole, lives = await each(SCENARIOS[name], folder, knows=False)
    assert [fault for life in lives for fault in unsafe(whole, life)] == []


async def test_a_kill_while_a_step_is_under_way_is_among_them(folder: Path) -> None:
    whole, lives = await each(SCENARIOS["undone by a person"], folder, knows=False)
    assert {"attempt.after", "undo.after"} <= kinds(lives)
    handed_over = [life for life in lives if life.end.handed_over]
    assert {life.end.acts["test.act", 1] for life in handed_over} == {0, 1}, (
        "before and after it had its effect"
    )
    assert not whole.handed_over


async def _makes_it_again(*_: Any) -> None:
    return None


def _takes_it_for_done(*_: Any, **__: Any) -> Outcome:
    return succeeded()


BROKEN: Mapping[str, tuple[object, str, Any]] = {
    "a step that was cut off is simply made again": (StepRunner, "_recover", _makes_it_again),
    "a step that was cut off is taken for done": (steps, "after_probe", _takes_it_for_done),
}


@pytest.mark.parametrize("broken", BROKEN)
async def test_a_version_that_breaks_the_promise_is_caught(
    broken: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*BROKEN[broken])
    whole, lives = await each(SCENARIOS["approved by a person"], folder, knows=False)
    assert [fault for life in lives for fault in unsafe(whole, life)]


def kinds(lives: Sequence[Restarted]) -> set[str]:
    return {life.place.partition(" ")[0] for life in lives}


def test_the_engine_touches_the_world_only_where_it_is_watched() -> None:
    """A call of an action or a sender anywhere else would be a boundary that nobody tries."""
    watched = {"executor.py", "courier.py"}
    # Facts are looks: the catalog of a policy's facts admits nothing that changes anything.
    looks = {"facts.py"}
    for path in ENGINE.glob("*.py"):
        touched = {
            node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)
        }
        assert path.name in watched | looks or not touched & {"act", "_sender", "_buttons"}, path.name
    executing = ast.parse((ENGINE / "executor.py").read_text())
    public = {node.name for node in executing.body if isinstance(node, ast.AsyncFunctionDef)}
    assert public == {name for owner, name in EFFECTS if owner is executor}
