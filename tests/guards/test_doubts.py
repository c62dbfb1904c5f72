from __future__ import annotations

import pytest

from remediator.errors import Severity
from remediator.guards.catalog import configurable_guards
from remediator.guards.doubts import doubts
from remediator.policy.loaded import LoadedGuard
from remediator.policy.matchers import parse_matchers
from remediator.yaml_source import read_yaml


def found(guards: str, match: str = "") -> list[tuple[int, str, str]]:
    """Return each doubt: the place of its guard, how bad it is, and what it says."""
    catalog = configurable_guards()
    loaded = [
        LoadedGuard(name, catalog[name].params.model_validate(params or {}), at)
        for at, use in enumerate(read_yaml("g.yaml", guards).data)
        for name, params in use.items()
    ]
    return [
        (doubt.guard.index, str(doubt.severity), doubt.what)
        for doubt in doubts(loaded, parse_matchers(match))
    ]


NIGHT = 'time_window: {from: "22:00", to: "06:00"}'
DAY = 'time_window: {from: "08:00", to: "20:00"'


@pytest.mark.parametrize(
    ("guards", "match", "index", "says"),
    [
        ("[promql: {query: 1 > bool 2}]", "", 0, "this query never holds"),
        ("[not_firing: {alerts: [A, B]}]", "alertname=B", 0, "the policy's own alert"),
        (
            "[not_firing: {matchers: ['severity=~\"critical|P1\"']}]",
            "severity=P1",
            0,
            "the policy's own alert",
        ),
        ("[alert_active: {matchers: ['a=x', 'a=y']}]", "", 0, "no alert can satisfy all of these"),
        (
            "[alert_active: {alerts: [A]}, not_firing: {alerts: [B, A]}]",
            "",
            0,
            "never passes: guards.1, not_fir",
        ),
        (f"[{NIGHT}, {DAY}}}]", "", 1, "never open at the same time"),
        (f"[{DAY}, days: mon}}, {DAY}, days: tue}}]", "", 1, "never open at the same time"),
        (
            f"[{DAY}, days: mon}}, {DAY}, days: 'mon,tue'}}, {DAY}, days: tue}}]",
            "",
            2,
            "never open at the same",
        ),
        (
            f"[{DAY}, timezone: Europe/Madrid}}, {DAY}, timezone: Pacific/Auckland}}]".replace(
                "20:00", "09:00"
            ),
            "",
            1,
            "never open at the same time",
        ),
    ],
)
def test_guards_that_can_never_pass(guards: str, match: str, index: int, says: str) -> None:
    ((place, severity, what),) = found(guards, match)
    assert (place, severity) == (index, Severity.ERROR)
    assert says in what


@pytest.mark.parametrize(
    ("guards", "index", "says"),
    [
        ("[promql: {query: vector(1)}]", 0, "this query always holds, so the guard never blocks"),
        ("[not_firing: {matchers: ['a=x', 'a=y']}]", 0, "the guard never blocks"),
        ("[rate_limit: {max: 3, per: 24h}, rate_limit: {max: 5, per: 1h}]", 1, "guards.0, 3 per 1d, already"),
        ("[cooldown: {for: 30m, scope: policy}, rate_limit: {max: 2, per: 1h}]", 1, "at most 2 start in 1h"),
        ("[cooldown: {for: 30m}, rate_limit: {max: 2, per: 1h, scope: target}]", 1, "at most 2 start in 1h"),
    ],
)
def test_guards_that_never_block(guards: str, index: int, says: str) -> None:
    ((place, severity, what),) = found(guards)
    assert (place, severity) == (index, Severity.WARNING)
    assert says in what


@pytest.mark.parametrize(
    ("guards", "match"),
    [
        ("[promql: {query: 'up{job=\"{{ labels.job }}\"} == 0'}]", ""),
        ("[not_firing: {alerts: [B]}]", "alertname=A"),
        ("[not_firing: {alerts: [A]}]", "severity=x"),
        ("[not_firing: {matchers: [alertname=A, instance=x]}]", "alertname=A"),
        ("[not_firing: {alerts: [A]}]", "alertname=~'A|B'"),
        ("[alert_active: {alerts: [A]}]", "alertname=A"),
        ("[alert_active: {alerts: [A, B]}, not_firing: {alerts: [A]}]", ""),
        (f"[{NIGHT}, {DAY}, otherwise: approval}}]", ""),
        (f"[{DAY}, days: mon-fri}}, {DAY}, days: fri-sun}}]", ""),
        (f"[{NIGHT}, " + 'time_window: {from: "05:00", to: "07:00"}]', ""),
        ("[rate_limit: {max: 3, per: 1h}, rate_limit: {max: 7, per: 24h}]", ""),
        ("[rate_limit: {max: 3, per: 1h}, rate_limit: {max: 3, per: 1h, scope: target}]", ""),
        ("[cooldown: {for: 30m}, rate_limit: {max: 2, per: 1h}]", ""),
        ("[cooldown: {for: 15m, scope: policy}, rate_limit: {max: 3, per: 1h}]", ""),
        ("[loop: {}, concurrency: {max: 1}]", ""),
    ],
)
def test_sound_guards_raise_none(guards: str, match: str) -> None:
    assert found(guards, match) == []
