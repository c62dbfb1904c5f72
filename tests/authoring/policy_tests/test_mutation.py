"""Mutants change every parameter in every way that makes sense, and a test that looks at it notices."""

from __future__ import annotations

import pytest

from remediator.authoring.policy_tests.mutants import mutants_of
from remediator.authoring.policy_tests.mutation import FailingTestsError, MutationRun
from remediator.yaml_source import read_yaml
from tests.authoring.policy_tests.files import Folder

GUARDS = """
policy: p
guards:
  - time_window: {days: mon-fri, from: "08:00", to: "20:00", timezone: Europe/Madrid}
  - approval: {from: [oncall, leads], count: 1, expires: 30m}
  - promql: {query: 'a{b="c"} >= 0.5 and d != 0', hold: 1m}
  - alert_active: {matchers: ['alertname = "A"']}
  - cooldown: {for: 15m}
"""


def test_every_parameter_is_changed() -> None:
    found: dict[str, list[str]] = {}
    for mutant in mutants_of(read_yaml("p.yaml", GUARDS)):
        found.setdefault(mutant.part, []).append(mutant.what)
    assert found["0:time_window"] == [
        "removed",
        "otherwise: block -> approval",
        "days: mon-fri -> mon-sun",
        "days: mon-fri -> mon-thu",
        "days: mon-fri -> tue-fri",
        "days: mon-fri -> sat,sun",
        "from: 08:00 -> 09:00",
        "from: 08:00 -> 07:00",
        "to: 20:00 -> 21:00",
        "to: 20:00 -> 19:00",
        "timezone: Europe/Madrid -> UTC",
        "timezone: Europe/Madrid -> Pacific/Kiritimati",
        "timezone: Europe/Madrid -> America/Los_Angeles",
    ]
    assert found["1:approval"] == [
        "removed",
        "self_approval: never -> operator",
        "from: oncall, leads -> SomethingElse, leads",
        "from: oncall, leads -> leads",
        "from: oncall, leads -> oncall, SomethingElse",
        "from: oncall, leads -> oncall",
        "count: 1 -> 2",
        "expires: 30m -> 1h",
        "expires: 30m -> 15m",
    ]
    queries = [what.rpartition("-> ")[2] for what in found["2:promql"] if what.startswith("query")]
    assert 'a{b="c"} > 0.5 and d != 0' in queries
    assert 'a{b="c"} >= 0.49 and d != 0' in queries
    assert 'a{b="c"} >= 0.5 and d == 0' in queries
    assert 'a{b="c"} >= 0.5 and d != 0.01' in queries
    assert 'a{b="SomethingElse"} >= 0.5 and d != 0' in queries
    assert len(set(queries)) == len(queries) == 2 * (5 + 2) + 1
    assert found["3:alert_active"] == ["removed", 'matchers: alertname = "A" -> alertname!="A"']
    assert found["4:cooldown"][0] == "removed"


def test_a_mutant_survives_what_no_test_looks_at_and_is_noticed_by_what_does(folder: Folder) -> None:
    first = folder.one("expect: [{at: 1m, run: verifying}]").path
    run = MutationRun([first])
    judged = {(one.mutant.part, one.mutant.what): one.noticed_by for one in map(run.judge, run.mutants())}
    assert judged["0:promql", "hold: 30s -> 15s"] is None
    assert judged["0:promql", 'query: up{job="cache"} == 0 -> up{job="cache"} > 0'] == "a test"
    assert judged["1:cooldown", "for: 10m -> 20m"] is None
    better = folder.one("expect: [{at: 29s, run: none}, {at: 30s, run: verifying}]").path
    run = MutationRun([better])
    judged = {(one.mutant.part, one.mutant.what): one.noticed_by for one in map(run.judge, run.mutants())}
    assert judged["0:promql", "hold: 30s -> 1m"] == "a test"
    assert judged["0:promql", "hold: 30s -> 15s"] == "a test"


def test_escalations_come_sooner_later_and_not_at_all() -> None:
    text = """
    policy: p
    escalate:
      - {after: 0s, to: team}
      - {after: 30m, to: lead}
      - {when: run.state == "failed", to: boss}
    """
    found = [(mutant.part, mutant.what) for mutant in mutants_of(read_yaml("p.yaml", text))]
    assert found == [
        ("escalate 0:team", "removed"),
        ("escalate 0:team", "after: 0s -> 1m"),
        ("escalate 1:lead", "removed"),
        ("escalate 1:lead", "after: 30m -> 15m"),
        ("escalate 1:lead", "after: 30m -> 1h"),
        ("escalate 2:boss", "removed"),
    ]


@pytest.mark.parametrize(("target", "mutants"), [("one", 0), ("'{{ labels.service }}'", 1)])
def test_a_policy_with_one_target_has_no_other_scope(target: str, mutants: int) -> None:
    text = f"policy: p\ntarget: {target}\nguards: [cooldown: {{for: 15m}}]"
    found = [mutant for mutant in mutants_of(read_yaml("p.yaml", text)) if "scope" in mutant.what]
    assert len(found) == mutants


def test_nothing_is_said_of_mutants_while_tests_fail(folder: Folder) -> None:
    with pytest.raises(FailingTestsError, match="a test"):
        MutationRun([folder.one("expect: [{at: 1m, run: failed}]").path])
