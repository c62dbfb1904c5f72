"""Finds the comments of a YAML text, so that whoever rewrites it can tell that none was lost."""

from __future__ import annotations

from collections.abc import Iterator

import yaml


def comments(text: str) -> list[tuple[int, str]]:
    """Return every comment of a readable text with its line (from 1), in order."""
    found: list[tuple[int, str]] = []
    for start, end in _between_tokens(text):
        line = text.count("\n", 0, start) + 1
        for offset, part in enumerate(text[start:end].split("\n")):
            _, mark, words = part.partition("#")
            if mark:
                found.append((line + offset, f"#{words.rstrip()}"))
    return found


def _between_tokens(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans that no token covers. A block scalar's first line may end with a comment."""
    last = 0
    for token in yaml.scan(text, yaml.CSafeLoader):
        start, end = token.start_mark.index, token.end_mark.index
        yield last, start
        if isinstance(token, yaml.ScalarToken) and token.style in ("|", ">"):
            yield start, text.index("\n", start) if "\n" in text[start:] else len(text)
        last = max(last, end)
    yield last, len(text)
