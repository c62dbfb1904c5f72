"""Runs tests against mutants of their policies: a mutant that passes all of them shows what none looks at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from remediator.authoring.policy_tests.coverage import Branch
from remediator.authoring.policy_tests.coverage_of_telling import TOLD
from remediator.authoring.policy_tests.mutants import Mutant, mutants_of
from remediator.authoring.policy_tests.reading import ReadFile, read_tests
from remediator.authoring.policy_tests.running import Result, run_test
from remediator.authoring.policy_tests.staging import Stages, policy_sources
from remediator.errors import ConfigError
from remediator.policy.calendar import Calendar
from remediator.yaml_source import YamlSource


@dataclass(frozen=True, slots=True)
class Judged:
    """One mutant, and the test that noticed it; None when none did. `tried` tests were run for it."""

    mutant: Mutant
    noticed_by: str | None
    tried: int


@dataclass(frozen=True, slots=True)
class _Test:
    """One test of one file, as it went with the policies as they are."""

    file: ReadFile
    place: int
    result: Result


class FailingTestsError(Exception):
    """Tests fail with the policies as they are, so nothing can be said of mutants."""


class MutationRun:
    """Judges the mutants of every policy that the files are about.

    Raises:
        ConfigError: when a file can't be used.
        FailingTestsError: when a test fails with the policies as they are.
    """

    def __init__(self, paths: Sequence[Path], calendar: Calendar | None = None) -> None:
        self._calendar = calendar
        self._files = [read_tests(path) for path in paths]
        self._sources = {file.path: policy_sources(file) for file in self._files}
        self._tests = [
            _Test(file, place, run_test(file, stages.of(place), place))
            for file in self._files
            for stages in [Stages(file, policies=self._sources[file.path], calendar=calendar)]
            for place in range(len(file.document.tests))
        ]
        failing = [test.result.name for test in self._tests if not test.result.ok]
        if failing:
            raise FailingTestsError(", ".join(failing))

    @property
    def results(self) -> list[Result]:
        """How the tests went with the policies as they are."""
        return [test.result for test in self._tests]

    def mutants(self) -> Iterator[Mutant]:
        """Yield every mutant of every policy, once."""
        sources = {str(source.data["policy"]): source for found in self._sources.values() for source in found}
        for name in sorted(sources):
            yield from mutants_of(sources[name])

    def judge(self, mutant: Mutant) -> Judged:
        """Run the tests of a mutant's policy until one fails, those first that went through what changed."""
        concerned = [test for test in self._tests if mutant.policy in test.result.policies]
        stages: dict[Path, Stages] = {}
        for tried, test in enumerate(sorted(concerned, key=lambda test: _rank(test, mutant)), start=1):
            path = test.file.path
            if path not in stages:
                stages[path] = Stages(test.file, policies=self._with(path, mutant), calendar=self._calendar)
            try:
                result = run_test(test.file, stages[path].of(test.place), test.place)
            except ConfigError:
                return Judged(mutant, "it can't be loaded", tried)
            if not result.ok:
                return Judged(mutant, result.name, tried)
        return Judged(mutant, None, len(concerned))

    def _with(self, path: Path, mutant: Mutant) -> list[YamlSource]:
        return [
            mutant.source if source.data["policy"] == mutant.policy else source
            for source in self._sources[path]
        ]


def _rank(test: _Test, mutant: Mutant) -> tuple[bool, float]:
    """Tests in which the guard denied, or which ask who was told, go first, quick ones before slow ones."""
    counts = test.result.seen.counts[mutant.policy]
    expectations = test.file.document.tests[test.place].expect
    asks = any(one.escalations is not None for one in expectations) and counts[Branch(mutant.part, TOLD)] > 0
    return not (asks or counts[Branch(mutant.part, "denies")]), test.result.seconds
