"""max_targets and healthy_floor: how much may be out at once."""

from __future__ import annotations

from math import nan

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from remediator.guards.base import LookPhase
from remediator.runs.answers import Answer, PromQLQuery, Sample
from remediator.runs.history import Finish, History, Leased, LiveRun
from remediator.runs.reasons import Reason
from remediator.runs.states import RunState
from remediator.runs.verdicts import VerdictKind
from tests.guards.looks import ago, finish, judge, look, use

ALLOW, DENY, PENDING = VerdictKind.ALLOW, VerdictKind.DENY, VerdictKind.PENDING


def live(target: str, run_id: int, policy: str = "fix") -> LiveRun:
    return LiveRun(run_id, policy, target, RunState.RUNNING)


def number(value: float) -> Answer:
    return Answer(samples=(Sample({}, value),))


@pytest.mark.parametrize(
    ("scope", "runs", "leased", "kind"),
    [
        ("policy", (), (), ALLOW),
        ("policy", (("a", 1, "fix"),), (), ALLOW),
        ("policy", (("a", 1, "fix"), ("b", 2, "fix")), (), DENY),
        # One target counts once, however much is done to it.
        ("policy", (("a", 1, "fix"), ("a", 2, "fix")), (("a", 3, "fix"),), ALLOW),
        # What stands for a while counts as long as it stands.
        ("policy", (("a", 1, "fix"),), (("b", 2, "fix"),), DENY),
        ("policy", (), (("a", 1, "fix"), ("b", 2, "fix")), DENY),
        # Its own target is already out: nothing is added by it.
        ("policy", (("a", 1, "fix"),), (("pms", 2, "fix"),), ALLOW),
        # The run that looks again before acting does not count itself.
        ("policy", (("a", 1, "fix"), ("b", 99, "fix")), (), ALLOW),
        ("policy", (("a", 1, "fix"), ("b", 2, "also")), (), ALLOW),
        ("all", (("a", 1, "fix"), ("b", 2, "also")), (), DENY),
        ("all", (("a", 1, "also"),), (("b", 2, "third"),), DENY),
    ],
)
def test_targets_are_counted_once_each(
    scope: str,
    runs: tuple[tuple[str, int, str], ...],
    leased: tuple[tuple[str, int, str], ...],
    kind: VerdictKind,
) -> None:
    history = History(
        live=tuple(live(*one) for one in runs),
        leased=tuple(Leased(run_id, policy, target) for target, run_id, policy in leased),
    )
    verdict = judge(use("max_targets", max=2, scope=scope), look(history, run_id=99))
    assert verdict.kind is kind
    assert verdict.reason is (Reason.MAX_TARGETS if kind is DENY else None)


@pytest.mark.parametrize(
    ("share", "whole", "others", "kind"),
    [
        (0.25, 8, 1, ALLOW),
        (0.25, 8, 2, DENY),
        (0.25, 7, 1, DENY),
        # A share that is less than one target is none.
        (0.25, 3, 0, DENY),
        # 0.1 x 30 is not 3 in binary.
        (0.1, 30, 2, ALLOW),
        (1, 1, 0, ALLOW),
        (0.5, 0, 0, DENY),
    ],
)
def test_a_share_is_taken_of_what_prometheus_counts(
    share: float, whole: float, others: int, kind: VerdictKind
) -> None:
    history = History(live=tuple(live(f"t{at}", at) for at in range(others)))
    guard = use("max_targets", share=share, of="count(up)")
    seen = look(history, answers={PromQLQuery("count(up)"): number(whole)})
    assert judge(guard, seen).kind is kind


@pytest.mark.parametrize(
    "answer",
    [
        Answer(),
        Answer(error="it did not answer"),
        number(nan),
        Answer(samples=(Sample({"a": "1"}, 3), Sample({"a": "2"}, 3))),
    ],
)
@pytest.mark.parametrize(
    "guard",
    [use("max_targets", share=0.5, of="q"), use("healthy_floor", query="q", min=0, takes=0)],
    ids=["max_targets", "healthy_floor"],
)
def test_what_gives_no_single_number_blocks(guard: object, answer: Answer) -> None:
    verdict = judge(guard, look(answers={PromQLQuery("q"): answer}))  # type: ignore[arg-type]
    assert (verdict.kind, verdict.reason) == (DENY, Reason.GUARD_ERROR)


