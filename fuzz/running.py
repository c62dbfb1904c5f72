"""Runs a target for a while in a process of its own, and tells what came of it."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tempfile
import traceback
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from fuzz.oracles import ORACLES

CORPUS = Path(__file__).parent / "corpus"
"""A folder for each target: inputs that reach something, and those that once failed."""
_ROOT = Path(__file__).parent.parent
_INPUT_SECONDS = 60
_START_SECONDS = 120
_LONGEST_BYTES = {"payload": 4096, "matcher": 256, "duration": 80, "expression": 512, "policy": 4096}
_EXECUTED = re.compile(r"stat::number_of_executed_units:\s+(\d+)")
_COVERED = re.compile(r"cov: (\d+)")


@dataclass(frozen=True, slots=True)
class Finding:
    """An input that broke what has to hold, and how."""

    target: str
    data: bytes
    error: str

    def __str__(self) -> str:
        return f"{self.target}: {self.data!r}: {self.error}"


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one target."""

    target: str
    seed: int
    executed: int
    """Inputs that were tried."""
    covered: int
    """Branches and lines that were reached, as libFuzzer counts them."""
    findings: tuple[Finding, ...]
    repeat: str
    """The command that does the same again."""


def available() -> bool:
    """Tell whether atheris is installed; it is for Linux on x86-64 only."""
    return importlib.util.find_spec("atheris") is not None


def replay(target: str, data: bytes) -> Finding | None:
    """Try one input here, without atheris."""
    try:
        ORACLES[target](data)
    except Exception:  # noqa: BLE001  (whatever comes out is the finding)
        return Finding(target, data, traceback.format_exc(limit=-3))
    return None


def inputs(target: str) -> list[Path]:
    """Return the target's kept inputs."""
    return sorted(path for path in (CORPUS / target).iterdir() if path.is_file())


def run(
    target: str, budget: timedelta, seed: int, *, most: int | None = None, keep: Path | None = None
) -> Result:
    """Fuzz one target until the budget is spent, `most` inputs were tried, or something is found.

    New inputs that reach something new are left in `keep`, if it is given.

    Raises:
        RuntimeError: when libFuzzer ended for another reason than a finding.
    """
    seconds = max(1, round(budget.total_seconds()))
    with tempfile.TemporaryDirectory(prefix="fuzz-") as made:
        found, new = Path(made) / "found", keep or Path(made) / "new"
        for folder in (found, new):
            folder.mkdir(exist_ok=True, parents=True)
        options = [
            f"-seed={seed}",
            f"-max_total_time={seconds}",
            f"-max_len={_LONGEST_BYTES[target]}",
            f"-timeout={_INPUT_SECONDS}",
            # Its own bound counts the process that started it; see `fuzz.child`.
            "-rss_limit_mb=0",
            f"-artifact_prefix={found}/",
            "-print_final_stats=1",
            f"-runs={-1 if most is None else most}",  # -1: as many as there is time for
        ]
        words = CORPUS / f"{target}.dict"
        if words.exists():
            options.append(f"-dict={words}")
        done = subprocess.run(  # noqa: S603  (our own module with our own options)
            [sys.executable, "-m", "fuzz.child", target, *options, str(new), str(CORPUS / target)],
            cwd=_ROOT,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds + _START_SECONDS + _INPUT_SECONDS,
            check=False,
        )
        artifacts = [path.read_bytes() for path in sorted(found.iterdir())]
    said = done.stdout + done.stderr
    if done.returncode and not artifacts:
        raise RuntimeError(f"fuzzing {target} ended with {done.returncode}:\n{said[-4000:]}")
    findings = [replay(target, data) or Finding(target, data, said[-4000:]) for data in artifacts]
    return Result(
        target=target,
        seed=seed,
        executed=max((int(number) for number in _EXECUTED.findall(said)), default=0),
        covered=max((int(number) for number in _COVERED.findall(said)), default=0),
        findings=tuple(findings),
        repeat=f"python -m fuzz {target} --seconds {seconds} --seed {seed}",
    )
