"""The rules about remediator itself: they read metrics that exist, are tested, and say what to do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from tests.docs.test_names import metric_names
from tests.rules.test_rules import run_tool

ROOT = Path(__file__).parents[2]
RULES = "prometheus/remediator_alerts.yml"
TESTS = "prometheus/remediator_alerts_test.yml"


def rules() -> list[dict[str, Any]]:
    document = yaml.safe_load((ROOT / RULES).read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def metrics_of(expression: str) -> set[str]:
    """Return the metrics that an expression reads; it has to be PromQL."""
    promql_parser.parse(expression)
    return set(re.findall(r"\b((?:remediator_\w+|up)\b)(?!\")", expression))


@pytest.mark.parametrize("arguments", [("check", "rules", RULES), ("test", "rules", TESTS)], ids=" ".join)
def test_the_rules_pass_their_tool(arguments: tuple[str, ...]) -> None:
    done = run_tool("promtool", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr


def test_they_read_metrics_that_exist() -> None:
    for rule in rules():
        read = metrics_of(rule["expr"])
        assert read, rule["alert"]
        assert read <= metric_names() | {"up"}, rule["alert"]


def test_every_alert_fires_in_a_test_and_is_silent_in_one() -> None:
    document = yaml.safe_load((ROOT / TESTS).read_text(encoding="utf-8"))
    cases = [case for test in document["tests"] for case in test["alert_rule_test"]]
    fired = {case["alertname"] for case in cases if case["exp_alerts"]}
    silent = {case["alertname"] for case in cases if not case["exp_alerts"]}
    assert fired == silent == {rule["alert"] for rule in rules()}


def test_each_has_its_runbook() -> None:
    page = (ROOT / "docs/monitoring.md").read_text(encoding="utf-8")
    headings = re.findall(r"^### (\w+)$", page, re.MULTILINE)
    assert headings == [rule["alert"] for rule in rules()]
    for rule in rules():
        assert rule["annotations"]["runbook_url"] == f"docs/monitoring.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in ("critical", "warning")


def test_prometheus_loads_them() -> None:
    configuration = yaml.safe_load((ROOT / "prometheus/prometheus.yml").read_text(encoding="utf-8"))
    assert Path(RULES).name in configuration["rule_files"]
