"""Policies that start by a schedule are started by the test's clock."""

from __future__ import annotations

import pytest

from remediator.authoring.policy_tests.reading import read_tests
from remediator.authoring.policy_tests.running import Result, run_tests
from remediator.authoring.policy_tests.staging import Stages
from remediator.errors import ConfigError
from remediator.jobs.scheduler import CronCalendar
from tests.authoring.policy_tests.files import POLICY, Folder, shown

MATCH = """match: ['alertname = "CacheDown"']"""
DAILY = POLICY.replace(MATCH, 'schedule: {cron: "0 6 * * *", timezone: Europe/Madrid}')
GIVEN = """
policy: ../restart-cache.yaml
given:
  answers:
    series: [{series: 'up{job="cache"}', values: {0s: 0, 2m: 1}}]
    http: [{service: site, path: /health, gives: 200}]
tests:
  - name: a test
    start: 2026-01-05T04:59:00Z
"""


def run(folder: Folder, rest: str, policy: str = DAILY) -> Result:
    (folder.path / "restart-cache.yaml").write_text(policy)
    file = read_tests(folder.write(f"{GIVEN}{rest}"))
    return next(iter(run_tests(file, Stages(file, calendar=CronCalendar()), [0])))


def test_the_clock_that_reaches_the_time_starts_it(folder: Folder) -> None:
    result = run(
        folder,
        """
    expect:
      - {at: 59s, decision: none, run: none, episode: none}
      - {at: 1m, episode: open, decision: {outcome: blocked, reason: hold_pending}}
      - {at: 1m30s, decision: {outcome: run, option: restart}}
      - {at: 1h, run: succeeded, episode: {state: closed, reason: schedule_over}}
      - {at: 24h59s, runs: 1}
""",
    )
    assert [shown(one) for one in result.mismatches] == []


def test_a_check_that_finds_nothing_to_do_opens_nothing(folder: Folder) -> None:
    policy = DAILY.replace(
        "  - name: replace\n", "  - name: replace\n    when: labels.kind is defined\n"
    ).replace('when: labels.kind is not defined or labels.kind == "soft"', "when: labels.kind is defined")
    rest = "    expect: [{at: 1h, episode: none, audit: [{action: schedule.nothing_to_do}]}]"
    assert [shown(one) for one in run(folder, rest, policy).mismatches] == []


def test_people_may_act_on_what_a_schedule_started(folder: Folder) -> None:
    rest = """
    actions: [{uses: docker.restart, outcome: failed}]
    people: [{at: 2m, by: ana, does: deny}]
    expect: [{at: 3m, run: denied}]
"""
    assert [shown(one) for one in run(folder, rest).mismatches] == []


def test_a_faulty_expression_is_told_as_the_policys(folder: Folder) -> None:
    with pytest.raises(ConfigError, match="cron"):
        run(folder, "    expect: [{at: 1m}]", DAILY.replace("0 6 * * *", "at six"))
