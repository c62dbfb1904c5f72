"""Counts lines of a log as it streams past, keeping only the latest ones that were counted. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

_LONGEST_LINE_BYTES = 64 * 1024
_KEPT_LINES = 20
_KEPT_CHARACTERS = 500


class LogCounter:
    """Counts the lines that hold any of `needles` or match `pattern`; all lines without either."""

    def __init__(self, needles: Sequence[str], pattern: Any | None) -> None:
        self._needles = [needle.encode() for needle in needles]
        self._pattern = pattern
        self._rest = b""
        self._latest: deque[str] = deque(maxlen=_KEPT_LINES)
        self.count = 0

    def take(self, piece: bytes) -> None:
        """Take what was read; lines may be torn apart between pieces."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) > _LONGEST_LINE_BYTES:
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            self._look(line)

    def end(self) -> None:
        """Count the last line, which may lack its end."""
        if self._rest:
            self._look(self._rest)
            self._rest = b""

    @property
    def latest(self) -> list[str]:
        """The latest lines that were counted, shortened."""
        return list(self._latest)

    def _look(self, line: bytes) -> None:
        if self._counts(line):
            self.count += 1
            self._latest.append(line.decode("utf-8", "replace").rstrip("\r")[:_KEPT_CHARACTERS])

    def _counts(self, line: bytes) -> bool:
        if any(needle in line for needle in self._needles):
            return True
        if self._pattern is not None:
            return self._pattern.search(line.decode("utf-8", "replace")) is not None
        return not self._needles
