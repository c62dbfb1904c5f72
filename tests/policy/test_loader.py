from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from remediator.errors import ConfigError, Problem, Severity
from remediator.policy.expressions import Scope
from remediator.policy.loaded import LoadedPolicy
from remediator.policy.loader import load_document, load_policies, load_policy
from remediator.settings import Settings
from remediator.yaml_source import read_yaml
from tests.policy.catalogs import CATALOG, inventory

NOW = datetime(2026, 1, 1, tzinfo=UTC)

GOOD = """\
policy: pms-open
owner: integrations
runbook_url: docs/pms.md
match:
  - alertname = "PMSCircuitBreakerOpen"
  - severity =~ "critical|P1"
target: "pms/{{ labels.service | default('qloapps') }}"
guards:
  - cooldown: {for: 15m}
  - promql: {query: 'breaker{service="{{ labels.service }}"} > 0', hold: 30s}
  - time_window: {otherwise: approval}
  - approval: {from: [oncall]}
  - loop:
diagnose:
  - fact: pms_up
    uses: http.probe
    with: {service: qloapps, path: /api/health}
  - fact: errors
    uses: prometheus.query
    with: {query: 'errors{service="{{ labels.service }}"}'}
options:
  - name: restart
    when: not facts.pms_up and facts.errors > 3
    steps:
      - name: reset
        uses: http.request
        with: {service: agente, method: POST, path: "/reset/{{ labels.service }}"}
      - uses: docker.restart
        with: {container: qloapps}
      - uses: notify.send
        with: {channel: incidents, text: "{{ steps.reset.status }} {{ steps[1].code }}"}
    verify: {promql: 'breaker{service="pms"} == 0', within: 2m}
  - name: failover
    steps:
      - uses: fly.secrets
        with: {app: hotel, set: {PMS_TYPE: {to: mock, back: qloapps}}}
    verify: {http: {service: agente, path: /health, expect: {status: 200}}}
    revert: {on: [resolved, expiry], after: 4h, when: facts.pms_up}
escalate:
  - {after: 15m, to: pms-lead}
  - {when: facts.errors > 100, to: pms-lead}
notify: {channel: incidents}
"""


def load(text: str, settings: Settings | None = None) -> tuple[LoadedPolicy | None, list[Problem]]:
    return load_policy(read_yaml("p.yaml", text), CATALOG, settings or inventory())


def lines(problems: list[Problem]) -> list[str]:
    return [str(problem) for problem in problems]


def changed(old: str, new: str) -> str:
    assert GOOD.count(old) == 1, old
    return GOOD.replace(old, new)


def test_a_sound_policy() -> None:
    policy, problems = load(GOOD)
    assert lines(problems) == []
    assert policy is not None
    assert policy.name == "pms-open"
    assert policy.matches({"alertname": "PMSCircuitBreakerOpen", "severity": "P1"})
    assert not policy.matches({"alertname": "PMSCircuitBreakerOpen", "severity": "P12"})
    assert policy.target.render(Scope(labels={})) == "pms/qloapps"
    assert [guard.key for guard in policy.guards] == [
        "0:cooldown",
        "1:promql",
        "2:time_window",
        "3:approval",
        "4:loop",
    ]
    assert set(policy.expressions) == {
        "not facts.pms_up and facts.errors > 3",
        "facts.pms_up",
        "facts.errors > 100",
    }
    assert set(policy.templates) == {
        "pms/{{ labels.service | default('qloapps') }}",
        "/reset/{{ labels.service }}",
        "{{ steps.reset.status }} {{ steps[1].code }}",
        "/health",
    }
    assert set(policy.queries) == {
        'breaker{service="{{ labels.service }}"} > 0',
        'errors{service="{{ labels.service }}"}',
        'breaker{service="pms"} == 0',
    }
    assert policy.unavailable == {}


def test_a_file_with_five_different_mistakes_names_all_five() -> None:
    text = (
        GOOD.replace("owner: integrations", "ownr: integrations")
        .replace("cooldown: {for: 15m}", "cooldown: {for: 15 minutes}")
        .replace("- uses: docker.restart", "- uses: docker.restrat")
        .replace("when: facts.pms_up}", "when: facts.pms_upp}")
        .replace("== 0', within: 2m", "== 0', within: soon")
        .replace('alertname = "PMSCircuitBreakerOpen"', 'alertname = "PMS')
    )
    policy, problems = load(text)
    assert policy is None
    assert lines(problems) == [
        "p.yaml:2:1: error: unknown key 'ownr'; did you mean 'owner'?",
        'p.yaml:5:5: error: "PMS has no closing double quote; write it like severity =~ "critical|P1"',
        "p.yaml:9:21: error: guards.0.cooldown.for: '15 minutes' is not a duration; "
        "write it like 30s, 5m or 1h30m",
        "p.yaml:28:15: error: no action is called 'docker.restrat'; did you mean 'docker.restart'?",
        "p.yaml:32:61: error: options.0.verify.within: 'soon' is not a duration; "
        "write it like 30s, 5m or 1h30m",
        "p.yaml:38:55: error: reads facts.pms_upp, which nothing gives; did you mean 'pms_up'?",
    ]


