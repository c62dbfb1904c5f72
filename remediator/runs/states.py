"""The states of a run: one enum, and which of them are terminal."""

from __future__ import annotations

from enum import StrEnum


class RunState(StrEnum):
    """Where a run is. See the diagram in docs/architecture.md, which a test holds to this."""

    PLANNED = "planned"
    HELD = "held"
    AWAITING_APPROVAL = "awaiting_approval"
    RUNNING = "running"
    VERIFYING = "verifying"
    SUCCEEDED = "succeeded"
    DENIED = "denied"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    FAILED = "failed"
    INEFFECTIVE = "ineffective"
    NEEDS_HUMAN = "needs_human"
    REVERTING = "reverting"
    REVERTED = "reverted"
    REVERT_FAILED = "revert_failed"

    @property
    def terminal(self) -> bool:
        """Whether nothing more happens by itself."""
        return self in TERMINAL

    @property
    def waiting(self) -> bool:
        """Whether nothing has been done yet, and nothing is locked."""
        return self in WAITING


TERMINAL = frozenset(
    {
        RunState.SUCCEEDED,
        RunState.DENIED,
        RunState.EXPIRED,
        RunState.CANCELLED,
        RunState.FAILED,
        RunState.INEFFECTIVE,
        RunState.NEEDS_HUMAN,
        RunState.REVERTED,
        RunState.REVERT_FAILED,
    }
)
WAITING = frozenset({RunState.PLANNED, RunState.HELD, RunState.AWAITING_APPROVAL})


class RunKind(StrEnum):
    """What a run is for."""

    REMEDIATION = "remediation"
    REVERT = "revert"


RUN_ENDED = "run_ended"
"""What triggers the revert of changes that belong to a run: its end, however it ended."""


class LeaseState(StrEnum):
    """Whether a temporary change stands."""

    OPEN = "open"
    UNDONE = "undone"
    OVERDUE = "overdue"
    KEPT = "kept"


class StepState(StrEnum):
    """Where one step is. `intent` is committed before the effect."""

    INTENT = "intent"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    AMBIGUOUS = "ambiguous"
    SKIPPED = "skipped"


class StepPhase(StrEnum):
    """What a step is part of."""

    ACT = "act"
    UNDO = "undo"
