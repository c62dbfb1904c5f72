"""Fuzzes every reader of text from outside for its share of the time."""

from __future__ import annotations

from datetime import timedelta

from fuzz import running
from fuzz.oracles import ORACLES
from torture.trial import Trial

_PROMISE = "Whatever bytes come in, a reader takes them or refuses them in its own words"


def run(seed: int, budget: timedelta) -> Trial:
    """Fuzz one reader after the other; without atheris nothing is tried, which is a failure."""
    if not running.available():
        return Trial(promise=_PROMISE, cases=0, repeat="on Linux on x86-64, where atheris is to be had")
    # libFuzzer takes a seed of 32 bits, and 0 for one of its own.
    results = [running.run(target, budget / len(ORACLES), seed % (2**32 - 1) + 1) for target in ORACLES]
    return Trial(
        promise=_PROMISE,
        cases=sum(result.executed for result in results),
        violations=[f"{found} ({result.repeat})" for result in results for found in result.findings],
        repeat="; ".join(result.repeat for result in results if result.findings),
    )
