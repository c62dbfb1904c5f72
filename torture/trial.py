"""One attempt to break a promise, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of trying to break a promise."""

    promise: str
    """What must hold, in the words of docs/reliability.md or docs/security.md."""
    cases: int
    """How many cases were tried: seeds, kills, inputs. None tried is a failure of the trial."""
    violations: Sequence[str] = ()
    """What broke it, each in one line that says where and, if it has one, its own seed."""
    repeat: str = ""
    """The command that tries the same again."""

    @property
    def held(self) -> bool:
        """Whether something was tried and nothing broke."""
        return self.cases > 0 and not self.violations


Runs = Callable[[int, timedelta], Trial]
"""Tries for about so long, from a seed: the same seed tries the same cases in the same order."""


def table(trials: Sequence[Trial]) -> str:
    """Write what was tried as a Markdown table."""
    lines = ["| promise | cases tried | violations |", "|---|---:|---:|"]
    lines += [f"| {one.promise} | {one.cases:,} | {len(one.violations)} |" for one in trials]
    return "\n".join(lines) + "\n"
