"""The run state machine: a pure function of a run, an event and the time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from remediator.errors import RemediatorError
from remediator.runs.reasons import Reason
from remediator.runs.records import Run
from remediator.runs.states import RunState


class RunEvent(StrEnum):
    """What can happen to a run."""

    ASK = "ask"
    APPROVE = "approve"
    DENY = "deny"
    EXPIRE = "expire"
    HOLD = "hold"
    RELEASE = "release"
    START = "start"
    VERIFY = "verify"
    NEXT_OPTION = "next_option"
    SUCCEED = "succeed"
    FAIL = "fail"
    INEFFECTIVE = "ineffective"
    CANCEL = "cancel"
    GIVE_UP = "give_up"
    RESUME = "resume"
    ASK_AGAIN = "ask_again"
    REVERTED = "reverted"
    REVERT_FAILED = "revert_failed"


class IllegalTransitionError(RemediatorError):
    """An event that a run in its state can't have: a defect, or somebody was faster."""


_S = RunState
_E = RunEvent
_TABLE: Mapping[tuple[RunState, RunEvent], RunState] = {
    (_S.PLANNED, _E.ASK): _S.AWAITING_APPROVAL,
    (_S.PLANNED, _E.HOLD): _S.HELD,
    (_S.PLANNED, _E.START): _S.RUNNING,
    (_S.PLANNED, _E.CANCEL): _S.CANCELLED,
    (_S.PLANNED, _E.EXPIRE): _S.EXPIRED,
    (_S.PLANNED, _E.GIVE_UP): _S.NEEDS_HUMAN,
    (_S.HELD, _E.RELEASE): _S.PLANNED,
    (_S.HELD, _E.CANCEL): _S.CANCELLED,
    (_S.HELD, _E.EXPIRE): _S.EXPIRED,
    (_S.AWAITING_APPROVAL, _E.APPROVE): _S.PLANNED,
    (_S.AWAITING_APPROVAL, _E.DENY): _S.DENIED,
    (_S.AWAITING_APPROVAL, _E.EXPIRE): _S.EXPIRED,
    (_S.AWAITING_APPROVAL, _E.CANCEL): _S.CANCELLED,
    (_S.RUNNING, _E.VERIFY): _S.VERIFYING,
    (_S.RUNNING, _E.NEXT_OPTION): _S.RUNNING,
    (_S.RUNNING, _E.ASK): _S.AWAITING_APPROVAL,
    (_S.RUNNING, _E.SUCCEED): _S.SUCCEEDED,
    (_S.RUNNING, _E.FAIL): _S.FAILED,
    (_S.RUNNING, _E.CANCEL): _S.CANCELLED,
    (_S.RUNNING, _E.GIVE_UP): _S.NEEDS_HUMAN,
    (_S.VERIFYING, _E.SUCCEED): _S.SUCCEEDED,
    (_S.VERIFYING, _E.NEXT_OPTION): _S.RUNNING,
    (_S.VERIFYING, _E.ASK): _S.AWAITING_APPROVAL,
    (_S.VERIFYING, _E.INEFFECTIVE): _S.INEFFECTIVE,
    (_S.VERIFYING, _E.CANCEL): _S.CANCELLED,
    (_S.VERIFYING, _E.GIVE_UP): _S.NEEDS_HUMAN,
    (_S.NEEDS_HUMAN, _E.RESUME): _S.RUNNING,
    (_S.NEEDS_HUMAN, _E.CANCEL): _S.CANCELLED,
    (_S.EXPIRED, _E.ASK_AGAIN): _S.AWAITING_APPROVAL,
    (_S.REVERTING, _E.REVERTED): _S.REVERTED,
    (_S.REVERTING, _E.REVERT_FAILED): _S.REVERT_FAILED,
}

TRANSITIONS: Mapping[RunState, frozenset[RunState]] = {
    state: frozenset(to for (start, _), to in _TABLE.items() if start is state) for state in RunState
}
"""Where each state can lead. `needs_human` and `expired` are left only by a person."""


def transition(
    run: Run, event: RunEvent, now: datetime, *, reason: Reason | None = None, detail: str = ""
) -> Run:
    """Return `run` as it is after `event`.

    Raises:
        IllegalTransitionError: naming the run, its state and the event.
    """
    to = _TABLE.get((run.state, event))
    if to is None:
        raise IllegalTransitionError(f"run {run.id} is {run.state} and can't {event}")
    started_at = run.started_at
    if event is RunEvent.START and started_at is None:
        started_at = now
    return replace(
        run,
        state=to,
        reason=reason,
        detail=detail,
        started_at=started_at,
        finished_at=now if to.terminal else None,
    )
