"""`schedule:` in a policy: read with the calendar, and either it or `match`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from remediator.errors import ConfigError
from remediator.jobs.scheduler import CronCalendar
from remediator.policy.loader import load_policy
from remediator.settings_file import load_settings
from remediator.yaml_source import read_yaml
from tests.policy.catalogs import CATALOG, inventory
from tests.policy.documents import GOOD, lines

MATCH = 'match:\n  - alertname = "PMSCircuitBreakerOpen"\n  - severity =~ "critical|P1"\n'
SCHEDULE = 'schedule: {cron: "0 6 * * mon", timezone: Europe/Madrid}\n'


def load(schedule: str) -> list[str]:
    text = GOOD.replace(MATCH, schedule)
    assert text != GOOD
    catalog = replace(CATALOG, calendar=CronCalendar())
    policy, problems = load_policy(read_yaml("p.yaml", text), catalog, inventory())
    assert policy is None or not policy.matches({"alertname": "PMSCircuitBreakerOpen"})
    return lines(problems)


def test_a_policy_may_start_on_a_schedule_alone() -> None:
    assert load(SCHEDULE) == []


@pytest.mark.parametrize(
    ("schedule", "what"),
    [
        ("", "must have either match, with at least one matcher, or schedule"),
        ("match: []\n", "must have either match, with at least one matcher, or schedule"),
        (MATCH + SCHEDULE, "must have either match, with at least one matcher, or schedule"),
        (
            'schedule: {cron: "61 * * * *"}\n',
            "p.yaml:4:18: error: is not a cron expression: Error validating expression '61'",
        ),
        ('schedule: {cron: "0 0 30 2 *"}\n', "p.yaml:4:18: error: never comes; there is no such day"),
        (
            'schedule: {cron: "* * * * *", timezone: Mars/X}\n',
            "schedule.timezone: is not a time zone",
        ),
        ("schedule: {timezone: UTC}\n", "key 'cron' is missing"),
        ('schedule: {cron: "* * * * *", at: 3}\n', "unknown key 'at'"),
    ],
)
def test_what_is_refused(schedule: str, what: str) -> None:
    assert what in "\n".join(load(schedule))


def test_no_source_is_called_as_schedules_are(tmp_path: Path) -> None:
    (tmp_path / "remediator.yaml").write_text("sources: {schedule: {}}\n")
    with pytest.raises(ConfigError, match="'schedule' is what schedules are called"):
        load_settings(tmp_path / "remediator.yaml")
