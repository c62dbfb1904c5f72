"""The tests of the tests: each promise has a version that breaks it, and a few are tried here."""

from __future__ import annotations

import ast

import pytest

from remediator.authoring.reference import PROJECT
from tests.docs.test_reliability import ROWS
from torture.broken.catalog import VERSIONS
from torture.broken.tree import Verdict, verdict_in
from torture.broken.trying import try_all
from torture.broken.version import Broken

# What no small change of the code breaks, or only a test that takes minutes notices.
NOT_BROKEN = {
    "Opening a page changes nothing": "no line keeps it",
    "Slow, half-open and a thousand idle connections harm nobody": "its test would wait for minutes",
    "So is a flyctl that hangs, forks, floods or loses its reply": "kept where stuck commands are killed",
    "An Alertmanager that was answered anything, was killed, flaps or tells twice causes each run once": (
        "kept by what makes an alert one open episode"
    ),
    "remediator has no rights to lose, and no more of the container engine than it needs": "not Python",
    "What is installed is what is pinned": "not Python",
}
QUICK = (
    "answers 400 to what could succeed later",
    "takes a second verdict",
    "does not look at holds before a step",
)


def promise_of(row: str) -> str:
    return row.strip("|").split(" | ")[0].strip()


PROMISES = [promise_of(row) for rows in ROWS.values() for row in rows]


@pytest.mark.parametrize("promise", [promise for promise in PROMISES if promise not in NOT_BROKEN])
def test_each_promise_has_a_version_that_breaks_it(promise: str) -> None:
    assert promise in {version.promise for version in VERSIONS}, (
        "torture/broken/ has no version that breaks this promise: add one, with the test that notices it"
    )


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
def test_a_version_can_be_made_and_names_a_promise_and_a_test(version: Broken) -> None:
    text = (PROJECT / version.file).read_text(encoding="utf-8")
    assert [text.count(old) for old, _ in version.changes] == [1] * len(version.changes)
    assert all(old != new for old, new in version.changes)
    assert version.promise in PROMISES
    file, _, name = version.noticed_by.partition("::")
    tree = ast.parse((PROJECT / file).read_text(encoding="utf-8"))
    functions = {n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert name.partition("[")[0] in functions


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
def test_a_broken_version_is_still_a_program(version: Broken) -> None:
    text = (PROJECT / version.file).read_text(encoding="utf-8")
    for old, new in version.changes:
        text = text.replace(old, new)
    ast.parse(text)


def test_what_is_not_broken_is_a_promise() -> None:
    assert NOT_BROKEN.keys() <= set(PROMISES)


def test_each_name_is_there_once() -> None:
    assert len({version.name for version in VERSIONS}) == len(VERSIONS)


def test_broken_versions_are_noticed() -> None:
    trial = try_all([version for version in VERSIONS if version.name in QUICK])
    assert trial.violations == []
    assert trial.cases == len(QUICK)


@pytest.mark.parametrize(
    ("output", "verdict"),
    [
        ("PASSED tests/a.py::test_b\n1 passed", Verdict.PASSED),
        ("PASSED tests/a.py::test_b[1]\nFAILED tests/a.py::test_b[2] - no\n", Verdict.FAILED),
        ("ERROR tests/a.py::test_b - no such fixture\n", Verdict.UNUSABLE),
        ("SKIPPED [1] tests/a.py:7: no engine here\n", Verdict.SKIPPED),
        ("no tests ran\n", Verdict.UNUSABLE),
        ("PASSED tests/a.py::test_other\nlog of tests/a.py::test_b\n", Verdict.UNUSABLE),
    ],
)
def test_only_a_test_that_ran_says_something(output: str, verdict: Verdict) -> None:
    assert verdict_in(output, "tests/a.py::test_b") is verdict
