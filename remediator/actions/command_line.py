"""Puts a step's values into a command of the inventory, one argument each. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from remediator.patterns import compile_pattern
from remediator.settings import Command

# Without a pattern of its own a value is a plain word that no program takes for an option.
_PLAIN = "[A-Za-z0-9][A-Za-z0-9_.:/-]*"
_LONGEST = 1000
_PLACEHOLDER = re.compile(r"\{([A-Za-z0-9][A-Za-z0-9_.-]{0,62})\}")


def refuse_values(command: Command, where: str, values: Mapping[str, str]) -> str | None:
    """Say what is wrong with a step's values, or None."""
    unknown = sorted(values.keys() - set(command.params))
    if unknown:
        return f"{where}.params in remediator.yaml does not list {', '.join(unknown)}"
    missing = sorted(set(command.params) - values.keys())
    if missing:
        return f"{where} needs {', '.join(missing)}"
    for name, value in values.items():
        pattern = command.values.get(name, _PLAIN)
        if len(value) > _LONGEST or "\0" in value or not compile_pattern(f"(?:{pattern})").fullmatch(value):
            return f"{name}: {value[:80]!r} does not match {pattern}, which {where}.values allows"
    return None


def argv_of(command: Command, values: Mapping[str, str]) -> tuple[str, ...]:
    """Return the argument list; a value never becomes more than one argument, nor is it read again."""
    return tuple(
        _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), argument) for argument in command.argv
    )
