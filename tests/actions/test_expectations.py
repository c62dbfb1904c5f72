from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from remediator.actions.expectations import unmet
from remediator.settings_checks import Expect

BODY = {"pms": {"up": True, "type": "mock", "replicas": [{"n": 1}, {"n": 2.0}], "none": None}, "a.b": 1}


@pytest.mark.parametrize(
    ("expect", "status", "fits"),
    [
        ({}, 204, True),
        ({}, 302, False),
        ({}, 500, False),
        ({"status": 503}, 503, True),
        ({"status": [200, 204]}, 204, True),
        ({"status": [200, 204]}, 201, False),
        ({"json": {"pms.up": True}}, 200, True),
        ({"json": {"pms.up": True}}, 500, False),
        ({"json": {"pms.up": 1}}, 200, False),
        ({"json": {"pms.type": "mock"}}, 200, True),
        ({"json": {"pms.type": "qloapps"}}, 200, False),
        ({"json": {"pms.replicas.0.n": 1}}, 200, True),
        ({"json": {"pms.replicas.0.n": True}}, 200, False),
        ({"json": {"pms.replicas.1.n": 2}}, 200, True),
        ({"json": {"pms.replicas.7.n": 1}}, 200, False),
        ({"json": {"pms.replicas": [{"n": 1}, {"n": 2}]}}, 200, True),
        ({"json": {"pms.replicas": [{"n": 1}]}}, 200, False),
        ({"json": {"pms.none": None}}, 200, True),
        ({"json": {"pms.missing": None}}, 200, False),
        ({"absent": ["error"]}, 200, True),
        ({"absent": ["pms.none"]}, 200, False),
        ({"latency_below": "2s"}, 200, True),
        ({"latency_below": "1s"}, 200, False),
    ],
)
def test_expectations(expect: dict[str, Any], status: int, fits: bool) -> None:
    faults = unmet(Expect.model_validate(expect), status=status, body=BODY, latency=timedelta(seconds=1))
    assert (faults == ()) is fits


@pytest.mark.parametrize("expect", [{"json": {"a": 1}}, {"absent": ["error"]}])
def test_what_is_not_json_meets_nothing_about_json(expect: dict[str, Any]) -> None:
    faults = unmet(Expect.model_validate(expect), status=200, body=None, latency=timedelta(0))
    assert faults == ("the body is not JSON",)


def test_all_that_is_amiss_is_said() -> None:
    expect = Expect.model_validate({"status": 200, "json": {"pms.up": False}, "latency_below": "1ms"})
    assert unmet(expect, status=500, body=BODY, latency=timedelta(seconds=2)) == (
        "status is 500, not 200",
        "it took 2s, not below 1ms",
        "pms.up is True, not False",
    )
