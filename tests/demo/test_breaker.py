"""The demo agent's circuit breaker."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from remediator.demo.hotel.breaker import BreakerConfig, BreakerState, CircuitBreaker


@dataclass
class _Seconds:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def _breaker(config: BreakerConfig | None = None) -> tuple[CircuitBreaker, _Seconds]:
    seconds = _Seconds()
    return CircuitBreaker(config or BreakerConfig(failure_threshold=3), seconds), seconds


def _state(breaker: CircuitBreaker) -> BreakerState:
    return breaker.state


def _call(breaker: CircuitBreaker, outcomes: str) -> None:
    for outcome in outcomes:
        assert breaker.admit()
        breaker.record(ok=outcome == "+")


@pytest.mark.parametrize(
    ("threshold", "outcomes", "state"),
    [
        (3, "--", BreakerState.CLOSED),
        (3, "---", BreakerState.OPEN),
        (3, "-+-+-", BreakerState.OPEN),
        (0.5, "----", BreakerState.CLOSED),  # a share needs some calls first
        (0.5, "+++--", BreakerState.CLOSED),
        (0.5, "++---", BreakerState.OPEN),
    ],
)
def test_opens_at_a_number_or_a_share_of_failures(
    threshold: float, outcomes: str, state: BreakerState
) -> None:
    breaker, _ = _breaker(BreakerConfig(failure_threshold=threshold, minimum_calls=5))
    _call(breaker, outcomes)
    assert _state(breaker) is state


def test_old_failures_do_not_count() -> None:
    breaker, seconds = _breaker()
    _call(breaker, "--")
    seconds.now = 31
    _call(breaker, "-")
    assert _state(breaker) is BreakerState.CLOSED


def test_open_refuses_calls_until_the_recovery_timeout_then_tries_one() -> None:
    breaker, seconds = _breaker()
    _call(breaker, "---")
    seconds.now = 29.9
    assert not breaker.admit()
    seconds.now = 30
    assert breaker.admit()
    assert _state(breaker) is BreakerState.HALF_OPEN
    assert not breaker.admit(), "one trial at a time"


@pytest.mark.parametrize(("outcome", "state"), [("+", BreakerState.CLOSED), ("-", BreakerState.OPEN)])
def test_the_trial_decides(outcome: str, state: BreakerState) -> None:
    breaker, seconds = _breaker()
    _call(breaker, "---")
    seconds.now = 30
    _call(breaker, outcome)
    assert _state(breaker) is state
    assert breaker.admit() is (outcome == "+")


def test_reset_tries_at_once_and_closes_nothing_by_itself() -> None:
    breaker, _ = _breaker()
    _call(breaker, "---")
    breaker.reset()
    assert _state(breaker) is BreakerState.HALF_OPEN
    _call(breaker, "-")
    assert _state(breaker) is BreakerState.OPEN


def test_reset_of_a_closed_breaker_changes_nothing() -> None:
    breaker, _ = _breaker()
    breaker.reset()
    assert _state(breaker) is BreakerState.CLOSED


def test_configuration_takes_effect_while_open() -> None:
    breaker, seconds = _breaker()
    _call(breaker, "---")
    breaker.configure(replace(breaker.config, recovery_timeout=timedelta(seconds=5)))
    seconds.now = 5
    assert breaker.admit()
