"""What an HTTP answer must be, and what is amiss with one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from remediator.durations import format_duration
from remediator.settings_checks import Expect

_MISSING = object()
_LONGEST_SHOWN = 80


def unmet(expect: Expect, *, status: int, body: Any, latency: timedelta) -> tuple[str, ...]:
    """Say what does not hold, one sentence each; nothing when all does.

    `body` is the answer's JSON, None when it has none. Without a status in `expect`, any 2xx will do.
    Paths are dotted; a number stands for a place in a list.
    """
    faults = [*_status(expect, status), *_latency(expect, latency)]
    if (expect.json_ or expect.absent) and body is None:
        return (*faults, "the body is not JSON")
    for path, wanted in (expect.json_ or {}).items():
        found = at_path(body, path)
        if found is _MISSING:
            faults.append(f"{path} is not there")
        elif not _same(found, wanted):
            faults.append(f"{path} is {_shown(found)}, not {_shown(wanted)}")
    faults += [f"{path} is there" for path in expect.absent if at_path(body, path) is not _MISSING]
    return tuple(faults)


def at_path(body: Any, path: str) -> Any:
    """Return what stands at a dotted path, or a marker that nothing does."""
    node = body
    for part in path.split("."):
        if isinstance(node, Mapping) and part in node:
            node = node[part]
        elif isinstance(node, list) and part.isdecimal() and int(part) < len(node):
            node = node[int(part)]
        else:
            return _MISSING
    return node


def _status(expect: Expect, status: int) -> tuple[str, ...]:
    if expect.status is None:
        return () if 200 <= status < 300 else (f"status is {status}, not 2xx",)
    wanted = expect.status if isinstance(expect.status, tuple) else (expect.status,)
    if status in wanted:
        return ()
    return (f"status is {status}, not {' or '.join(str(code) for code in wanted)}",)


def _latency(expect: Expect, latency: timedelta) -> tuple[str, ...]:
    if expect.latency_below is None or latency < expect.latency_below:
        return ()
    return (f"it took {format_duration(latency)}, not below {format_duration(expect.latency_below)}",)


def _same(found: Any, wanted: Any) -> bool:
    """Compare as JSON does: true is not 1, but 1 is 1.0."""
    if isinstance(found, bool) or isinstance(wanted, bool):
        return found is wanted
    if isinstance(found, list) and isinstance(wanted, list | tuple):
        return len(found) == len(wanted) and all(map(_same, found, wanted))
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        return found.keys() == wanted.keys() and all(_same(found[key], wanted[key]) for key in found)
    return bool(found == wanted)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"
