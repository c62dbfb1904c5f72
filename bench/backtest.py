"""How long a backtest of a big site's month takes, and how much memory: 1,000,000 receipts, 500 policies.

The command runs as a person would run it, in a process of its own, on a month that is the same each time.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

from bench.month import Shape, configuration, write_month, write_policies

_TIMES = 3
_KIB_PER_MIB = 1024


@dataclass(frozen=True, slots=True)
class _Measured:
    """One run of the command."""

    seconds: float
    peak_mib: float


def main() -> int:
    """Generate the month, replay it some times, and print the times and the greatest memory."""
    shape = Shape()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_policies(folder / "policies", shape)
        (folder / "remediator.yaml").write_text(yaml.safe_dump(configuration(folder / "policies")))
        write_month(folder / "month.jsonl", shape)
        measured = [_measure(folder) for _ in range(_TIMES)]
    seconds = sorted(one.seconds for one in measured)
    sys.stdout.write(
        f"backtest of {shape.receipts:,} receipts with {shape.policies} policies: "
        f"{seconds[len(seconds) // 2]:.0f} s ({seconds[0]:.0f} to {seconds[-1]:.0f} s in {_TIMES} runs), "
        f"at most {max(one.peak_mib for one in measured):.0f} MiB, "
        f"Python {platform.python_version()}, {os.cpu_count()} cores\n"
    )
    return 0


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
