"""What follows from matchers alone: whether they can hold together, and whether they imply another.

Each answer is sure when it is yes; where regular expressions can't be decided, it is no.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from remediator.policy.matchers import Matcher

# An alternation of plain words: every value that it takes is written in it.
_WORDS = re.compile(r"[A-Za-z0-9_ :/=@%,;<>~-]*(?:\|[A-Za-z0-9_ :/=@%,;<>~-]*)*")


def contradiction(matchers: Sequence[Matcher]) -> tuple[Matcher, Matcher] | None:
    """Return matchers that no alert can satisfy together, the later one second, or None."""
    for name, own in by_name(matchers).items():
        for at, matcher in enumerate(own):
            values = values_of(matcher)
            if values is None:
                continue
            for value in values:
                if all(other.matches({name: value}) for other in own):
                    break
            else:
                other = next((one for one in own if not _meet(one, values)), None)
                other = other or next(one for one in own if one is not matcher)
                return (other, matcher) if own.index(other) < at else (matcher, other)
    return None


def implies(matchers: Iterable[Matcher], wanted: Matcher) -> bool:
    """Tell whether every alert that satisfies `matchers` surely satisfies `wanted` too."""
    own = [matcher for matcher in matchers if matcher.name == wanted.name]
    if wanted in own:
        return True
    return any(
        all(wanted.matches({wanted.name: value}) for value in values)
        for values in map(values_of, own)
        if values is not None
    )


def values_of(matcher: Matcher) -> tuple[str, ...] | None:
    """Return every value that a label may have where the matcher holds, or None when they are too many."""
    if matcher.op == "=":
        return (matcher.value,)
    if matcher.op == "=~" and _WORDS.fullmatch(matcher.value):
        return tuple(dict.fromkeys(matcher.value.split("|")))
    return None


def by_name(matchers: Iterable[Matcher]) -> Mapping[str, list[Matcher]]:
    """Return the matchers of each label."""
    found: dict[str, list[Matcher]] = {}
    for matcher in matchers:
        found.setdefault(matcher.name, []).append(matcher)
    return found


def _meet(matcher: Matcher, values: Iterable[str]) -> bool:
    return any(matcher.matches({matcher.name: value}) for value in values)
