"""`remediator policies new` and `remediator policies import-alerts`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from remediator.authoring.scaffold_forms import FORMS
from remediator.yaml_source import read_yaml_file
from tests.authoring.scaffold.test_scaffold import INVENTORY, PROMETHEUS
from tests.cli.conftest import Run

RULES = """\
groups:
  - name: pms
    rules:
      - alert: PMSDown
        expr: pms:up:bool == 0
        labels: {severity: critical}
        annotations: {runbook_url: docs/runbooks/pms.md}
      - {alert: PMSSlow, expr: 'pms:p95 > 3', labels: {severity: warning}}
      - {alert: PMSSlow, expr: 'pms:p95 > 9', labels: {severity: critical}}
      - {alert: Watchdog, expr: vector(1), labels: {severity: none}}
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "remediator.yaml").write_text(
        json.dumps({"policies": "policies", **PROMETHEUS, **INVENTORY["container"]})
    )
    (tmp_path / "policies").mkdir()
    (tmp_path / "alerts.yml").write_text(RULES)
    return tmp_path


def check_and_test(remediator: Run) -> None:
    """Everything written is good, tested, and laid out as `fmt` does."""
    assert remediator("policies", "check").code == 0
    tested = remediator("policies", "test")
    assert tested.code == 0, tested.out
    assert remediator("policies", "fmt", "--check", "policies", "policies/tests").code == 0


def test_a_new_policy_is_good_and_its_first_test_passes(remediator: Run, site: Path) -> None:
    ended = remediator("policies", "new", "restart-qloapps", "--alert", "PMSDown", "--owner", "pms-team")
    assert ended.code == 0, ended.err
    assert "acts on docker/qloapps" in ended.out
    assert "remediator policies test policies/tests/restart-qloapps.yaml" in ended.out
    text = (site / "policies/restart-qloapps.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=./policy.schema.json\n")
    assert "mode: shadow" in text
    check_and_test(remediator)


@pytest.mark.parametrize("form", [form.name for form in FORMS])
def test_every_template_passes_with_nothing_configured(remediator: Run, tmp_path: Path, form: str) -> None:
    ended = remediator("policies", "new", "fix", "--from-template", form, "--json")
    assert ended.code == 0, ended.err
    said = json.loads(ended.out)
    assert said == {"policy": "policies/fix.yaml", "test": "policies/tests/fix.yaml", "acts_on": None}
    assert remediator("policies", "test", "policies/tests/fix.yaml").code == 0


def test_what_is_not_configured_is_said(remediator: Run, tmp_path: Path) -> None:
    ended = remediator("policies", "new", "fix")
    assert "Set `policies: policies` in remediator.yaml" in ended.out
    assert "docker: {containers: [CHANGE-ME]}" in ended.out


@pytest.mark.parametrize("there", ["policies/fix.yaml", "policies/fix.yml", "policies/tests/fix.yaml"])
def test_nothing_is_overwritten(remediator: Run, site: Path, there: str) -> None:
    (site / there).parent.mkdir(exist_ok=True)
    (site / there).write_text("mine")
    ended = remediator("policies", "new", "fix")
    assert ended.code == 2
    assert f"{there} is there already" in ended.err
    written = [path for path in (site / "policies").rglob("*") if path.is_file()]
    assert [path.read_text() for path in written] == ["mine"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["Fix It"], "can't name a policy"),
        (["../fix"], "can't name a policy"),
        (["fix", "--from-template", "cloud"], "there is no template 'cloud'; there are container"),
    ],
)
def test_a_wrong_use_is_explained(remediator: Run, site: Path, arguments: list[str], words: str) -> None:
    ended = remediator("policies", "new", *arguments)
    assert ended.code == 2
    assert words in ended.err
    assert list((site / "policies").iterdir()) == []


