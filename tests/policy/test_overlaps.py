from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from remediator.policy.loader import load_policies
from tests.policy.catalogs import CATALOG, inventory

NOW = datetime(2026, 1, 1, tzinfo=UTC)
POLICY = """\
policy: {name}
owner: x
runbook_url: x
{more}
match: ['{match}']
target: {target}
options:
  - name: only
    steps: [{{uses: docker.restart, with: {{container: {container}}}}}]
    verify: {{promql: up == 1}}
notify: {{channel: incidents}}
"""


def warned(folder: Path, *policies: dict[str, str]) -> list[str]:
    for at, changes in enumerate(policies):
        values = {
            "name": f"p{at}",
            "match": "a=b",
            "target": "t",
            "container": "mysql",
            "more": "",
            **changes,
        }
        (folder / f"{at}.yaml").write_text(POLICY.format(**values))
    return [
        f"{Path(problem.file).name}:{problem.line} {problem.what}"
        for problem in load_policies(folder, CATALOG, inventory(), now=NOW).warnings
    ]


def test_both_files_are_named(tmp_path: Path) -> None:
    (warning,) = warned(tmp_path, {}, {"more": "priority: 100", "container": "qloapps"})
    assert warning.startswith("1.yaml:4 may run for the same alert as p0 (")
    assert warning.endswith("0.yaml) on target t, both with priority 100")


def test_a_resource_is_shared_as_well(tmp_path: Path) -> None:
    (warning,) = warned(tmp_path, {}, {"target": "u"})
    assert warning.startswith("1.yaml:1 ")
    assert "on docker:mysql" in warning


def test_policies_that_are_off_meet_nobody(tmp_path: Path) -> None:
    assert warned(tmp_path, {"more": "mode: off"}, {"more": "mode: off"}) == []


def test_many_are_counted(tmp_path: Path) -> None:
    warnings = warned(tmp_path, *({} for _ in range(6)))
    assert len(warnings) == 5
    assert "p0 (" in warnings[-1]
    assert "and 2 more, both" in warnings[-1]


@pytest.mark.parametrize(
    "other",
    [
        {"more": "priority: 50"},
        {"more": "mode: off"},
        {"more": "mode: shadow"},
        {"match": "a=c"},
        {"match": 'a=~"c|d"'},
        {"target": "u", "container": "qloapps"},
    ],
)
def test_what_can_not_meet_is_left_alone(tmp_path: Path, other: dict[str, str]) -> None:
    assert warned(tmp_path, {}, other) == []


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("alertname=A", "alertname=B", False),
        ("alertname=A", 'alertname=~"A|B"', True),
        ("alertname=A", "severity=x", True),
        ("severity=x", "alertname=A", True),
        ("alertname=A, severity=x", "alertname=A, severity=y", False),
        ('alertname=~"A.*"', "alertname=B", False),
        ('alertname=~"A.*"', "alertname=AB", True),
    ],
)
def test_by_what_they_match(tmp_path: Path, one: str, other: str, meet: bool) -> None:
    assert bool(warned(tmp_path, {"match": one}, {"match": other})) is meet
