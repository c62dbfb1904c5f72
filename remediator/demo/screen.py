"""What the demo shows: lines as things happen, and on a terminal how far the story is."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from remediator.demo.story import Line, Stage
from remediator.plain_text import one_line

# A pipe or a log has no width; nothing is cut there.
_WIDTH_WITHOUT_TERMINAL = 200
_LONGEST_DETAIL = 110


class Screen:
    """Prints, with elapsed seconds since `start_clock`."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(markup=False, emoji=False, highlight=False)
        if not self._console.is_terminal:
            self._console.width = _WIDTH_WITHOUT_TERMINAL
        self._reached: set[Stage] = set()
        self._began = time.monotonic()
        self._stack = ExitStack()

    def __enter__(self) -> Screen:
        self._began = time.monotonic()
        if self._console.is_terminal:
            live = Live(get_renderable=self._progress, console=self._console, transient=True)
            self._stack.enter_context(live)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def say(self, text: str, style: str = "") -> None:
        """Print text of the demo's own."""
        self._console.print(Text(text, style=style), soft_wrap=True)

    def show(self, line: Line) -> None:
        """Print a line of the story."""
        if line.reached and line.stage is not None:
            self._reached.add(line.stage)
        elapsed = f"{time.monotonic() - self._began:6.1f} s  "
        text = Text(elapsed, style="dim")
        label = line.stage.value if line.stage is not None else "meanwhile"
        text.append(f"{label:<9} ", style="bold blue" if line.stage is not None else "dim")
        text.append(one_line(line.text), style=line.style)
        self._console.print(text, soft_wrap=True)

    def audit(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Print audit rows as a table."""
        table = Table(title="The audit log of it", title_justify="left", header_style="bold")
        for heading in ("#", "at (UTC)", "action", "run", "what", "hash"):
            table.add_column(heading, no_wrap=heading != "what")
        for row in rows:
            table.add_row(
                str(row["sequence"]),
                row["at"][11:23],
                row["action"],
                str(row["run_id"] or ""),
                Text(one_line(_gist(row["detail"]))),
                row["hash"][:8],
            )
        self._console.print(table)

    def table(self, title: str, rows: Iterable[tuple[str, str]]) -> None:
        """Print lines of a name and a value."""
        table = Table(title=title, title_justify="left", show_header=False)
        for name, value in rows:
            table.add_row(Text(name), Text(one_line(value)))
        self._console.print(table)

    def _progress(self) -> Table:
        bar = Table.grid(padding=(0, 1))
        waiting = next((stage for stage in Stage if stage not in self._reached), None)
        cells: list[Any] = []
        for stage in Stage:
            if stage in self._reached:
                cells.append(Text(f"[x] {stage.value}", style="green"))
            elif stage is waiting:
                cells.append(Spinner("line", Text(stage.value, style="bold yellow")))
            else:
                cells.append(Text(f"[ ] {stage.value}", style="dim"))
        bar.add_row(*cells, Text(f"{time.monotonic() - self._began:.0f} s", style="dim"))
        return bar


_TOLD = (
    "outcome",
    "from",
    "to",
    "reason",
    "option",
    "action",
    "status",
    "ok",
    "trigger",
    "resource",
    "state",
)


def _gist(detail: Mapping[str, Any]) -> str:
    told = [f"{key}={detail[key]}" for key in _TOLD if detail.get(key) is not None]
    text = " ".join(told)
    return text if len(text) <= _LONGEST_DETAIL else text[: _LONGEST_DETAIL - 1] + "…"
