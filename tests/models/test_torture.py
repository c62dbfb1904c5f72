"""`python -m torture`: a table of what was tried, and no success that nothing shows."""

from __future__ import annotations

from datetime import timedelta

import pytest

from remediator.authoring.reference import PROJECT
from torture import simulation
from torture.__main__ import main
from torture.catalog import TRIALS, Entry
from torture.life.judging import Lived
from torture.trial import Trial


def holds(seed: int, budget: timedelta) -> Trial:
    return Trial(promise=f"holds from {seed} for {budget.total_seconds():.0f} s", cases=7)


def breaks(seed: int, budget: timedelta) -> Trial:
    return Trial(promise="breaks", cases=3, violations=["case 2 broke"], repeat="try case 2")


def tries_nothing(seed: int, budget: timedelta) -> Trial:
    return Trial(promise="nothing tried", cases=0)


def falls_over(seed: int, budget: timedelta) -> Trial:
    raise RuntimeError("what it needs is missing")


ENTRIES = [
    Entry("holds", holds, 3),
    Entry("breaks", breaks, 1),
    Entry("tries_nothing", tries_nothing, 1),
    Entry("falls_over", falls_over, 1),
]


def test_the_time_is_shared_and_the_seed_is_everybodys(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seed", "5", "--minutes", "1"], ENTRIES) == 1
    shown = capsys.readouterr().out
    assert "| holds from 5 for 30 s | 7 | 0 |" in shown
    assert "| breaks | 3 | 1 |" in shown
    assert "VIOLATION case 2 broke" in shown
    assert "again: try case 2" in shown


def test_a_seed_is_drawn_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "holds"], ENTRIES) == 0
    assert "seed " in capsys.readouterr().out


@pytest.mark.parametrize("name", ["breaks", "tries_nothing", "falls_over"])
def test_what_broke_tried_nothing_or_fell_over_is_no_success(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--only", name, "--seed", "5"], ENTRIES) == 1
    assert "again: " in capsys.readouterr().out


def test_an_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "nonsense"], ENTRIES) == 2
    assert "there are holds, breaks" in capsys.readouterr().err


def test_each_name_is_there_once() -> None:
    assert len({entry.name for entry in TRIALS}) == len(TRIALS)


def test_a_life_that_falls_over_is_told_of_with_its_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fall_over(seed: int, events: int) -> Lived:
        raise RuntimeError("what nobody expected")

    monkeypatch.setattr(simulation, "live", fall_over)
    (told,) = simulation.broken_by(7, events=3)
    assert "what nobody expected" in told
    assert "python -m torture.life --seed 7 --events 3" in told


def test_two_traces_of_one_seed_are_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    traces = iter("ab")
    monkeypatch.setattr(simulation, "live", lambda seed, events: Lived((), next(traces), (), ()))
    (told,) = simulation.broken_by(7, events=3, twice=True)
    assert "two traces" in told


@pytest.mark.parametrize("entry", TRIALS, ids=lambda entry: entry.name)
def test_each_trial_is_described(entry: Entry) -> None:
    assert f"**{entry.name}**" in (PROJECT / "docs" / "reliability.md").read_text(encoding="utf-8")
