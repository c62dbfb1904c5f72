"""The state machine: what leads where, and that nothing else does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediator.runs.machine import TRANSITIONS, IllegalTransitionError, RunEvent, transition
from remediator.runs.reasons import Reason
from remediator.runs.records import Run
from remediator.runs.states import RunState

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def run_in(state: RunState) -> Run:
    return Run(policy="p", policy_hash="h", target="t", resources=(), created_at=NOW, state=state)


@pytest.mark.parametrize(
    ("start", "event", "end"),
    [
        (RunState.PLANNED, RunEvent.ASK, RunState.AWAITING_APPROVAL),
        (RunState.AWAITING_APPROVAL, RunEvent.APPROVE, RunState.PLANNED),
        (RunState.AWAITING_APPROVAL, RunEvent.DENY, RunState.DENIED),
        (RunState.AWAITING_APPROVAL, RunEvent.EXPIRE, RunState.EXPIRED),
        (RunState.PLANNED, RunEvent.START, RunState.RUNNING),
        (RunState.PLANNED, RunEvent.HOLD, RunState.HELD),
        (RunState.HELD, RunEvent.RELEASE, RunState.PLANNED),
        (RunState.RUNNING, RunEvent.VERIFY, RunState.VERIFYING),
        (RunState.VERIFYING, RunEvent.SUCCEED, RunState.SUCCEEDED),
        (RunState.VERIFYING, RunEvent.NEXT_OPTION, RunState.RUNNING),
        (RunState.VERIFYING, RunEvent.ASK, RunState.AWAITING_APPROVAL),
        (RunState.VERIFYING, RunEvent.INEFFECTIVE, RunState.INEFFECTIVE),
        (RunState.RUNNING, RunEvent.FAIL, RunState.FAILED),
        (RunState.NEEDS_HUMAN, RunEvent.RESUME, RunState.RUNNING),
        (RunState.EXPIRED, RunEvent.ASK_AGAIN, RunState.AWAITING_APPROVAL),
        (RunState.REVERTING, RunEvent.REVERTED, RunState.REVERTED),
        (RunState.REVERTING, RunEvent.REVERT_FAILED, RunState.REVERT_FAILED),
    ],
)
def test_leads_to(start: RunState, event: RunEvent, end: RunState) -> None:
    assert transition(run_in(start), event, NOW).state is end


@pytest.mark.parametrize("event", list(RunEvent))
def test_a_run_that_succeeded_stays_so(event: RunEvent) -> None:
    with pytest.raises(IllegalTransitionError, match="succeeded"):
        transition(run_in(RunState.SUCCEEDED), event, NOW)


def test_an_approved_run_can_be_denied_no_more() -> None:
    approved = transition(run_in(RunState.AWAITING_APPROVAL), RunEvent.APPROVE, NOW)
    with pytest.raises(IllegalTransitionError):
        transition(approved, RunEvent.DENY, NOW)


def test_started_at_is_the_first_start() -> None:
    first = transition(run_in(RunState.PLANNED), RunEvent.START, NOW)
    asked = transition(first, RunEvent.ASK, NOW + timedelta(minutes=1))
    approved = transition(asked, RunEvent.APPROVE, NOW + timedelta(minutes=2))
    again = transition(approved, RunEvent.START, NOW + timedelta(minutes=3))
    assert again.started_at == NOW


@given(st.lists(st.sampled_from(list(RunEvent)), max_size=30))
def test_every_walk_keeps_the_promises(events: list[RunEvent]) -> None:
    """Whatever happens: only listed transitions, and finished_at exactly in terminal states."""
    run = run_in(RunState.PLANNED)
    for event in events:
        try:
            moved = transition(run, event, NOW, reason=Reason.VERIFIED)
        except IllegalTransitionError:
            continue
        assert moved.state in TRANSITIONS[run.state]
        assert (moved.finished_at is not None) == moved.state.terminal
        run = moved


def test_only_people_leave_a_terminal_state() -> None:
    leaving = {state for state in RunState if state.terminal and TRANSITIONS[state]}
    assert leaving == {RunState.NEEDS_HUMAN, RunState.EXPIRED}
