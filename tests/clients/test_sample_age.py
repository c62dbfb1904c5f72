"""How old samples are: which selectors are asked about, and what recording rules hide."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from remediator.clients.sample_age import RecordingRules, all_after, selectors
from remediator.runs.answers import Answer, Sample

STEP_ENDED = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
BEFORE, AFTER, LATER = (STEP_ENDED + timedelta(seconds=seconds) for seconds in (-5, 5, 10))


@pytest.mark.parametrize(
    ("expr", "asked"),
    [
        ("up", ['{__name__="up"}']),
        ("pms:breaker_open:bool == 0", ['{__name__="pms:breaker_open:bool"}']),
        ('{__name__="up"} or up', ['{__name__="up"}']),
        ('sum(rate(errors{code=~"5..",path!~"/x|/y",a!="b"}[5m]))',
         ['{__name__="errors",code=~"5..",path!~"/x|/y",a!="b"}']),
        (r'up{path="C:\\x \"y\"\n"}', [r'{__name__="up",path="C:\\x \"y\"\n"}']),
        ("a / on(x) group_left b", ['{__name__="a"}', '{__name__="b"}']),
        ("max_over_time(a[5m:1m])", ['{__name__="a"}']),
        ("a > a offset 5m", ['{__name__="a"}']),
        ("a @ 100", []),
        ("time()", []),
        ("vector(1)", []),
        ("absent(a)", ['{__name__="a"}']),
    ],
)  # fmt: skip
def test_which_selectors_ask_for_the_present(expr: str, asked: list[str]) -> None:
    assert [one.text for one in selectors(expr)] == asked


class Scripted:
    """Knows the oldest sample's time by metric, and as of when it was asked."""

    def __init__(self, ages: dict[str, datetime | str | None], rules: RecordingRules | None = None) -> None:
        self._ages = ages
        self._rules = rules
        self.asked_as_of: dict[str, datetime | None] = {}

    async def query(self, expr: str, at: datetime | None = None) -> Answer:
        name = expr.split('"')[1]
        self.asked_as_of[name] = at
        age = self._ages[name]
        if isinstance(age, str):
            return Answer(error=age)
        return Answer(samples=(Sample({}, age.timestamp()),) if age else ())

    async def recording_rules(self) -> RecordingRules | None:
        return self._rules


@pytest.mark.parametrize(
    ("expr", "ages", "rules", "fresh"),
    [
        ("a", {"a": AFTER}, {}, True),
        ("a", {"a": BEFORE}, {}, False),
        ("a", {"a": STEP_ENDED}, {}, False),
        ("a / b", {"a": AFTER, "b": BEFORE}, {}, False),
        ("a or b", {"a": AFTER, "b": None}, {}, True),
        ("absent(a)", {"a": None}, {}, True),
        ("vector(1)", {}, {}, True),
        ("a", {"a": "timed out"}, {}, False),
        ("a", {"a": AFTER}, None, False),
        # A rule evaluated after the step, on samples from before it.
        ("r", {"r": LATER, "a": BEFORE}, {"r": ["a > 0"]}, False),
        ("r", {"r": LATER, "a": AFTER}, {"r": ["a > 0"]}, True),
        # One name, recorded from either of two units: the one that is not there does not matter.
        ("r", {"r": LATER, "a": AFTER, "b": None}, {"r": ["a > 0", "b == 2"]}, True),
        ("r", {"r": LATER, "a": AFTER, "b": BEFORE}, {"r": ["a > 0", "b == 2"]}, False),
        ("s", {"s": LATER, "r": LATER, "a": BEFORE}, {"s": ["r"], "r": ["a"]}, False),
        # A rule recorded from itself ends somewhere.
        ("r", {"r": LATER}, {"r": ["r"]}, False),
    ],
)
async def test_everything_that_is_used_has_to_be_newer(
    expr: str, ages: dict[str, datetime | str | None], rules: RecordingRules | None, *, fresh: bool
) -> None:
    assert await all_after(Scripted(ages, rules), expr, STEP_ENDED) is fresh


async def test_a_rule_is_asked_about_as_of_its_evaluation() -> None:
    prometheus = Scripted({"r": LATER, "a": AFTER}, {"r": ["a > 0"]})
    await all_after(prometheus, "r", STEP_ENDED)
    assert prometheus.asked_as_of == {"r": None, "a": LATER}
