from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from remediator.errors import ConfigError, Severity
from remediator.policy.expressions import Scope
from remediator.policy.loader import load_document, load_policies
from tests.policy.catalogs import CATALOG, inventory
from tests.policy.documents import GOOD, changed, lines, load

NOW = datetime(2026, 1, 1, tzinfo=UTC)


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
    assert all("not_configured: " in problem.what for problem in problems)
    assert sum(f"remediator.yaml has no {section}" in problem.what for problem in problems) == 1


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
