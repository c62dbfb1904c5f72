"""YAML texts as people write them: any order, any style, comments and blank lines anywhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

_COMMENT = st.sampled_from(["# why", "# it's: {odd}", "#", "# TAB\there", "# ''"])
_WORDS = st.sampled_from(
    ["30s", "a b", "on", "yes", "08:00", 'x{y="z"} == 1', "# no comment", "it's", "", "1"]
)
_PLAIN = st.sampled_from(["30s", "a b", "on", "yes", "08:00", "true", "1", "1.0", "null", "0o17", "1_000"])


@st.composite
def policies(draw: st.DrawFn) -> str:
    """Write a policy whose keys, from the model and beyond, come in any order."""
    step = {"uses": "test.act", "with": {"b": draw(_WORDS), "a": 1}, "name": "first", "timeout": "30s"}
    options = [
        {
            "steps": [_some(draw, step, "uses")],
            "name": name,
            "when": "not facts.up",
            "revert": {"after": "1h", "on": ["expiry"]},
        }
        for name in ("one", "two")[: draw(st.integers(1, 2))]
    ]
    whole: dict[str, Any] = {
        "policy": "fix",
        "owner": draw(_WORDS),
        "options": [_some(draw, option, "name") for option in options],
        "match": ['alertname = "X"', "severity = a"],
        "guards": [{"cooldown": {"for": "15m"}}, {"promql": {"hold": "30s", "query": "up"}}],
        "diagnose": [{"with": {}, "uses": "test.look", "fact": "up"}],
        "verify": {"within": "2m", "promql": "up == 1"},
        "target": "{{ labels.x }}",
        "unknown": draw(_WORDS),
    }
    return "".join(f"{line}\n" for line in _block(draw, _some(draw, whole, "policy", "options"), 0))


def _some(draw: st.DrawFn, mapping: dict[str, Any], *needed: str) -> dict[str, Any]:
    keys = draw(st.permutations(list(mapping)))
    return {key: mapping[key] for key in keys if key in needed or draw(st.integers(0, 4))}


def _block(draw: st.DrawFn, value: Any, depth: int) -> list[str]:
    margin = " " * depth
    written: list[str] = []
    entries: Sequence[Any] = list(value.items()) if isinstance(value, dict) else value
    for entry in entries:
        if draw(st.integers(0, 5)) == 0:
            written.append("")
        if draw(st.integers(0, 4)) == 0:
            written.append(margin + draw(_COMMENT))
        if isinstance(value, dict):
            key, child = entry
            written += _entry(draw, f"{margin}{key}:", child, depth + draw(st.integers(1, 4)))
        else:
            further = draw(st.sampled_from(["- ", "-   "]))
            inner = _entry(draw, "", entry, depth + len(further))
            # What opens a list's entry stands beside its dash, unless a comment comes first.
            if inner[0].strip().startswith("#") or not inner[0].strip():
                written += [f"{margin}-", *inner]
            else:
                written += [margin + further + inner[0].lstrip(), *inner[1:]]
    return written


def _entry(draw: st.DrawFn, head: str, value: Any, depth: int) -> list[str]:
    if isinstance(value, dict | list) and value and draw(st.integers(0, 2)):
        below = _block(draw, value, depth)
        return [head, *below] if head else below
    if isinstance(value, dict | list):
        scalar = json.dumps(value, separators=(draw(st.sampled_from([",", ", ", " , "])), ": "))
    else:
        scalar = draw(_PLAIN) if draw(st.booleans()) else _quoted(draw, value)
    after = f"  {draw(_COMMENT)}" if draw(st.integers(0, 4)) == 0 else ""
    return [f"{head}{' ' * draw(st.integers(1, 3))}{scalar}{after}"]


def _quoted(draw: st.DrawFn, value: Any) -> str:
    if not isinstance(value, str) or draw(st.booleans()):
        return json.dumps(value)
    return "'" + value.replace("'", "''") + "'"
