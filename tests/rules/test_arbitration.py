"""High error rate and the open breaker of the PMS never fight: whoever comes first, one acts at a time.

The cause goes first (priority), the symptom waits while the cause has an alert (not_firing), and what
both touch is locked. Shown with the shipped policies, and with one target and without not_firing, so
that the lock alone has to hold.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from remediator.authoring.policy_tests.playing import begin, moments, play
from remediator.authoring.policy_tests.reading import ReadFile, read_tests
from remediator.authoring.policy_tests.staging import Stage, Stages
from remediator.authoring.reference import PROJECT
from remediator.runs.records import Run
from remediator.runs.states import RunKind
from remediator.simulation.looped_clock import LoopedEventLoop, run_looped
from remediator.store.base import Filter, Order

POLICIES = PROJECT / "policies"
PMS, ERRORS = "pms-circuit-breaker-open", "high-error-rate"
OFFSETS = ("0s", "10s", "29s", "31s", "90s", "5m")
ARRIVALS = [(pms, "0s") for pms in OFFSETS] + [("0s", errors) for errors in OFFSETS[1:]]
_WATCHED = timedelta(minutes=40)


def staged(folder: Path, pms: str, errors: str, *, one_target: bool) -> ReadFile:
    """A test of both alerts, arriving so late, in the world of the shipped side-by-side tests."""
    (folder / "tests").mkdir()
    for name in (PMS, ERRORS):
        text = (POLICIES / f"{name}.yaml").read_text()
        if one_target:
            target = next(line for line in text.splitlines() if line.startswith("target:"))
            text = text.replace(target, "target: hotel")
            text = text.replace("  - not_firing: {alerts: [PMSCircuitBreakerOpen, DatabaseDown]}\n", "")
        (folder / f"{name}.yaml").write_text(text)
    (folder / "tests" / "remediator.yaml").write_text((POLICIES / "tests" / "remediator.yaml").read_text())
    shipped = (POLICIES / "tests" / "side-by-side.yaml").read_text()
    given = shipped[shipped.index("given:") : shipped.index("tests:\n")]
    path = folder / "tests" / "both.yaml"
    path.write_text(
        f"policies: [../{PMS}.yaml, ../{ERRORS}.yaml]\n{given}"
        "tests:\n  - name: both\n    alerts:\n"
        f"      - {{alert: PMSCircuitBreakerOpen, labels: {{severity: critical}}, events: '{pms} firing'}}\n"
        f"      - {{alert: HighErrorRate, events: '{errors} firing'}}\n"
        "    expect: [{at: 0s, audit: []}]\n"
    )
    return read_tests(path)


async def live(loop: LoopedEventLoop, file: ReadFile, stage: Stage) -> Sequence[Run]:
    """Play it, and return the remediations in the order in which they started."""
    test, given = file.document.tests[0], file.document.given
    playing = await begin(loop, stage, given, test)
    try:
        for at in sorted(moments(given, test)):
            await play(playing, given, test, at)
        await playing.simulation.pass_until(_WATCHED)
        where = Filter(order=Order.OLDEST, limit=500)
        runs = await playing.simulation.around.store.read(lambda reads: reads.select(Run, where))
    finally:
        await playing.simulation.end()
    started = [run for run in runs if run.started_at is not None and run.kind is RunKind.REMEDIATION]
    return sorted(started, key=lambda run: (run.started_at, run.id))


@pytest.mark.parametrize("one_target", [False, True], ids=["as shipped", "one target"])
@pytest.mark.parametrize(("pms", "errors"), ARRIVALS)
def test_they_never_act_at_once(tmp_path: Path, pms: str, errors: str, *, one_target: bool) -> None:
    file = staged(tmp_path, pms, errors, one_target=one_target)
    stage = Stages(file).of(0)
    runs = run_looped(lambda loop: live(loop, file, stage))
    assert PMS in {run.policy for run in runs}
    for first, second in itertools.pairwise(runs):
        assert first.finished_at is not None
        assert second.started_at is not None
        assert first.finished_at <= second.started_at, (first.policy, second.policy)
    if pms == errors or (pms, errors) == ("0s", "10s"):
        assert runs[0].policy == PMS, "the cause goes first"
    if not one_target and pms == "0s":
        assert {run.policy for run in runs} == {PMS}, "while the cause has an alert, the symptom waits"
