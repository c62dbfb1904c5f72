"""Reads files of policy tests: every fault at once, each with its line and column."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from remediator.authoring.policy_tests.model import PolicyTest, PolicyTestFile
from remediator.errors import ConfigError, Problem
from remediator.validation_problems import problems_from_validation
from remediator.yaml_source import NodePath, YamlSource, read_yaml_file

INVENTORY = "remediator.yaml"
_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file of tests as read."""

    path: Path
    source: YamlSource
    document: PolicyTestFile

    def line_of(self, path: NodePath) -> tuple[int, int]:
        """Return the line and column of a value."""
        return self.source.positions[self.source.deepest(path)]

    def beside(self, name: str) -> Path:
        """Return a path as the file means it: from its own folder."""
        return Path(os.path.normpath(self.path.parent / name))


def find_files(paths: Sequence[Path]) -> list[Path]:
    """Return the files that `paths` mean; of a folder all YAML files in it but the inventory.

    Raises:
        ConfigError: when one is not there.
    """
    missing = [path for path in paths if not path.exists()]
    if missing:
        raise ConfigError([Problem(str(path), 0, 0, "is not there", "check the path") for path in missing])
    found = [file for path in paths for file in (sorted(_in_folder(path)) if path.is_dir() else [path])]
    return list(dict.fromkeys(found))


def _in_folder(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_file() and path.suffix in _SUFFIXES and path.name != INVENTORY:
            yield path


def read_tests(path: Path) -> ReadFile:
    """Read one file.

    Raises:
        ConfigError: with every fault in it.
    """
    source = read_yaml_file(path)
    if not isinstance(source.data, dict):
        fix = "write `policy:` and `tests:`"
        raise ConfigError([source.problem((), "is not a file of policy tests", fix)])
    try:
        document = PolicyTestFile.model_validate(source.data)
    except ValidationError as error:
        raise ConfigError(problems_from_validation(source, error, PolicyTestFile)) from None
    problems = list(_twins(source, document))
    if problems:
        raise ConfigError(problems)
    return ReadFile(path, source, document)


def _twins(source: YamlSource, document: PolicyTestFile) -> Iterator[Problem]:
    seen: set[str] = set()
    for at, test in enumerate(document.tests):
        if test.name in seen:
            fix = "give each test a name of its own"
            yield source.problem(("tests", at, "name"), f"a second test is called {test.name!r}", fix)
        seen.add(test.name)


def without_tests(paths: Sequence[Path], files: Sequence[ReadFile]) -> list[Path]:
    """Return the policies beside the folders among `paths` that none of the files is about."""
    tested = {file.beside(name).resolve() for file in files for name in file.document.policy_files}
    beside = [file for path in paths if path.is_dir() for file in sorted(_in_folder(path / os.pardir))]
    return [
        Path(os.path.normpath(path)) for path in beside if path.resolve() not in tested and _is_policy(path)
    ]


def _is_policy(path: Path) -> bool:
    data = read_yaml_file(path).data
    return isinstance(data, dict) and "policy" in data


def selected(file: ReadFile, part_of_name: str | None) -> Iterator[tuple[int, PolicyTest]]:
    """Yield a file's tests with their places: all, or those whose name holds a text."""
    for at, test in enumerate(file.document.tests):
        if part_of_name is None or part_of_name.lower() in test.name.lower():
            yield at, test
