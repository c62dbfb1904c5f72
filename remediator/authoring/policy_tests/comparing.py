"""Compares what is expected with what is: only what is said, and each difference at its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from remediator.authoring.policy_tests.model import Expectation
from remediator.simulation.actions import is_within
from remediator.yaml_source import NodePath

_WHERE = ("at", "policy", "labels")
_TEXTS = ("detail", "title", "text")


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference. `path` leads to it from the expectation; both values are JSON."""

    path: NodePath
    expected: Any
    actual: Any


def differences(expectation: Expectation, actual: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield every difference between an expectation and what was observed."""
    expected = expectation.model_dump(mode="json", by_alias=True, exclude_unset=True)
    for key, value in expected.items():
        if key in _WHERE:
            continue
        if key == "guards":
            yield from _guards(value, actual["guards"])
        elif key == "audit":
            yield from _rows(value, actual["audit"])
        elif key == "notifications":
            yield from _notices(value, actual["notifications"])
        elif key == "decision" and isinstance(value, dict) and "guard" in value:
            yield from _different(("decision",), _with_key(value, actual["decision"]), actual["decision"])
        else:
            yield from _different((key,), value, actual[key])


def _different(path: NodePath, expected: Any, actual: Any) -> Iterator[Difference]:
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        for key, value in expected.items():
            if key == "with":
                if not is_within(value, actual.get(key, {})):
                    yield Difference((*path, key), value, actual.get(key))
            elif key in _TEXTS:
                if str(value) not in str(actual.get(key) or ""):
                    yield Difference((*path, key), value, actual.get(key))
            else:
                yield from _different((*path, key), value, actual.get(key))
    elif _lists_of_mappings(expected, actual) and len(expected) == len(actual):
        for at, (one, other) in enumerate(zip(expected, actual, strict=True)):
            yield from _different((*path, at), one, other)
    elif not _same(expected, actual):
        yield Difference(path, expected, actual)


def _same(expected: Any, actual: Any) -> bool:
    # States and reasons are enums of text.
    return bool(expected == (str(actual) if isinstance(actual, str) else actual))


def _lists_of_mappings(expected: Any, actual: Any) -> bool:
    return (
        isinstance(expected, list)
        and isinstance(actual, list)
        and all(isinstance(one, Mapping) for one in (*expected, *actual))
    )


def _with_key(expected: Mapping[str, Any], actual: Any) -> Mapping[str, Any]:
    """Let a guard's name stand for its key."""
    key = actual.get("guard") if isinstance(actual, Mapping) else None
    return {**expected, "guard": key} if key is not None and _names(expected["guard"], key) else expected


def _names(name: str, key: str) -> bool:
    return name in (key, key.partition(":")[2])


def _guards(expected: Mapping[str, str], actual: Mapping[str, str]) -> Iterator[Difference]:
    for name, verdict in expected.items():
        said = {key: value for key, value in actual.items() if _names(name, key)}
        wrong = {key: value for key, value in said.items() if not _is_verdict(verdict, value)}
        if wrong or not said:
            yield Difference(("guards", name), verdict, ", ".join(wrong.values()) if said else "not a guard")


def _is_verdict(expected: str, actual: str) -> bool:
    """`deny` stands for any reason to deny."""
    return expected == actual or (expected == "deny" and actual not in ("allow", "ask", "pending"))


def _notices(expected: Mapping[str, Any], actual: Mapping[str, Any]) -> Iterator[Difference]:
    for channel, notices in expected.items():
        yield from _different(("notifications", channel), notices, actual.get(channel, "not a channel"))


def fits(expected: Any, actual: Any) -> bool:
    """Tell whether something is as it is expected, as far as that says anything."""
    return next(_different((), expected, actual), None) is None


def _rows(expected: Sequence[Mapping[str, Any]], actual: Sequence[Mapping[str, Any]]) -> Iterator[Difference]:
    rest = iter(actual)
    for at, row in enumerate(expected):
        if not any(is_within(row, other) for other in rest):
            yield Difference(("audit", at), row, "no such row, or not in this order")
            return
