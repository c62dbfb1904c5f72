"""Whom a policy tells, and when: escalations and notices as a test expects them."""

from __future__ import annotations

import pytest

from remediator.authoring.policy_tests.coverage import coverage_of
from remediator.authoring.policy_tests.reporting import report
from remediator.authoring.policy_tests.staging import Stages
from tests.authoring.policy_tests.files import INVENTORY, POLICY, STAYS_DOWN, TEST, Folder

TELLS = (
    POLICY
    + """
escalate:
  - {after: 0s, to: team}
  - {after: 15m, to: jefatura}
notify:
  - {channel: incidents, every: 20m}
  - {channel: hotel, audience: stakeholders, language: es}
communication: {es: {issue: La caché no responde}}
"""
)
CHANNELS = (
    INVENTORY
    + """
channels: {incidents: [env:A], hotel: [env:B], pager: [env:C], quiet: [env:D]}
contacts: {team: {channel: pager}, jefatura: {channel: pager, language: es}}
"""
)
# What is so at 20m, when the cache was restarted and came back, and its alert fires on.
TRUE = [
    "escalations: [team, jefatura]",
    "escalations: [{to: team, at: 0s}, {to: jefatura, at: 15m, cause: after, again: false, shadow: false}]",
    "notifications: {pager: [escalated, {kind: escalated, at: 15m, contact: jefatura, language: es}]}",
    "notifications: {incidents: [escalated, {kind: started, at: 30s}, succeeded, escalated]}",
    "notifications: {hotel: [{kind: started, audience: stakeholders, text: La caché no responde}]}",
    "notifications: {hotel: [{kind: started, title: La caché}], quiet: []}",
]
FALSE: list[tuple[str, tuple[str, object, object]]] = [
    ("escalations: [{to: team}, {to: jefatura, at: 14m}]", ("escalations[1].at", "14m", "15m")),
    ("escalations: [{to: jefatura}, {to: team}]", ("escalations[0].to", "jefatura", "team")),
    ("notifications: {hotel: [failed]}", ("notifications.hotel[0].kind", "failed", "started")),
    ("notifications: {hotl: []}", ("notifications.hotl", [], "not a channel")),
    ("notifications: {quiet: [started]}", ("notifications.quiet", [{"kind": "started"}], [])),
]


@pytest.fixture
def teller(folder: Folder) -> Folder:
    (folder.path / "restart-cache.yaml").write_text(TELLS)
    (folder.path / "tests" / "remediator.yaml").write_text(CHANNELS)
    return folder


@pytest.mark.parametrize("expected", TRUE)
def test_what_is_so_is_met(teller: Folder, expected: str) -> None:
    assert teller.mismatches(f"expect: [{{at: 20m, {expected}}}]") == []


@pytest.mark.parametrize(("expected", "difference"), FALSE)
def test_what_is_not_so_is_told(
    teller: Folder, expected: str, difference: tuple[str, object, object]
) -> None:
    found = teller.mismatches(f"expect: [{{at: 20m, {expected}}}]")
    assert difference in found


def test_they_are_looked_at_in_their_own_time(teller: Folder) -> None:
    assert (
        teller.mismatches(
            """
            expect:
              - {at: 0s, escalations: [team], notifications: {incidents: [escalated], hotel: []}}
              - {at: 14m59s, escalations: [team]}
              - {at: 15m, escalations: [team, jefatura]}
              - {at: 15m, labels: {site: other}, escalations: [], notifications: {incidents: []}}
            """
        )
        == []
    )


def test_in_shadow_it_is_only_noted(teller: Folder) -> None:
    path = teller.path / "restart-cache.yaml"
    path.write_text("mode: shadow\n" + path.read_text())
    assert (
        teller.mismatches(
            "expect: [{at: 1m, escalations: [{to: team, shadow: true}], notifications: {pager: []}}]"
        )
        == []
    )


def test_a_failure_shows_what_was_told_line_by_line(teller: Folder) -> None:
    result = teller.run("expect: [{at: 20m, notifications: {hotel: [{kind: started, text: caché}, failed]}}]")
    text = "\n".join(line.text for line in report([result]))
    assert '      {"kind": "started", "text": "cach\\u00e9"}\n    - {"kind": "failed"}\n' in text


def missing(folder: Folder, *parts: str, test: str = TEST) -> set[str]:
    file = folder.one(*parts, test=test)
    stages = Stages(file)
    (result,) = folder.results(file, stages)
    (coverage,) = coverage_of(stages.policies.values(), result.seen)
    told = (one for one in coverage.missing if one.subject.startswith(("escalate", "notify")))
    return {f"{branch.subject} {branch.what}" for branch in told}


def test_coverage_counts_who_is_told_and_of_what(teller: Folder) -> None:
    incidents, hotel = "notify incidents:internal, en", "notify hotel:stakeholders, es"
    never = {f"{incidents} {what}" for what in ("failed", "awaiting_approval", "reverted", "relapsed")}
    never |= {f"{one} {what}" for one in (incidents, hotel) for what in ("degraded", "restored", "resolved")}
    never |= {f"{hotel} failed"}
    assert missing(teller, "expect: [{at: 40m}]") == never
    assert missing(teller, "expect: [{at: 10m}]") == never | {
        "escalate 1:jefatura told",
        f"{incidents} update",
    }


def test_what_is_told_at_once_is_not_what_a_clock_told(teller: Folder) -> None:
    path = teller.path / "restart-cache.yaml"
    path.write_text(path.read_text().replace("{after: 0s, to: team}", "{after: 5m, to: team}"))
    failing = "actions: [{uses: docker.restart, outcome: ambiguous}]"
    at_once = "expect: [{at: 1m, escalations: [{to: team, at: 30s, cause: needs_human}]}]"
    assert teller.mismatches(failing, at_once, test=STAYS_DOWN) == []
    assert "escalate 0:team told" in missing(teller, failing, "expect: [{at: 1m}]", test=STAYS_DOWN)
