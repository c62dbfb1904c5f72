"""Keeps the beginning and the end of a process's output, however much it writes.

What is left out goes by whole lines where there are lines. Where there are none, half a secret may be
left at a cut; each cut is marked, and whoever redacts the text later looks for halves there.
"""

from __future__ import annotations

from remediator.secret_forms import CUT


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
        """Return what was kept, with a note where something is missing."""
        if not self._dropped:
            return bytes(self._head + self._tail).decode("utf-8", "replace")
        return _joined(self._head.decode("utf-8", "replace"), self._tail.decode("utf-8", "replace"))


def shortened(text: str, most_characters: int) -> str:
    """Return the text, or its beginning and its end with a note between."""
    if len(text) <= most_characters:
        return text
    half = most_characters // 2
    return _joined(text[:half], text[-half:])


def beginning(text: str, most_characters: int) -> str:
    """Return the text, or its beginning with a mark that it goes on."""
    return text if len(text) <= most_characters else text[:most_characters] + CUT


def last_lines(text: str, most_characters: int) -> str:
    """Return the end of a text, where programs say why they gave up."""
    text = text.strip()
    if len(text) <= most_characters:
        return text
    end = text[-most_characters:]
    return end.partition("\n")[2] or CUT + end


def _joined(head: str, tail: str) -> str:
    head = head[: head.rfind("\n") + 1] or head
    tail = tail.partition("\n")[2] or tail
    return f"{head}[{CUT} left out {CUT}]\n{tail}"
