"""Runs policy tests, and says of each how it ended."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from remediator.authoring.policy_tests.comparing import differences
from remediator.authoring.policy_tests.coverage import Seen, seen_in
from remediator.authoring.policy_tests.history import Happening, happenings
from remediator.authoring.policy_tests.model import PolicyTest
from remediator.authoring.policy_tests.observing import View, audit_of, observe
from remediator.authoring.policy_tests.playing import Play, begin, moments, play
from remediator.authoring.policy_tests.reading import ReadFile
from remediator.authoring.policy_tests.staging import Stage, Stages
from remediator.simulation.looped_clock import LoopedEventLoop, run_looped
from remediator.yaml_source import NodePath


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One expectation that was not met, and where it stands."""

    at: timedelta
    what: str
    line: int
    column: int
    expected: Any
    actual: Any


@dataclass(frozen=True, slots=True)
class Result:
    """How one test ended. `seconds` is real time."""

    file: Path
    name: str
    line: int
    column: int
    policies: tuple[str, ...]
    seconds: float
    mismatches: tuple[Mismatch, ...]
    history: tuple[Happening, ...]
    unscripted: tuple[str, ...]
    seen: Seen = field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether everything was as expected."""
        return not self.mismatches


def run_tests(file: ReadFile, stages: Stages, places: Iterable[int]) -> Iterable[Result]:
    """Run a file's tests, one after the other.

    Raises:
        ConfigError: when a test's configuration or policies can't be used.
    """
    for at in places:
        yield run_test(file, stages.of(at), at)


def run_test(file: ReadFile, stage: Stage, place: int) -> Result:
    """Run the test at a place in the file."""
    test = file.document.tests[place]
    began = time.perf_counter()
    ended = run_looped(lambda loop: _run(loop, file, stage, place))
    line, column = file.line_of(("tests", place, "name"))
    return Result(
        file=file.path,
        name=test.name,
        line=line,
        column=column,
        policies=stage.names,
        seconds=time.perf_counter() - began,
        mismatches=ended.mismatches,
        history=ended.history,
        unscripted=ended.unscripted,
        seen=ended.seen,
    )


@dataclass(frozen=True, slots=True)
class _Ended:
    mismatches: tuple[Mismatch, ...]
    history: tuple[Happening, ...]
    unscripted: tuple[str, ...]
    seen: Seen


async def _run(loop: LoopedEventLoop, file: ReadFile, stage: Stage, place: int) -> _Ended:
    test, given = file.document.tests[place], file.document.given
    playing = await begin(loop, stage, given, test)
    mismatches: list[Mismatch] = []
    try:
        for at in sorted(moments(given, test) | {expectation.at for expectation in test.expect}):
            await play(playing, given, test, at)
            mismatches += await _look(playing, file, stage, place, at)
        mismatches += _refusals(playing, file, place, test)
        store = playing.simulation.around.store
        rows = await store.read(audit_of)
        seen = await store.read(lambda reads: seen_in(reads, stage.policies.policies))
    finally:
        await playing.simulation.end()
    return _Ended(
        tuple(sorted(mismatches, key=lambda one: (one.at, one.line, one.column))),
        tuple(happenings(rows, test.start, policies=len(stage.names))),
        playing.unscripted.asked,
        seen,
    )


async def _look(playing: Play, file: ReadFile, stage: Stage, place: int, at: timedelta) -> Sequence[Mismatch]:
    """Compare what is with all that is expected at one time."""
    found: list[Mismatch] = []
    test = file.document.tests[place]
    for number, expectation in enumerate(test.expect):
        if expectation.at != at:
            continue
        policy = expectation.policy or stage.names[0]
        channels = tuple(stage.settings.channels)
        view = View(policy, expectation.labels, test.start, channels)
        looks = partial(observe, view=view)
        actual = await playing.simulation.around.store.read(looks)
        for difference in differences(expectation, actual):
            line, column = file.line_of(("tests", place, "expect", number, *difference.path))
            what = _dotted(difference.path)
            found.append(Mismatch(at, what, line, column, difference.expected, difference.actual))
    return found


def _refusals(playing: Play, file: ReadFile, place: int, test: PolicyTest) -> Sequence[Mismatch]:
    """What people were told, where it is not what the test says."""
    found = []
    for refused in playing.deeds.refused:
        deed = test.people[refused.place]
        line, column = file.line_of(("tests", place, "people", refused.place))
        what = f"{deed.by} may {deed.does}"
        found.append(Mismatch(deed.at, what, line, column, refused.expected, refused.actual))
    return found


def _dotted(path: NodePath) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")
