"""The policies that ship load wherever they are served, and act on nothing that is not there."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import re2
import yaml

from remediator.actions.catalog import ActionClients, build_actions
from remediator.clients.process import ProcessRunner
from remediator.clock import SystemClock
from remediator.demo.rules_copy import policy_copy
from remediator.errors import Severity
from remediator.guards.catalog import configurable_guards
from remediator.policy.catalog import Catalog
from remediator.policy.inventory import entries
from remediator.policy.loaded import PolicySet
from remediator.policy.loader import load_policies
from remediator.settings_file import load_settings
from remediator.yaml_source import read_yaml_file

_ROOT = Path(__file__).parents[2]
_POLICIES = _ROOT / "policies"
_PMS = "pms-circuit-breaker-open"


async def _load(config: Path | None, folder: Path = _POLICIES) -> PolicySet:
    settings = load_settings(config)
    clients = ActionClients.of(settings, ProcessRunner())
    try:
        guards = {name: guard.params for name, guard in configurable_guards().items()}
        catalog = Catalog(guards=guards, actions=build_actions(settings, clients, SystemClock()))
        return load_policies(folder, catalog, settings, now=datetime.now(UTC))
    finally:
        await clients.close()


def _available(policies: PolicySet, name: str) -> list[str]:
    policy = policies.policies[name]
    return [one.name for one in policy.document.options if one.name not in policy.unavailable]


async def test_with_no_inventory_at_all_nothing_is_available() -> None:
    policies = await _load(None)
    assert len(policies.policies) == len(list(_POLICIES.glob("*.yaml")))
    assert all(_available(policies, name) == [] for name in policies.policies)
    assert {problem.severity for problem in policies.warnings} == {Severity.WARNING}


@pytest.mark.parametrize(
    ("config", "options"),
    [
        (
            "remediator.example.yaml",
            [
                "ask-less",
                "reconnect-network",
                "reset-breaker",
                "restart-pms-container",
                "restart-pms-and-database",
                "restart-pms-command",
                "mock-failover",
                "mock-failover-fly",
                "backup-pms-fly",
            ],
        ),
        (
            "demo/remediator.yaml",
            ["ask-less", "reconnect-network", "reset-breaker", "restart-pms-command", "mock-failover"],
        ),
        (
            "demo/remediator.compose.yaml",
            [
                "ask-less",
                "reset-breaker",
                "restart-pms-container",
                "restart-pms-and-database",
                "mock-failover",
            ],
        ),
    ],
)
async def test_the_ladder_is_what_the_inventory_makes_available(config: str, options: list[str]) -> None:
    assert _available(await _load(_ROOT / config), _PMS) == options


async def test_the_example_has_everything_but_the_right_to_recreate_containers() -> None:
    policies = await _load(_ROOT / "remediator.example.yaml")
    missing = {name: dict(policy.unavailable) for name, policy in policies.policies.items()}
    assert {name: lacks for name, lacks in missing.items() if lacks} == {
        _PMS: {"mock-failover-container": "docker.recreate", "backup-pms-container": "docker.recreate"}
    }


async def test_divided_copies_load_as_well(tmp_path: Path) -> None:
    for path in _POLICIES.glob("*.yaml"):
        copy = policy_copy(read_yaml_file(path).data, 10)
        (tmp_path / path.name).write_text(yaml.safe_dump(copy, sort_keys=False), encoding="utf-8")
    shipped = await _load(_ROOT / "demo/remediator.yaml")
    copied = await _load(_ROOT / "demo/remediator.yaml", tmp_path)
    for name in shipped.policies:
        assert _available(copied, name) == _available(shipped, name)


async def test_policies_query_recorded_names_only() -> None:
    recording = yaml.safe_load((_ROOT / "prometheus/recording.yml").read_text(encoding="utf-8"))
    recorded = {rule["record"] for group in recording["groups"] for rule in group["rules"]}
    policies = await _load(_ROOT / "remediator.example.yaml")
    for policy in policies.policies.values():
        for query in policy.queries:
            names = set(re.findall(r"\b[a-z_]+(?::[a-z0-9_]+)+\b", query))
            assert names, query
            assert names <= recorded, query
            assert "[" not in query, query


async def test_what_restarts_the_agent_loses_data_or_blocks_somebody_asks_first() -> None:
    policies = (await _load(_ROOT / "remediator.example.yaml")).policies.values()
    asking = {
        (policy.name, option.name): option.approval.count
        for policy in policies
        for option in policy.document.options
        if option.approval is not None
    }
    assert asking == {
        (_PMS, "mock-failover-container"): 1,
        (_PMS, "mock-failover-fly"): 1,
        (_PMS, "backup-pms-container"): 1,
        (_PMS, "backup-pms-fly"): 1,
        (_PMS, "reconnect-network"): 1,
        ("rate-limit-spike", "block-in-nginx"): 1,
        ("rate-limit-spike", "block-address"): 1,
        ("database-down", "backup-database"): 1,
        ("database-down", "backup-database-fly"): 1,
        ("database-down", "restore-backup-fly"): 2,
        ("database-down", "restore-backup"): 2,
    }


@pytest.mark.parametrize("path", sorted(_POLICIES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_policy_is_owned_and_has_a_runbook(path: Path) -> None:
    policy = read_yaml_file(path).data
    assert policy["owner"]
    assert (_ROOT / policy["runbook_url"]).is_file()


async def test_what_acts_limits_itself_and_what_does_not_only_tells() -> None:
    policies = await _load(_ROOT / "remediator.example.yaml")
    for name, policy in policies.policies.items():
        steps = {step.uses for option in policy.document.options for step in option.steps}
        if name in _ESCALATIONS:
            guards = [guard.name for guard in policy.guards]
            assert {"cooldown", "rate_limit", "promql", "not_firing", "failure_breaker", "concurrency"} <= {
                *guards
            }
            assert guards.count("rate_limit") == 2
        elif policy.document.schedule is None:
            assert steps == {"notify.send"}, name
        else:
            assert steps <= {"notify.send", "http.probe", "command.run"}, name


async def test_every_alert_has_a_policy() -> None:
    rules = yaml.safe_load((_ROOT / "prometheus/alerts.yml").read_text(encoding="utf-8"))
    policies = (await _load(_ROOT / "remediator.example.yaml")).policies.values()
    matching = {}
    for group in rules["groups"]:
        for rule in group["rules"]:
            labels = {**rule["labels"], "alertname": rule["alert"]}
            found = [
                policy.name
                for policy in policies
                if policy.matchers and all(matcher.matches(labels) for matcher in policy.matchers)
            ]
            matching[rule["alert"]] = found
    assert matching.pop("Watchdog") == []
    assert {alert: len(found) for alert, found in matching.items()} == dict.fromkeys(matching, 1)


@pytest.mark.parametrize("config", ["remediator.example.yaml", "demo/remediator.yaml"])
@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("203.0.113.9", True),
        ("2001:db8::1", True),
        ("203.0.113.9; reboot", False),
        ("--all", False),
        ("203.0.113.0/8", False),
        ("", False),
    ],
)
async def test_only_an_address_can_be_blocked(config: str, address: str, *, allowed: bool) -> None:
    settings = load_settings(_ROOT / config)
    clients = ActionClients.of(settings, ProcessRunner())
    run = build_actions(settings, clients, SystemClock())["command.run"]
    params = run.params.model_validate({"command": "block-address", "params": {"address": address}})
    await clients.close()
    assert (run.refuse(params) is None) == allowed


def test_the_demo_needs_nothing_that_a_fresh_machine_lacks() -> None:
    settings = load_settings(_ROOT / "demo/remediator.yaml")
    assert settings.docker is None
    assert settings.compose is None
    assert settings.fly is None
    assert settings.commands is not None
    assert {command.argv[0] for command in settings.commands.values()} == {"python"}


@pytest.mark.parametrize(
    ("line", "address"),
    [
        ('203.0.113.9 - - [01/Jan/2026:00:00:00 +0000] "GET /api HTTP/1.1" 429 0', "203.0.113.9"),
        ('INFO:     203.0.113.9:54321 - "GET /api HTTP/1.1" 429 Too Many Requests', "203.0.113.9"),
        ('2001:db8::1 - - [01/Jan/2026:00:00:00 +0000] "GET /api HTTP/1.1" 429 0', "2001:db8::1"),
        ('203.0.113.9 - - [x] "GET /10.0.0.1 - 429 HTTP/1.1" 429 0', "203.0.113.9"),
        ('203.0.113.9 - - [x] "GET /429 HTTP/1.1" 200 429', None),
        ('WARNING: somebody says 10.0.0.1 - "GET" 429', None),
    ],
)
def test_whom_the_log_names_is_who_asked(line: str, address: str | None) -> None:
    facts = read_yaml_file(_POLICIES / "rate-limit-spike.yaml").data["diagnose"]
    (offenders,) = [fact["with"] for fact in facts if fact["fact"] == "offenders"]
    found = re2.search(offenders["top"]["pattern"], line)
    assert (found[1] if found else None) == address


async def test_every_section_that_an_action_names_is_known_to_the_loader() -> None:
    settings = load_settings(None)
    clients = ActionClients.of(settings, ProcessRunner())
    actions = build_actions(settings, clients, SystemClock())
    await clients.close()
    sections = set()
    for action in actions.values():
        for field in action.params.model_fields.values():
            text = repr(field.annotation) + repr(field.metadata)
            sections |= set(re.findall(r"Inventory\(section='([a-z._]+)'", text))
    assert {"docker.probes", "docker.recreate", "fly", "nginx"} <= sections
    for section in sections:
        assert entries(settings, section) is None or section == "sources"


# The runbooks' matrices: who is told how long after it began, while it is open.
_ESCALATIONS = {
    _PMS: [
        "0s pms-team",
        "15m pms-lead",
        "30m pms-l2",
        "30m technical-lead",
        "1h oncall-manager",
        "2h executives",
    ],
    "database-down": ["0s oncall", "10m database-lead", "30m oncall-manager"],
    "redis-down": ["10m oncall", "30m database-lead"],
    "high-orchestration-latency": ["10m performance-team", "20m architecture-review"],
    "high-error-rate": ["0s oncall", "15m engineering-manager", "1h product-owner"],
    "rate-limit-spike": ["5m oncall", "1h capacity-planning"],
}
_CALLS = {
    "pms-impaired": ["0s pms-team", "15m pms-lead", "30m pms-l2"],
    "errors-out-of-hand": ["0s incident-commander", "15m engineering-manager", "30m product-owner"],
    "several-breakers-open": ["0s infrastructure-team", "0s technical-lead", "30m oncall-manager"],
    "data-corruption": ["0s database-lead", "0s incident-commander", "15m oncall-manager"],
    "security-events": ["0s oncall", "15m security-officer"],
}


@pytest.mark.parametrize(("name", "told"), sorted((_ESCALATIONS | _CALLS).items()))
def test_who_is_told_while_it_stays_open(name: str, told: list[str]) -> None:
    escalate = read_yaml_file(_POLICIES / f"{name}.yaml").data["escalate"]
    assert [f"{rung['after']} {rung['to']}" for rung in escalate] == told


@pytest.mark.parametrize("name", sorted(_ESCALATIONS))
def test_what_is_done_is_told_and_reported(name: str) -> None:
    policy = read_yaml_file(_POLICIES / f"{name}.yaml").data
    assert policy["notify"]
    assert policy["report"]
    assert policy["communication"]["en"].keys() == policy["communication"]["es"].keys()
