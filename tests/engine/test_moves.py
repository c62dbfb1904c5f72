"""What a run does next, for every shape that a crash or a failure can leave it in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from remediator.engine.moves import MoveKind, next_move
from remediator.policy.model import Revert, Step, Verify
from remediator.runs.plan import Plan, PlannedStep
from remediator.runs.reasons import Reason
from remediator.runs.records import Run, StepRecord
from remediator.runs.states import RunKind, RunState, StepPhase, StepState

NOW = datetime(2026, 1, 2, tzinfo=UTC)
VERIFY = Verify.model_validate({"promql": "up"})
REVERT = Revert.model_validate({})


def plan(*, verify: Verify | None = VERIFY, revert: Revert | None = None) -> Plan:
    step = PlannedStep(action="wait", params={"for": "1s"}, step=Step(uses="wait"))
    return Plan(
        policy="p",
        policy_hash="h",
        target="t",
        option="first",
        steps=(step, step),
        verify=verify,
        revert=revert,
    )


def run(state: RunState = RunState.RUNNING, **changes: Any) -> Run:
    made = Run(
        id=1,
        policy="p",
        policy_hash="h",
        target="t",
        resources=(),
        created_at=NOW,
        state=state,
        option="first",
        plan=plan(),
    )
    return replace(made, **changes)


def step(position: int, state: StepState, attempt: int = 1) -> StepRecord:
    return StepRecord(
        run_id=1,
        option="first",
        phase=StepPhase.ACT,
        position=position,
        action="wait",
        params={},
        state=state,
        attempt=attempt,
        epoch=1,
        started_at=NOW,
    )


def revert_run(state: RunState) -> Run:
    return run(state, id=2, kind=RunKind.REVERT, parent_run_id=1, reason=Reason.CHANGED_SINCE)


DONE, FAILED, INTENT = StepState.SUCCEEDED, StepState.FAILED, StepState.INTENT


@pytest.mark.parametrize(
    ("subject", "steps", "reverts", "expected", "position"),
    [
        (run(RunState.PLANNED), [], [], MoveKind.START, 0),
        (run(RunState.HELD), [], [], MoveKind.START, 0),
        (run(RunState.AWAITING_APPROVAL), [], [], MoveKind.NOTHING, 0),
        (run(RunState.SUCCEEDED), [], [], MoveKind.NOTHING, 0),
        (run(), [], [], MoveKind.STEP, 0),
        (run(), [step(0, DONE)], [], MoveKind.STEP, 1),
        (run(), [step(0, INTENT)], [], MoveKind.STEP, 0),
        (run(), [step(0, FAILED), step(0, DONE, 2)], [], MoveKind.STEP, 1),
        (run(), [step(0, DONE), step(1, DONE)], [], MoveKind.VERIFY, 0),
        (run(plan=plan(verify=None)), [step(0, DONE), step(1, DONE)], [], MoveKind.SUCCEED, 0),
        (run(), [step(0, StepState.AMBIGUOUS)], [], MoveKind.HAND_OVER, 0),
        (run(RunState.VERIFYING), [step(0, DONE), step(1, DONE)], [], MoveKind.VERIFY, 0),
        (run(option_result=Reason.STEP_FAILED), [step(0, FAILED)], [], MoveKind.NEXT_OPTION, 0),
        (
            run(plan=plan(revert=REVERT), option_result=Reason.STEP_FAILED),
            [step(0, FAILED)],
            [],
            MoveKind.UNDO,
            0,
        ),
        (run(plan=plan(revert=REVERT), option_result=Reason.LEASE_HELD), [], [], MoveKind.NEXT_OPTION, 0),
        (
            run(plan=plan(revert=REVERT), option_result=Reason.STEP_FAILED),
            [step(0, FAILED)],
            [revert_run(RunState.REVERTING)],
            MoveKind.UNDO,
            0,
        ),
        (
            run(plan=plan(revert=REVERT), option_result=Reason.STEP_FAILED),
            [step(0, FAILED)],
            [revert_run(RunState.REVERTED)],
            MoveKind.NEXT_OPTION,
            0,
        ),
        (
            run(plan=plan(revert=REVERT), option_result=Reason.STEP_FAILED),
            [step(0, FAILED)],
            [revert_run(RunState.REVERT_FAILED)],
            MoveKind.HAND_OVER,
            0,
        ),
        (run(stop=Reason.CANCELLED, option_result=Reason.CANCELLED), [], [], MoveKind.STOP, 0),
        (
            run(stop=Reason.CANCELLED, option_result=Reason.CANCELLED),
            [step(0, DONE)],
            [],
            MoveKind.HAND_OVER,
            0,
        ),
        (
            run(plan=plan(revert=REVERT), stop=Reason.CANCELLED, option_result=Reason.CANCELLED),
            [step(0, DONE)],
            [],
            MoveKind.UNDO,
            0,
        ),
    ],
)
def test_next_move(
    subject: Run, steps: list[StepRecord], reverts: list[Run], expected: MoveKind, position: int
) -> None:
    move = next_move(subject, steps, reverts)
    assert (move.kind, move.position) == (expected, position)


def test_a_stopped_run_without_a_revert_lists_what_was_done_and_what_not() -> None:
    stopped = run(stop=Reason.STOPPED_BY_HOLD, option_result=Reason.STOPPED_BY_HOLD)
    move = next_move(stopped, [step(0, DONE)], [])
    assert "0 wait: succeeded" in move.detail
    assert "1 wait: not started" in move.detail


def test_a_revert_that_is_not_asked_for_on_failure_is_not_made() -> None:
    kept = Revert.model_validate({"on": ["resolved"]})
    subject = run(plan=plan(revert=kept), option_result=Reason.VERIFICATION_FAILED)
    assert next_move(subject, [step(0, DONE), step(1, DONE)], []).kind is MoveKind.NEXT_OPTION
