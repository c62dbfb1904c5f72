"""Prometheus's and Alertmanager's own tools check the files that ship; alerts fire when they should."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

_ROOT = Path(__file__).parents[2]


def run_tool(command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    binary = shutil.which(command)
    if binary is None:
        pytest.skip(f"{command} is not installed")
    return subprocess.run([binary, *arguments], cwd=_ROOT, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("promtool", ("check", "config", "prometheus/prometheus.yml")),
        ("promtool", ("check", "rules", "prometheus/recording.yml", "prometheus/alerts.yml")),
        ("promtool", ("test", "rules", "prometheus/alerts_test.yml")),
        ("amtool", ("check-config", "alertmanager/alertmanager.yml")),
    ],
)
def test_shipped_file_passes_its_own_tool(command: str, arguments: tuple[str, ...]) -> None:
    done = run_tool(command, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr


def _rules(name: str) -> list[dict[str, object]]:
    document = yaml.safe_load((_ROOT / "prometheus" / name).read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def test_alerts_read_only_what_is_recorded() -> None:
    recorded = {str(rule["record"]) for rule in _rules("recording.yml")}
    for rule in _rules("alerts.yml"):
        expression = str(rule["expr"])
        assert any(name in expression for name in recorded) or rule["alert"] == "Watchdog", expression


def test_every_alert_says_how_severe_it_is_and_where_its_runbook_is() -> None:
    for rule in _rules("alerts.yml"):
        labels, annotations = rule["labels"], rule["annotations"]
        assert isinstance(labels, dict)
        assert isinstance(annotations, dict)
        assert labels["severity"] in ("critical", "warning", "none")
        if labels["severity"] != "none":
            assert (_ROOT / annotations["runbook_url"]).is_file()


def test_every_alert_is_tested() -> None:
    document = yaml.safe_load((_ROOT / "prometheus/alerts_test.yml").read_text(encoding="utf-8"))
    cases = [case for test in document["tests"] for case in test.get("alert_rule_test", [])]
    tested = {case["alertname"] for case in cases if case["exp_alerts"]}
    assert tested == {rule["alert"] for rule in _rules("alerts.yml")}


def test_alertmanager_tells_when_an_alert_resolves() -> None:
    document = yaml.safe_load((_ROOT / "alertmanager/alertmanager.yml").read_text(encoding="utf-8"))
    (webhook,) = document["receivers"][0]["webhook_configs"]
    assert webhook["send_resolved"] is True
    assert webhook["http_config"]["follow_redirects"] is False