PROBE = "{service: qloapps, path: /api/health}"
TARGET = "{{ labels.service | default('qloapps') }}"
GUARD_QUERY = "'breaker{service=\"{{ labels.service }}\"} > 0'"
VERIFY = "{promql: 'breaker{service=\"pms\"} == 0', within: 2m}"
SENT = "{{ steps.reset.status }}"

# What is changed into what, where the fault is then found (the text that stands there), and what is said.
MISTAKES = [
    ("cooldown: {", "cooldwon: {", "cooldwon", "no guard is called 'cooldwon'; did you mean 'cooldown'?"),
    ("{for: 15m}", "{for: 15m, by: x}", "by: x", "unknown key 'by'; known keys are for"),
    ("otherwise: approval", "otherwise: ask", "ask}", "the value is not a known one; write one of"),
    ("  - approval: {from: [oncall]}\n", "", "approval}", "asks for approval outside the window"),
    ("from: [oncall]", "from: []", "[]}", "should have at least 1 item"),
    ("> 0', hold", "> ', hold", "'breaker{service=\"{{", "is not PromQL"),
    (GUARD_QUERY, "'up{x=~\"{{ labels.x }}\"}'", "'up{x=~", "outside a label's value"),
    (GUARD_QUERY, "'up{x=\"{{ facts.pms_up }}\"}'", "'up{x=", "reads facts.pms_up, but no facts are known"),
    ("{for: 15m}", '{for: "{{ labels.x }}"}', '"{{ labels.x', "a template where none is rendered"),
    ("match:\n", "match:\n  - severity\n", "severity\n", "'severity' is not a matcher; write it like"),
    ("match:\n", 'match:\n  - "{}"\n', '"{}"', "holds no matcher"),
    ("match:\n", "match:\n  - a=~(\n", "a=~(", "'(' is not an RE2 regular expression"),
    (TARGET, "{{ lables.service }}", '"pms/', "unknown name lables; did you mean labels?"),
    (TARGET, "{{ facts.pms_up }}", '"pms/', "reads facts.pms_up, but no facts are known"),
    (TARGET, "{{ labels.service", '"pms/', "can't be read: "),
    (
        "uses: prometheus.query\n    with: {query: 'errors{service=\"{{ labels.service }}\"}'}",
        "uses: docker.restart\n    with: {container: mysql}",
        "docker.restart\n    with: {container: mysql}",
        "docker.restart changes things; diagnose only looks",
    ),
    ("diagnose:\n", "diagnose:\n  - {fact: more, uses: report.write}\n", "report.write", "gives no fact"),
    (PROBE, '{service: agente, path: "{{ facts.errors }}"}', '"{{ facts', "reads facts.errors, but no"),
    (PROBE, "{service: qloaps, path: /}", "qloaps", "'qloaps' is not listed under services"),
    (PROBE, "{service: qloapps}", "with: {service: qloapps}", "key 'path' is missing; add `path:`"),
    (
        PROBE,
        '{service: "{{ labels.s }}", path: /}',
        '"{{ labels.s',
        "names an entry of services by a template",
    ),
    ("name: failover", "name: restart", "restart\n    steps:\n      - uses: fly", "a second name is called"),
    (
        "when: not facts.pms_up",
        "when: not fact.pms_up",
        "not fact.",
        "unknown name fact; did you mean facts?",
    ),
    ("when: not facts.pms_up", "when: labels.x.y()", "labels.x.y", "functions can't be called"),
    ("when: not facts.pms_up", "when: not steps.reset.x", "not steps", "reads steps.reset, but no steps are"),
    ("when: facts.errors > 100", "when: facts.eror > 1", "facts.eror", "which nothing gives; did you mean"),
    ("container: qloapps", "container: qloaps", "qloaps}", "under docker in remediator.yaml; did you mean"),
    ("docker.restart", "docker.restrat", "docker.restrat", "did you mean 'docker.restart'?"),
    (SENT, "{{ steps.rest.x }}", '"{{ steps.rest.x', "which nothing gives; did you mean 'reset'?"),
    (SENT, "{{ steps[2].x }}", '"{{ steps[2].x', "reads steps.2, which nothing gives"),
    (
        '"/reset/{{ labels.service }}"',
        "reset",
        "{service: agente, method",
        "path reset does not begin with /",
    ),
    ("method: POST", "method: PSOT", "PSOT", "write one of 'GET' or 'POST'"),
    ("method: POST", "headers: {Authorization: abc}", "abc}", "looks like a secret in plain text"),
    ("method: POST", 'attempts: "{{ labels.n }}", method: 5', "5, path", "write one of 'GET' or 'POST'"),
    ("to: mock, back: qloapps", "to: mock", "fly.secrets", "can't be undone by itself"),
    ("service: agente, path: /health", "service: agent, path: /", "agent,", "did you mean 'agente'?"),
    (VERIFY, "{promql: 'up =='}", "'up =='", "is not PromQL: "),
    (VERIFY, "{promql: up, within: 0s}", "0s}", "within is zero"),
    (VERIFY, "{promql: 'rate(x[5m', within: 2m}", "'rate(x[5m'", "is not PromQL: "),
    (
        VERIFY,
        "{uses: docker.restart, with: {container: mysql}}",
        "docker.restart, with",
        "changes things; verify",
    ),
    ("after: 4h", "after: 0s", "0s, when", "after is zero"),
    ("{after: 15m, to: pms-lead}", "{after: 15m, to: pms-led}", "pms-led}", "is not listed under contacts"),
    (
        "{after: 15m, to: pms-lead}",
        "{to: pms-lead}",
        "{to: pms-lead}",
        "exactly one of after, when or promql",
    ),
    ("{after: 15m, to", "{after: 15m, hold: 1m, to", "hold: 1m", "hold is for promql only"),
    ("{channel: incidents}\n", "{channel: incident}\n", "incident}", "is not listed under channels"),
]