def test_alerts_without_a_policy_are_listed(remediator: Run, site: Path) -> None:
    assert remediator("policies", "new", "slow", "--alert", "PMSSlow").code == 0
    listed = remediator("policies", "import-alerts", "alerts.yml")
    assert listed.code == 0
    assert "PMSDown" in listed.out
    assert "alerts.yml:4" in listed.out
    assert "4 alerts in alerts.yml: 2 matched, 0 perhaps, 2 not" in listed.out


def test_a_policy_on_a_schedule_is_for_no_alert(remediator: Run, site: Path) -> None:
    assert remediator("policies", "new", "nightly", "--alert", "PMSDown").code == 0
    path = site / "policies/nightly.yaml"
    matched = 'match: # Alertmanager\'s matchers; all must hold\n  - alertname = "PMSDown"\n'
    assert matched in path.read_text()
    path.write_text(path.read_text().replace(matched, 'schedule: {cron: "0 6 * * *"}\n'))
    listed = json.loads(remediator("policies", "import-alerts", "alerts.yml", "--json").out)
    assert listed["alerts"][0]["matched_by"] == []
    (site / "alert.json").write_text('{"labels": {"alertname": "PMSDown"}}')
    ended = remediator("explain", "alert.json")
    assert "nightly: starts on a schedule, not by alerts" in ended.out


def test_alerts_without_a_policy_get_one(remediator: Run, site: Path) -> None:
    ended = remediator("policies", "import-alerts", "alerts.yml", "--write")
    assert ended.code == 0, ended.err
    written = sorted(path.name for path in (site / "policies").glob("*.yaml"))
    assert written == ["pms-down.yaml", "pms-slow.yaml"]
    down = (site / "policies/pms-down.yaml").read_text()
    assert 'severity = "critical"' in down
    assert "'pms:up:bool == 0'" in down
    assert "runbook_url: docs/runbooks/pms.md" in down
    slow = (site / "policies/pms-slow.yaml").read_text()
    assert "severity" not in slow  # it has two
    assert "Watchdog: has severity none" in ended.out
    check_and_test(remediator)
    again = json.loads(remediator("policies", "import-alerts", "alerts.yml", "--write", "--json").out)
    assert [one["matched_by"] for one in again["alerts"]] == [["pms-down"], ["pms-slow"], ["pms-slow"], []]
    assert [one["written"] for one in again["alerts"]] == [None] * 4


def test_a_policy_of_that_name_is_left_as_it_is(remediator: Run, site: Path) -> None:
    assert remediator("policies", "new", "pms-down", "--alert", "Else").code == 0
    before = (site / "policies/pms-down.yaml").read_text()
    ended = remediator("policies", "import-alerts", "alerts.yml", "--write", "--alert", "PMSDown")
    assert ended.code == 0
    assert "policies/pms-down.yaml is there already" in ended.out
    assert (site / "policies/pms-down.yaml").read_text() == before


def test_a_broken_rule_file_is_shown_with_its_place(remediator: Run, site: Path) -> None:
    (site / "alerts.yml").write_text("groups:\n  - name: a\n    rules:\n      - alert: A\n")
    ended = remediator("policies", "import-alerts", "alerts.yml")
    assert ended.code == 2
    assert "alerts.yml:4:9: error:" in ended.err


def test_an_alert_that_is_not_there_is_a_usage_error(remediator: Run, site: Path) -> None:
    ended = remediator("policies", "import-alerts", "alerts.yml", "--alert", "Nothing")
    assert ended.code == 2
    assert "has no alert 'Nothing'" in ended.err


def test_both_schemas_fit_what_is_begun(remediator: Run, site: Path) -> None:
    assert remediator("policies", "new", "fix").code == 0
    for options, path in (((), "policies/fix.yaml"), (("--tests",), "policies/tests/fix.yaml")):
        schema = json.loads(remediator("policies", "schema", *options).out)
        data = read_yaml_file(site / path).data
        assert [error.message for error in Draft202012Validator(schema).iter_errors(data)] == []
