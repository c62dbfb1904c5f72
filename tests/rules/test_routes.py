"""Who gets which alert: asked of Alertmanager's own tool, for the shipped routes and for the demo's copy."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from remediator.demo import rules_copy
from tests.rules.test_remediator_rules import ROOT, rules
from tests.rules.test_rules import run_tool

SHIPPED = ROOT / "alertmanager/alertmanager.yml"


@pytest.fixture(params=["shipped", "demo"])
def routes(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The configuration as it ships, and as the demo uses it."""
    if request.param == "shipped":
        return SHIPPED
    document = rules_copy.alertmanager_copy(yaml.safe_load(SHIPPED.read_text(encoding="utf-8")), 10)
    copy = tmp_path / "alertmanager.yml"
    copy.write_text(yaml.safe_dump(rules_copy.reroute(document, "http://127.0.0.1:1/x", "/token")))
    return copy


def receivers(routes: Path, **labels: str) -> str:
    written = [f"{name}={value}" for name, value in labels.items()]
    done = run_tool("amtool", "config", "routes", "test", f"--config.file={routes}", *written)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_routes_are_valid(routes: Path) -> None:
    done = run_tool("amtool", "check-config", str(routes))
    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_about_remediator_go_to_people_and_not_to_itself(routes: Path) -> None:
    for rule in rules():
        assert receivers(routes, alertname=rule["alert"], severity=rule["labels"]["severity"]) == "people"


@pytest.mark.parametrize("alertname", ["PMSCircuitBreakerOpen", "Watchdog", "NotRemediatorDown"])
def test_all_others_go_to_remediator(routes: Path, alertname: str) -> None:
    assert receivers(routes, alertname=alertname, severity="critical") == "remediator"


def test_the_people_are_told_when_it_is_over() -> None:
    document = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    (people,) = [receiver for receiver in document["receivers"] if receiver["name"] == "people"]
    (told,) = people["slack_configs"]
    assert told["send_resolved"] is True
    assert "webhook_configs" not in people
