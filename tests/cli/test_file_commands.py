"""Commands that work on files: policies, payloads, the audit log and tokens."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from yaml import safe_load

from remediator.runs.audit import AuditAction, AuditEntry
from remediator.settings import Token
from remediator.store.base import Tx
from remediator.store.sqlite.store import open_store
from tests.cli.conftest import Run

CONFIG = """\
mode: enforce
policies: policies
prometheus: {url: "http://127.0.0.1:9090"}
services: {qloapps: {url: "http://127.0.0.1:8100"}}
docker: {containers: [qloapps]}
"""
POLICY = """\
policy: pms
match: ['alertname = "PMSDown"', 'severity =~ "critical|P1"']
target: "pms/{{ labels.service }}"
guards:
  - cooldown: {for: 15m}
  - promql: {query: 'pms:breaker_open:bool == 1', hold: 30s}
diagnose:
  - {fact: pms_up, uses: http.probe, with: {service: qloapps, path: /api/health}}
options:
  - name: restart-pms
    when: not facts.pms_up
    steps: [{uses: docker.restart, with: {container: qloapps}}]
    verify: {promql: 'pms:breaker_open:bool == 0', within: 2m}
  - name: scale-out
    steps: [{uses: fly.scale_count, with: {app: agente, at_least: 2}}]
    verify: {promql: 'pms:breaker_open:bool == 0', within: 2m}
"""
FIVE_MISTAKES = """\
policy: pms
match: ['alertname ~ "PMSDown"']
target: pms
guards:
  - cooldwn: {for: 15m}
options:
  - name: restart-pms
    when: not facts.pms_upp
    steps: [{uses: docker.restart, with: {container: qloaps}}]
    verify: {promql: 'up ==', within: 2m}
