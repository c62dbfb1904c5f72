"""Checks policy files: every fault, with its place in the file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from remediator.errors import ConfigError, Problem, Severity
from remediator.policy.catalog import Catalog
from remediator.policy.loaded import LoadedPolicy
from remediator.policy.loader import load_policies, load_policy
from remediator.settings import Settings
from remediator.yaml_source import read_yaml_file, render_problem


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


def check_policies(paths: Sequence[Path], catalog: Catalog, settings: Settings, *, now: datetime) -> Checked:
    """Check files, and all policies of folders, as the server would load them."""
    policies: dict[str, LoadedPolicy] = {}
    problems: list[Problem] = []
    for path in paths:
        try:
            if path.is_dir():
                loaded = load_policies(path, catalog, settings, now=now)
                found: Mapping[str, LoadedPolicy] = loaded.policies
                problems += loaded.warnings
            else:
                policy, of_file = load_policy(read_yaml_file(path), catalog, settings)
                found = {policy.name: policy} if policy else {}
                problems += of_file
        except ConfigError as error:
            problems += error.problems
            continue
        for name, policy in found.items():
            if name in policies and policies[name].file != policy.file:
                what = f"policy {name!r} is already in {policies[name].file}"
                problems.append(Problem(policy.file, 1, 1, what, "give each policy its own name"))
        policies |= found
    return Checked(policies, tuple(dict.fromkeys(problems)))


def write_problems(problems: Iterable[Problem], style: CheckFormat) -> str:
    """Write problems down; empty when there are none, but for JSON."""
    if style is CheckFormat.JSON:
        return json.dumps([asdict(problem) for problem in problems], indent=2)
    if style is CheckFormat.GITHUB:
        return "\n".join(_github(problem) for problem in problems)
    return "\n\n".join(render_problem(problem, _text_of(problem.file)) for problem in problems)


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