@pytest.mark.parametrize(("old", "new", "at", "said"), MISTAKES)
def test_each_mistake_has_its_place(old: str, new: str, at: str, said: str) -> None:
    text = changed(old, new)
    policy, problems = load(text)
    assert policy is None
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    assert said in str(errors[0])
    assert "\n".join(text.splitlines()[errors[0].line - 1 :])[errors[0].column - 1 :].startswith(at)
    assert len(errors) == 1, lines(errors)


NO_VERIFY = f"    verify: {VERIFY}\n"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("owner: integrations\n", "", "1:1: warning: has no owner"),
        ("runbook_url: docs/pms.md\n", "", "1:1: warning: has no runbook_url"),
        (VERIFY, "{promql: x_total > 0}", "warning: x_total is a counter"),
        (NO_VERIFY, "", "22:11: warning: option 'restart' has no verify"),
        (NO_VERIFY, f"{NO_VERIFY}    revert: {{}}\n", "the revert of 'restart' has nothing to undo"),
    ],
)
def test_warnings_do_not_refuse(old: str, new: str, expected: str) -> None:
    policy, problems = load(changed(old, new))
    assert policy is not None
    (problem,) = problems
    assert problem.severity is Severity.WARNING
    assert expected in str(problem)


def test_two_facts_of_one_name() -> None:
    _, problems = load(changed("fact: errors", "fact: pms_up"))
    assert "a second fact is called 'pms_up'" in problems[0].what


@pytest.mark.parametrize(
    ("section", "unavailable"),
    [
        ("fly", {"failover": "fly"}),
        ("docker", {"restart": "docker"}),
        ("services", {"restart": "services", "failover": "services"}),
    ],
)
def test_an_absent_section_makes_options_unavailable(section: str, unavailable: dict[str, str]) -> None:
    policy, problems = load(GOOD, inventory(**{section: None}))
    assert policy is not None
    assert policy.unavailable == unavailable
    assert problems
    assert all(problem.severity is Severity.WARNING for problem in problems)
    assert all(f"not_configured: remediator.yaml has no {section}" in problem.what for problem in problems)


def test_without_prometheus_channels_and_contacts_there_are_warnings() -> None:
    policy, problems = load(GOOD, inventory(prometheus=None, channels={}, contacts={}))
    assert policy is not None
    assert policy.unavailable == {"restart": "channels"}
    told = "\n".join(lines(problems))
    for part in ("has no prometheus", "has no channels", "has no contacts"):
        assert part in told
    assert "error" not in told


