"""What a run does next: a pure function of its records, so that a restart simply asks again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from remediator.runs.plan import Plan, PlannedStep
from remediator.runs.reasons import Reason
from remediator.runs.records import Run, StepRecord
from remediator.runs.states import RUN_ENDED, RunState, StepPhase, StepState

_DONE = frozenset({StepState.SUCCEEDED, StepState.SKIPPED})


class MoveKind(StrEnum):
    """What comes next."""

    START = "start"
    STEP = "step"
    VERIFY = "verify"
    SUCCEED = "succeed"
    UNDO = "undo"
    NEXT_OPTION = "next_option"
    HAND_OVER = "hand_over"
    STOP = "stop"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Move:
    """The next move; for a step, which one; for a hand-over, why."""

    kind: MoveKind
    position: int = 0
    reason: Reason | None = None
    detail: str = ""


def latest_attempts(steps: Sequence[StepRecord], option: str, phase: StepPhase) -> dict[int, StepRecord]:
    """Return the newest attempt at each position of an option."""
    newest: dict[int, StepRecord] = {}
    for step in steps:
        if step.option == option and step.phase is phase:
            newest[step.position] = step
    return newest


def next_position(planned: Sequence[PlannedStep], attempts: dict[int, StepRecord]) -> int | None:
    """Return the first position that is not done; None when all are."""
    for position in range(len(planned)):
        record = attempts.get(position)
        if record is None or record.state not in _DONE:
            return position
    return None


def next_move(run: Run, steps: Sequence[StepRecord], reverts: Sequence[Run]) -> Move:
    """Say what a remediation run does next."""
    if run.state in (RunState.PLANNED, RunState.HELD):
        return Move(MoveKind.START)
    if run.state not in (RunState.RUNNING, RunState.VERIFYING) or run.plan is None:
        return Move(MoveKind.NOTHING)
    attempts = latest_attempts(steps, run.plan.option, StepPhase.ACT)
    if run.option_result is not None:
        return _after_option(run, run.plan, attempts, reverts)
    ambiguous = next((step for step in attempts.values() if step.state is StepState.AMBIGUOUS), None)
    if ambiguous is not None:
        detail = f"nobody knows whether step {ambiguous.position} ({ambiguous.action}) happened"
        return Move(MoveKind.HAND_OVER, reason=Reason.STEP_AMBIGUOUS, detail=detail)
    if run.state is RunState.VERIFYING:
        return Move(MoveKind.VERIFY)
    position = next_position(run.plan.steps, attempts)
    if position is not None:
        return Move(MoveKind.STEP, position=position)
    return Move(MoveKind.VERIFY if run.plan.verify else MoveKind.SUCCEED)


def _after_option(run: Run, plan: Plan, attempts: dict[int, StepRecord], reverts: Sequence[Run]) -> Move:
    """The option ended without success: undo it, then go on, stop, or hand over."""
    ours = [one for one in reverts if one.option == plan.option and one.revert_trigger != RUN_ENDED]
    if ours:
        if ours[-1].state is RunState.REVERT_FAILED:
            detail = f"undoing {plan.option} failed: {ours[-1].detail}"
            return Move(MoveKind.HAND_OVER, reason=ours[-1].reason, detail=detail)
        if not ours[-1].state.terminal:
            return Move(MoveKind.UNDO)
    elif _must_undo(run, plan, attempts):
        return Move(MoveKind.UNDO)
    if run.stop is None:
        return Move(MoveKind.NEXT_OPTION)
    if plan.revert is None and _touched(attempts):
        return Move(MoveKind.HAND_OVER, reason=run.stop, detail=_inventory(plan, attempts))
    return Move(MoveKind.STOP)


def _must_undo(run: Run, plan: Plan, attempts: dict[int, StepRecord]) -> bool:
    if plan.revert is None or not _touched(attempts):
        return False
    return run.stop is not None or "failed_verification" in plan.revert.on


def _touched(attempts: dict[int, StepRecord]) -> bool:
    return bool(attempts)


def _inventory(plan: Plan, attempts: dict[int, StepRecord]) -> str:
    """List what was done and what not, for the person who takes over."""
    lines = []
    for position, step in enumerate(plan.steps):
        record = attempts.get(position)
        lines.append(f"{position} {step.action}: {record.state if record else 'not started'}")
    return "stopped; " + ", ".join(lines)
