"""The tests of the tests: each promise has a version that breaks it, and a few are tried here."""

from __future__ import annotations

import ast

import pytest

from remediator.authoring.reference import PROJECT
from tests.docs.test_reliability import PROMISES
from torture.broken.catalog import VERSIONS
from torture.broken.tree import Verdict, verdict_in
from torture.broken.trying import try_all
from torture.broken.version import Broken

QUICK = (
    "answers 400 to what could succeed later",
    "takes a second verdict",
    "does not look at holds before a step",
)


def promise_of(row: str) -> str:
    return row.strip("|").split(" | ")[0].strip()


@pytest.mark.parametrize("promise", [promise_of(row) for row in PROMISES])
def test_each_promise_has_a_version_that_breaks_it(promise: str) -> None:
    assert promise in {version.promise for version in VERSIONS}, (
        "torture/broken/ has no version that breaks this promise: add one, with the test that notices it"
    )


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
def test_a_version_can_be_made_and_names_a_promise_and_a_test(version: Broken) -> None:
    text = (PROJECT / version.file).read_text(encoding="utf-8")
    assert [text.count(old) for old, _ in version.changes] == [1] * len(version.changes)
    assert all(old != new for old, new in version.changes)
    assert version.promise in {promise_of(row) for row in PROMISES}
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
