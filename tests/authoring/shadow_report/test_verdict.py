"""Each criterion by itself: met at its bound, not beyond; and what they come to together."""

from __future__ import annotations

from typing import Any

import pytest

from remediator.authoring.shadow_report import Ending, Summary
from remediator.authoring.shadow_verdict import Bounds, Criterion, ShadowVerdict, judge, verdict_of
from remediator.settings import Limits

LIMITS = Limits(concurrent_runs=8, runs_per_minute=30)


def summary(**fields: Any) -> Summary:
    """Ten decisions of which nothing is wrong."""
    plain: dict[str, Any] = {
        "decisions": 10,
        "planned": 10,
        "seen": 10,
        "targets": 2,
        "days": 7.0,
        "endings": {Ending.STAYED: 10},
        "open_longer_median_seconds": 600.0,
        "open_longer_p90_seconds": 900.0,
        "verification": {"no": 10},
        "held_at_decision": 0,
        "held_at_decision_known": 10,
        "asked": 0,
        "same_by_hand": 4,
        "otherwise_by_hand": 0,
        "contended": 0,
        "denied_later": 0,
        "no_option": 0,
        "episodes": 10,
        "faulty_episodes": 0,
        "blocked": {},
        "busiest_day": 3,
        "busiest_minute": 1,
        "most_at_once": 1,
    }
    return Summary(**{**plain, **fields})


def criteria(**fields: Any) -> dict[str, Criterion]:
    return {criterion.name: criterion for criterion in judge(summary(**fields), Bounds(), LIMITS)}


@pytest.mark.parametrize(
    ("name", "at_the_bound", "beyond"),
    [
        ("decisions", {"seen": 5}, {"seen": 4}),
        ("days", {"days": 3.0}, {"days": 2.99}),
        (
            "needless",
            {"endings": {Ending.NEEDLESS: 2, Ending.STAYED: 8}},
            {"endings": {Ending.NEEDLESS: 3, Ending.STAYED: 7}},
        ),
        (
            "needless",
            {"endings": {Ending.NEEDLESS: 1, Ending.STAYED: 4, Ending.UNCLEAR: 5}},
            {"endings": {Ending.NEEDLESS: 2, Ending.STAYED: 3, Ending.UNCLEAR: 5}},
        ),
        ("otherwise", {"otherwise_by_hand": 2}, {"otherwise_by_hand": 3}),
        ("contention", {"contended": 2}, {"contended": 3}),
        ("unknown", {"verification": {"unknown": 2}}, {"verification": {"unknown": 3}}),
        ("held-before", {"held_at_decision": 2}, {"held_at_decision": 3}),
        ("no-option", {"no_option": 2}, {"no_option": 3}),
        ("faults", {"faulty_episodes": 0}, {"faulty_episodes": 1}),
        ("load", {"busiest_minute": 15}, {"busiest_minute": 16}),
        ("load", {"most_at_once": 4}, {"most_at_once": 5}),
    ],
)
def test_a_criterion_is_met_at_its_bound_and_not_beyond(
    name: str, at_the_bound: dict[str, Any], beyond: dict[str, Any]
) -> None:
    kept, broken = criteria(**at_the_bound), criteria(**beyond)
    assert kept[name].met
    assert not broken[name].met
    assert all(criterion.met for criterion in broken.values() if criterion.name != name)


def test_all_met_is_ready() -> None:
    assert verdict_of(judge(summary(), Bounds(), LIMITS)) is ShadowVerdict.READY


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"contended": 3}, ShadowVerdict.NOT_READY),
        ({"seen": 4}, ShadowVerdict.NOT_ENOUGH),
        ({"days": 1.0}, ShadowVerdict.NOT_ENOUGH),
        ({"seen": 4, "contended": 3}, ShadowVerdict.NOT_ENOUGH),
    ],
)
def test_how_good_it_was_is_only_said_once_enough_was_seen(
    fields: dict[str, Any], expected: ShadowVerdict
) -> None:
    assert verdict_of(judge(summary(**fields), Bounds(), LIMITS)) is expected


def test_other_bounds_count() -> None:
    bounds = Bounds(min_decisions=20, max_contention=0.5)
    judged = {criterion.name: criterion for criterion in judge(summary(contended=5), bounds, LIMITS)}
    assert (judged["decisions"].met, judged["contention"].met) == (False, True)


def test_nothing_seen_speaks_for_nothing_and_against_nothing() -> None:
    nothing = summary(
        decisions=0,
        planned=0,
        seen=0,
        days=0.0,
        endings={},
        verification={},
        held_at_decision_known=0,
        episodes=0,
        busiest_minute=0,
        most_at_once=0,
    )
    judged = judge(nothing, Bounds(), LIMITS)
    assert verdict_of(judged) is ShadowVerdict.NOT_ENOUGH
    assert [criterion.name for criterion in judged if not criterion.met] == ["decisions", "days"]