def test_at_admission_a_question_is_not_asked_yet() -> None:
    seen = look(phase=LookPhase.ADMISSION, answers=None)
    assert judge(use("healthy_floor", query="q", min=1), seen).kind is PENDING
    assert judge(use("max_targets", share=0.5, of="q"), seen).kind is PENDING
    assert judge(use("max_targets", max=1), seen).kind is ALLOW


@pytest.mark.parametrize(
    "params", [{}, {"max": 1, "share": 0.5, "of": "q"}, {"share": 0.5}, {"max": 1, "of": "q"}, {"share": 1.5}]
)
def test_a_number_or_a_share_and_not_both(params: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        use("max_targets", **params)


@pytest.mark.parametrize(
    ("healthy", "takes", "runs", "finishes", "kind"),
    [
        (3, 1, (), (), ALLOW),
        (2, 1, (), (), DENY),
        (3, 2, (), (), DENY),
        (4, 2, (), (), ALLOW),
        # A run under way may not show yet in what was counted.
        (3, 1, (live("a", 1),), (), DENY),
        (4, 1, (live("a", 1),), (), ALLOW),
        (3, 1, (live("a", 99),), (), ALLOW),
        (3, 1, (live("a", 1, "also"),), (), ALLOW),
        # What ended badly may have left something down that was not scraped since.
        (3, 1, (), (finish(ago(seconds=59), target="a"),), DENY),
        (3, 1, (), (finish(ago(seconds=60), target="a"),), ALLOW),
        (3, 1, (), (finish(ago(seconds=1), RunState.SUCCEEDED),), ALLOW),
    ],
)
def test_the_floor_is_left_whatever_is_under_way(
    healthy: float,
    takes: int,
    runs: tuple[LiveRun, ...],
    finishes: tuple[Finish, ...],
    kind: VerdictKind,
) -> None:
    seen = look(
        History(live=runs, finishes=finishes), run_id=99, answers={PromQLQuery("sum(up)"): number(healthy)}
    )
    verdict = judge(use("healthy_floor", query="sum(up)", min=2, takes=takes), seen)
    assert verdict.kind is kind
    assert verdict.reason is (Reason.HEALTHY_FLOOR if kind is DENY else None)


def test_the_floor_counts_all_policies_where_it_is_told_to() -> None:
    seen = look(History(live=(live("a", 1, "also"),)), answers={PromQLQuery("q"): number(3)})
    assert judge(use("healthy_floor", query="q", min=2, scope="all"), seen).kind is DENY


def test_they_say_what_they_counted() -> None:
    history = History(live=(live("a", 1),))
    assert judge(use("max_targets", max=1), look(history)).detail == "1 of 1 targets are under remediation"
    seen = look(history, answers={PromQLQuery("q"): number(3)})
    detail = "3 healthy, 1 left with this run and 1 others, at least 2 must be"
    assert judge(use("healthy_floor", query="q", min=2), seen).detail == detail


@given(
    arrivals=st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans()), max_size=40),
    most=st.integers(min_value=1, max_value=4),
)
def test_never_more_targets_than_allowed(arrivals: list[tuple[str, bool]], most: int) -> None:
    """Whoever arrives, and whoever ends or stays as a lease: no more than `most` at once."""
    guard = use("max_targets", max=most)
    runs: dict[str, LiveRun] = {}
    leased: dict[str, Leased] = {}
    for at, (target, ends) in enumerate(arrivals, 1):
        if ends and target in runs:
            ended = runs.pop(target)
            leased[target] = Leased(ended.run_id, "fix", target)
        elif ends:
            leased.pop(target, None)
        else:
            history = History(live=tuple(runs.values()), leased=tuple(leased.values()))
            if judge(guard, look(history, target=target)).kind is ALLOW:
                runs[target] = live(target, at)
        assert len(runs.keys() | leased.keys()) <= most
