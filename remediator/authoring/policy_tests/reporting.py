"""Writes how tests ended: lines for people, JSON and JUnit XML for machines."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Any
from xml.etree import ElementTree as Xml  # nosec B405  # it writes XML, and reads none

from remediator.authoring.policy_tests.comparing import fits
from remediator.authoring.policy_tests.coverage import Coverage
from remediator.authoring.policy_tests.history import Happening
from remediator.authoring.policy_tests.running import Mismatch, Result
from remediator.durations import format_duration

_SHOWN_BEFORE = 12
_SHOWN_AFTER = 3
# What says of an unexpected entry what it is: a step, a lease, an escalation, a notice.
_NAMING = frozenset({"uses", "resource", "to", "kind", "at"})
# What XML 1.0 can't hold, not even escaped; a label's value may be anything.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Tone(StrEnum):
    """What a line says, for whoever colours it."""

    GOOD = "good"
    BAD = "bad"
    EXPECTED = "expected"
    ACTUAL = "actual"
    QUIET = "quiet"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a report."""

    text: str
    tone: Tone = Tone.PLAIN


def report(results: Sequence[Result]) -> Iterator[Line]:
    """Tell how tests ended: one line a file, all about what failed, and the sum."""
    for file, of_file in groupby(results, key=lambda result: result.file):
        yield _sum(f"{file}: ", list(of_file))
    for result in results:
        if not result.ok:
            yield Line("")
            yield from _failure(result)
    if len({result.file for result in results}) > 1:
        yield Line("")
        yield _sum("", results)


def _sum(head: str, results: Sequence[Result]) -> Line:
    failed = sum(not result.ok for result in results)
    passed = len(results) - failed
    seconds = sum(result.seconds for result in results)
    text = f"{head}{passed} passed, {failed} failed in {seconds:.2f} s"
    return Line(text, Tone.BAD if failed else Tone.GOOD)


def _failure(result: Result) -> Iterator[Line]:
    yield Line(f"FAILED {result.name}", Tone.BAD)
    for mismatch in result.mismatches:
        place = f"{result.file}:{mismatch.line}:{mismatch.column}"
        yield Line(f"  {place}: at {format_duration(mismatch.at)}, {mismatch.what}")
        yield from (Line(f"    {line.text}", line.tone) for line in _difference(mismatch))
    yield Line("  what happened:")
    yield from (Line(f"    {text}", Tone.QUIET) for text in _around(result))
    if result.unscripted:
        yield Line("  asked, but not scripted:")
        yield from (Line(f"    {what}", Tone.QUIET) for what in result.unscripted)


def _difference(mismatch: Mismatch) -> Iterator[Line]:
    expected, actual = mismatch.expected, mismatch.actual
    if not isinstance(expected, list) or not isinstance(actual, list):
        yield Line(f"- expected {_written(expected)}", Tone.EXPECTED)
        yield Line(f"+ actual   {_written(actual)}", Tone.ACTUAL)
        return
    keys = {key for one in expected if isinstance(one, Mapping) for key in one} | _NAMING
    # What fits is shown as it is expected, so that a part of a text is no difference.
    shown = [next((one for one in expected if fits(one, other)), _only(other, keys)) for other in actual]
    left, right = ([_written(one) for one in side] for side in (expected, shown))
    tones = {"-": Tone.EXPECTED, "+": Tone.ACTUAL}
    for line in difflib.ndiff(left, right):
        if not line.startswith("?"):
            yield Line(line, tones.get(line[0], Tone.PLAIN))


def _only(value: Any, keys: Set[str]) -> Any:
    if isinstance(value, Mapping):
        return {key: child for key, child in value.items() if key in keys}
    return value


def _written(value: Any) -> str:
    if value is None:
        return "nothing"
    return str(value) if isinstance(value, str) else json.dumps(value, default=str)


def _around(result: Result) -> Iterator[str]:
    """What happened until the first difference, and a little after it."""
    at = result.mismatches[0].at
    before: list[Happening] = [one for one in result.history if one.at <= at]
    after: list[Happening] = [one for one in result.history if one.at > at]
    if len(before) > _SHOWN_BEFORE:
        yield f"({len(before) - _SHOWN_BEFORE} earlier)"
    yield from map(str, before[-_SHOWN_BEFORE:])
    yield f"---------  looked at {format_duration(at)}"
    yield from map(str, after[:_SHOWN_AFTER])
    if len(after) > _SHOWN_AFTER:
        yield f"({len(after) - _SHOWN_AFTER} later)"


def as_json(results: Sequence[Result], coverage: Sequence[Coverage]) -> dict[str, Any]:
    """Return all of it as JSON."""
    return {
        "ok": all(result.ok for result in results),
        "tests": [_result_json(result) for result in results],
        "coverage": [
            {
                "policy": one.policy,
                "share": round(one.share, 4),
                "branches": [
                    {"subject": branch.subject, "what": branch.what, "count": count}
                    for branch, count in one.branches.items()
                ],
            }
            for one in coverage
        ],
    }


def _result_json(result: Result) -> dict[str, Any]:
    return {
        "file": str(result.file),
        "name": result.name,
        "line": result.line,
        "policies": list(result.policies),
        "ok": result.ok,
        "seconds": round(result.seconds, 4),
        "mismatches": [
            {
                "at": format_duration(one.at),
                "what": one.what,
                "line": one.line,
                "column": one.column,
                "expected": one.expected,
                "actual": one.actual,
            }
            for one in result.mismatches
        ],
        "unscripted": list(result.unscripted),
        "history": [str(one) for one in result.history] if not result.ok else [],
    }


def as_junit(results: Sequence[Result]) -> str:
    """Return JUnit XML: one suite a file, one case a test."""
    root = Xml.Element("testsuites")
    for file, of_file in groupby(results, key=lambda result: result.file):
        cases = list(of_file)
        suite = Xml.SubElement(
            root,
            "testsuite",
            name=_xml(str(file)),
            tests=str(len(cases)),
            failures=str(sum(not case.ok for case in cases)),
            errors="0",
            time=f"{sum(case.seconds for case in cases):.3f}",
        )
        for case in cases:
            element = Xml.SubElement(
                suite,
                "testcase",
                classname=_xml(str(file)),
                name=_xml(case.name),
                file=_xml(str(file)),
                line=str(case.line),
                time=f"{case.seconds:.3f}",
            )
            if not case.ok:
                first = case.mismatches[0]
                failure = Xml.SubElement(
                    element, "failure", message=_xml(f"at {format_duration(first.at)}, {first.what}")
                )
                failure.text = _xml("\n".join(line.text for line in _failure(case)))
    Xml.indent(root)
    return Xml.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _xml(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
