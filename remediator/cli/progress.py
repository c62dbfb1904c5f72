"""A bar on stderr for what takes a while; nothing where stderr is no terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from remediator.cli.output import console


@contextmanager
def progress(what: str) -> Iterator[Callable[[float | None], None]]:
    """Show a bar until the work is over, and yield what takes the share that is done, from 0 to 1."""
    out = console(stderr=True)
    if not out.is_terminal:
        yield lambda _share: None
        return
    columns = (TextColumn(what), BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TimeElapsedColumn())
    with Progress(*columns, console=out, transient=True) as bar:
        task = bar.add_task(what, total=1.0)
        yield lambda share: bar.update(task, completed=share or 0.0)