"""
HOSTILE = "qlo\x1b[2Japps"


def alert(**labels: str) -> dict[str, Any]:
    return {
        "status": "firing",
        "labels": labels,
        "annotations": {},
        "startsAt": "2026-01-02T03:04:05Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": "f1",
    }


def payload(*alerts: dict[str, Any]) -> str:
    return json.dumps({"version": "4", "groupKey": "g", "receiver": "r", "alerts": alerts})


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "remediator.yaml").write_text(CONFIG)
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies/pms.yaml").write_text(POLICY)
    return tmp_path


def test_good_policies_pass_with_a_warning_for_what_is_not_configured(remediator: Run, site: Path) -> None:
    ended = remediator("policies", "check")
    assert ended.code == 0, ended.err
    assert "1 good policy" in ended.out
    assert "warning: not_configured: remediator.yaml has no fly" in ended.err


def test_five_mistakes_are_named_with_line_column_and_what_to_do(remediator: Run, site: Path) -> None:
    (site / "policies/pms.yaml").write_text(FIVE_MISTAKES)
    ended = remediator("policies", "check", "--json")
    assert ended.code == 1
    problems = [problem for problem in json.loads(ended.out) if problem["severity"] == "error"]
    assert [problem["line"] for problem in problems] == [2, 5, 8, 9, 10]
    assert all(problem["column"] > 1 and problem["fix"] for problem in problems)


def test_a_problem_is_shown_with_its_line_and_a_caret(remediator: Run, site: Path) -> None:
    (site / "policies/pms.yaml").write_text(FIVE_MISTAKES)
    ended = remediator("policies", "check", "policies/pms.yaml")
    assert ended.code == 1
    shown = ended.err.splitlines()
    at = next(index for index, line in enumerate(shown) if "cooldwn" in line and "error" in line)
    assert shown[at].startswith("policies/pms.yaml:5:5: error:")
    assert shown[at + 1] == "  5 |   - cooldwn: {for: 15m}"
    assert shown[at + 2].startswith("    |     ^ did you mean 'cooldown'?")


def test_problems_become_annotations_on_github(remediator: Run, site: Path) -> None:
    (site / "policies/pms.yaml").write_text(FIVE_MISTAKES)
    ended = remediator("policies", "check", "--format", "github")
    assert ended.code == 1
    assert ended.out.count("::error file=policies/pms.yaml,line=") == 5


@pytest.mark.parametrize("command", [["policies", "list"], ["explain", "-"], ["serve"]])
def test_other_commands_refuse_broken_policies_with_their_places(
    remediator: Run, site: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    (site / "policies/pms.yaml").write_text(FIVE_MISTAKES)
    ended = remediator(*command)
    assert ended.code == 2
    assert "policies/pms.yaml:5:5: error:" in ended.err


def test_a_broken_configuration_is_a_usage_error_with_its_place(remediator: Run, site: Path) -> None:
    (site / "remediator.yaml").write_text("modes: enforce\n")
    ended = remediator("policies", "check")
    assert ended.code == 2
    assert "remediator.yaml:1:1: error: unknown key 'modes'" in ended.err
    assert "did you mean 'mode'?" in ended.err


def test_policies_are_listed_with_what_they_match(remediator: Run, site: Path) -> None:
    listed = json.loads(remediator("policies", "list", "--json").out)["items"]
    assert [policy["policy"] for policy in listed] == ["pms"]
    assert listed[0]["options"] == ["restart-pms", "scale-out (not configured: fly)"]
    assert "restart-pms" in remediator("policies", "list").out


def test_the_schema_is_valid_and_takes_what_the_loader_takes(remediator: Run, site: Path) -> None:
    schema = json.loads(remediator("policies", "schema").out)
    Draft202012Validator.check_schema(schema)
    good = safe_load(POLICY)
    validator = Draft202012Validator(schema)
    assert list(validator.iter_errors(good)) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["guards", 0], {"cooldwn": {"for": "15m"}}),
        (["guards", 0], {"cooldown": {"for": "a while"}}),
        (["options", 0, "steps", 0, "uses"], "docker.restrt"),
        (["options", 0, "steps", 0, "with"], {"containr": "qloapps"}),
        (["options", 0, "verify"], {"promql": "up", "witin": "2m"}),
        (["mode"], "on"),
        (["nonsense"], 1),
    ],
)
def test_the_schema_refuses_mistakes(remediator: Run, site: Path, path: list[Any], value: Any) -> None:
    schema = json.loads(remediator("policies", "schema").out)
    policy = safe_load(POLICY)
    parent = policy
    for part in path[:-1]:
        parent = parent[part]
    parent[path[-1]] = value
    assert list(Draft202012Validator(schema).iter_errors(policy))


def test_explain_goes_guard_by_guard_and_option_by_option(remediator: Run, site: Path) -> None:
    (site / "payload.json").write_text(payload(alert(alertname="PMSDown", severity="P1", service="qloapps")))
    ended = remediator("explain", "payload.json", "--fact", "pms_up=false", "--json")
    assert ended.code == 0, ended.err
    (policy,) = json.loads(ended.out)["alerts"][0]["policies"]
    assert (policy["outcome"], policy["target"], policy["mode"]) == ("planned", "pms/qloapps", "enforce")
    verdicts = {verdict["guard"]: verdict["kind"] for verdict in policy["verdicts"]}
    assert (verdicts["cooldown"], verdicts["promql"]) == ("allow", "pending")
    restart, scale = policy["options"]
    assert restart["applies"] is True
    assert restart["plan"]["steps"][0]["params"]["container"] == "qloapps"
    assert (scale["applies"], scale["plan"]) == (False, None)


@pytest.mark.parametrize(
    ("facts", "applies"),
    [([], None), (["--fact", "pms_up=true"], False), (["--fact", "pms_up=false"], True)],
)
def test_explain_says_on_what_an_option_depends(
    remediator: Run, site: Path, facts: list[str], applies: bool | None
) -> None:
    (site / "payload.json").write_text(payload(alert(alertname="PMSDown", severity="P1", service="qloapps")))
    ended = remediator("explain", "payload.json", "--json", *facts)
    (policy,) = json.loads(ended.out)["alerts"][0]["policies"]
    assert policy["options"][0]["applies"] is applies


def test_explain_says_which_matcher_failed_without_letting_labels_act(remediator: Run, site: Path) -> None:
    (site / "payload.json").write_text(payload(alert(alertname="PMSDown", severity=HOSTILE)))
    ended = remediator("explain", "payload.json")
    assert ended.code == 0
    assert "\x1b" not in ended.out
    assert 'no match, severity=~"critical|P1"' in ended.out
    assert "nothing would be done" in ended.out


def test_explain_names_a_missing_label(remediator: Run, site: Path) -> None:
    (site / "payload.json").write_text(payload(alert(alertname="PMSDown", severity="P1")))
    ended = remediator("explain", "payload.json")
    assert ended.code == 0
    assert "template_error" in ended.out
    assert "service" in ended.out


@pytest.mark.parametrize(
    ("body", "words"), [("{", "not_json"), ('{"version": "3", "alerts": []}', "wrong_version")]
)
def test_what_is_no_payload_is_a_usage_error(remediator: Run, site: Path, body: str, words: str) -> None:
    (site / "payload.json").write_text(body)
    ended = remediator("explain", "payload.json")
    assert ended.code == 2
    assert words in ended.err


@pytest.fixture
async def database(tmp_path: Path) -> Path:
    path = tmp_path / "data/remediator.db"
    store = await open_store(path)
    at = datetime(2026, 1, 2, tzinfo=UTC)
    entries = [
        AuditEntry(
            at=at, actor="remediator", action=AuditAction.RUN_STATE, target=target, detail={"to": "running"}
        )
        for target in ("pms/qloapps", "=cmd|' /C calc'!A0", HOSTILE, "@SUM(1)", "-2+3")
    ]

    def write(tx: Tx) -> None:
        for entry in entries:
            tx.audit(entry)

    await store.write(write)
    await store.close()
    return path


async def test_a_whole_log_is_verified_and_its_head_printed(remediator: Run, database: Path) -> None:
    ended = remediator("audit", "verify", "--json")
    assert ended.code == 0, ended.err
    said = json.loads(ended.out)
    assert said["ok"] is True
    assert remediator("audit", "verify", "--head", said["head"]).code == 0


async def test_a_row_that_was_altered_is_named(remediator: Run, database: Path) -> None:
    connection = sqlite3.connect(database)
    triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute("UPDATE audit SET target = 'else' WHERE sequence = 3")
    for _, sql in triggers:
        connection.execute(sql)
    connection.commit()
    connection.close()
    ended = remediator("audit", "verify")
    assert ended.code == 1
    assert "row 3 was altered" in ended.out


async def test_a_tail_that_was_cut_off_is_noticed_by_a_head(remediator: Run, database: Path) -> None:
    ended = remediator("audit", "verify", "--head", f"9:{'0' * 64}", "--json")
    assert ended.code == 1
    assert "cut off" in json.loads(ended.out)["fault"]["what"]


async def test_json_lines_hold_every_row_in_order(remediator: Run, database: Path) -> None:
    ended = remediator("audit", "export")
    rows = [json.loads(line) for line in ended.out.splitlines()]
    assert [row["sequence"] for row in rows] == [1, 2, 3, 4, 5]
    assert rows[0]["detail"] == {"to": "running"}
    assert "\x1b" not in ended.out


async def test_csv_cells_are_no_formulas_and_hold_no_control_characters(
    remediator: Run, database: Path, tmp_path: Path
) -> None:
    ended = remediator("audit", "export", "--format", "csv", "--output", "audit.csv", "--db", str(database))
    assert ended.code == 0, ended.err
    text = (tmp_path / "audit.csv").read_text()
    assert "\x1b" not in text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["target"] for row in rows] == [
        "pms/qloapps", "'=cmd|' /C calc'!A0", "qlo\\x1b[2Japps", "'@SUM(1)", "'-2+3",
    ]  # fmt: skip


@pytest.mark.parametrize("command", [["verify"], ["export"]])
def test_a_database_that_is_not_there_is_a_usage_error(remediator: Run, command: list[str]) -> None:
    ended = remediator("audit", *command)
    assert ended.code == 2
    assert "--db" in ended.err


def test_what_is_no_database_is_said(remediator: Run, tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("not a database, but long enough to be taken for one" * 40)
    ended = remediator("audit", "verify", "--db", "x.db")
    assert ended.code == 1
    assert "damaged" in ended.err


def test_a_new_token_is_printed_with_the_entry_that_knows_it(remediator: Run) -> None:
    made = ["token", "new", "ana", "--role", "approver", "--role", "viewer", "--group", "oncall"]
    said = json.loads(remediator(*made, "--json").out)
    assert Token(**said["entry"]).groups == ("oncall",)
    assert said["entry"]["sha256"] == hashlib.sha256(said["token"].encode()).hexdigest()

    token, entry = remediator(*made).out.split("tokens:", 1)
    (listed,) = safe_load(f"tokens:{entry}")["tokens"]
    assert Token(**listed).name == "ana"
    assert hashlib.sha256(token.split()[1].encode()).hexdigest() == listed["sha256"]


@pytest.mark.parametrize("arguments", [["ana"], ["ana", "--role", "king"], ["no spaces", "--role", "viewer"]])
def test_a_token_needs_a_good_name_and_a_known_role(remediator: Run, arguments: list[str]) -> None:
    assert remediator("token", "new", *arguments).code == 2
