"""Which alerts of a rule file a policy matches, does not, or may."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from remediator.authoring.alert_rules import covered, read_alert_rules
from remediator.authoring.reference import PROJECT
from remediator.authoring.scaffold import Wanted, scaffold
from remediator.errors import ConfigError
from remediator.policy.index import MatcherIndex
from remediator.policy.loaded import PolicySet
from remediator.settings import Settings
from tests.authoring.scaffold.test_scaffold import INVENTORY, PROMETHEUS, load

RULES = """\
groups:
  - name: one
    interval: 30s
    rules:
      - {record: 'job:up:sum', expr: sum(up)}
      - alert: Plain
        expr: up == 0
        for: 5m
        labels: {severity: critical, team: "{{ $labels.team }}", level: 3}
        annotations: {runbook_url: docs/x.md, summary: "{{ $value }}"}
  - name: empty
  - name: two
    rules:
      - alert: Plain
        expr: 1
"""


def rules_file(folder: Path, text: str) -> Path:
    path = folder / "rules.yml"
    path.write_text(text)
    return path


def test_alerts_are_read_with_what_is_certain_of_them(tmp_path: Path) -> None:
    path = rules_file(tmp_path, RULES)
    first, second = read_alert_rules(path)
    assert (first.name, first.group, first.line, first.expr) == ("Plain", "one", 6, "up == 0")
    assert first.labels == {"severity": "critical", "level": "3"}
    assert first.annotations == {"runbook_url": "docs/x.md"}
    assert (second.group, second.line, second.expr) == ("two", 14, "1")


def test_the_shipped_rules_are_read() -> None:
    names = [rule.name for rule in read_alert_rules(PROJECT / "prometheus" / "alerts.yml")]
    assert {"PMSCircuitBreakerOpen", "HighErrorRate", "RateLimitSpike", "Watchdog"} <= set(names)
    assert read_alert_rules(PROJECT / "prometheus" / "recording.yml") == ()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("groups:\n  - name: a\n    rules:\n      - alert: A\n", "rules.yml:4:9"),
        ("groups:\n  - name: a\n    rules:\n      - {alert: A, record: b, expr: up}\n", "rules.yml:4:9"),
        ("groups:\n  - name: a\n    rules: up\n", "rules.yml:3:12"),
        ("groups:\n  - rules: [\n", "rules.yml:3:1"),
        ("groups: {a: b}\n", "rules.yml:1:9"),
        ("groups:\n  - name: a\n    rules: [{alert: A, expr: up, labels: {a: [b]}}]\n", "rules.yml:3:"),
    ],
)
def test_what_is_wrong_with_a_file_has_its_place(tmp_path: Path, text: str, place: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_alert_rules(rules_file(tmp_path, text))
    assert place in str(refused.value)


@pytest.mark.parametrize(
    ("matchers", "labels", "by", "maybe"),
    [
        (["alertname = A"], "", True, None),
        (["alertname = B"], "", False, None),
        (["alertname =~ 'A|B'"], "", False, None),
        (['alertname =~ "A|B"'], "", True, None),
        (["alertname = A", "severity = critical"], "severity: critical", True, None),
        (["alertname = A", "severity = critical"], "severity: warning", False, None),
        (["alertname = A", "severity = critical"], "", False, ("severity",)),
        (["alertname = A", "severity = critical"], "severity: '{{ $value }}'", False, ("severity",)),
        (["alertname = A", "severity = critical", "team = a"], "severity: warning", False, None),
        (["severity != critical"], "severity: warning", True, None),
        (["severity != critical", "team != ''"], "severity: warning", False, ("team",)),
    ],
)
def test_a_policy_matches_does_not_or_may(
    tmp_path: Path, matchers: list[str], labels: str, *, by: bool, maybe: tuple[str, ...] | None
) -> None:
    (rule,) = read_alert_rules(
        rules_file(
            tmp_path,
            "groups: [{name: a, rules: [{alert: A, expr: up, labels: {" + labels + "}}]}]",
        )
    )
    found = covered(rule, policies_of(matchers))
    assert found.by == (("fix",) if by else ())
    assert found.maybe == ({"fix": maybe} if maybe else {})
    assert found.nobody is (not by and not maybe)


def policies_of(matchers: list[str]) -> PolicySet:
    settings = Settings.model_validate(PROMETHEUS | INVENTORY["container"])
    made = scaffold(Wanted(name="fix", alertname="X"), settings)
    listed = "\n".join(f"  - {matcher!r}" for matcher in matchers)
    made = type(made)(made.policy.replace('  - alertname = "X"', listed), made.test, made.form, made.entry)
    policy, _ = load(made, settings)
    index = MatcherIndex({"fix": (100, policy.matchers)})
    return PolicySet({"fix": policy}, index, (), loaded_at=datetime(2026, 1, 5, tzinfo=UTC))
