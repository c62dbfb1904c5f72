"""`checks:` in remediator.yaml: verifications shared by name, whole in every policy that uses them."""

from __future__ import annotations

from pathlib import Path

import pytest

from remediator.errors import ConfigError, Severity
from remediator.policy.loader import load_document
from remediator.settings import Settings
from remediator.settings_file import load_settings
from tests.policy.catalogs import CATALOG, inventory
from tests.policy.documents import GOOD, lines, load

WRITTEN = "{promql: 'breaker{service=\"pms\"} == 0', within: 2m}"
CHECKS = {
    "pms-fresh": {
        "all": [
            {
                "http": {
                    "service": "qloapps",
                    "path": "/availability",
                    "expect": {"absent": ["potentially_stale"]},
                }
            },
            {"promql": 'breaker{service="{{ labels.service }}"} == 0'},
        ]
    },
    "probe": {"all": [{"uses": "http.probe", "with": {"service": "qloapps", "path": "/api/health"}}]},
}
USED = "{all: [{promql: 'up == 1'}, {check: pms-fresh}, {check: probe}], within: 2m}"


def with_checks(**checks: object) -> Settings:
    return inventory(checks={**CHECKS, **checks})


def test_a_shared_check_stands_in_the_policy_as_if_it_were_written_there() -> None:
    policy, problems = load(GOOD.replace(WRITTEN, USED), with_checks())
    assert lines(problems) == []
    assert policy is not None
    verify = policy.document.options[0].verify
    assert verify is not None
    assert verify.within.total_seconds() == 120
    promql, http, fresh, uses = verify.all_
    assert promql.promql == "up == 1"
    assert http.http is not None
    assert http.http.expect.absent == ("potentially_stale",)
    assert fresh.promql == 'breaker{service="{{ labels.service }}"} == 0'
    assert (uses.uses, uses.with_["path"]) == ("http.probe", "/api/health")
    assert all(check.check is None for check in verify.all_)
    assert fresh.promql in policy.queries


def test_it_may_be_the_only_check_and_serve_everywhere() -> None:
    everywhere = GOOD.replace(WRITTEN, "{check: probe, within: 1m}") + "verify: {check: probe}\n"
    everywhere = everywhere.replace("revert: {", "revert: {verify: {check: probe}, ")
    policy, problems = load(everywhere, with_checks())
    assert lines(problems) == []
    assert policy is not None
    assert "check: " not in str(policy.document.model_dump(exclude_none=True))
    assert policy.document.verify is not None
    assert policy.document.verify.all_[0].uses == "http.probe"
    reverts = [option.revert for option in policy.document.options if option.revert is not None]
    assert [revert.verify.all_[0].uses for revert in reverts if revert.verify] == ["http.probe"]


def test_the_hash_changes_with_the_definition() -> None:
    text = GOOD.replace(WRITTEN, "{check: probe}")
    one, _ = load(text, with_checks())
    other, _ = load(text, with_checks(probe={"all": [{"promql": "up == 1"}]}))
    assert one is not None
    assert other is not None
    assert one.hash != other.hash


def test_a_stored_document_needs_no_definition_any_more() -> None:
    policy, _ = load(GOOD.replace(WRITTEN, USED), with_checks())
    assert policy is not None
    stored = policy.document.model_dump(mode="json", by_alias=True, exclude_unset=True)
    rebuilt = load_document(stored, "stored", CATALOG, inventory())
    assert rebuilt.document == policy.document


FILE = """\
services: {agente: {url: "http://127.0.0.1:8000"}, qloapps: {url: "http://127.0.0.1:8100"}}
docker: {containers: [qloapps, mysql]}
fly: {apps: {hotel: {}}}
prometheus: {url: "http://127.0.0.1:9090"}
channels: {incidents: ["env:INCIDENTS_URL"]}
contacts: {pms-lead: {channel: incidents}}
checks:
  works:
    all:
      - promql: up == 1
      - LOOK
"""


@pytest.mark.parametrize(
    ("look", "what"),
    [
        ("http: {service: qloaps, path: /}", "'qloaps' is not listed under services in remediator.yaml"),
        ("promql: 'rate(x) by (y)'", "is not PromQL"),
        ("promql: 'up{a=\"{{ facts.nothing }}\"}'", "reads facts.nothing, which nothing gives"),
        ("{uses: docker.restart, with: {container: mysql}}", "docker.restart changes things"),
        ("uses: docker.restrat", "no action is called 'docker.restrat'"),
        ("http: {service: qloapps, path: '{{ labels.'}", ""),
    ],
)
def test_a_fault_names_the_use_and_the_definition(tmp_path: Path, look: str, what: str) -> None:
    (tmp_path / "remediator.yaml").write_text(FILE.replace("LOOK", look))
    settings = load_settings(tmp_path / "remediator.yaml")
    text = GOOD.replace(WRITTEN, "{check: works}")
    policy, problems = load(text, settings)
    assert policy is None
    (problem,) = [one for one in problems if one.severity is Severity.ERROR]
    assert text.splitlines()[problem.line - 1][problem.column - 1 :].startswith("works}")
    assert problem.what.startswith(f"check 'works' ({tmp_path}/remediator.yaml:11:9): ")
    assert what in problem.what


def test_an_unknown_check() -> None:
    policy, problems = load(GOOD.replace(WRITTEN, "{check: prob}"), with_checks())
    assert policy is None
    assert "'prob' is not listed under checks in remediator.yaml; did you mean 'probe'?" in lines(problems)[0]


def test_with_no_shared_checks_at_all_the_option_is_unavailable() -> None:
    policy, problems = load(
        GOOD.replace(WRITTEN, "{check: works}"), with_checks().model_copy(update={"checks": {}})
    )
    assert policy is not None
    assert policy.unavailable["restart"] == "checks"
    assert all(problem.severity is Severity.WARNING for problem in problems)


def test_what_needs_an_absent_section_makes_the_option_unavailable() -> None:
    text = GOOD.replace(WRITTEN, "{check: scaled}")
    settings = with_checks(scaled={"all": [{"http": {"service": "agente", "path": "/"}}]})
    policy, problems = load(text, settings.model_copy(update={"services": None}))
    assert policy is not None
    assert policy.unavailable["restart"] == "services"
    assert all(problem.severity is Severity.WARNING for problem in problems)


@pytest.mark.parametrize(
    ("checks", "what"),
    [
        ("{works: {all: []}}", "checks.works.all: is too short a list"),
        ("{works: {all: [{promql: up, uses: http.probe}]}}", "must have exactly one of promql, http or uses"),
        # A shared check is made of looks only: no name within a name.
        ("{works: {all: [{check: other}]}}", "unknown key 'check'"),
        ("{works: {all: [{promql: up}], within: 2m}}", "unknown key 'within'"),
    ],
)
def test_a_definition_is_checked_with_the_file_it_stands_in(tmp_path: Path, checks: str, what: str) -> None:
    (tmp_path / "remediator.yaml").write_text(f"checks: {checks}\n")
    with pytest.raises(ConfigError) as caught:
        load_settings(tmp_path / "remediator.yaml")
    assert what in str(caught.value)


def test_a_definition_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REMEDIATOR_CHECKS", '{"works": {"all": [{"promql": "rate(x"}]}}')
    shared = load_settings(None).checks["works"]
    assert shared.place(0) == "REMEDIATOR_CHECKS"
