"""docs/shadow.md names every reason, ending and criterion, with the bounds that are in force."""

from __future__ import annotations

import inspect
import re

from remediator.authoring.reference import PROJECT
from remediator.authoring.shadow_report import Ending
from remediator.authoring.shadow_verdict import Bounds, judge
from remediator.cli.shadow_report import report_on_shadow
from remediator.engine.shadow_records import MOST_AT_ONCE
from remediator.runs.audit import AuditAction
from remediator.runs.shadow import ShadowReason
from remediator.settings import Limits
from tests.authoring.shadow_report.test_verdict import summary

PAGE = (PROJECT / "docs" / "shadow.md").read_text()


def rows(cells: int) -> list[tuple[str, ...]]:
    """Return what stands in the tables of so many columns, without the marks of code."""
    lines = [line for line in PAGE.splitlines() if line.startswith("| `")]
    parted = [tuple(cell.strip().strip("`") for cell in line.strip("|").split("|")) for line in lines]
    return [row for row in parted if len(row) == cells]


def test_every_reason_is_explained_with_what_it_comes_to() -> None:
    assert [reason for _, reason, _ in rows(3)] == [str(reason) for reason in ShadowReason]
    assert f"| {MOST_AT_ONCE} plans were being looked at already |" in PAGE


def test_every_ending_is_explained() -> None:
    assert {ending for ending, _ in rows(2)} == {str(ending) for ending in Ending}


def test_every_criterion_is_there_with_its_option_and_bound() -> None:
    criteria = judge(summary(), Bounds(), Limits())
    shown = [(name, bound) for name, _, bound, _ in rows(4)]
    bounds = [f"{one.bound * 100:g}%" if one.share else f"{one.bound:g}" for one in criteria]
    assert shown == list(zip((one.name for one in criteria), bounds, strict=True))
    assert [option for _, option, _, _ in rows(4)] == [
        f"--{'min' if one.at_least else 'max'}-{one.name}" for one in criteria
    ]


def test_the_command_takes_the_same_bounds() -> None:
    bounds, parameters = Bounds(), inspect.signature(report_on_shadow).parameters
    given = {
        name if name.startswith("min_") else f"max_{name}": parameter.default
        for name, parameter in parameters.items()
    }
    for name in Bounds.__slots__:
        value = getattr(bounds, name)
        assert given[name] == (value if name.startswith("min_") else f"{value * 100:g}%")


def test_every_audit_action_of_shadow_is_named() -> None:
    named = set(re.findall(r"`(shadow\.[a-z]+)`", PAGE))
    assert named == {str(action) for action in AuditAction if action.startswith("shadow.")}
