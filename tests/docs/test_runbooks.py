"""docs/runbooks.md leaves out no section of a runbook, and names what is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from remediator.actions.catalog import ACTIONS
from remediator.authoring.reference import PROJECT
from remediator.demo.drills.scenarios import SCENARIOS
from remediator.yaml_source import read_yaml_file
from tests.docs.runbook_sections import SECTIONS

PAGE = (PROJECT / "docs" / "runbooks.md").read_text(encoding="utf-8")
POLICIES = {
    document["policy"]: document
    for document in (read_yaml_file(path).data for path in sorted((PROJECT / "policies").glob("*.yaml")))
}
EXAMPLE = read_yaml_file(PROJECT / "remediator.example.yaml").data
PEOPLE = "people"
# Named within a policy's row, and a key of the policy.
KEYS = ("notify", "escalate", "report", "verify", "communication", "links", "settle")
NOT_NAMES = {
    "potentially_stale",
    "no_option_applies",
    "critical",
    "P1",
    "nc",
    "iptables",
    "nginx -t",
    "SELECT 1",
    "ALTER SYSTEM",
    "RESET QUERY CACHE",
    "mysqladmin ping",
    "docker network prune",
    "rate(…) by (…)",
    "remediator drill",
    "remediator drill pms-down",
    "remediator episodes ack",
    "remediator report RUN",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One section of one runbook, and what serves it."""

    file: str
    section: str
    policies: tuple[str, ...]
    how: str

    @property
    def names(self) -> list[str]:
        """What stands in code style."""
        return re.findall(r"`([^`]+)`", self.how)


def rows() -> Iterator[Row]:
    file = ""
    for line in PAGE.splitlines():
        if line.startswith("## "):
            file = line.removeprefix("## ")
        cells = [cell.strip() for cell in line.strip("|").split(" | ")] if line.startswith("| ") else []
        if cells and cells[0] != "section":
            assert len(cells) == 3, line
            policies = () if cells[1] == PEOPLE else tuple(re.findall(r"`([^`]+)`", cells[1]))
            assert policies or cells[1] == PEOPLE, line
            yield Row(file, cells[0], policies, cells[2])


ROWS = list(rows())


def recorded(name: str, key: str) -> set[str]:
    rules = yaml.safe_load((PROJECT / "prometheus" / name).read_text(encoding="utf-8"))
    return {rule[key] for group in rules["groups"] for rule in group["rules"]}


GLOBAL = {
    "check": set(EXAMPLE["checks"]),
    "command": set(EXAMPLE["commands"]),
    "contact": set(EXAMPLE["contacts"]),
    "channel": set(EXAMPLE["channels"]),
    "alert": recorded("alerts.yml", "alert"),
    "records": recorded("recording.yml", "record"),
    "drill": {scenario.name for scenario in SCENARIOS},
    "action": {action.name for action in ACTIONS},
}


def of_policy(document: dict[str, Any]) -> dict[str, set[str]]:
    return {
        "option": {option["name"] for option in document["options"]},
        "fact": {fact["fact"] for fact in document.get("diagnose", ())},
        "guard": {next(iter(guard)) for guard in document.get("guards", ())},
    }


@pytest.mark.parametrize("file", sorted(SECTIONS))
def test_no_section_is_missing(file: str) -> None:
    assert [row.section for row in ROWS if row.file == file] == SECTIONS[file]


def test_there_is_no_other_runbook() -> None:
    assert {row.file for row in ROWS} == set(SECTIONS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.file[:3]} {row.section}")
def test_what_serves_a_section_exists(row: Row) -> None:
    assert set(row.policies) <= set(POLICIES)
    assert len(row.how) > len("people"), "it says how, or why not"
    for name in row.names:
        kind, _, named = name.partition(" ")
        if name in NOT_NAMES or name in POLICIES:
            continue
        if kind in GLOBAL:
            assert named in GLOBAL[kind], name
        elif kind in ("option", "fact", "guard"):
            owners = [policy for policy in row.policies if named in of_policy(POLICIES[policy])[kind]]
            assert owners, f"{name}: of none of {', '.join(row.policies) or 'no policy'}"
        else:
            assert name in KEYS, name
            assert not row.policies or any(name in POLICIES[policy] for policy in row.policies), name


def test_every_policy_and_every_option_is_named() -> None:
    assert {policy for row in ROWS for policy in row.policies} == set(POLICIES)
    named = {
        (policy, name.removeprefix("option "))
        for row in ROWS
        for name in row.names
        if name.startswith("option ")
        for policy in row.policies
    }
    options = {
        (name, option["name"]) for name, document in POLICIES.items() for option in document["options"]
    }
    assert options - named == set()


def test_contacts_that_are_told_of_a_policy_are_its_own() -> None:
    for row in ROWS:
        told = {rung["to"] for policy in row.policies for rung in POLICIES[policy].get("escalate", ())}
        named = {name.removeprefix("contact ") for name in row.names if name.startswith("contact ")}
        assert named <= told or not row.policies, row


def test_everything_that_the_example_offers_for_the_policies_is_used() -> None:
    """The example is read as a list of what is needed: nothing in it is for nothing."""
    text = "".join(path.read_text(encoding="utf-8") for path in (PROJECT / "policies").glob("*.yaml"))
    keys = {"checks": "check", "contacts": "to", "commands": "command", "channels": "channel"}
    more = {
        "commands": str(EXAMPLE["checks"]).replace("'", ""),
        "channels": str(EXAMPLE["contacts"]).replace("'", ""),
    }
    for section, key in keys.items():
        written = text + more.get(section, "")
        unused = [name for name in EXAMPLE[section] if not re.search(rf"\b{key}: {name}\b(?!-)", written)]
        assert unused == [], section
