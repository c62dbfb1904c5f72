"""The shipped policies' own tests pass, go through every branch, and notice when a guard is changed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from itertools import groupby
from operator import add
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from remediator.authoring.policy_tests.coverage import Seen, coverage_of
from remediator.authoring.policy_tests.mutants import Mutant
from remediator.authoring.policy_tests.mutation import MutationRun
from remediator.authoring.policy_tests.reading import find_files, read_tests
from remediator.authoring.policy_tests.staging import Stages
from remediator.authoring.reference import PROJECT, schema_of_tests
from remediator.policy.loaded import LoadedPolicy
from remediator.yaml_source import read_yaml_file

FOLDER = PROJECT / "policies" / "tests"
FILES = find_files([FOLDER])


@pytest.fixture(scope="module")
def run() -> MutationRun:
    """All tests of the shipped policies, run once: it raises where one fails."""
    return MutationRun(FILES)


def test_every_test_passes(run: MutationRun) -> None:
    assert len(run.results) == sum(len(read_tests(path).document.tests) for path in FILES)
    assert [result.name for result in run.results if not result.ok] == []


def test_every_branch_of_every_policy_is_gone_through(run: MutationRun) -> None:
    policies: dict[str, LoadedPolicy] = {}
    for path in FILES:
        stages = Stages(read_tests(path))
        stages.of(0)
        policies.update(stages.policies)
    seen = reduce(add, (result.seen for result in run.results), Seen())
    missing = {one.policy: one.missing for one in coverage_of(policies.values(), seen)}
    assert missing == dict.fromkeys(policies, ())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_shipped_test_file_fits_the_schema(path: Path) -> None:
    errors = Draft202012Validator(schema_of_tests()).iter_errors(read_yaml_file(path).data)
    assert [error.message for error in errors] == []


def test_a_changed_guard_is_noticed(run: MutationRun) -> None:
    """A sample, one of each guard; `make bench` judges all of them."""
    judged = [run.judge(mutant) for mutant in _sample(run)]
    survivors = [
        (one.mutant.policy, one.mutant.guard, one.mutant.what) for one in judged if not one.noticed_by
    ]
    assert len(judged) >= len(FILES)
    assert survivors == []


def _sample(run: MutationRun) -> Iterator[Mutant]:
    changed = (mutant for mutant in run.mutants() if mutant.what != "removed")
    for _, mutants in groupby(changed, key=lambda mutant: (mutant.policy, mutant.guard)):
        yield next(mutants)
