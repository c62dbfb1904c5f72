"""The divided copies of rules, routes and policies."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from remediator.demo import rules_copy
from remediator.durations import format_duration, parse_duration
from remediator.policy.model import Policy
from remediator.yaml_source import read_yaml_file

_ROOT = Path(__file__).parents[2]


def _read(path: str) -> Any:
    return yaml.safe_load((_ROOT / path).read_text(encoding="utf-8"))


def _policy(path: Path) -> Any:
    # Not yaml.safe_load: for YAML 1.1 the key `on` is true.
    return read_yaml_file(path).data


@pytest.mark.parametrize(
    ("duration", "factor", "shorter"),
    [("1m", 10, "6s"), ("15s", 10, "1s500ms"), ("4h", 10, "24m"), ("0s", 10, "0s"), ("1ms", 30, "1ms")],
)
def test_divides(duration: str, factor: float, shorter: str) -> None:
    assert rules_copy.divided(duration, factor) == shorter


@given(st.integers(min_value=0, max_value=10**9), st.floats(min_value=1, max_value=100))
def test_never_lengthens_and_never_makes_nothing_of_something(ms: int, factor: float) -> None:
    text = format_duration(timedelta(milliseconds=ms))
    shorter = parse_duration(rules_copy.divided(text, factor))
    assert shorter <= parse_duration(text)
    assert bool(shorter) == bool(ms)


def test_rules_keep_their_names_and_divide_for_and_ranges() -> None:
    copy = rules_copy.prometheus_copy(_read("prometheus/recording.yml"), 10)
    rules = {rule["record"]: rule["expr"] for group in copy["groups"] for rule in group["rules"]}
    assert "pms:error:ratio5m" in rules
    assert "[30s]" in rules["pms:error:ratio5m"]
    assert "5m" not in rules["pms:error:ratio5m"]
    alerts = rules_copy.prometheus_copy(_read("prometheus/alerts.yml"), 10)
    by_name = {rule["alert"]: rule for group in alerts["groups"] for rule in group["rules"]}
    assert by_name["PMSCircuitBreakerOpen"]["for"] == "12s"
    assert by_name["HighErrorRate"]["expr"] == "orchestrator:success:ratio5m < 0.95"


def test_routes_divide_their_intervals_and_keep_the_rest() -> None:
    original = _read("alertmanager/alertmanager.yml")
    copy = rules_copy.alertmanager_copy(original, 10)
    assert copy["route"]["group_wait"] == "1s"
    assert copy["route"]["routes"][0]["group_wait"] == "0s"
    assert copy["receivers"] == original["receivers"]


def test_prometheus_is_pointed_at_the_demo() -> None:
    targets = {"agente-hotel-api": "127.0.0.1:1", "alertmanager": "127.0.0.1:2"}
    copy = rules_copy.retarget(_read("prometheus/prometheus.yml"), targets)
    assert [job["job_name"] for job in copy["scrape_configs"]] == ["agente-hotel-api", "alertmanager"]
    assert copy["scrape_configs"][0]["static_configs"] == [{"targets": ["127.0.0.1:1"]}]
    assert copy["alerting"]["alertmanagers"][0]["static_configs"] == [{"targets": ["127.0.0.1:2"]}]


def test_alertmanager_is_pointed_at_the_demo_and_still_follows_no_redirect() -> None:
    copy = rules_copy.reroute(_read("alertmanager/alertmanager.yml"), "http://127.0.0.1:1/x", "/t")
    (webhook,) = copy["receivers"][0]["webhook_configs"]
    assert webhook["url"] == "http://127.0.0.1:1/x"
    assert webhook["http_config"]["authorization"]["credentials_file"] == "/t"
    assert webhook["http_config"]["follow_redirects"] is False


@pytest.mark.parametrize("path", sorted((_ROOT / "policies").glob("*.yaml")), ids=lambda path: path.stem)
def test_a_divided_policy_is_the_same_policy_but_for_times(path: Path) -> None:
    original = _policy(path)
    unchanged = Policy.model_validate(rules_copy.policy_copy(original, 1))
    guards = {"guards": ()}  # their times stay text here, and 24h is written 1d
    assert unchanged.model_copy(update=guards) == Policy.model_validate(original).model_copy(update=guards)
    faster = Policy.model_validate(rules_copy.policy_copy(original, 10))
    document = Policy.model_validate(original)
    assert faster.recheck == document.recheck / 10
    for quick, slow in zip(faster.options, document.options, strict=True):
        assert [step.timeout for step in quick.steps] == [step.timeout for step in slow.steps]
        if slow.approval is not None and quick.approval is not None:
            assert quick.approval.expires == slow.approval.expires
        if slow.verify is not None and quick.verify is not None:
            assert quick.verify.within == slow.verify.within / 10
            assert quick.verify.every == slow.verify.every / 10


def test_a_wait_and_a_hold_are_divided_inside_their_parameters() -> None:
    copy = rules_copy.policy_copy(_policy(_ROOT / "policies/pms-circuit-breaker-open.yaml"), 10)
    holds = [guard["promql"]["hold"] for guard in copy["guards"] if "promql" in guard]
    assert holds == ["3s"]
    waits = [
        step["with"]["for"]
        for option in copy["options"]
        for step in option["steps"]
        if step["uses"] == "wait"
    ]
    assert set(waits) == {"3s"}
