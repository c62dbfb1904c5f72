"""The process list of a container, as engines give it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_COMMAND_TITLES = ("CMD", "COMMAND", "ARGS")


def command_lines(listing: Mapping[str, Any]) -> tuple[str, ...]:
    """Return each process's command line.

    Docker gives a cell a column; podman 4.3 gives one cell for the whole line, under one title.
    """
    titles = [str(title) for title in listing.get("Titles") or ()]
    rows = [[str(cell) for cell in row] for row in listing.get("Processes") or ()]
    if len(titles) == 1:
        titles = titles[0].split()
        rows = [row[0].split(maxsplit=len(titles) - 1) if row else [] for row in rows]
    at = _command_column(titles)
    return tuple(row[at] for row in rows if len(row) > at)


def program_of(line: str) -> str:
    """Return the name of a command line's program; its arguments may hold secrets."""
    first = (line.split() or [""])[0]
    return first.rpartition("/")[2][:64]


def _command_column(titles: Sequence[str]) -> int:
    for at, title in enumerate(titles):
        if title.upper() in _COMMAND_TITLES:
            return at
    return max(len(titles) - 1, 0)
