"""A copy of the tree in which one broken version after the other is tried."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from torture.broken.version import Broken

_PROJECT = Path(__file__).parents[2]
_LEFT_OUT = shutil.ignore_patterns(".*cache", ".git", ".venv", ".hypothesis", "__pycache__", "run", "build")
_SHOWN = 2000
_LONGEST = timedelta(minutes=5)


class Verdict(StrEnum):
    """What came of a test."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    HUNG = "hung"
    UNUSABLE = "unusable"
    """It was not run at all: an import that fails shows nothing about a promise."""


@dataclass(frozen=True, slots=True)
class Said:
    """A verdict, and the end of what pytest wrote."""

    verdict: Verdict
    output: str


class Tree:
    """The copy. Make it with `copied`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._written_at = count(int((root / "pyproject.toml").stat().st_mtime) + 1)

    @contextmanager
    def broken(self, version: Broken) -> Iterator[None]:
        """Have the copy be a broken version for a while."""
        path = self._root / version.file
        whole = path.read_text(encoding="utf-8")
        version.apply(self._root)
        self._touch(path)
        try:
            yield
        finally:
            path.write_text(whole, encoding="utf-8")
            self._touch(path)

    def ask(self, *tests: str, within: timedelta = _LONGEST) -> Mapping[str, Said]:
        """Run tests; return what came of each."""
        command = [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", *tests]
        # Servers that a test starts must be of this tree as well, wherever they are started.
        env = {**os.environ, "PYTHONPATH": str(self._root)}
        process = subprocess.Popen(  # noqa: S603  (tests of ours)
            command,
            cwd=self._root,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(timeout=within.total_seconds())
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            return {test: Said(Verdict.HUNG, output[-_SHOWN:]) for test in tests}
        return {test: Said(verdict_in(output, test), output[-_SHOWN:]) for test in tests}

    def _touch(self, path: Path) -> None:
        # Python compiles anew only what is of another time or size, and looks at whole seconds.
        moment = next(self._written_at)
        os.utime(path, (moment, moment))


@contextmanager
def copied() -> Iterator[Tree]:
    """Copy the tree into a temporary folder."""
    with TemporaryDirectory(prefix="remediator-broken-") as folder:
        root = Path(folder) / "tree"
        shutil.copytree(_PROJECT, root, ignore=_LEFT_OUT, symlinks=True)
        yield Tree(root)


def verdict_in(output: str, test: str) -> Verdict:
    """Read what came of one test, in all its cases, from the summary that `pytest -rA` writes."""
    lines = [line.split(maxsplit=1) for line in output.splitlines() if test in line]
    words = {line[0] for line in lines if line[1].startswith(test)}
    if "ERROR" in words:
        return Verdict.UNUSABLE
    if "FAILED" in words:
        return Verdict.FAILED
    if "PASSED" in words:
        return Verdict.PASSED
    # The summary names what was skipped by its file and line only.
    return Verdict.SKIPPED if "SKIPPED" in output else Verdict.UNUSABLE
