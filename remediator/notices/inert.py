"""Text from outside, made inert: no mention, no link, no markup, no line of its own."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 300
"""Characters of one value."""
# What a chat system would take for markup, and what is shown instead.
_MARKUP = str.maketrans(
    {
        "<": "\u2039",
        ">": "\u203a",
        "`": "'",
        "*": "\u2217",
        "~": "\u223c",
        "[": "(",
        "]": ")",
        "|": "\u00a6",
        "\\": "\u2216",
        "#": "\u266f",
        "@": "@\u200b",
        "&": "\uff06",
    }
)
# An invisible break where a chat system would see an address; what is read stays the same.
_SCHEME = re.compile(r"(?i):(?=//)|(?<=mailto):|(?<=javascript):|(?<=data):|(?<=tel):")
_DOMAIN = re.compile(r"(?<=[\w-])\.(?=[^\W\d_]{2})")
# Underscores within a name are part of it; around a word they would be emphasis.
_EMPHASIS = re.compile(r"(?<![A-Za-z0-9])_+|_+(?![A-Za-z0-9])")
_DROPPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


class Trusted(str):
    """Text that a policy's author or remediator itself wrote: it may hold links."""

    __slots__ = ()


def inert(value: object) -> str:
    """Return a value as text that a chat system shows and does nothing with."""
    text = str(value)
    if isinstance(value, Trusted):
        return text
    cut = text[: LONGEST + 1]
    if len(cut) > LONGEST:
        cut = cut[: LONGEST - 1] + "…"
    plain = "".join(" " if char.isspace() else char for char in cut if _shown(char))
    plain = " ".join(plain.split())
    plain = _SCHEME.sub(":\u200b", plain)
    plain = _DOMAIN.sub(".\u200b", plain)
    plain = _EMPHASIS.sub(lambda found: "\u2017" * len(found.group()), plain)
    return plain.translate(_MARKUP)


def inert_lines(text: str, longest: int) -> Trusted:
    """Return a text of several lines, each made inert."""
    lines = [inert(line) for line in text[:longest].splitlines()]
    return Trusted("\n".join(lines))


def _shown(char: str) -> bool:
    return char.isspace() or unicodedata.category(char) not in _DROPPED
