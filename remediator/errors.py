"""Errors that a person reads: what is wrong, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class RemediatorError(Exception):
    """Base of every error that remediator raises for a person to read."""


class Severity(StrEnum):
    """How bad a problem in a file is: an error refuses the file, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault in a file. `line` and `column` count from 1; 0 means the file as a whole.

    `what` says what is wrong and `fix` what to do; together they make one sentence.
    """

    file: str
    line: int
    column: int
    what: str
    fix: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.severity}: {self.what}; {self.fix}"


class ConfigError(RemediatorError):
    """A configuration or policy file cannot be used. Carries every problem found, not the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))
