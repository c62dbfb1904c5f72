"""Keeps the beginning and the end of a process's output, however much it writes."""

from __future__ import annotations


class CappedOutput:
    """Bytes up to a cap: the first half is kept as it comes, the second half is always the latest."""

    def __init__(self, cap_bytes: int) -> None:
        self._half = cap_bytes // 2
        self._head = bytearray()
        self._tail = bytearray()
        self._dropped = 0

    def feed(self, data: bytes) -> None:
        """Take what was read."""
        room = self._half - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        self._tail += data
        over = len(self._tail) - self._half
        if over > 0:
            del self._tail[:over]
            self._dropped += over

    @property
    def truncated(self) -> bool:
        """Whether something was dropped."""
        return self._dropped > 0

    def text(self) -> str:
        """Return what was kept, with a note where bytes are missing."""
        if not self._dropped:
            return bytes(self._head + self._tail).decode("utf-8", "replace")
        note = f"\n[… {self._dropped} bytes left out …]\n"
        return self._head.decode("utf-8", "replace") + note + self._tail.decode("utf-8", "replace")
