"""docs/performance.md: the part that a whole run writes, and its picture."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.picture import draw
from bench.report import table
from bench.results import Result

_DOCS = Path(__file__).parents[1] / "docs"
PAGE = _DOCS / "performance.md"
PICTURE = _DOCS / "images" / "performance.svg"
BEGIN, END = "<!-- written by make bench -->", "<!-- end of what make bench writes -->"
_KIB_PER_GIB = 1024 * 1024


def write_page(results: Mapping[str, Sequence[Result]], seconds: float) -> None:
    """Write the table, what it was measured on, and the picture."""
    text = PAGE.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n\n{_told(results, seconds)}\n{END}{after}")
    PICTURE.write_text(draw([one for measured in results.values() for one in measured]))


def _told(results: Mapping[str, Sequence[Result]], seconds: float) -> str:
    return (
        f"Measured by `make bench` on {datetime.now(UTC):%Y-%m-%d}, in {seconds / 60:.0f} minutes, on "
        f"{_machine()}. Each figure is the median of its rounds, least and greatest in brackets; "
        f"both sides of a ratio took turns.\n\n"
        f"{table(results)}\n"
        f"![Each figure by what it should at least be](images/{PICTURE.name})\n"
    )


def _machine() -> str:
    versions = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    return f"{os.cpu_count()} cores of {_processor()}, {_memory()}, {_system()}, {versions}"


def _processor() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _memory() -> str:
    found = re.search(r"^MemTotal:\s*(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return f"{int(found[1]) / _KIB_PER_GIB:.0f} GiB of memory" if found else "memory unknown"


def _system() -> str:
    return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
