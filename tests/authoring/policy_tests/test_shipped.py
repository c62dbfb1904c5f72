"""The shipped policies' own tests pass, go through every branch, and notice what is changed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from itertools import groupby
from operator import add
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from remediator.authoring.policy_tests.coverage import Seen, coverage_of
from remediator.authoring.policy_tests.model import Expectation
from remediator.authoring.policy_tests.mutants import Mutant
from remediator.authoring.policy_tests.mutation import MutationRun
from remediator.authoring.policy_tests.reading import find_files, read_tests
from remediator.authoring.policy_tests.staging import Stages
from remediator.authoring.reference import PROJECT, schema_of_tests
from remediator.durations import parse_duration
from remediator.jobs.scheduler import CronCalendar
from remediator.policy.loaded import LoadedPolicy
from remediator.yaml_source import read_yaml_file

POLICIES = PROJECT / "policies"
FOLDER = POLICIES / "tests"
FILES = find_files([FOLDER])


@pytest.fixture(scope="module")
def run() -> MutationRun:
    """All tests of the shipped policies, run once: it raises where one fails."""
    return MutationRun(FILES, CronCalendar())


def test_every_test_passes(run: MutationRun) -> None:
    assert len(run.results) == sum(len(read_tests(path).document.tests) for path in FILES)
    assert [result.name for result in run.results if not result.ok] == []


def test_every_branch_of_every_policy_is_gone_through(run: MutationRun) -> None:
    policies: dict[str, LoadedPolicy] = {}
    for path in FILES:
        stages = Stages(read_tests(path), calendar=CronCalendar())
        stages.of(0)
        policies.update(stages.policies)
    seen = reduce(add, (result.seen for result in run.results), Seen())
    missing = {one.policy: one.missing for one in coverage_of(policies.values(), seen)}
    assert missing == dict.fromkeys(policies, ())
    assert set(policies) == {read_yaml_file(path).data["policy"] for path in POLICIES.glob("*.yaml")}


@pytest.mark.parametrize("name", [path.stem for path in sorted(POLICIES.glob("*.yaml"))])
def test_whom_a_policy_tells_is_expected_by_a_test_with_its_time(name: str) -> None:
    written = read_yaml_file(POLICIES / f"{name}.yaml").data
    expected = [
        (one.to, one.at) for expectation in _expectations(name) for one in expectation.escalations or ()
    ]
    for rung in written.get("escalate", ()):
        assert (rung["to"], parse_duration(rung["after"])) in expected
    told = {channel for expectation in _expectations(name) for channel in expectation.notifications or ()}
    assert told >= {notify["channel"] for notify in written.get("notify", ())}


def _expectations(policy: str) -> Iterator[Expectation]:
    for path in FILES:
        file = read_tests(path)
        names = [read_yaml_file(file.beside(name)).data["policy"] for name in file.document.policy_files]
        for test in file.document.tests:
            yield from (one for one in test.expect if (one.policy or names[0]) == policy)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_shipped_test_file_fits_the_schema(path: Path) -> None:
    errors = Draft202012Validator(schema_of_tests()).iter_errors(read_yaml_file(path).data)
    assert [error.message for error in errors] == []


def test_a_changed_guard_or_escalation_is_noticed(run: MutationRun) -> None:
    """A sample, one of each guard and each entry; `make bench ONLY=mutation` judges all of them."""
    judged = [run.judge(mutant) for mutant in _sample(run)]
    survivors = [
        (one.mutant.policy, one.mutant.part, one.mutant.what) for one in judged if not one.noticed_by
    ]
    assert len(judged) >= len(FILES)
    assert survivors == []


def _sample(run: MutationRun) -> Iterator[Mutant]:
    changed = (mutant for mutant in run.mutants() if mutant.what != "removed")
    for _, mutants in groupby(changed, key=lambda mutant: (mutant.policy, mutant.part)):
        yield next(mutants)
