"""How long a backtest of a big site's month takes, and how much memory: 1,000,000 receipts, 500 policies.

The command runs as a person would run it, in a process of its own, on a month that is the same each time.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

from bench.month import Shape, configuration, write_month, write_policies
from bench.results import Better, Result, Row, Spread

_MOST_TIMES = 3
_ENOUGH_SECONDS = 60
_KIB_PER_MIB = 1024


@dataclass(frozen=True, slots=True)
class _Measured:
    """One run of the command."""

    seconds: float
    peak_mib: float


SECONDS = Row(9, "backtest of 1,000,000 receipts with 500 policies: time", 60, 15, Better.LESS, ".0f", " s")
PEAK = Row(9, "backtest: most memory", 1024, 300, Better.LESS, ".0f", " MiB")
ROWS = (SECONDS, PEAK)


def measure() -> list[Result]:
    """Generate the month, and replay it some times."""
    shape = Shape()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_policies(folder / "policies", shape)
        (folder / "remediator.yaml").write_text(yaml.safe_dump(configuration(folder / "policies")))
        write_month(folder / "month.jsonl", shape)
        measured: list[_Measured] = []
        while len(measured) < _MOST_TIMES and sum(one.seconds for one in measured) < _ENOUGH_SECONDS:
            measured.append(_measure(folder))
    return [
        Result(SECONDS, Spread(tuple(one.seconds for one in measured))),
        Result(PEAK, Spread(tuple(one.peak_mib for one in measured))),
    ]


def _measure(folder: Path) -> _Measured:
    command = [sys.executable, "-m", "remediator", "backtest", "--from", "month.jsonl", "--json"]
    began = time.perf_counter()
    with (folder / "report.json").open("wb") as report:
        process = subprocess.Popen(command, cwd=folder, stdout=report)  # noqa: S603  (our own interpreter)
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"the backtest ended with {process.returncode}")
    # Linux counts in KiB, macOS in bytes.
    peak_kib = usage.ru_maxrss / (_KIB_PER_MIB if sys.platform == "darwin" else 1)
    return _Measured(seconds, peak_kib / _KIB_PER_MIB)
