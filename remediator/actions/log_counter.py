"""Counts lines of a log as it streams past, keeping only the latest ones that were counted. Pure."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import Any

from remediator.actions.top_values import TopValues

_LONGEST_LINE_BYTES = 64 * 1024
_KEPT_LINES = 20
_KEPT_CHARACTERS = 500


class LogCounter:
    """Counts the lines that hold any of `needles` or match `pattern`; all lines without either.

    Beside that, and over all lines: how many match each pattern of `named`, and the values of `top`.
    """

    def __init__(
        self,
        needles: Sequence[str],
        pattern: Any | None,
        named: Mapping[str, Any] | None = None,
        top: TopValues | None = None,
    ) -> None:
        self._needles = needles
        self._pattern = pattern
        self._named = named or {}
        self._top = top
        self._rest = b""
        self._latest: deque[str] = deque(maxlen=_KEPT_LINES)
        self.count = 0
        self.counts = Counter(dict.fromkeys(self._named, 0))

    def take(self, piece: bytes) -> None:
        """Take what was read; lines may be torn apart between pieces."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) > _LONGEST_LINE_BYTES:
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            self.look(line.decode("utf-8", "replace"))

    def end(self) -> None:
        """Count the last line, which may lack its end."""
        if self._rest:
            self.look(self._rest.decode("utf-8", "replace"))
            self._rest = b""

    @property
    def latest(self) -> list[str]:
        """The latest lines that were counted, shortened."""
        return list(self._latest)

    def look(self, line: str) -> bool:
        """Take one line; say whether it was counted."""
        for name, pattern in self._named.items():
            self.counts[name] += pattern.search(line) is not None
        if self._top is not None:
            self._top.look(line)
        if not self._counts(line):
            return False
        self.count += 1
        self._latest.append(line.rstrip("\r")[:_KEPT_CHARACTERS])
        return True

    def _counts(self, line: str) -> bool:
        if any(needle in line for needle in self._needles):
            return True
        if self._pattern is not None:
            return self._pattern.search(line) is not None
        return not self._needles
