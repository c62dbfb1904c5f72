"""Checks policy files: every fault, with its place in the file."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from remediator.errors import Problem, Severity
from remediator.policy.catalog import Catalog
from remediator.policy.checking import PLAIN_SECRET
from remediator.policy.loaded import LoadedPolicy
from remediator.policy.loader import files_in, read_policies
from remediator.settings import Settings
from remediator.yaml_source import render_problem


class CheckFormat(StrEnum):
    """How problems are written."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


@dataclass(frozen=True, slots=True)
class Checked:
    """What a look at files found. `policies` are those without an error."""

    policies: Mapping[str, LoadedPolicy]
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is refused; warnings are not."""
        return all(problem.severity is not Severity.ERROR for problem in self.problems)


def check_policies(paths: Sequence[Path], catalog: Catalog, settings: Settings) -> Checked:
    """Check files, and all policies of folders, as the server would load them."""
    files: dict[Path, None] = {}
    empty: list[Problem] = []
    for path in paths:
        found = files_in(path) if path.is_dir() else [path]
        if not found:
            fix = "name a folder that holds *.yaml or *.yml"
            empty.append(Problem(str(path), 0, 0, "holds no policies", fix, Severity.WARNING))
        files |= dict.fromkeys(found)
    read = read_policies(files, catalog, settings)
    return Checked(read.policies, (*empty, *dict.fromkeys(read.problems)))


def write_problems(problems: Collection[Problem], style: CheckFormat) -> str:
    """Write problems down; empty when there are none, but for JSON."""
    if style is CheckFormat.JSON:
        return json.dumps([asdict(problem) for problem in problems], indent=2)
    if style is CheckFormat.GITHUB:
        return "\n".join(_github(problem) for problem in problems)
    texts = _texts(problems)
    return "\n\n".join(render_problem(problem, texts[problem.file]) for problem in problems)


def summary(checked: Checked) -> str:
    """Say in one line what was found."""
    errors = sum(problem.severity is Severity.ERROR for problem in checked.problems)
    warnings = len(checked.problems) - errors
    counts = [_count(len(checked.policies), "good policy", "good policies")]
    counts += [_count(errors, "error")] if errors else []
    counts += [_count(warnings, "warning")] if warnings else []
    return ", ".join(counts)


def _count(count: int, one: str, many: str | None = None) -> str:
    return f"{count} {one if count == 1 else many or f'{one}s'}"


def _texts(problems: Collection[Problem]) -> Mapping[str, str]:
    """Return the text of each file, without what was found to be a secret: a log is read by others."""
    texts = {problem.file: [""] for problem in problems}
    # Where no line is known, there is none to show, and the file may be anything.
    for file in {problem.file for problem in problems if problem.line}:
        texts[file] = _text_of(file).split("\n")
    for problem in sorted(problems, key=lambda problem: problem.column, reverse=True):
        lines = texts[problem.file]
        if problem.what.startswith(PLAIN_SECRET) and 1 <= problem.line <= len(lines):
            lines[problem.line - 1] = lines[problem.line - 1][: problem.column - 1] + "***"
    return {file: "\n".join(lines) for file, lines in texts.items()}


def _text_of(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _github(problem: Problem) -> str:
    place = {"file": problem.file, "line": max(1, problem.line), "col": max(1, problem.column)}
    properties = ",".join(f"{name}={_escaped(value, ':,')}" for name, value in place.items())
    return f"::{problem.severity} {properties}::{_escaped(f'{problem.what}; {problem.fix}')}"


def _escaped(value: Any, also: str = "") -> str:
    text = str(value)
    for character in f"%\r\n{also}":
        text = text.replace(character, f"%{ord(character):02X}")
    return text
