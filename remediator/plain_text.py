"""Makes text from outside safe: to print (no control or invisible characters, none that turn it), to keep."""

from __future__ import annotations

import unicodedata

# Cc: controls, escape sequences and newlines; Cf: bidirectional and zero-width; Cs: lone surrogates;
# Zl, Zp: line and paragraph separators.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def one_line(text: str) -> str:
    """Return `text` with every character that could move the cursor or hide written as an escape."""
    if text.isprintable():
        return text
    return "".join(_escape(character) for character in text)


def lines(text: str) -> str:
    """Like `one_line`, but keep newlines and tabs; for text that is meant to have several lines."""
    return "\n".join("\t".join(one_line(part) for part in line.split("\t")) for line in text.split("\n"))


def whole(text: str) -> str:
    """Replace half surrogate pairs: JSON can spell them, but no file, database or socket takes them."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _escape(character: str) -> str:
    if unicodedata.category(character) not in _UNSAFE:
        return character
    code = ord(character)
    if code < 0x100:
        return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character, f"\\x{code:02x}")
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