def test_a_policys_own_verify_serves_options_without_one() -> None:
    text = changed("    verify: {promql: 'breaker{service=\"pms\"} == 0', within: 2m}\n", "")
    text += "verify: {http: {service: agente, path: /}}\n"
    policy, problems = load(text)
    assert policy is not None
    assert problems == []
    policy, _ = load(text.replace("uses: http.probe", "uses: prometheus.query"), inventory(services=None))
    assert policy is None


def test_approvers_that_do_not_exist_are_warned_about() -> None:
    token = {"name": "ana", "sha256": "0" * 64, "roles": ["approver"], "groups": ["dba"]}
    _, problems = load(GOOD, inventory(tokens=[token]))
    (problem,) = problems
    assert "needs 1 of oncall, but 0 tokens could approve" in problem.what
    _, problems = load(GOOD, inventory(tokens=[{**token, "groups": ["oncall"]}]))
    assert problems == []


def test_a_revert_with_steps_needs_nothing_undoable() -> None:
    text = changed("{to: mock, back: qloapps}", "{to: mock}").replace(
        "when: facts.pms_up}",
        "when: facts.pms_up, steps: [{uses: docker.restart, with: {container: mysql}}]}",
    )
    policy, problems = load(text)
    assert policy is not None, lines(problems)


def test_the_hash_is_that_of_what_is_said_not_of_how() -> None:
    first, _ = load(GOOD)
    same, _ = load("# a comment\n" + GOOD.replace("{for: 15m}", "{'for': \"15m\"}"))
    other, _ = load(changed("to: mock,", "to: mock2,"))
    assert first is not None
    assert same is not None
    assert other is not None
    assert first.hash == same.hash
    assert first.hash != other.hash


def test_a_stored_document_is_rebuilt_even_if_the_inventory_changed() -> None:
    policy, _ = load(GOOD)
    assert policy is not None
    stored = json.loads(json.dumps(policy.document.model_dump(mode="json", by_alias=True)))
    again = load_document(stored, "p.yaml", CATALOG, inventory(docker={"containers": ["mysql"]}))
    assert again.hash == policy.hash
    assert again.document == policy.document
    assert again.guards == policy.guards
    assert set(again.expressions) == set(policy.expressions)


def test_a_document_that_can_not_be_decided_with_is_refused() -> None:
    with pytest.raises(ConfigError, match="key 'policy' is missing"):
        load_document({}, "p.yaml", CATALOG, inventory())
    policy, _ = load(GOOD)
    assert policy is not None
    stored = policy.document.model_dump(mode="json", by_alias=True)
    with pytest.raises(ConfigError, match="no guard is called"):
        load_document({**stored, "guards": [{"gone": {}}]}, "p.yaml", CATALOG, inventory())


def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "t.yaml").write_text("no: policy")
    (tmp_path / "README.md").write_text("no policy")
    (tmp_path / "b.yaml").write_text(GOOD)
    (tmp_path / "a.yml").write_text(GOOD.replace("policy: pms-open", "policy: first\npriority: 1"))
    policies = load_policies(tmp_path, CATALOG, inventory(), now=NOW)
    assert set(policies.policies) == {"first", "pms-open"}
    assert policies.loaded_at == NOW
    assert policies.policies["first"].file == str(tmp_path / "a.yml")
    labels = {"alertname": "PMSCircuitBreakerOpen", "severity": "critical"}
    assert [policy.name for policy in policies.matching(labels)] == ["first", "pms-open"]
    assert [policy.name for policy in policies.matching({**labels, "severity": "info"})] == []


def test_a_folder_tells_every_fault_of_every_file(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    (tmp_path / "b.yaml").write_text(GOOD)
    (tmp_path / "c.yaml").write_text("a: [")
    (tmp_path / "d.yaml").write_text("")
    (tmp_path / "e.yaml").write_text(changed("cooldown", "cool"))
    with pytest.raises(ConfigError) as caught:
        load_policies(tmp_path, CATALOG, inventory(), now=NOW)
    told = lines(list(caught.value.problems))
    assert told[0].startswith(
        f"{tmp_path}/b.yaml:1:9: error: policy 'pms-open' is already in {tmp_path}/a.yaml"
    )
    assert told[1].startswith(f"{tmp_path}/c.yaml:2:1: error: is not YAML")
    assert told[2].startswith(f"{tmp_path}/d.yaml:1:1: error: is not a policy")
    assert told[3].startswith(f"{tmp_path}/e.yaml:9:5: error: no guard is called 'cool'")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not a folder"):
        load_policies(tmp_path / "gone", CATALOG, inventory(), now=NOW)
