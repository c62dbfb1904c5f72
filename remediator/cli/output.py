"""What commands print. Everything from outside goes through here and can't move the cursor or add markup."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from remediator.plain_text import lines, one_line

# A pipe or a log has no width; tables are not cut there.
_WIDTH_WITHOUT_TERMINAL = 240
# However far in it stands, so much of a line is text.
_NARROWEST_TEXT = 30

_STATE_STYLES = {
    "succeeded": "green",
    "reverted": "green",
    "undone": "green",
    "running": "cyan",
    "verifying": "cyan",
    "reverting": "cyan",
    "awaiting_approval": "yellow",
    "held": "yellow",
    "open": "yellow",
    "blocked": "yellow",
    "shadow": "magenta",
    "failed": "red",
    "ineffective": "red",
    "needs_human": "bold red",
    "revert_failed": "bold red",
    "overdue": "bold red",
}


class ExitCode(IntEnum):
    """How a command ends."""

    FINE = 0
    WRONG = 1
    """What was checked is wrong, or the answer is no."""
    USAGE = 2
    """Used wrongly, or the server or a file can't be reached."""


def console(*, stderr: bool = False) -> Console:
    """Return a console that takes text as it is: no markup, no emoji codes."""
    out = Console(stderr=stderr, markup=False, emoji=False, highlight=False)
    if not out.is_terminal:
        out.width = _WIDTH_WITHOUT_TERMINAL
    return out


def complain(message: str) -> None:
    """Say on stderr what is wrong."""
    console(stderr=True).print(Text(lines(message), style="red"), soft_wrap=True)


def fail(message: str, code: ExitCode = ExitCode.USAGE) -> NoReturn:
    """Say on stderr what is wrong, and end."""
    complain(f"remediator: {message}")
    raise typer.Exit(code)


def say(message: str, style: str = "") -> None:
    """Print a message of one or more lines."""
    console().print(Text(lines(message), style=style), soft_wrap=True)


def print_line(text: str, *, indent: int = 0, style: str = "", to: Console | None = None) -> None:
    """Print one line; on a terminal, what does not fit goes on below, a little further in."""
    out = to or console()
    margin, safe = " " * indent, one_line(text)
    if out.is_terminal:
        wrapped = textwrap.wrap(
            safe,
            max(out.width, indent + _NARROWEST_TEXT),
            initial_indent=margin,
            subsequent_indent=f"{margin}    ",
            break_on_hyphens=False,
        )
        shown = "\n".join(wrapped)
    else:
        shown = margin + safe
    out.print(Text(shown, style=style), soft_wrap=True)


def print_json(value: Any) -> None:
    """Print JSON; everything beyond ASCII is escaped, and so safe on any terminal."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")


def cell(value: Any) -> Text:
    """Return one table cell."""
    if value is None:
        return Text("-", style="dim")
    if isinstance(value, Mapping | list | tuple):
        value = json.dumps(value, default=str)
    text = one_line(str(value))
    return Text(text, style=_STATE_STYLES.get(text, ""))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str) -> None:
    """Print rows below their headings, or say that there are none."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(cell(value) for value in row))
    if table.row_count:
        console().print(table)
    else:
        say(empty, style="dim")


def print_fields(fields: Mapping[str, Any]) -> None:
    """Print names and values, one pair a line."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in fields.items():
        table.add_row(Text(name), cell(value))
    console().print(table)


def when(time: str | None) -> str | None:
    """Shorten an ISO time to the second."""
    return None if time is None else time[:19].replace("T", " ") + "Z"
